/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sessions of one agent as the daemon sees them: their viewers, each on a channel of its own, and the input on its way.
 *
 * Viewers outlive connections: after each new one they are attached again from the byte up to which they have all, and input is repeated
 * from the byte that the agent has not received. So a viewer never sees that the connection broke.
 */
#pragma once

#include "sessions/viewer.h"

typedef struct _TholeAgentViews TholeAgentViews;

/* @wake: there is something to send */
TholeAgentViews *thole_agent_views_new    (void (*wake) (gpointer user_data), gpointer user_data);
/* All viewers must have been closed by thole_agent_views_end(); those who still hold one keep it until they free it. */
void             thole_agent_views_free   (TholeAgentViews *self);

/* Returns: (transfer full): the session @id, known by it alone */
TholeSession    *thole_agent_views_session (TholeAgentViews *self, const char *id, gboolean tty);

/* A connection stands: attaches all viewers. */
void             thole_agent_views_begin  (TholeAgentViews *self);
/* It broke. */
void             thole_agent_views_reset  (TholeAgentViews *self);
/* Adds what is to be sent, up to about 128 KiB. */
void             thole_agent_views_fill   (TholeAgentViews *self, GByteArray *out);
/* A frame on the channel of a viewer. Returns FALSE when it may not be. */
gboolean         thole_agent_views_frame  (TholeAgentViews *self, guint8 type, guint16 channel, const guint8 *data, gsize length);
/* Closes every viewer (of the session @id, or NULL = all). */
void             thole_agent_views_end    (TholeAgentViews *self, const char *id, TholeViewerEnd end, const char *detail);
/* To be called every 5 s: what was closed with input on its way does not wait for ever. */
void             thole_agent_views_tick   (TholeAgentViews *self);
guint            thole_agent_views_count  (TholeAgentViews *self);
