/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events as signals to a connection of their own. They come in GDBus' thread and are kept until they are read; whoever reads too
 * slowly loses the connection, and begins another one after the last number read.
 */
#include "dbus.h"

#include <string.h>

#include "thole-dict.h"

#define MAX_KEPT 10000
#define BUS "org.freedesktop.DBus"

typedef struct
{
  TholeFeed parent;
  gatomicrefcount references; /* the filter has one */
  char *url;
  GDBusConnection *connection;
  guint filter;
  gulong closed;
  GMutex mutex;
  GCond cond;
  GQueue kept;    /* of GVariant */
  gboolean over;
  GTask *waiting; /* (nullable) */
} Feed;

static void
feed_unref (gpointer data)
{
  Feed *self = data;

  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_queue_clear_full (&self->kept, (GDestroyNotify) g_variant_unref);
  g_object_unref (self->connection);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self->url);
  g_free (self);
}

static GError *
over_error (Feed *self)
{
  return g_error_new (THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE, "the daemon at %s tells no more events", self->url);
}

/* of GDBus' thread -------------------------------------------------------------------------------------- */

/* Gives an event to who waits, or keeps it. @event: (transfer full) (nullable): NULL = the end */
static void
tell (Feed *self, GVariant *event)
{
  GTask *waiting;

  g_mutex_lock (&self->mutex);
  waiting = g_steal_pointer (&self->waiting);
  if (event != NULL && waiting == NULL && !self->over)
    g_queue_push_tail (&self->kept, g_variant_ref (event));
  self->over |= event == NULL || self->kept.length > MAX_KEPT;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
  if (waiting != NULL && event != NULL)
    g_task_return_pointer (waiting, g_variant_ref (event), (GDestroyNotify) g_variant_unref);
  else if (waiting != NULL)
    g_task_return_error (waiting, over_error (self));
  g_clear_object (&waiting);
  g_clear_pointer (&event, g_variant_unref);
}

static GVariant *
gap_event (GVariant *body)
{
  GVariantDict dict, data;
  gint64 from, to;

  g_variant_get (body, "(xx)", &from, &to);
  g_variant_dict_init (&data, NULL);
  g_variant_dict_insert (&data, "from", "x", from);
  g_variant_dict_insert (&data, "to", "x", to);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "seq", "x", to - 1);
  g_variant_dict_insert (&dict, "type", "s", "gap");
  g_variant_dict_insert_value (&dict, "data", g_variant_dict_end (&data));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
take_signal (Feed *self, const char *member, GVariant *body)
{
  if (strcmp (member, "Event") == 0 && g_variant_is_of_type (body, G_VARIANT_TYPE ("(xa{sv})")))
    tell (self, g_variant_get_child_value (body, 1));
  else if (strcmp (member, "Gap") == 0 && g_variant_is_of_type (body, G_VARIANT_TYPE ("(xx)")))
    tell (self, gap_event (body));
  else if (strcmp (member, "WatchEnded") == 0)
    tell (self, NULL);
}

static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  Feed *self = user_data;
  const char *interface = g_dbus_message_get_interface (message), *member = g_dbus_message_get_member (message);
  GVariant *body = g_dbus_message_get_body (message);

  if (!incoming || g_dbus_message_get_message_type (message) != G_DBUS_MESSAGE_TYPE_SIGNAL || body == NULL)
    return message;
  if (g_strcmp0 (interface, THOLE_DBUS_NAME ".Root") == 0)
    take_signal (self, member, body);
  /* the daemon has gone or another one came: what is subscribed there is not */
  else if (g_strcmp0 (interface, BUS) == 0 && g_strcmp0 (member, "NameOwnerChanged") == 0)
    tell (self, NULL);
  else
    return message;
  g_object_unref (message);
  return NULL;
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer user_data)
{
  tell (user_data, NULL);
}

/* reading ----------------------------------------------------------------------------------------------- */

static void
wake (GCancellable *cancellable, gpointer user_data)
{
  Feed *self = user_data;
  GTask *waiting;

  g_mutex_lock (&self->mutex);
  waiting = g_steal_pointer (&self->waiting);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
  if (waiting != NULL && !g_task_return_error_if_cancelled (waiting))
    g_task_return_error (waiting, over_error (self));
  g_clear_object (&waiting);
}

static GVariant *
feed_next (TholeFeed *feed, GCancellable *cancellable, GError **error)
{
  Feed *self = (Feed *) feed;
  gulong id = cancellable != NULL ? g_cancellable_connect (cancellable, G_CALLBACK (wake), self, NULL) : 0;
  GVariant *event;

  g_mutex_lock (&self->mutex);
  while (self->kept.length == 0 && !self->over && !g_cancellable_is_cancelled (cancellable)
         && !g_dbus_connection_is_closed (self->connection))
    /* the end of the connection itself is told by a main context that perhaps nobody runs */
    g_cond_wait_until (&self->cond, &self->mutex, g_get_monotonic_time () + G_USEC_PER_SEC);
  event = g_queue_pop_head (&self->kept);
  g_mutex_unlock (&self->mutex);
  g_cancellable_disconnect (cancellable, id);
  if (event == NULL && !g_cancellable_set_error_if_cancelled (cancellable, error))
    g_propagate_error (error, over_error (self));
  return event;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer feed)
{
  wake (cancellable, feed);
  return G_SOURCE_REMOVE;
}

