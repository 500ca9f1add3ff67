/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The way by D-Bus: each operation is a method whose last argument is the dictionary of options.
 */
#include "dbus.h"

#include <gio/gunixfdlist.h>
#include <gio/gunixinputstream.h>
#include <string.h>

/* A page is made in one go, and each value of it by itself: others wait meanwhile. */
#define PAGE 200

/* the connection ---------------------------------------------------------------------------------------- */

GDBusConnection *
thole_dbus_connect (TholeDBus *self, GCancellable *cancellable, GError **error)
{
  const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
  g_autofree char *address = g_strdup (self->address);
  g_autoptr(GError) fault = NULL;
  GDBusConnection *connection = NULL;

  if (address == NULL)
    address = g_dbus_address_get_for_bus_sync (self->type, cancellable, &fault);
  if (address != NULL)
    connection = g_dbus_connection_new_for_address_sync (address, flags, NULL, cancellable, &fault);
  if (connection == NULL)
    thole_dbus_explain (self, fault, error);
  else
    g_dbus_connection_set_exit_on_close (connection, FALSE);
  return connection;
}

GDBusConnection *
thole_dbus_ready (TholeDBus *self)
{
  GDBusConnection *connection;

  g_mutex_lock (&self->mutex);
  if (self->connection != NULL && g_dbus_connection_is_closed (self->connection))
    g_clear_object (&self->connection);
  connection = self->connection != NULL ? g_object_ref (self->connection) : NULL;
  g_mutex_unlock (&self->mutex);
  return connection;
}

GDBusConnection *
thole_dbus_shared (TholeDBus *self, GCancellable *cancellable, GError **error)
{
  GDBusConnection *connection = thole_dbus_ready (self);

  if (connection != NULL)
    return connection;
  connection = thole_dbus_connect (self, cancellable, error);
  if (connection == NULL)
    return NULL;
  g_mutex_lock (&self->mutex);
  g_set_object (&self->connection, connection);
  g_mutex_unlock (&self->mutex);
  return connection;
}

/* requests ---------------------------------------------------------------------------------------------- */

static gboolean
is_element (const char *target)
{
  for (; *target != '\0'; target++)
    if (!g_ascii_isalnum (*target) && *target != '-')
      return FALSE;
  return TRUE;
}

void
thole_dbus_request_clear (TholeDBusRequest *request)
{
  g_free (request->path);
  g_free (request->interface);
  if (request->arguments != NULL)
    g_variant_unref (g_variant_ref_sink (request->arguments));
}

gboolean
thole_dbus_request (const TholeCall *call, TholeDBusRequest *request, GError **error)
{
  const char *dot = call->operation->bus != NULL ? strchr (call->operation->bus, '.') : NULL;
  g_autofree char *interface = dot != NULL ? g_strndup (call->operation->bus, (gsize) (dot - call->operation->bus)) : NULL;
  g_autoptr(GVariant) options = call->options != NULL ? g_variant_ref (call->options) : NULL;
  gboolean root = g_strcmp0 (interface, "Root") == 0;

  if (interface == NULL)
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNSUPPORTED, "%s is not there over D-Bus", call->operation->name);
      return FALSE;
    }
  if (!root && !is_element (call->target))
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_NOT_FOUND, "no %s %s", interface, call->target);
      return FALSE;
    }
  if (options == NULL)
    options = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  request->interface = g_strconcat (THOLE_DBUS_NAME ".", interface, NULL);
  request->member = dot + 1;
  if (root)
    {
      request->path = g_strdup (THOLE_DBUS_PATH);
      request->arguments = call->target != NULL ? g_variant_new ("(s@a{sv})", call->target, options)
                                                : g_variant_new ("(@a{sv})", options);
    }
  else
    {
      g_autofree char *node = g_ascii_strdown (interface, -1);
      g_autofree char *element = g_strdelimit (g_strdup (call->target), "-", '_');

      request->path = g_strconcat (THOLE_DBUS_PATH "/", node, "/", element, NULL);
      request->arguments = g_variant_new ("(@a{sv})", options);
    }
  return TRUE;
}

