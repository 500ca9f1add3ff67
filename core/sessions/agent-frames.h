/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames and fields of the protocol of thole-agent (agent/PROTOCOL.md), and the dictionaries that the daemon makes of them.
 */
#pragma once

#include <gio/gio.h>

#include "thole-agent-protocol.h"

guint64  thole_agent_get          (const guint8 *from, guint bytes);
void     thole_agent_put          (GByteArray *out, guint64 value, guint bytes);

/* Begins a frame; the result is for thole_agent_end(), which fills in its length. */
guint    thole_agent_begin        (GByteArray *out, guint8 type, guint16 channel);
void     thole_agent_end          (GByteArray *out, guint frame);
/* The same for a frame whose last @more bytes are sent behind @out without standing in it. */
void     thole_agent_end_with     (GByteArray *out, guint frame, gsize more);
/* @length: at most 65535 */
void     thole_agent_field        (GByteArray *out, guint16 tag, gconstpointer data, gsize length);
void     thole_agent_field_number (GByteArray *out, guint16 tag, guint64 value);

typedef struct
{
  guint16 tag;
  gsize length;
  const guint8 *data;
} TholeAgentField;

/* Takes the next field off @data. Returns FALSE at the end, and with @length not 0 when what is there is no field. */
gboolean thole_agent_next_field   (const guint8 **data, gsize *length, TholeAgentField *field);
/* 0 when it is no number */
guint64  thole_agent_field_value  (const TholeAgentField *field);
/* Returns: (transfer full): valid UTF-8 */
char    *thole_agent_field_text   (const TholeAgentField *field);
/* The first field @tag as a number, @fallback without one. */
guint64  thole_agent_find_number  (const guint8 *data, gsize length, guint16 tag, guint64 fallback);
/* Returns: (transfer full) (nullable) */
char    *thole_agent_find_text    (const guint8 *data, gsize length, guint16 tag);

/* Appends the fields of a request from its dictionary (agent-link.h). Returns FALSE with THOLE_ERROR_INVALID. */
gboolean thole_agent_encode       (GByteArray *out, GVariant *arguments, GError **error);
/* Returns: (transfer full) (nullable): a{sv} of a session's fields, not floating; NULL when they are none */
GVariant *thole_agent_decode      (const guint8 *data, gsize length);
/* Returns: (transfer full): the error that a code of the agent means */
GError   *thole_agent_error       (guint code, const char *text);
