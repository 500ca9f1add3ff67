/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of a workload: each kind of call as in workload.c, with a path in its options, and with streams where there are bytes.
 */
#include "content.h"

#include <string.h>

#include "thole-dict.h"

/* calls ------------------------------------------------------------------------------------------------- */

/* @content: (nullable). Returns: (transfer full) (nullable) */
static TholeCall *
make_call (TholeWorkload *self, const char *operation, const char *path, GVariant *options, GInputStream *content, GError **error)
{
  g_autoptr(GVariant) owned = options != NULL ? g_variant_ref_sink (options) : NULL, whole = NULL;
  TholeCall *call;

  if (owned != NULL && !g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "options must be of the type a{sv}");
      return NULL;
    }
  if (!g_utf8_validate (path, -1, NULL))
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "a path must be UTF-8");
      return NULL;
    }
  whole = thole_options_with (owned, "path", g_variant_new_string (path));
  call = thole_call_new (thole_client_operation (operation), thole_object_get_id (THOLE_OBJECT (self)), whole);
  g_set_object (&call->content, content);
  return call;
}

static TholeTransport *
transport_of (gpointer workload)
{
  return thole_client_transport (thole_object_client (THOLE_OBJECT (workload)));
}

/* what the daemon gives --------------------------------------------------------------------------------- */

/* @stream: (transfer full) (nullable) */
static GInputStream *
content_of (TholeObject *self, gboolean archive, GInputStream *stream)
{
  TholeClient *client = thole_object_client (self);

  if (stream == NULL)
    return NULL;
  return archive ? thole_content_new_tar (client, stream) : thole_content_new_from (client, stream);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeObject *self = g_task_get_source_object (task);
  TholeTransport *transport = transport_of (self);
  GError *error = NULL;
  gboolean archive = g_task_get_source_tag (task) == thole_workload_archive_files_async;
  GInputStream *stream = content_of (self, archive, transport->class->open_finish (transport, result, &error));

  if (stream != NULL)
    g_task_return_pointer (task, stream, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
open_async (TholeWorkload *self, gpointer tag, const char *operation, const char *path, GVariant *options, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (self, cancellable, callback, user_data);
  TholeTransport *transport = transport_of (self);
  GError *error = NULL;
  g_autoptr(TholeCall) call = make_call (self, operation, path, options, NULL, &error);

  g_task_set_source_tag (task, tag);
  if (call != NULL)
    transport->class->open_async (transport, call, cancellable, on_opened, g_object_ref (task));
  else
    g_task_return_error (task, error);
}

static GInputStream *
open_finish (TholeWorkload *self, GAsyncResult *result, gpointer tag, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, tag), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GInputStream *
open_here (TholeWorkload *self, const char *operation, const char *path, GVariant *options, GCancellable *cancellable, GError **error)
{
  TholeTransport *transport = transport_of (self);
  g_autoptr(TholeCall) call = make_call (self, operation, path, options, NULL, error);
  GInputStream *stream = call != NULL ? transport->class->open (transport, call, cancellable, error) : NULL;

  return content_of (THOLE_OBJECT (self), strcmp (operation, "file.archive") == 0, stream);
}

void
thole_workload_read_file_async (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL);
  open_async (self, thole_workload_read_file_async, "file.read", path, options, cancellable, callback, user_data);
}

GInputStream *
thole_workload_read_file_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  return open_finish (self, result, thole_workload_read_file_async, error);
}

GInputStream *
thole_workload_read_file (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL, NULL);
  return open_here (self, "file.read", path, options, cancellable, error);
}

void
thole_workload_archive_files_async (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL);
  open_async (self, thole_workload_archive_files_async, "file.archive", path, options, cancellable, callback, user_data);
}

GInputStream *
thole_workload_archive_files_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  return open_finish (self, result, thole_workload_archive_files_async, error);
}

GInputStream *
thole_workload_archive_files (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL, NULL);
  return open_here (self, "file.archive", path, options, cancellable, error);
}

/* what the daemon answers ------------------------------------------------------------------------------- */

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeTransport *transport = transport_of (g_task_get_source_object (task));
  GVariant *reply = NULL;
  GError *error = NULL;

  if (transport->class->call_finish (transport, result, &reply, &error))
    g_task_return_pointer (task, reply, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

/* @call: (transfer full) (nullable). @error: (transfer full): why there is none */
static void
ask_async (TholeWorkload *self, gpointer tag, TholeCall *call, GError *error, GCancellable *cancellable, GAsyncReadyCallback callback,
           gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr(TholeCall) owned = call;
  TholeTransport *transport = transport_of (self);

  g_task_set_source_tag (task, tag);
  /* an upload that is complete is told so */
  g_task_set_check_cancellable (task, FALSE);
  if (owned != NULL)
    transport->class->call_async (transport, owned, cancellable, on_answered, g_object_ref (task));
  else
    g_task_return_error (task, error);
}

static gboolean
ask_finish (TholeWorkload *self, GAsyncResult *result, gpointer tag, GVariant **reply, GError **error)
{
  GError *fault = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, tag), FALSE);
  *reply = g_task_propagate_pointer (G_TASK (result), &fault);
  if (fault != NULL)
    g_propagate_error (error, fault);
  return fault == NULL;
}

/* @call: (transfer full) (nullable): NULL with @error set */
static gboolean
ask_here (TholeWorkload *self, TholeCall *call, GCancellable *cancellable, GVariant **reply, GError **error)
{
  g_autoptr(TholeCall) owned = call;
  TholeTransport *transport = transport_of (self);

  return owned != NULL && transport->class->call (transport, owned, cancellable, reply, error);
}