/* errors ------------------------------------------------------------------------------------------------ */

/* "InvalidField" -> "invalid_field" */
static char *
word_of (const char *camel)
{
  GString *word = g_string_new (NULL);

  for (const char *at = camel; *at != '\0'; at++)
    {
      if (g_ascii_isupper (*at) && at != camel)
        g_string_append_c (word, '_');
      g_string_append_c (word, g_ascii_tolower (*at));
    }
  return g_string_free (word, FALSE);
}

/* lines of the form "/spec/image: missing: must be given" as one sentence */
static char *
text_of (const char *message)
{
  g_auto(GStrv) lines = g_strsplit (message, "\n", -1);
  GString *text = g_string_new (lines[0]);

  for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
    {
      g_auto(GStrv) parts = g_strsplit (lines[i], ": ", 3);
      gboolean whole = g_strv_length (parts) == 3;

      g_string_append_printf (text, "%s %s%s%s", i == 1 ? ":" : ",", whole ? parts[0] : lines[i], whole ? " " : "", whole ? parts[2] : "");
    }
  return g_string_free (text, FALSE);
}

static TholeClientError
code_of (const char *name)
{
  static const struct { const char *name; TholeClientError code; } names[] = {
    { "AccessDenied", THOLE_CLIENT_ERROR_FORBIDDEN },     { "InvalidArgs", THOLE_CLIENT_ERROR_INVALID },
    { "LimitsExceeded", THOLE_CLIENT_ERROR_OVERLOADED },  { "UnknownMethod", THOLE_CLIENT_ERROR_UNSUPPORTED },
    { "UnknownObject", THOLE_CLIENT_ERROR_NOT_FOUND },
  };
  const char *last = strrchr (name, '.');

  if (g_str_has_prefix (name, THOLE_DBUS_NAME ".Error."))
    {
      g_autofree char *word = word_of (last + 1);
      return thole_client_error_from_word (word, THOLE_CLIENT_ERROR_FAILED);
    }
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].name, last != NULL ? last + 1 : name) == 0)
      return names[i].code;
  return THOLE_CLIENT_ERROR_UNREACHABLE;
}

void
thole_dbus_explain (TholeDBus *self, const GError *cause, GError **error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (cause);
  g_autoptr(GError) bare = g_error_copy (cause);
  TholeClientError code = name != NULL ? code_of (name) : THOLE_CLIENT_ERROR_UNREACHABLE;
  g_autofree char *text = NULL;

  g_dbus_error_strip_remote_error (bare);
  text = text_of (bare->message);
  if (cause->domain == THOLE_CLIENT_ERROR || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_propagate_error (error, g_steal_pointer (&bare));
  else if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "D-Bus cannot carry these options: %s", text);
  else if (code == THOLE_CLIENT_ERROR_UNREACHABLE)
    g_set_error (error, THOLE_CLIENT_ERROR, (int) code, "cannot reach the daemon at %s: %s", self->url, text);
  else
    g_set_error_literal (error, THOLE_CLIENT_ERROR, (int) code, text);
}

/* answers ----------------------------------------------------------------------------------------------- */

/* Among paths there is one dictionary. Returns: (transfer full) (nullable): NULL = it is empty */
static GVariant *
read_reply (GVariant *results)
{
  for (gsize i = 0; i < g_variant_n_children (results); i++)
    {
      g_autoptr(GVariant) child = g_variant_get_child_value (results, i);

      if (g_variant_is_of_type (child, G_VARIANT_TYPE_VARDICT) && g_variant_n_children (child) > 0)
        return g_steal_pointer (&child);
    }
  return NULL;
}

int
thole_dbus_descriptor (GVariant *results, GUnixFDList *descriptors, GError **error)
{
  gint32 handle = -1;
  int fd = -1;

  if (g_variant_is_of_type (results, G_VARIANT_TYPE ("(h)")))
    g_variant_get (results, "(h)", &handle);
  if (handle >= 0 && descriptors != NULL && handle < g_unix_fd_list_get_length (descriptors))
    fd = g_unix_fd_list_get (descriptors, handle, NULL);
  if (fd < 0)
    g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "the daemon gave no file descriptor");
  return fd;
}

