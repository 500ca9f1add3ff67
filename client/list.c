/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A list that follows the daemon: it subscribes to events, reads all objects, then reads each one again of which an event tells.
 * After a gap in the events all is read again. What waits holds the list weakly.
 */
#include "private.h"

#include <string.h>

#include "thole-dict.h"

#define MAX_READING 8
#define PAUSE 2 /* s, after an error of the daemon */

struct _TholeList
{
  GObject parent;
  TholeClient *client;
  GType type;
  const char *kind;   /* "workload" */
  GPtrArray *items;   /* of TholeObject, by id */
  TholeEventStream *stream;
  GCancellable *cancellable;
  GHashTable *stale;  /* ids to read again */
  GHashTable *gone;   /* ids that went while something was being read that may still have them */
  guint listing;
  guint reading;
  GSource *again;     /* (nullable) */
  gboolean fresh;     /* the stream was not connected yet */
  gboolean current;
  GError *error;      /* (nullable) */
};

/* What a call waits with. */
typedef struct
{
  GWeakRef list;
  char *id; /* (nullable) */
} Wait;

enum { PROP_CURRENT = 1, PROP_ERROR };

static void begin (TholeList *self);
static void read_all (TholeList *self);
static void read_stale (TholeList *self);

/* the model --------------------------------------------------------------------------------------------- */

static GType
get_item_type (GListModel *model)
{
  return THOLE_LIST (model)->type;
}

static guint
get_n_items (GListModel *model)
{
  return THOLE_LIST (model)->items->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  TholeList *self = THOLE_LIST (model);

  return position < self->items->len ? g_object_ref (g_ptr_array_index (self->items, position)) : NULL;
}

static void
model_init (GListModelInterface *model)
{
  model->get_item_type = get_item_type;
  model->get_n_items = get_n_items;
  model->get_item = get_item;
}

G_DEFINE_TYPE_WITH_CODE (TholeList, thole_list, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, model_init))

/* the place of an id, or where it belongs */
static gboolean
search (TholeList *self, const char *id, guint *position)
{
  guint low = 0, high = self->items->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      int order = strcmp (thole_object_get_id (g_ptr_array_index (self->items, middle)), id);

      if (order == 0)
        {
          *position = middle;
          return TRUE;
        }
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  *position = low;
  return FALSE;
}

static void
add (TholeList *self, gpointer object)
{
  const char *id = thole_object_get_id (object);
  guint position;

  if (g_hash_table_contains (self->gone, id) || search (self, id, &position))
    return;
  g_ptr_array_insert (self->items, (int) position, g_object_ref (object));
  g_list_model_items_changed (G_LIST_MODEL (self), position, 0, 1);
}

static void
take_out (TholeList *self, const char *id)
{
  g_autoptr(TholeObject) object = NULL;
  guint position;

  if (!search (self, id, &position))
    return;
  object = g_object_ref (g_ptr_array_index (self->items, position));
  g_ptr_array_remove_index (self->items, position);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
  thole_object_set_gone (object);
}

static void
forget_gone (TholeList *self)
{
  if (self->reading + self->listing == 0)
    g_hash_table_remove_all (self->gone);
}

gpointer
thole_list_find (TholeList *self, const char *id)
{
  guint position;

  g_return_val_if_fail (THOLE_IS_LIST (self), NULL);
  g_return_val_if_fail (id != NULL, NULL);
  return search (self, id, &position) ? g_object_ref (g_ptr_array_index (self->items, position)) : NULL;
}

/* how it stands ----------------------------------------------------------------------------------------- */

/* @error: (transfer full) (nullable) */
static void
set_current (TholeList *self, gboolean current, GError *error)
{
  gboolean told = (error == NULL) != (self->error == NULL);

  g_clear_error (&self->error);
  self->error = error;
  if (told || error != NULL)
    g_object_notify (G_OBJECT (self), "error");
  if (self->current == current)
    return;
  self->current = current;
  g_object_notify (G_OBJECT (self), "current");
}

gboolean
thole_list_get_current (TholeList *self)
{
  g_return_val_if_fail (THOLE_IS_LIST (self), FALSE);
  return self->current;
}

GError *
thole_list_get_error (TholeList *self)
{
  g_return_val_if_fail (THOLE_IS_LIST (self), NULL);
  return self->error != NULL ? g_error_copy (self->error) : NULL;
}

static Wait *
wait_new (TholeList *self, const char *id)
{
  Wait *wait = g_new0 (Wait, 1);

  g_weak_ref_init (&wait->list, self);
  wait->id = g_strdup (id);
  return wait;
}

/* Returns: (transfer full) (nullable) */
static TholeList *
wait_end (Wait *wait, char **id)
{
  TholeList *self = g_weak_ref_get (&wait->list);

  g_weak_ref_clear (&wait->list);
  if (id != NULL)
    *id = wait->id;
  else
    g_free (wait->id);
  g_free (wait);
  return self;
}

