/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "bench.h"

#include <string.h>

/* the host --------------------------------------------------------------------------------------------- */

static void
host_log (TholeHost *host, GLogLevelFlags level, const char *message)
{
  g_test_message ("driver: %s", message);
}

static void
host_event (TholeHost *host, GVariant *event)
{
  Bench *self = (Bench *) host;

  g_ptr_array_add (self->events, g_variant_ref_sink (event));
}

static gint64
host_now (TholeHost *host)
{
  return g_get_real_time ();
}

static GSource *
host_timer (TholeHost *host, guint64 delay, GSourceFunc function, gpointer user_data, GDestroyNotify notify)
{
  GSource *source = g_timeout_source_new ((guint) (delay / 1000));

  g_source_set_callback (source, function, user_data, notify);
  g_source_attach (source, NULL);
  return source;
}

static GBytes *
host_secret (TholeHost *host, const char *name)
{
  return g_str_equal (name, "registry-secret") ? g_bytes_new_static ("tester:secret", 13) : NULL;
}

static const TholeHostOps host_ops = {
  .struct_size = sizeof host_ops,
  .log = host_log,
  .event = host_event,
  .now = host_now,
  .timer = host_timer,
  .secret = host_secret,
};

/* waiting ---------------------------------------------------------------------------------------------- */

void
bench_done (GObject *source, GAsyncResult *result, gpointer slot)
{
  *(GAsyncResult **) slot = g_object_ref (result);
}

GAsyncResult *
bench_await (GAsyncResult **slot)
{
  g_assert_null (*slot); /* never from inside the call */
  while (*slot == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *slot;
}

static gboolean
wake (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

gboolean
bench_until (gboolean (*done) (Bench *self, gpointer data), Bench *self, gpointer data, double seconds)
{
  gint64 end = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);

  while (!done (self, data))
    {
      gboolean woken = FALSE;
      GSource *tick = host_timer (NULL, 20000, wake, &woken, NULL);

      if (g_get_monotonic_time () > end)
        {
          g_source_destroy (tick);
          g_source_unref (tick);
          return FALSE;
        }
      g_main_context_iteration (NULL, TRUE);
      g_source_destroy (tick);
      g_source_unref (tick);
    }
  return TRUE;
}

static gboolean
never (Bench *self, gpointer data)
{
  return FALSE;
}

void
bench_pause (double seconds)
{
  bench_until (never, NULL, NULL, seconds);
}

guint
bench_events (Bench *self, const char *kind, const char *id, const char *action)
{
  guint count = 0;

  for (guint i = 0; i < self->events->len; i++)
    {
      GVariant *event = self->events->pdata[i];

      if (strcmp (thole_dict_string (event, "kind", ""), kind) == 0
          && (id == NULL || strcmp (thole_dict_string (event, "id", ""), id) == 0)
          && (action == NULL || strcmp (thole_dict_string (event, "action", ""), action) == 0))
        count++;
    }
  return count;
}

typedef struct
{
  const char *kind, *id, *action;
  guint count;
} Wanted;

static gboolean
has_events (Bench *self, gpointer data)
{
  Wanted *wanted = data;

  return bench_events (self, wanted->kind, wanted->id, wanted->action) >= wanted->count;
}

gboolean
bench_wait_event (Bench *self, const char *kind, const char *id, const char *action, guint count, double seconds)
{
  Wanted wanted = { kind, id, action, count };

  return bench_until (has_events, self, &wanted, seconds);
}

GByteArray *
bench_read (GInputStream *input, gsize limit, GError **error)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  while (bytes->len < limit)
    {
      guint8 piece[16384];
      GAsyncResult *slot = NULL;
      g_autoptr(GAsyncResult) result = NULL;
      gssize n;

      g_input_stream_read_async (input, piece, MIN (sizeof piece, limit - bytes->len), G_PRIORITY_DEFAULT, NULL, bench_done,
                                 &slot);
      result = bench_await (&slot);
      n = g_input_stream_read_finish (input, result, error);
      if (n < 0)
        return NULL;
      if (n == 0)
        break;
      g_byte_array_append (bytes, piece, (guint) n);
    }
  return g_steal_pointer (&bytes);
}