/* calls that block -------------------------------------------------------------------------------------- */

static GVariant *
ask (TholeDBus *self, const TholeCall *call, GCancellable *cancellable, GUnixFDList **descriptors, GError **error)
{
  g_auto(TholeDBusRequest) request = { 0 };
  g_autoptr(GDBusConnection) connection = NULL;
  g_autoptr(GError) fault = NULL;
  GVariant *results;

  if (!thole_dbus_request (call, &request, error))
    return NULL;
  connection = thole_dbus_shared (self, cancellable, error);
  if (connection == NULL)
    return NULL;
  if (call->content != NULL)
    return thole_dbus_upload (self, connection, call, cancellable, error);
  results = g_dbus_connection_call_with_unix_fd_list_sync (connection, THOLE_DBUS_NAME, request.path, request.interface,
                                                           request.member, g_steal_pointer (&request.arguments), NULL,
                                                           G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, descriptors, cancellable, &fault);
  if (results == NULL)
    thole_dbus_explain (self, fault, error);
  return results;
}

static gboolean
dbus_call (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GVariant **reply, GError **error)
{
  g_autoptr(GVariant) results = ask ((TholeDBus *) transport, call, cancellable, NULL, error);

  if (results != NULL)
    *reply = read_reply (results);
  return results != NULL;
}

static GInputStream *
dbus_open (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GError **error)
{
  g_autoptr(GUnixFDList) descriptors = NULL;
  g_autoptr(GVariant) results = ask ((TholeDBus *) transport, call, cancellable, &descriptors, error);
  int fd = results != NULL ? thole_dbus_descriptor (results, descriptors, error) : -1;

  return fd >= 0 ? g_unix_input_stream_new (fd, TRUE) : NULL;
}

static TholeFeed *
dbus_feed (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GError **error)
{
  return thole_dbus_feed_new ((TholeDBus *) transport, call, cancellable, error);
}

/* calls that do not ------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDBus *bus;
  TholeCall *call;
  GUnixFDList *descriptors; /* (nullable) */
} Calling;

static void
calling_free (Calling *calling)
{
  thole_call_free (calling->call);
  g_clear_object (&calling->descriptors);
  g_free (calling);
}

static GTask *
calling_new (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  Calling *calling = g_new0 (Calling, 1);

  calling->bus = (TholeDBus *) transport;
  calling->call = thole_call_copy (call);
  g_task_set_task_data (task, calling, (GDestroyNotify) calling_free);
  return task;
}

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Calling *calling = g_task_get_task_data (task);
  g_autoptr(GError) fault = NULL;
  GVariant *results = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), &calling->descriptors, result,
                                                                       &fault);
  GError *error = NULL;

  if (results != NULL)
    {
      g_task_return_pointer (task, results, (GDestroyNotify) g_variant_unref);
      return;
    }
  thole_dbus_explain (calling->bus, fault, &error);
  g_task_return_error (task, error);
}

