/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How an agent is reached: each call makes one new stream to it.
 */
#pragma once

#include "backend/backend.h"

typedef struct _TholeAgentWay TholeAgentWay;

struct _TholeAgentWay
{
  void       (*connect_async)  (TholeAgentWay *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GIOStream *(*connect_finish) (TholeAgentWay *self, GAsyncResult *result, GError **error);
  void       (*free)           (TholeAgentWay *self);
};

/* A unix socket on this machine; @path may be longer than such a socket's path. Returns: (transfer full) */
TholeAgentWay *thole_agent_way_socket  (const char *path);
/* agent/1 connect of the workload @id. @options: (nullable): of the call. Returns: (transfer full) */
TholeAgentWay *thole_agent_way_backend (TholeBackend *backend, const char *id, GVariant *options);
