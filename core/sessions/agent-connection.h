/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One stream to an agent: frames in, bytes out. What goes out is asked for when the stream can take it, so nothing piles up.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeAgentConnection TholeAgentConnection;

/* Called from the main loop. Each may drop the connection; nothing is called afterwards. */
typedef struct
{
  /* Returns FALSE when it may not be: then broken() follows. */
  gboolean (*frame)  (gpointer user_data, guint8 type, guint16 channel, const guint8 *data, gsize length);
  /* Adds what is to be sent: whole frames, about 128 KiB at most. */
  void     (*fill)   (gpointer user_data, GByteArray *out);
  void     (*broken) (gpointer user_data, const char *why);
} TholeAgentConnectionEvents;

/* @stream: (transfer none). Begins to read. */
TholeAgentConnection *thole_agent_connection_new  (GIOStream *stream, const TholeAgentConnectionEvents *events,
                                                   gpointer user_data);
/* Asks soon, from the main loop, what is to be sent. */
void                  thole_agent_connection_wake (TholeAgentConnection *self);
/* Closes the stream and frees it. */
void                  thole_agent_connection_drop (TholeAgentConnection *self);
