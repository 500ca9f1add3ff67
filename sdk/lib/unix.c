/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thole-dict.h"

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

static void
close_descriptor (gpointer data)
{
  close (GPOINTER_TO_INT (data));
}

/* By a descriptor, which @task keeps open: a socket's own path has room for 107 bytes only, and whoever may write into its folder
 * could put a link there to a socket that is not theirs. */
static GSocketAddress *
address_of (GTask *task, const char *path)
{
  int fd = open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  g_autofree char *by_descriptor = NULL;
  struct stat place;

  if (fd < 0)
    {
      g_task_return_new_error (task, G_IO_ERROR, (gint) g_io_error_from_errno (errno), "%s: %s", path, g_strerror (errno));
      return NULL;
    }
  g_task_set_task_data (task, GINT_TO_POINTER (fd), close_descriptor);
  if (fstat (fd, &place) < 0 || !S_ISSOCK (place.st_mode))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "%s: no socket", path);
      return NULL;
    }
  by_descriptor = g_strdup_printf ("/proc/self/fd/%d", fd);
  return g_unix_socket_address_new (by_descriptor);
}

void
thole_unix_connect_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autoptr(GSocketAddress) address = address_of (task, path);

  /* proxies are for other machines, and to ask for them costs a thread */
  g_socket_client_set_enable_proxy (client, FALSE);
  if (address != NULL)
    g_socket_client_connect_async (client, G_SOCKET_CONNECTABLE (address), cancellable, on_connected,
                                   g_steal_pointer (&task));
}

GIOStream *
thole_unix_connect_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