static void
on_uploaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  GVariant *results = thole_dbus_upload_finish (result, &error);

  if (results != NULL)
    g_task_return_pointer (task, results, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

static void
send_call (GTask *task, GDBusConnection *connection)
{
  Calling *calling = g_task_get_task_data (task);
  g_auto(TholeDBusRequest) request = { 0 };
  GError *error = NULL;

  if (calling->call->content != NULL)
    {
      thole_dbus_upload_async (calling->bus, connection, calling->call, g_task_get_cancellable (task), on_uploaded,
                               g_object_ref (task));
      return;
    }
  if (!thole_dbus_request (calling->call, &request, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_dbus_connection_call_with_unix_fd_list (connection, THOLE_DBUS_NAME, request.path, request.interface, request.member,
                                            g_steal_pointer (&request.arguments), NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL,
                                            g_task_get_cancellable (task), on_answered, g_object_ref (task));
}

static void
connect_here (GTask *task, gpointer source, gpointer transport, GCancellable *cancellable)
{
  GError *error = NULL;
  GDBusConnection *connection = thole_dbus_shared (transport, cancellable, &error);

  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(GDBusConnection) connection = g_task_propagate_pointer (G_TASK (result), &error);

  if (connection != NULL)
    send_call (task, connection);
  else
    g_task_return_error (task, error);
}

static void
dbus_call_async (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  g_autoptr(GTask) task = calling_new (transport, call, cancellable, callback, user_data);
  g_autoptr(GDBusConnection) connection = thole_dbus_ready ((TholeDBus *) transport);
  g_autoptr(GTask) connecting = NULL;

  if (connection != NULL)
    {
      send_call (task, connection);
      return;
    }
  connecting = g_task_new (NULL, cancellable, on_connected, g_object_ref (task));
  g_task_set_task_data (connecting, transport, NULL);
  g_task_run_in_thread (connecting, connect_here);
}

static gboolean
dbus_call_finish (TholeTransport *transport, GAsyncResult *result, GVariant **reply, GError **error)
{
  g_autoptr(GVariant) results = g_task_propagate_pointer (G_TASK (result), error);

  if (results != NULL)
    *reply = read_reply (results);
  return results != NULL;
}

static GInputStream *
dbus_open_finish (TholeTransport *transport, GAsyncResult *result, GError **error)
{
  Calling *calling = g_task_get_task_data (G_TASK (result));
  g_autoptr(GVariant) results = g_task_propagate_pointer (G_TASK (result), error);
  int fd = results != NULL ? thole_dbus_descriptor (results, calling->descriptors, error) : -1;

  return fd >= 0 ? g_unix_input_stream_new (fd, TRUE) : NULL;
}

static void
free_feed (gpointer feed)
{
  ((TholeFeed *) feed)->class->free (feed);
}

/* connecting and subscribing is seldom, and several calls */
static void
feed_here (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Calling *calling = data;
  GError *error = NULL;
  TholeFeed *feed = thole_dbus_feed_new (calling->bus, calling->call, cancellable, &error);

  if (feed != NULL)
    g_task_return_pointer (task, feed, free_feed);
  else
    g_task_return_error (task, error);
}

static void
dbus_feed_async (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  g_autoptr(GTask) task = calling_new (transport, call, cancellable, callback, user_data);

  g_task_run_in_thread (task, feed_here);
}

static TholeFeed *
dbus_feed_finish (TholeTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* making ------------------------------------------------------------------------------------------------ */

static void
dbus_free (TholeTransport *transport)
{
  TholeDBus *self = (TholeDBus *) transport;

  if (self->connection != NULL)
    g_dbus_connection_close (self->connection, NULL, NULL, NULL);
  g_clear_object (&self->connection);
  g_mutex_clear (&self->mutex);
  g_free (self->url);
  g_free (self->address);
  g_free (self);
}

TholeTransport *
thole_transport_dbus_new (const char *url, GError **error)
{
  static const TholeTransportClass class = {
    PAGE, dbus_call, dbus_call_async, dbus_call_finish, dbus_open, dbus_call_async, dbus_open_finish,
    dbus_feed, dbus_feed_async, dbus_feed_finish, thole_dbus_wire_new, dbus_free,
  };
  const char *which = url + strlen ("dbus:");
  TholeDBus *self;

  if (strcmp (which, "system") != 0 && strcmp (which, "session") != 0
      && (strchr (which, ':') == NULL || !g_dbus_is_supported_address (which, NULL)))
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID,
                   "“%s” is not a URL of a daemon: dbus:system, dbus:session or dbus:ADDRESS", url);
      return NULL;
    }
  self = g_new0 (TholeDBus, 1);
  self->parent.class = &class;
  self->url = g_strdup (url);
  self->type = strcmp (which, "session") == 0 ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM;
  self->address = strchr (which, ':') != NULL ? g_strdup (which) : NULL;
  g_mutex_init (&self->mutex);
  return &self->parent;
}
