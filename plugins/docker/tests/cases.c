/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <string.h>

const char *
test_image (void)
{
  const char *name = g_getenv ("THOLE_TEST_IMAGE");

  return name != NULL ? name : "thole-test:1";
}

GVariant *
empty (void)
{
  return g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

GVariant *
dict (const char *text, ...)
{
  va_list arguments;
  GVariant *value;

  va_start (arguments, text);
  value = g_variant_ref_sink (g_variant_new_parsed_va (text, &arguments));
  va_end (arguments);
  return value;
}

char *
fresh_id (const char *word)
{
  g_autofree char *uuid = g_uuid_string_random ();

  return g_strdup_printf ("%s-%.8s", word, uuid);
}

GVariant *
shell_spec (const char *script, GVariant *more)
{
  g_auto(GVariantDict) spec = G_VARIANT_DICT_INIT (NULL);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_dict_insert (&spec, "name", "s", "test");
  g_variant_dict_insert (&spec, "image", "s", test_image ());
  g_variant_dict_insert (&spec, "network", "s", "none");
  g_variant_dict_insert_value (&spec, "command", g_variant_new_strv ((const char *const[]){ "/bin/sh", "-c", script }, 3));
  if (more != NULL)
    g_variant_iter_init (&iter, more);
  while (more != NULL && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      g_variant_dict_insert_value (&spec, key, value);
      g_variant_unref (value);
    }
  return g_variant_ref_sink (g_variant_dict_end (&spec));
}

GVariant *
create (Bench *b, const char *id, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) options = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->create_async, b->driver, id, spec, options, NULL);

  return b->workload->create_finish (b->driver, result, error);
}

void
create_ok (Bench *b, const char *id, GVariant *spec)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) created = create (b, id, spec, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (thole_dict_string (created, "engine_id", ""), !=, "");
}

gboolean
start (Bench *b, const char *id, GError **error)
{
  g_autoptr(GVariant) options = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->start_async, b->driver, id, options, NULL);

  return b->workload->start_finish (b->driver, result, error);
}

void
run_ok (Bench *b, const char *id, const char *script, GVariant *more)
{
  g_autoptr(GVariant) spec = shell_spec (script, more);
  g_autoptr(GError) error = NULL;

  create_ok (b, id, spec);
  start (b, id, &error);
  g_assert_no_error (error);
}

GVariant *
inspect (Bench *b, const char *id, GError **error)
{
  g_autoptr(GVariant) options = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->inspect_async, b->driver, id, options, NULL);

  return b->workload->inspect_finish (b->driver, result, error);
}

GVariant *
wait_state (Bench *b, const char *id, const char *state)
{
  for (guint i = 0; i < 1200; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GVariant) workload = inspect (b, id, &error);

      g_assert_no_error (error);
      if (strcmp (thole_dict_string (workload, "state", ""), state) == 0)
        return g_steal_pointer (&workload);
      bench_pause (0.05);
    }
  g_error ("%s never became %s", id, state);
}

gboolean
stop (Bench *b, const char *id, double grace, GError **error)
{
  g_autoptr(GVariant) options = dict ("{'signal': <'SIGTERM'>, 'grace': <%d>}", grace);
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->stop_async, b->driver, id, options, NULL);

  return b->workload->stop_finish (b->driver, result, error);
}

gboolean
remove_it (Bench *b, const char *id, gboolean force, GError **error)
{
  g_autoptr(GVariant) options = dict ("{'force': <%b>}", force);
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->remove_async, b->driver, id, options, NULL);

  return b->workload->remove_finish (b->driver, result, error);
}

char *
log_text (Bench *b, const char *id, GVariant *options, guint8 stream)
{
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->logs_async, b->driver, id, options, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) io = b->workload->logs_finish (b->driver, result, &error);
  g_autoptr(GByteArray) bytes = NULL;
  GString *text = g_string_new (NULL);
  gsize at = 0;

  g_assert_no_error (error);
  bytes = bench_read (g_io_stream_get_input_stream (io), G_MAXUINT32, &error);
  g_assert_no_error (error);
  while (at < bytes->len)
    {
      guint8 channel;
      gint64 time;
      const guint8 *body;
      gsize length;
      gssize n = thole_log_record_parse (bytes->data + at, bytes->len - at, &channel, &time, &body, &length);

      g_assert_cmpint (n, >, 0);
      g_assert_cmpint (ABS (time - g_get_real_time ()), <, (gint64) 3600 * G_USEC_PER_SEC);
      if (stream == 0 || channel == stream)
        g_string_append_len (text, (const char *) body, (gssize) length);
      at += (gsize) n;
    }
  return g_string_free (text, FALSE);
}

GVariant *
run (Bench *b, const char *id, const char *script, GError **error)
{
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh', '-c', %s]>, 'timeout': <30.0>}", script);
  g_autoptr(GVariant) options = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->exec->run_async, b->driver, id, command, options, NULL);

  return b->exec->run_finish (b->driver, result, error);
}

char *
bytes_text (GVariant *value, const char *key)
{
  g_autoptr(GVariant) bytes = thole_dict_value (value, key, "ay");
  gsize length = 0;
  const char *data = bytes != NULL ? g_variant_get_fixed_array (bytes, &length, 1) : "";

  return g_strndup (data, length);
}

/* registering ------------------------------------------------------------------------------------------ */

static void
remove_all (Bench *b)
{
  g_autoptr(GVariant) options = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->list_async, b->driver, options, NULL);
  g_autoptr(GVariant) list = b->workload->list_finish (b->driver, result, NULL);

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);

      remove_it (b, thole_dict_string (one, "id", ""), TRUE, NULL);
    }
}

/* The image of the cases is in a registry. */
static void
pull (Bench *b)
{
  g_autoptr(GVariant) options = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->image->pull_async, b->driver, test_image (), options, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) image = b->image->pull_finish (b->driver, result, &error);

  g_assert_no_error (error);
}

static void
run_case (gconstpointer function)
{
  g_autoptr(GError) error = NULL;
  Bench *b;

  if (g_getenv ("THOLE_TEST_DOCKER") == NULL && g_getenv ("THOLE_TEST_KEYS") == NULL)
    {
      g_test_skip ("no engine: neither THOLE_TEST_DOCKER nor THOLE_TEST_KEYS is set");
      return;
    }
  b = bench_open (NULL, INSTANCE, NULL);
  g_assert_cmpint (bench_probe (b, NULL, &error), ==, THOLE_PROBE_READY);
  g_assert_no_error (error);
  if (g_getenv ("THOLE_TEST_PULL") != NULL)
    pull (b);
  ((Case) function) (b);
  remove_all (b);
  bench_close (b);
}

void
add_case (const char *name, Case function)
{
  g_autofree char *path = g_strconcat ("/", engine_name, "/", name, NULL);

  if (g_strv_contains (engine_lacks, name))
    return;
  g_test_add_data_func (path, (gconstpointer) function, run_case);
}