static void
destroy_source (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
feed_next_async (TholeFeed *feed, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Feed *self = (Feed *) feed;
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GVariant *event;
  gboolean over;

  if (cancellable != NULL)
    {
      GSource *source = g_cancellable_source_new (cancellable);

      g_atomic_ref_count_inc (&self->references);
      g_source_set_callback (source, G_SOURCE_FUNC (on_cancelled), self, feed_unref);
      g_source_attach (source, g_task_get_context (task));
      g_task_set_task_data (task, source, destroy_source);
    }
  g_mutex_lock (&self->mutex);
  event = g_queue_pop_head (&self->kept);
  over = self->over || g_dbus_connection_is_closed (self->connection);
  if (event == NULL && !over)
    self->waiting = g_object_ref (task);
  g_mutex_unlock (&self->mutex);
  if (event != NULL)
    g_task_return_pointer (task, event, (GDestroyNotify) g_variant_unref);
  else if (over)
    g_task_return_error (task, over_error (self));
}

static GVariant *
feed_next_finish (TholeFeed *feed, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
feed_free (TholeFeed *feed)
{
  Feed *self = (Feed *) feed;

  g_signal_handler_disconnect (self->connection, self->closed);
  g_dbus_connection_remove_filter (self->connection, self->filter);
  g_dbus_connection_close (self->connection, NULL, NULL, NULL);
  feed_unref (self);
}

/* subscribing ------------------------------------------------------------------------------------------- */

static GVariant *
call_root (TholeDBus *bus, GDBusConnection *connection, const char *member, GVariant *arguments, GCancellable *cancellable,
           GError **error)
{
  g_autoptr(GError) fault = NULL;
  GVariant *results = g_dbus_connection_call_sync (connection, THOLE_DBUS_NAME, THOLE_DBUS_PATH, THOLE_DBUS_NAME ".Root", member,
                                                   arguments, NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, cancellable, &fault);

  if (results == NULL)
    thole_dbus_explain (bus, fault, error);
  return results;
}

/* The number before the oldest event that there is. */
static gboolean
find_oldest (TholeDBus *bus, GDBusConnection *connection, gint64 *after, GCancellable *cancellable, GError **error)
{
  GVariantDict options;
  g_autoptr(GVariant) results = NULL, page = NULL, items = NULL, first = NULL;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "limit", "x", (gint64) 1);
  results = call_root (bus, connection, "ListEvents", g_variant_new ("(@a{sv})", g_variant_dict_end (&options)), cancellable, error);
  if (results == NULL)
    return FALSE;
  page = g_variant_get_child_value (results, 0);
  items = thole_dict_value (page, "items", "aa{sv}");
  if (items != NULL && g_variant_n_children (items) > 0)
    first = g_variant_get_child_value (items, 0);
  *after = first != NULL ? thole_dict_int (first, "seq", 1) - 1 : thole_dict_int (page, "newest", 0);
  return TRUE;
}

static gboolean
subscribe (Feed *self, TholeDBus *bus, GVariant *options, GCancellable *cancellable, GError **error)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (options);
  g_autoptr(GVariant) matched = NULL, results = NULL;
  g_autoptr(GError) fault = NULL;
  gint64 after = -1;

  matched = g_dbus_connection_call_sync (self->connection, BUS, "/org/freedesktop/DBus", BUS, "AddMatch",
                                         g_variant_new ("(s)", "type='signal',sender='" BUS "',member='NameOwnerChanged',arg0='"
                                                               THOLE_DBUS_NAME "'"),
                                         NULL, G_DBUS_CALL_FLAGS_NONE, -1, cancellable, &fault);
  if (matched == NULL)
    {
      thole_dbus_explain (bus, fault, error);
      return FALSE;
    }
  if (!g_variant_dict_lookup (&dict, "after", "x", &after) && !g_variant_dict_contains (&dict, "tail")
      && !find_oldest (bus, self->connection, &after, cancellable, error))
    return FALSE;
  g_variant_dict_remove (&dict, "after");
  g_variant_dict_remove (&dict, "tail");
  results = call_root (bus, self->connection, "Subscribe", g_variant_new ("(x@a{sv})", after, g_variant_dict_end (&dict)),
                       cancellable, error);
  if (results != NULL && after < 0 && g_variant_is_of_type (results, G_VARIANT_TYPE ("(x)")))
    g_variant_get (results, "(x)", &after);
  self->parent.begin = after;
  return results != NULL;
}

TholeFeed *
thole_dbus_feed_new (TholeDBus *bus, const TholeCall *call, GCancellable *cancellable, GError **error)
{
  static const TholeFeedClass class = { feed_next, feed_next_async, feed_next_finish, feed_free };
  GDBusConnection *connection = thole_dbus_connect (bus, cancellable, error);
  Feed *self;

  if (connection == NULL)
    return NULL;
  self = g_new0 (Feed, 1);
  self->parent.class = &class;
  g_atomic_ref_count_init (&self->references);
  g_atomic_ref_count_inc (&self->references);
  self->url = g_strdup (bus->url);
  self->connection = connection;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  self->closed = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), self);
  self->filter = g_dbus_connection_add_filter (connection, on_message, self, feed_unref);
  if (subscribe (self, bus, call->options, cancellable, error))
    return &self->parent;
  feed_free (&self->parent);
  return NULL;
}
