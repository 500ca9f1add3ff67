/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <string.h>
#include <unistd.h>

#include "thole-dict.h"

struct _TholeClient
{
  GObject parent;
  char *url;
  TholeTransport *transport;
  GHashTable *objects;  /* id -> TholeObject, borrowed: each takes itself out */
  GMainContext *worker; /* (nullable) */
  GMainLoop *loop;
  GThread *thread;
};

enum { PROP_URL = 1 };

G_DEFINE_TYPE (TholeClient, thole_client, G_TYPE_OBJECT)

/* making ------------------------------------------------------------------------------------------------ */

static char *
default_url (void)
{
  const char *given = g_getenv ("THOLE_URL"), *runtime = g_getenv ("XDG_RUNTIME_DIR");

  if (given != NULL && *given != '\0')
    return g_strdup (given);
  if (geteuid () == 0 || runtime == NULL || *runtime == '\0')
    return g_strdup ("unix:/run/thole/thole.sock");
  return g_strdup_printf ("unix:%s/thole/thole.sock", runtime);
}

TholeClient *
thole_client_new_for_url (const char *url, const char *token, GError **error)
{
  g_autofree char *whole = url != NULL ? g_strdup (url) : default_url ();
  TholeTransport *transport;
  TholeClient *self;

  if (g_str_has_prefix (whole, "dbus:"))
    transport = thole_transport_dbus_new (whole, error);
  else
    transport = thole_transport_http_new (whole, token != NULL ? token : g_getenv ("THOLE_TOKEN"), error);
  if (transport == NULL)
    return NULL;
  self = g_object_new (THOLE_TYPE_CLIENT, NULL);
  self->url = g_steal_pointer (&whole);
  self->transport = transport;
  return self;
}

const char *
thole_client_get_url (TholeClient *self)
{
  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  return self->url;
}

TholeTransport *
thole_client_transport (TholeClient *self)
{
  return self->transport;
}

/* the worker -------------------------------------------------------------------------------------------- */

static gpointer
work (gpointer user_data)
{
  g_autoptr(GMainLoop) loop = user_data;
  GMainContext *context = g_main_loop_get_context (loop);

  g_main_context_push_thread_default (context);
  g_main_loop_run (loop);
  g_main_context_pop_thread_default (context);
  return NULL;
}

GMainContext *
thole_client_worker (TholeClient *self)
{
  if (self->worker == NULL)
    {
      self->worker = g_main_context_new ();
      self->loop = g_main_loop_new (self->worker, FALSE);
      self->thread = g_thread_new ("thole", work, g_main_loop_ref (self->loop));
    }
  return self->worker;
}

static gboolean
on_quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
stop_worker (TholeClient *self)
{
  g_autoptr(GSource) source = NULL;

  if (self->worker == NULL)
    return;
  /* behind everything that waits there */
  source = g_idle_source_new ();
  g_source_set_callback (source, on_quit, self->loop, NULL);
  g_source_attach (source, self->worker);
  if (self->thread == g_thread_self ())
    g_thread_unref (self->thread);
  else
    g_thread_join (self->thread);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_pointer (&self->worker, g_main_context_unref);
}

/* calls ------------------------------------------------------------------------------------------------- */

TholeCall *
thole_call_new (const TholeClientOperation *operation, const char *target, GVariant *options)
{
  TholeCall *call = g_new0 (TholeCall, 1);

  call->operation = operation;
  call->length = -1;
  call->target = g_strdup (target);
  call->options = options != NULL ? g_variant_ref_sink (options) : NULL;
  return call;
}

TholeCall *
thole_call_copy (const TholeCall *call)
{
  TholeCall *copy = thole_call_new (call->operation, call->target, call->options);

  g_set_object (&copy->content, call->content);
  copy->length = call->length;
  return copy;
}

void
thole_call_free (TholeCall *call)
{
  g_clear_object (&call->content);
  g_free (call->target);
  g_clear_pointer (&call->options, g_variant_unref);
  g_free (call);
}

GVariant *
thole_options_with (GVariant *options, const char *name, GVariant *value)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (options);

  g_variant_dict_insert_value (&dict, name, value);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* Checked before anything is sent. Returns: (transfer full) (nullable) */
