/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "thole-dict.h"
#include "thole-host.h"

struct _TholeHost
{
  GString *log;
  guint events;
  guint64 delay;
};

static void
fake_log (TholeHost *host, GLogLevelFlags level, const char *message)
{
  g_string_append (host->log, message);
}

static void
fake_event (TholeHost *host, GVariant *event)
{
  g_variant_unref (g_variant_ref_sink (event));
  host->events++;
}

static gint64
fake_now (TholeHost *host)
{
  return 42;
}

static GSource *
fake_timer (TholeHost *host, guint64 delay_us, GSourceFunc function, gpointer user_data, GDestroyNotify notify)
{
  GSource *source = g_timeout_source_new (0);

  host->delay = delay_us;
  g_source_set_callback (source, function, user_data, notify);
  g_source_attach (source, NULL);
  return source;
}

static const TholeHostOps fake = {
  .struct_size = sizeof fake, .log = fake_log, .event = fake_event, .now = fake_now, .timer = fake_timer,
};

static gboolean
count (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_REMOVE;
}

static void
test_open (void)
{
  g_autoptr(GString) log = g_string_new (NULL);
  TholeHost host = { .log = log };
  GSource *timer;
  guint calls = 0;

  thole_host_log (&host, &fake, G_LOG_LEVEL_MESSAGE, "%s %d", "one", 2);
  g_assert_cmpstr (log->str, ==, "one 2");
  thole_host_event (&host, &fake, g_variant_new ("a{sv}", NULL));
  g_assert_cmpuint (host.events, ==, 1);
  g_assert_cmpint (thole_host_now (&host, &fake), ==, 42);
  timer = thole_host_timer (&host, &fake, 1.5, count, &calls);
  g_assert_cmpuint (host.delay, ==, 1500000);
  while (calls == 0)
    g_main_context_iteration (NULL, TRUE);
  thole_timer_clear (&timer);
  g_assert_null (timer);
  thole_timer_clear (&timer);
  timer = thole_host_timer (&host, &fake, -1, count, &calls);
  g_assert_cmpuint (host.delay, ==, 0);
  thole_timer_clear (&timer);
  g_assert_false (g_main_context_iteration (NULL, FALSE));
  g_assert_cmpuint (calls, ==, 1);
}

static void
test_closed (void)
{
  gint64 before = g_get_real_time ();
  guint calls = 0;

  thole_host_log (NULL, &fake, G_LOG_LEVEL_MESSAGE, "nothing");
  thole_host_event (NULL, &fake, g_variant_new ("a{sv}", NULL));
  g_assert_cmpint (thole_host_now (NULL, &fake), >=, before);
  g_assert_null (thole_host_timer (NULL, &fake, 0, count, &calls));
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static void
test_finish (void)
{
  g_autoptr(GAsyncResult) done = NULL, value = NULL, failed = NULL;
  g_autoptr(GTask) done_task = thole_task_new (NULL, keep_result, &done), value_task = thole_task_new (NULL, keep_result, &value);
  g_autoptr(GTask) failed_task = thole_task_new (NULL, keep_result, &failed);
  g_autoptr(GVariant) got = NULL;
  g_autoptr(GError) error = NULL;

  g_task_return_boolean (done_task, TRUE);
  g_task_return_pointer (value_task, g_variant_ref_sink (g_variant_new_int32 (7)), (GDestroyNotify) g_variant_unref);
  g_task_return_new_error (failed_task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "no");
  g_assert_true (thole_finish_boolean (NULL, wait_for (&done), &error));
  g_assert_no_error (error);
  got = thole_finish_value (NULL, wait_for (&value), &error);
  g_assert_cmpint (g_variant_get_int32 (got), ==, 7);
  g_assert_null (thole_finish_stream (NULL, wait_for (&failed), &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
}

static void
test_credentials (void)
{
  const char *const wrong[] = { "a", "=b", "a=", "a=b,c", NULL };
  g_autoptr(GString) many = g_string_new (NULL);
  g_autoptr(GHashTable) all = thole_registry_credentials_parse ("a.example=one, b:5000=two=2;;a.example=three", NULL);
  g_autoptr(GHashTable) none = thole_registry_credentials_parse ("", NULL);

  g_assert_cmpuint (g_hash_table_size (all), ==, 2);
  g_assert_cmpstr (g_hash_table_lookup (all, "a.example"), ==, "three");
  g_assert_cmpstr (g_hash_table_lookup (all, "b:5000"), ==, "two=2");
  g_assert_cmpuint (g_hash_table_size (none), ==, 0);
  for (guint i = 0; wrong[i] != NULL; i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (thole_registry_credentials_parse (wrong[i], &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
    }
  for (guint i = 0; i <= 256; i++)
    {
      g_autoptr(GHashTable) fits = thole_registry_credentials_parse (many->str, NULL);

      g_assert_nonnull (fits);
      g_string_append_printf (many, "h%u=s ", i);
    }
  g_assert_null (thole_registry_credentials_parse (many->str, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/host/open", test_open);
  g_test_add_func ("/host/closed", test_closed);
  g_test_add_func ("/host/finish", test_finish);
  g_test_add_func ("/host/credentials", test_credentials);
  return g_test_run ();
}