/* @reply: (transfer full) (nullable) */
static TholeFile *
read_file (GVariant *reply, GError **error)
{
  g_autoptr(GVariant) owned = reply;

  if (owned != NULL && g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    return thole_file_new (owned);
  g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "the daemon did not say what it made");
  return NULL;
}

/* @reply: (transfer full) (nullable) */
static GPtrArray *
read_files (GVariant *reply, GError **error)
{
  g_autoptr(GVariant) owned = reply, items = NULL;
  GPtrArray *files;

  if (owned != NULL && g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    items = thole_dict_value (owned, "items", "aa{sv}");
  if (items == NULL)
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "the daemon gave no list");
      return NULL;
    }
  files = g_ptr_array_new_with_free_func (g_object_unref);
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr(GVariant) item = g_variant_get_child_value (items, i);
      g_ptr_array_add (files, thole_file_new (item));
    }
  return files;
}

void
thole_workload_list_files_async (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data)
{
  GError *error = NULL;
  TholeCall *call;

  g_return_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL);
  call = make_call (self, "file.list", path, options, NULL, &error);
  ask_async (self, thole_workload_list_files_async, call, error, cancellable, callback, user_data);
}

GPtrArray *
thole_workload_list_files_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  return ask_finish (self, result, thole_workload_list_files_async, &reply, error) ? read_files (reply, error) : NULL;
}

GPtrArray *
thole_workload_list_files (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;
  TholeCall *call;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL, NULL);
  call = make_call (self, "file.list", path, options, NULL, error);
  return ask_here (self, call, cancellable, &reply, error) ? read_files (reply, error) : NULL;
}

void
thole_workload_make_folder_async (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
  GError *error = NULL;
  TholeCall *call;

  g_return_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL);
  call = make_call (self, "file.mkdir", path, options, NULL, &error);
  ask_async (self, thole_workload_make_folder_async, call, error, cancellable, callback, user_data);
}

TholeFile *
thole_workload_make_folder_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  return ask_finish (self, result, thole_workload_make_folder_async, &reply, error) ? read_file (reply, error) : NULL;
}

TholeFile *
thole_workload_make_folder (TholeWorkload *self, const char *path, GVariant *options, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;
  TholeCall *call;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL, NULL);
  call = make_call (self, "file.mkdir", path, options, NULL, error);
  return ask_here (self, call, cancellable, &reply, error) ? read_file (reply, error) : NULL;
}

/* what the daemon is given ------------------------------------------------------------------------------ */

/* A call that takes bytes of which one knows how many there are. */
static TholeCall *
bytes_call (TholeWorkload *self, const char *path, GBytes *content, GVariant *options, GError **error)
{
  g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_bytes (content);
  TholeCall *call = make_call (self, "file.write", path, options, stream, error);

  if (call != NULL)
    call->length = (gint64) g_bytes_get_size (content);
  return call;
}

void
thole_workload_write_file_async (TholeWorkload *self, const char *path, GInputStream *content, GVariant *options,
                                 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GError *error = NULL;
  TholeCall *call;

  g_return_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL && G_IS_INPUT_STREAM (content));
  call = make_call (self, "file.write", path, options, content, &error);
  ask_async (self, thole_workload_write_file_async, call, error, cancellable, callback, user_data);
}

TholeFile *
thole_workload_write_file_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  return ask_finish (self, result, thole_workload_write_file_async, &reply, error) ? read_file (reply, error) : NULL;
}

TholeFile *
thole_workload_write_file (TholeWorkload *self, const char *path, GInputStream *content, GVariant *options, GCancellable *cancellable,
                           GError **error)
{
  GVariant *reply = NULL;
  TholeCall *call;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL && G_IS_INPUT_STREAM (content), NULL);
  call = make_call (self, "file.write", path, options, content, error);
  return ask_here (self, call, cancellable, &reply, error) ? read_file (reply, error) : NULL;
}

void
thole_workload_write_file_bytes_async (TholeWorkload *self, const char *path, GBytes *content, GVariant *options,
                                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GError *error = NULL;
  TholeCall *call;

  g_return_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL && content != NULL);
  call = bytes_call (self, path, content, options, &error);
  ask_async (self, thole_workload_write_file_bytes_async, call, error, cancellable, callback, user_data);
}

TholeFile *
thole_workload_write_file_bytes_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  return ask_finish (self, result, thole_workload_write_file_bytes_async, &reply, error) ? read_file (reply, error) : NULL;
}

TholeFile *
thole_workload_write_file_bytes (TholeWorkload *self, const char *path, GBytes *content, GVariant *options, GCancellable *cancellable,
                                 GError **error)
{
  GVariant *reply = NULL;
  TholeCall *call;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL && content != NULL, NULL);
  call = bytes_call (self, path, content, options, error);
  return ask_here (self, call, cancellable, &reply, error) ? read_file (reply, error) : NULL;
}

void
thole_workload_extract_files_async (TholeWorkload *self, const char *path, GInputStream *archive, GVariant *options,
                                    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GError *error = NULL;
  TholeCall *call;

  g_return_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL && G_IS_INPUT_STREAM (archive));
  call = make_call (self, "file.extract", path, options, archive, &error);
  ask_async (self, thole_workload_extract_files_async, call, error, cancellable, callback, user_data);
}

gboolean
thole_workload_extract_files_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  g_autoptr(GVariant) reply = NULL;

  return ask_finish (self, result, thole_workload_extract_files_async, &reply, error);
}

gboolean
thole_workload_extract_files (TholeWorkload *self, const char *path, GInputStream *archive, GVariant *options, GCancellable *cancellable,
                              GError **error)
{
  g_autoptr(GVariant) reply = NULL;
  TholeCall *call;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && path != NULL && G_IS_INPUT_STREAM (archive), FALSE);
  call = make_call (self, "file.extract", path, options, archive, error);
  return ask_here (self, call, cancellable, &reply, error);
}