/* the driver ------------------------------------------------------------------------------------------- */

static const TholePlugin *
load (void)
{
  const char *path = g_getenv ("THOLE_TEST_MODULE");
  GModule *module = g_module_open_full (path, G_MODULE_BIND_LOCAL, NULL);
  TholeDriverEntry entry = NULL;

  if (module == NULL)
    g_error ("%s", g_module_error ());
  g_assert_true (g_module_symbol (module, "thole_driver_entry", (gpointer *) &entry));
  g_module_make_resident (module);
  return entry ();
}

Bench *
bench_open (const char *url, const char *instance, ...)
{
  Bench *self = g_new0 (Bench, 1);
  const TholePlugin *plugin = load ();
  g_auto(GVariantDict) config = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) value = NULL;
  g_autoptr(GError) error = NULL;
  struct { const char *name; gconstpointer *ops; } tables[] = {
    { "workload/1", (gconstpointer *) &self->workload }, { "exec/1", (gconstpointer *) &self->exec },
    { "agent/1", (gconstpointer *) &self->agent },
    { "files/1", (gconstpointer *) &self->files }, { "image/1", (gconstpointer *) &self->image },
    { "volume/1", (gconstpointer *) &self->volume },
  };
  const struct { const char *key, *name; } files[] = {
    { "tls_ca", "ca.pem" }, { "tls_cert", "cert.pem" }, { "tls_key", "key.pem" },
  };
  /* NAME=VALUE;...: those of another engine than Docker's */
  g_auto(GStrv) keys = g_strsplit (g_getenv ("THOLE_TEST_KEYS") != NULL ? g_getenv ("THOLE_TEST_KEYS") : "", ";", -1);
  va_list arguments;

  g_variant_dict_insert (&config, "instance", "s", instance);
  g_variant_dict_insert (&config, "name", "s", "test");
  if (url != NULL || g_getenv ("THOLE_TEST_DOCKER") != NULL)
    g_variant_dict_insert (&config, "url", "s", url != NULL ? url : g_getenv ("THOLE_TEST_DOCKER"));
  for (guint i = 0; keys[i] != NULL; i++)
    {
      g_auto(GStrv) pair = g_strsplit (keys[i], "=", 2);

      if (pair[0] != NULL && pair[1] != NULL)
        g_variant_dict_insert (&config, pair[0], "s", pair[1]);
    }
  if (url == NULL && g_getenv ("THOLE_TEST_TLS") != NULL)
    for (guint i = 0; i < G_N_ELEMENTS (files); i++)
      {
        g_autofree char *path = g_build_filename (g_getenv ("THOLE_TEST_TLS"), files[i].name, NULL);

        g_variant_dict_insert (&config, files[i].key, "s", path);
      }
  va_start (arguments, instance);
  for (const char *key = va_arg (arguments, const char *); key != NULL; key = va_arg (arguments, const char *))
    g_variant_dict_insert (&config, key, "s", va_arg (arguments, const char *));
  va_end (arguments);
  value = g_variant_ref_sink (g_variant_dict_end (&config));
  self->instance = g_strdup (instance);
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  self->ops = plugin->driver;
  for (const TholeInterface *one = plugin->interfaces; one->name != NULL; one++)
    for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
      if (strcmp (one->name, tables[i].name) == 0)
        *tables[i].ops = one->ops;
  self->driver = self->ops->open ((TholeHost *) self, &host_ops, value, &error);
  g_assert_no_error (error);
  return self;
}

TholeProbe
bench_probe (Bench *self, GVariant **facts, GError **error)
{
  g_autoptr(GAsyncResult) result = AWAIT (self->ops->probe_async, self->driver, NULL);
  g_autoptr(GVariant) value = NULL;
  TholeProbe probe = self->ops->probe_finish (self->driver, result, &value, error);

  if (facts != NULL && probe == THOLE_PROBE_READY)
    *facts = g_steal_pointer (&value);
  return probe;
}

void
bench_close (Bench *self)
{
  g_autoptr(GAsyncResult) result = AWAIT (self->ops->close_async, self->driver);

  self->ops->close_finish (self->driver, result);
  /* what was cancelled comes back */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_ptr_array_unref (self->events);
  g_free (self->instance);
  g_free (self);
}
