/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is on the streams of exec/1 and of logs.
 */
#pragma once

#include "kit.h"

typedef struct
{
  GString *out, *err;
  guint exits;
  gint32 code;
  guint8 signal;
} KitOutput;

void     kit_output_clear (KitOutput *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KitOutput, kit_output_clear)

typedef struct
{
  guint8 stream;
  gint64 time;
  char *text;
} KitLogRecord;

/* All of these: FALSE or NULL with a fault. */
gboolean   kit_write        (Kit *self, GIOStream *stream, const GByteArray *bytes);
/* One record of input; without bytes it is its end. */
gboolean   kit_send         (Kit *self, GIOStream *stream, const void *data, gsize length);
void       kit_close_stream (Kit *self, GIOStream *stream);
/* To the end of the stream, which is one exit record and nothing after it. */
gboolean   kit_read_records (Kit *self, GIOStream *stream, KitOutput *output);
/* Returns: (transfer full) (element-type KitLogRecord) */
GPtrArray *kit_read_log     (Kit *self, GIOStream *stream);
GPtrArray *kit_parse_log    (Kit *self, const GByteArray *bytes);