static TholeCall *
make_call (const char *operation, const char *target, GVariant *options, GError **error)
{
  g_autoptr(GVariant) owned = options != NULL ? g_variant_ref_sink (options) : NULL;
  const TholeClientOperation *found = thole_client_operation (operation);
  gboolean wants = found != NULL && strstr (found->path, "{id}") != NULL;

  if (found == NULL)
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNSUPPORTED, "there is no operation %s", operation);
      return NULL;
    }
  if (wants != (target != NULL && *target != '\0'))
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, wants ? "%s needs an object" : "%s has no object",
                   operation);
      return NULL;
    }
  if (owned != NULL && !g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "options must be of the type a{sv}, not %s",
                   g_variant_get_type_string (owned));
      return NULL;
    }
  return thole_call_new (found, target, owned);
}

/* a list that is read page by page */
typedef struct
{
  TholeCall *call;
  gboolean paged;
  GVariantBuilder items;
} Reading;

static Reading *
reading_new (TholeClient *self, TholeCall *call)
{
  Reading *reading = g_new0 (Reading, 1);
  g_autoptr(GVariant) limit = call->options != NULL ? g_variant_lookup_value (call->options, "limit", NULL) : NULL;

  reading->call = call;
  reading->paged = call->operation->paged && limit == NULL;
  g_variant_builder_init (&reading->items, G_VARIANT_TYPE ("aa{sv}"));
  if (reading->paged)
    {
      g_autoptr(GVariant) before = g_steal_pointer (&call->options);
      call->options = thole_options_with (before, "limit", g_variant_new_int64 (self->transport->class->page));
    }
  return reading;
}

static void
reading_free (Reading *reading)
{
  thole_call_free (reading->call);
  g_variant_builder_clear (&reading->items);
  g_free (reading);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Reading, reading_free)

/* Takes an answer in. TRUE when there is another page to ask for; else *reply is the whole. */
static gboolean
reading_goes_on (Reading *reading, GVariant **reply)
{
  g_autoptr(GVariant) page = NULL, items = NULL, before = NULL;
  const char *cursor;

  if (!reading->paged || *reply == NULL)
    return FALSE;
  page = g_steal_pointer (reply);
  items = thole_dict_value (page, "items", "aa{sv}");
  cursor = thole_dict_string (page, "next_cursor", NULL);
  for (gsize i = 0; items != NULL && i < g_variant_n_children (items); i++)
    {
      g_autoptr(GVariant) item = g_variant_get_child_value (items, i);
      g_variant_builder_add_value (&reading->items, item);
    }
  if (cursor == NULL || items == NULL)
    {
      *reply = g_variant_ref_sink (g_variant_builder_end (&reading->items));
      g_variant_builder_init (&reading->items, G_VARIANT_TYPE ("aa{sv}"));
      return FALSE;
    }
  before = g_steal_pointer (&reading->call->options);
  reading->call->options = thole_options_with (before, "cursor", g_variant_new_string (cursor));
  return TRUE;
}

gboolean
thole_client_ask (TholeClient *self, const char *operation, const char *target, GVariant *options, GCancellable *cancellable,
                  GVariant **reply, GError **error)
{
  TholeCall *call = make_call (operation, target, options, error);
  g_autoptr(Reading) reading = NULL;
  GVariant *answer = NULL;

  if (call == NULL)
    return FALSE;
  reading = reading_new (self, call);
  do
    if (!self->transport->class->call (self->transport, call, cancellable, &answer, error))
      return FALSE;
  while (reading_goes_on (reading, &answer));
  if (reply != NULL)
    *reply = answer;
  else
    g_clear_pointer (&answer, g_variant_unref);
  return TRUE;
}

static void read_page (GTask *task);

static void
on_page (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Reading *reading = g_task_get_task_data (task);
  TholeClient *self = g_object_get_data (G_OBJECT (task), "client");
  GError *error = NULL;
  GVariant *reply = NULL;

  if (!self->transport->class->call_finish (self->transport, result, &reply, &error))
    g_task_return_error (task, error);
  else if (reading_goes_on (reading, &reply))
    read_page (task);
  else
    g_task_return_pointer (task, reply, (GDestroyNotify) g_variant_unref);
}

static void
read_page (GTask *task)
{
  TholeClient *self = g_object_get_data (G_OBJECT (task), "client");
  Reading *reading = g_task_get_task_data (task);

  self->transport->class->call_async (self->transport, reading->call, g_task_get_cancellable (task), on_page,
                                      g_object_ref (task));
}