static gboolean
on_again (gpointer user_data)
{
  TholeList *self = user_data;

  g_clear_pointer (&self->again, g_source_unref);
  begin (self);
  return G_SOURCE_REMOVE;
}

/* The daemon refuses: all is begun anew after a while. @error: (transfer full) */
static void
fail (TholeList *self, GError *error)
{
  set_current (self, FALSE, error);
  if (self->again != NULL)
    return;
  self->again = g_timeout_source_new_seconds (PAUSE);
  g_source_set_callback (self->again, on_again, self, NULL);
  g_source_attach (self->again, g_main_context_get_thread_default ());
}

/* one object again -------------------------------------------------------------------------------------- */

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *id = NULL;
  g_autoptr(TholeList) self = wait_end (user_data, &id);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) fields = thole_client_call_finish (THOLE_CLIENT (source), result, &error);

  if (self == NULL)
    return;
  self->reading--;
  if (fields != NULL && g_variant_is_of_type (fields, G_VARIANT_TYPE_VARDICT))
    {
      g_autoptr(GObject) object = thole_client_object (self->client, self->type, fields);
      add (self, object);
    }
  else if (g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_NOT_FOUND)
           || g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_GONE))
    {
      take_out (self, id);
    }
  else if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      /* it is read once more when the list is begun anew */
      fail (self, g_steal_pointer (&error));
    }
  forget_gone (self);
  read_stale (self);
}

static void
read_stale (TholeList *self)
{
  g_autofree char *operation = g_strconcat (self->kind, ".get", NULL);
  GHashTableIter iter;
  gpointer id;

  while (self->reading < MAX_READING && g_hash_table_size (self->stale) > 0)
    {
      g_autofree char *taken = NULL;

      g_hash_table_iter_init (&iter, self->stale);
      g_hash_table_iter_next (&iter, &id, NULL);
      taken = g_strdup (id);
      g_hash_table_iter_remove (&iter);
      self->reading++;
      thole_client_call_async (self->client, operation, taken, NULL, self->cancellable, on_read, wait_new (self, taken));
    }
}

/* events ------------------------------------------------------------------------------------------------ */

static void
take_event (TholeList *self, TholeEvent *event)
{
  static const char *const told[] = { "state", "desired_state", "name", NULL };
  const char *id = thole_event_get_subject (event);
  GVariant *data = thole_event_get_data (event);
  TholeObject *object = thole_client_known (self->client, id);

  if (g_str_has_suffix (thole_event_get_kind (event), ".deleted"))
    {
      if (self->reading + self->listing > 0)
        g_hash_table_add (self->gone, g_strdup (id));
      g_hash_table_remove (self->stale, id);
      take_out (self, id);
      return;
    }
  if (object != NULL && thole_dict_int (data, "revision", G_MAXINT64) <= thole_object_get_revision (object))
    {
      add (self, object);
      return;
    }
  if (object != NULL)
    thole_object_hint (object, told, data);
  g_hash_table_add (self->stale, g_strdup (id));
  read_stale (self);
}

static void
on_event (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(TholeList) self = wait_end (user_data, NULL);
  GError *error = NULL;
  g_autoptr(TholeEvent) event = thole_event_stream_next_finish (THOLE_EVENT_STREAM (source), result, &error);

  if (self == NULL || self->stream != THOLE_EVENT_STREAM (source))
    {
      g_clear_error (&error);
      return;
    }
  if (event == NULL && g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_GONE))
    {
      /* it was away for so long that all is to be read again */
      g_error_free (error);
      begin (self);
      return;
    }
  if (event == NULL)
    {
      fail (self, error);
      return;
    }
  if (strcmp (thole_event_get_kind (event), "gap") == 0)
    read_all (self);
  else if (*thole_event_get_subject (event) != '\0')
    take_event (self, event);
  thole_event_stream_next_async (self->stream, self->cancellable, on_event, wait_new (self, NULL));
}

/* it is so once the stream goes, and nothing is to be read anew */
static void
settle (TholeList *self)
{
  if (thole_event_stream_get_connected (self->stream) && self->listing == 0 && self->again == NULL)
    set_current (self, TRUE, NULL);
}

/* Nothing was missed, unless there is no number yet to go on after. */
static void
on_connected (TholeEventStream *stream, GParamSpec *spec, gpointer user_data)
{
  TholeList *self = user_data;

  if (!thole_event_stream_get_connected (stream))
    set_current (self, FALSE, NULL);
  else if (self->fresh || thole_event_stream_get_cursor (stream) < 0)
    read_all (self);
  else
    settle (self);
  self->fresh &= !thole_event_stream_get_connected (stream);
}

/* all objects ------------------------------------------------------------------------------------------- */

