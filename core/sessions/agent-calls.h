/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The requests of a link that have no answer yet.
 */
#pragma once

#include "sessions/agent-link.h"

typedef struct _TholeAgentCalls TholeAgentCalls;

TholeAgentCalls *thole_agent_calls_new    (TholeClock *clock, void (*wake) (gpointer user_data), gpointer user_data);
void             thole_agent_calls_free   (TholeAgentCalls *self);
/* @task: (transfer full): returns an a{sv}, or an error */
void             thole_agent_calls_add    (TholeAgentCalls *self, GTask *task, TholeAgentCall call, GVariant *arguments,
                                           gint64 deadline);
/* A connection stands, or broke. */
void             thole_agent_calls_begin  (TholeAgentCalls *self);
void             thole_agent_calls_reset  (TholeAgentCalls *self);
void             thole_agent_calls_fill   (TholeAgentCalls *self, GByteArray *out);
/* Returns FALSE when it is no answer. */
gboolean         thole_agent_calls_answer (TholeAgentCalls *self, const guint8 *data, gsize length);
/* All fail, now and from now on. */
void             thole_agent_calls_fail   (TholeAgentCalls *self, const char *why);
