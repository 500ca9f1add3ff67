/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-way.h"

#include "thole-dict.h"

typedef struct
{
  TholeAgentWay way;
  char *path;
} SocketWay;

typedef struct
{
  TholeAgentWay way;
  TholeBackend *backend;
  char *id;
  GVariant *options;
} BackendWay;

static void
socket_connect (TholeAgentWay *way, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  thole_unix_connect_async (((SocketWay *) way)->path, cancellable, callback, user_data);
}

static GIOStream *
socket_finish (TholeAgentWay *way, GAsyncResult *result, GError **error)
{
  return thole_unix_connect_finish (result, error);
}

static void
socket_free (TholeAgentWay *way)
{
  g_free (((SocketWay *) way)->path);
  g_free (way);
}

TholeAgentWay *
thole_agent_way_socket (const char *path)
{
  SocketWay *self = g_new0 (SocketWay, 1);

  self->way = (TholeAgentWay) { socket_connect, socket_finish, socket_free };
  self->path = g_strdup (path);
  return &self->way;
}

static void
backend_connect (TholeAgentWay *way, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  BackendWay *self = (BackendWay *) way;
  TholeSlotArgs args = { .id = self->id, .options = self->options };

  thole_backend_call_async (self->backend, THOLE_SLOT_AGENT_CONNECT, &args, cancellable, callback, user_data);
}

static GIOStream *
backend_finish (TholeAgentWay *way, GAsyncResult *result, GError **error)
{
  g_auto(TholeSlotResult) out = { 0 };

  if (!thole_backend_call_finish (((BackendWay *) way)->backend, result, &out, error))
    return NULL;
  return g_steal_pointer (&out.stream);
}

static void
backend_free (TholeAgentWay *way)
{
  BackendWay *self = (BackendWay *) way;

  g_object_unref (self->backend);
  g_clear_pointer (&self->options, g_variant_unref);
  g_free (self->id);
  g_free (self);
}

TholeAgentWay *
thole_agent_way_backend (TholeBackend *backend, const char *id, GVariant *options)
{
  BackendWay *self = g_new0 (BackendWay, 1);

  self->way = (TholeAgentWay) { backend_connect, backend_finish, backend_free };
  self->backend = g_object_ref (backend);
  self->id = g_strdup (id);
  self->options = options != NULL ? g_variant_ref_sink (options) : NULL;
  return &self->way;
}