static void
take_all (TholeList *self, GPtrArray *objects)
{
  g_autoptr(GHashTable) there = g_hash_table_new (g_str_hash, g_str_equal);
  gboolean first = self->items->len == 0;

  for (guint i = 0; i < objects->len; i++)
    g_hash_table_add (there, (char *) thole_object_get_id (g_ptr_array_index (objects, i)));
  for (guint i = 0; i < self->items->len; i++)
    if (!g_hash_table_contains (there, thole_object_get_id (g_ptr_array_index (self->items, i))))
      /* it is gone, or newer than what was read */
      g_hash_table_add (self->stale, g_strdup (thole_object_get_id (g_ptr_array_index (self->items, i))));
  for (guint i = 0; i < objects->len; i++)
    {
      gpointer object = g_ptr_array_index (objects, i);
      guint position;

      if (!first)
        add (self, object);
      else if (!g_hash_table_contains (self->gone, thole_object_get_id (object))
               && !search (self, thole_object_get_id (object), &position))
        g_ptr_array_insert (self->items, (int) position, g_object_ref (object));
    }
  if (first && self->items->len > 0)
    g_list_model_items_changed (G_LIST_MODEL (self), 0, 0, self->items->len);
  read_stale (self);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(TholeList) self = wait_end (user_data, NULL);
  GError *error = NULL;
  g_autoptr(GPtrArray) objects = NULL;
  GVariant *reply = thole_client_call_finish (THOLE_CLIENT (source), result, &error);

  if (self == NULL)
    {
      g_clear_pointer (&reply, g_variant_unref);
      g_clear_error (&error);
      return;
    }
  self->listing--;
  if (error == NULL)
    objects = thole_client_several (self->client, self->type, reply, &error);
  if (objects == NULL)
    {
      fail (self, error);
      return;
    }
  take_all (self, objects);
  forget_gone (self);
  settle (self);
}

static void
read_all (TholeList *self)
{
  g_autofree char *operation = g_strconcat (self->kind, ".list", NULL);

  self->listing++;
  thole_client_call_async (self->client, operation, NULL, NULL, self->cancellable, on_listed, wait_new (self, NULL));
}

/* the beginning ----------------------------------------------------------------------------------------- */

static void
drop_stream (TholeList *self)
{
  if (self->stream != NULL)
    g_signal_handlers_disconnect_by_data (self->stream, self);
  g_clear_object (&self->stream);
}

/* Subscribed before all is read, so that nothing is between the two: what changes meanwhile comes as an event. */
static void
begin (TholeList *self)
{
  g_autofree char *types = g_strconcat (self->kind, ".*", NULL);
  g_autoptr(GVariant) options = thole_options_with (NULL, "type", g_variant_new_string (types));

  drop_stream (self);
  self->fresh = TRUE;
  self->stream = thole_client_open_events (self->client, THOLE_EVENTS_NEW, options);
  g_signal_connect (self->stream, "notify::connected", G_CALLBACK (on_connected), self);
  thole_event_stream_next_async (self->stream, self->cancellable, on_event, wait_new (self, NULL));
}

TholeList *
thole_list_new (TholeClient *client, GType type)
{
  TholeList *self = g_object_new (THOLE_TYPE_LIST, NULL);

  self->client = g_object_ref (client);
  self->type = type;
  self->kind = type == THOLE_TYPE_WORKLOAD ? "workload" : "session";
  begin (self);
  return self;
}

/* the class --------------------------------------------------------------------------------------------- */

static void
thole_list_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  TholeList *self = THOLE_LIST (object);

  if (id == PROP_CURRENT)
    g_value_set_boolean (value, self->current);
  else if (id == PROP_ERROR)
    g_value_set_boxed (value, self->error);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
thole_list_dispose (GObject *object)
{
  TholeList *self = THOLE_LIST (object);

  g_cancellable_cancel (self->cancellable);
  if (self->again != NULL)
    g_source_destroy (self->again);
  g_clear_pointer (&self->again, g_source_unref);
  drop_stream (self);
  G_OBJECT_CLASS (thole_list_parent_class)->dispose (object);
}

static void
thole_list_finalize (GObject *object)
{
  TholeList *self = THOLE_LIST (object);

  g_ptr_array_unref (self->items);
  g_hash_table_unref (self->stale);
  g_hash_table_unref (self->gone);
  g_object_unref (self->cancellable);
  g_clear_object (&self->client);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (thole_list_parent_class)->finalize (object);
}

static void
thole_list_class_init (TholeListClass *class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object = G_OBJECT_CLASS (class);

  object->get_property = thole_list_get_property;
  object->dispose = thole_list_dispose;
  object->finalize = thole_list_finalize;
  g_object_class_install_property (object, PROP_CURRENT, g_param_spec_boolean ("current", NULL, "It shows what the daemon has", FALSE,
                                                                               flags));
  g_object_class_install_property (object, PROP_ERROR, g_param_spec_boxed ("error", NULL, "Why it is not current", G_TYPE_ERROR,
                                                                           flags));
}

static void
thole_list_init (TholeList *self)
{
  self->items = g_ptr_array_new_with_free_func (g_object_unref);
  self->stale = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->gone = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->cancellable = g_cancellable_new ();
}
