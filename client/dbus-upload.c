/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A call with content: its bytes go by a socket whose other end the daemon has. One byte lies in our end from the begin, and is taken out only
 * when all was written. A socket that is closed with something unread in it breaks for the other side, be it closed by us or
 * because we are no more: so half of something never looks like the whole.
 */
#include "dbus.h"

#include <gio/gunixfdlist.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536

/* Data of the task. It is done when the daemon has answered and nobody reads the content any more. */
typedef struct
{
  TholeDBus *bus;
  GInputStream *content;
  GSocketConnection *near; /* (nullable): until all was written or will not be */
  GCancellable *enough;    /* of the reading and writing */
  gulong cancelled;        /* of the call's own cancellable */
  gboolean answered;
  GVariant *results;       /* (nullable) */
  GError *refusal;         /* (nullable): why there are none */
  GError *fault;           /* (nullable): of the content */
} Upload;

static void
upload_free (Upload *self)
{
  g_object_unref (self->content);
  g_clear_object (&self->near);
  g_object_unref (self->enough);
  g_clear_pointer (&self->results, g_variant_unref);
  g_clear_error (&self->refusal);
  g_clear_error (&self->fault);
  g_free (self);
}

/* the end ----------------------------------------------------------------------------------------------- */

static void
end_if_done (GTask *task)
{
  Upload *self = g_task_get_task_data (task);

  if (!self->answered || self->near != NULL)
    return;
  g_cancellable_disconnect (g_task_get_cancellable (task), self->cancelled);
  if (g_error_matches (self->refusal, G_IO_ERROR, G_IO_ERROR_CANCELLED) || (self->fault == NULL && self->refusal != NULL))
    g_task_return_error (task, g_steal_pointer (&self->refusal));
  else if (self->fault != NULL)
    g_task_return_error (task, g_steal_pointer (&self->fault));
  else
    g_task_return_pointer (task, g_steal_pointer (&self->results), (GDestroyNotify) g_variant_unref);
}

/* @whole: all was written; else the daemon is to see that it was not. */
static void
let_go (GTask *task, gboolean whole)
{
  Upload *self = g_task_get_task_data (task);
  GSocket *socket = g_socket_connection_get_socket (self->near);
  char mark;

  if (whole)
    g_socket_receive (socket, &mark, 1, NULL, NULL);
  g_socket_close (socket, NULL);
  g_clear_object (&self->near);
  end_if_done (task);
}

/* the bytes --------------------------------------------------------------------------------------------- */

static void read_piece (GTask *task);

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;

  /* a daemon that takes no more says why in its answer */
  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL))
    read_piece (task);
  else
    let_go (task, FALSE);
}

static void
on_piece (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Upload *self = g_task_get_task_data (task);
  g_autoptr(GError) fault = NULL;
  g_autoptr(GBytes) piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &fault);
  gsize length;
  const guint8 *data = piece != NULL ? g_bytes_get_data (piece, &length) : NULL;

  if (piece == NULL)
    {
      if (!g_cancellable_is_cancelled (self->enough))
        self->fault = g_steal_pointer (&fault);
      let_go (task, FALSE);
    }
  else if (length == 0)
    let_go (task, !g_cancellable_is_cancelled (self->enough));
  else
    {
      g_object_set_data_full (G_OBJECT (task), "piece", g_steal_pointer (&piece), (GDestroyNotify) g_bytes_unref);
      g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (self->near)), data, length, G_PRIORITY_DEFAULT,
                                       self->enough, on_written, g_object_ref (task));
    }
}

static void
read_piece (GTask *task)
{
  Upload *self = g_task_get_task_data (task);

  g_input_stream_read_bytes_async (self->content, PIECE, G_PRIORITY_DEFAULT, self->enough, on_piece, g_object_ref (task));
}

/* the call ---------------------------------------------------------------------------------------------- */

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Upload *self = g_task_get_task_data (task);
  g_autoptr(GError) fault = NULL;

  self->answered = TRUE;
  self->results = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL, result, &fault);
  if (self->results == NULL)
    {
      thole_dbus_explain (self->bus, fault, &self->refusal);
      g_cancellable_cancel (self->enough);
    }
  end_if_done (task);
}

static void
on_cancelled (GCancellable *cancellable, gpointer enough)
{
  g_cancellable_cancel (enough);
}

/* Both ends of a socket, with a byte in ours. */
static gboolean
make_way (Upload *self, GUnixFDList *list, GError **error)
{
  g_autoptr(GSocket) ours = NULL;
  int ends[2];
  gboolean good;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_FAILED, "no socket pair can be made");
      return FALSE;
    }
  ours = g_socket_new_from_fd (ends[0], NULL);
  self->near = g_socket_connection_factory_create_connection (ours);
  good = send (ends[1], "", 1, MSG_NOSIGNAL) == 1 && g_unix_fd_list_append (list, ends[1], NULL) == 0;
  if (!good)
    g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_FAILED, "no file descriptor can be handed over");
  close (ends[1]);
  return good;
}

void
thole_dbus_upload_async (TholeDBus *bus, GDBusConnection *connection, const TholeCall *call, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  TholeCall whole = { .operation = call->operation, .target = call->target };
  g_autoptr(GVariant) options = thole_options_with (call->options, "input", g_variant_new_handle (0));
  g_auto(TholeDBusRequest) request = { 0 };
  g_autoptr(GUnixFDList) list = g_unix_fd_list_new ();
  Upload *self = g_new0 (Upload, 1);
  GError *error = NULL;

  self->bus = bus;
  self->content = g_object_ref (call->content);
  self->enough = g_cancellable_new ();
  g_task_set_task_data (task, self, (GDestroyNotify) upload_free);
  /* it ends when the content is let go of, too */
  g_task_set_check_cancellable (task, FALSE);
  whole.options = options;
  if (!thole_dbus_request (&whole, &request, &error) || !make_way (self, list, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (cancellable != NULL)
    self->cancelled = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), g_object_ref (self->enough), g_object_unref);
  g_dbus_connection_call_with_unix_fd_list (connection, THOLE_DBUS_NAME, request.path, request.interface, request.member,
                                            g_steal_pointer (&request.arguments), NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, list,
                                            cancellable, on_answered, g_object_ref (task));
  read_piece (task);
}

GVariant *
thole_dbus_upload_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* blocking ---------------------------------------------------------------------------------------------- */

static void
on_uploaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

GVariant *
thole_dbus_upload (TholeDBus *bus, GDBusConnection *connection, const TholeCall *call, GCancellable *cancellable, GError **error)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GAsyncResult) result = NULL;

  /* of its own: nothing else is told meanwhile */
  g_main_context_push_thread_default (context);
  thole_dbus_upload_async (bus, connection, call, cancellable, on_uploaded, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  return thole_dbus_upload_finish (result, error);
}
