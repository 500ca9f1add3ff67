/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-way.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "thole-error.h"

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
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  GSocketConnection *connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);

  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    g_task_return_error (task, error);
}

/* by the folder's descriptor: a socket's own path has room for 107 bytes only */
static GSocketAddress *
address_of (const char *path, int *folder)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *short_path = NULL;

  *folder = -1;
  if (strlen (path) < sizeof ((struct sockaddr_un *) NULL)->sun_path)
    return g_unix_socket_address_new (path);
  *folder = open (directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  short_path = g_strdup_printf ("/proc/self/fd/%d/%s", *folder, name);
  return g_unix_socket_address_new (short_path);
}

static void
close_folder (gpointer data)
{
  if (GPOINTER_TO_INT (data) >= 0)
    close (GPOINTER_TO_INT (data));
}

static void
socket_connect (TholeAgentWay *way, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  SocketWay *self = (SocketWay *) way;
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  int folder;
  g_autoptr(GSocketAddress) address = address_of (self->path, &folder);

  g_task_set_task_data (task, GINT_TO_POINTER (folder), close_folder);
  g_socket_client_connect_async (client, G_SOCKET_CONNECTABLE (address), cancellable, on_connected, task);
}

static GIOStream *
socket_finish (TholeAgentWay *way, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
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