void
thole_client_begin (TholeClient *self, gpointer source, gpointer tag, const char *operation, const char *target,
                    GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (source, cancellable, callback, user_data);
  GError *error = NULL;
  TholeCall *call = make_call (operation, target, options, &error);

  g_task_set_source_tag (task, tag);
  g_object_set_data_full (G_OBJECT (task), "client", g_object_ref (self), g_object_unref);
  if (call == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_task_set_task_data (task, reading_new (self, call), (GDestroyNotify) reading_free);
  read_page (task);
}

gboolean
thole_client_end (gpointer source, GAsyncResult *result, gpointer tag, GVariant **reply, GError **error)
{
  g_autoptr(GVariant) answer = NULL;
  GError *fault = NULL;

  g_return_val_if_fail (g_task_is_valid (result, source), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, tag), FALSE);
  answer = g_task_propagate_pointer (G_TASK (result), &fault);
  if (fault != NULL)
    {
      g_propagate_error (error, fault);
      return FALSE;
    }
  if (reply != NULL)
    *reply = g_steal_pointer (&answer);
  return TRUE;
}

/* objects ----------------------------------------------------------------------------------------------- */

TholeObject *
thole_client_known (TholeClient *self, const char *id)
{
  return g_hash_table_lookup (self->objects, id);
}

void
thole_client_forget (TholeClient *self, TholeObject *object)
{
  const char *id = thole_object_get_id (object);

  if (thole_client_known (self, id) == object)
    g_hash_table_remove (self->objects, id);
}

gpointer
thole_client_object (TholeClient *self, GType type, GVariant *fields)
{
  const char *id = thole_dict_string (fields, "id", "");
  TholeObject *object = thole_client_known (self, id);

  if (object != NULL && G_TYPE_CHECK_INSTANCE_TYPE (object, type))
    {
      g_object_ref (object);
      thole_object_take (object, fields);
      return object;
    }
  object = g_object_new (type, "client", self, "fields", fields, NULL);
  g_hash_table_insert (self->objects, g_strdup (id), object);
  return object;
}

static void
refuse (GError **error)
{
  g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "the daemon's answer has another form than expected");
}

gpointer
thole_client_single (TholeClient *self, GType type, GVariant *reply, GError **error)
{
  g_autoptr(GVariant) owned = reply;

  if (owned == NULL || !g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    {
      refuse (error);
      return NULL;
    }
  return thole_client_object (self, type, owned);
}

GPtrArray *
thole_client_several (TholeClient *self, GType type, GVariant *reply, GError **error)
{
  g_autoptr(GVariant) owned = reply;
  g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func (g_object_unref);

  /* with an option `limit` it is one page */
  if (owned != NULL && g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    {
      g_autoptr(GVariant) page = g_steal_pointer (&owned);
      owned = thole_dict_value (page, "items", "aa{sv}");
    }
  if (owned == NULL || !g_variant_is_of_type (owned, G_VARIANT_TYPE ("aa{sv}")))
    {
      refuse (error);
      return NULL;
    }
  for (gsize i = 0; i < g_variant_n_children (owned); i++)
    {
      g_autoptr(GVariant) fields = g_variant_get_child_value (owned, i);
      g_ptr_array_add (objects, thole_client_object (self, type, fields));
    }
  return g_steal_pointer (&objects);
}

/* the class --------------------------------------------------------------------------------------------- */

static void
thole_client_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  if (id == PROP_URL)
    g_value_set_string (value, THOLE_CLIENT (object)->url);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
thole_client_finalize (GObject *object)
{
  TholeClient *self = THOLE_CLIENT (object);

  stop_worker (self);
  if (self->transport != NULL)
    self->transport->class->free (self->transport);
  g_hash_table_unref (self->objects);
  g_free (self->url);
  G_OBJECT_CLASS (thole_client_parent_class)->finalize (object);
}

static void
thole_client_class_init (TholeClientClass *class)
{
  GObjectClass *object = G_OBJECT_CLASS (class);

  object->get_property = thole_client_get_property;
  object->finalize = thole_client_finalize;
  g_object_class_install_property (object, PROP_URL, g_param_spec_string ("url", NULL, "URL of the daemon", NULL,
                                                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
thole_client_init (TholeClient *self)
{
  self->objects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}
