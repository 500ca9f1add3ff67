/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: API-07
 */
#include "records.h"

#include <string.h>

#include "model/event.h"
#include "thole-dict.h"
#include "thole-json.h"

static TholeWorkload *
example (void)
{
  TholeWorkload *workload = thole_record_new (&thole_workload_type);

  thole_record_set (&workload->id, "wl-1");
  thole_record_set (&workload->name, "it's \"me\"");
  workload->state = THOLE_WORKLOAD_STATE_RUNNING;
  workload->revision = 7;
  workload->created_at = G_GINT64_CONSTANT (1795248000123456);
  thole_record_set (&workload->spec, "{\"image\":\"a\"}");
  thole_record_set (&workload->handle, "secret-handle");
  return workload;
}

static GVariant *
parsed (gpointer record)
{
  GBytes *json = thole_record_json (record);
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_json_parse (g_bytes_get_data (json, NULL), g_bytes_get_size (json), &error);

  g_assert_no_error (error);
  return value;
}

static gboolean
is_null (GVariant *dict, const char *key)
{
  g_autoptr(GVariant) value = thole_dict_value (dict, key, "()");

  return value != NULL;
}

static void
test_render (void)
{
  TholeWorkload *workload = example ();
  g_autoptr(GVariant) value = parsed (workload);
  g_autoptr(GVariant) spec = thole_dict_value (value, "spec", "a{sv}");

  g_assert_cmpstr (thole_record_id (workload), ==, "wl-1");
  g_assert_cmpstr (thole_dict_string (value, "id", NULL), ==, "wl-1");
  g_assert_cmpstr (thole_dict_string (value, "name", NULL), ==, "it's \"me\"");
  g_assert_cmpstr (thole_dict_string (value, "state", NULL), ==, "running");
  g_assert_cmpstr (thole_dict_string (value, "state_reason", NULL), ==, "");
  g_assert_cmpint (thole_dict_int (value, "revision", 0), ==, 7);
  g_assert_cmpstr (thole_dict_string (value, "created_at", NULL), ==, "2026-11-21T08:00:00.123Z");
  g_assert_cmpstr (thole_dict_string (spec, "image", NULL), ==, "a");
  g_assert_true (is_null (value, "exit_code"));
  g_assert_true (is_null (value, "exit_signal"));
  g_assert_true (is_null (value, "started_at"));
  g_assert_true (is_null (value, "labels"));
  g_assert_cmpint (thole_dict_int (value, "restarts", -1), ==, 0);
  /* hidden ones never */
  g_assert_null (g_strstr_len (g_bytes_get_data (thole_record_json (workload), NULL),
                               (gssize) g_bytes_get_size (thole_record_json (workload)), "handle"));
  g_assert_true (thole_record_json (workload) == thole_record_json (workload));
  thole_record_unref (workload);
}

/* 0 is an exit code, not the want of one */
static void
test_nullable_int (void)
{
  TholeWorkload *workload = example ();
  g_autoptr(GVariant) value = NULL;

  g_assert_cmpint (workload->exit_code, ==, THOLE_RECORD_NULL);
  workload->exit_code = 0;
  value = parsed (workload);
  g_assert_cmpint (thole_dict_int (value, "exit_code", -1), ==, 0);
  thole_record_unref (workload);
}

static void
test_copy (void)
{
  TholeWorkload *workload = example ();
  GBytes *json = thole_record_json (workload);
  TholeWorkload *copy = thole_record_copy (workload);

  g_assert_null (copy->record.json);
  g_assert_cmpstr (copy->handle, ==, "secret-handle");
  g_assert_null (copy->labels);
  thole_record_set (&copy->name, "other");
  thole_record_set (&copy->name, copy->name);
  g_assert_cmpstr (workload->name, ==, "it's \"me\"");
  g_assert_cmpstr (copy->name, ==, "other");
  thole_record_set (&copy->name, NULL);
  g_assert_cmpstr (copy->name, ==, "");
  g_assert_true (thole_record_json (workload) == json);
  g_assert_true (thole_record_ref (copy) == copy);
  thole_record_unref (copy);
  thole_record_unref (copy);
  thole_record_unref (workload);
}

static void
test_choices (void)
{
  g_assert_cmpstr (thole_record_choice (&thole_workload_type, "state", THOLE_WORKLOAD_STATE_CRASHED), ==, "crashed");
  g_assert_null (thole_record_choice (&thole_workload_type, "state", THOLE_WORKLOAD_N_STATE));
  g_assert_null (thole_record_choice (&thole_workload_type, "state", -1));
  g_assert_null (thole_record_choice (&thole_workload_type, "name", 0));
  g_assert_null (thole_record_choice (&thole_workload_type, "nonsense", 0));
  g_assert_cmpint (thole_record_parse_choice (&thole_workload_type, "state", "paused"), ==, THOLE_WORKLOAD_STATE_PAUSED);
  g_assert_cmpint (thole_record_parse_choice (&thole_workload_type, "state", "Paused"), ==, -1);
  g_assert_cmpint (thole_record_parse_choice (&thole_workload_type, "name", "paused"), ==, -1);
  g_assert_cmpstr (thole_record_field (&thole_workload_type, "id")->name, ==, "id");
}

static void
test_all_types (void)
{
  for (guint i = 0; thole_record_types[i] != NULL; i++)
    {
      gpointer record = thole_record_new (thole_record_types[i]);
      g_autoptr(GVariant) value = parsed (record);

      g_assert_cmpstr (thole_record_types[i]->fields[0].name, ==, "id");
      g_assert_cmpstr (thole_dict_string (value, "id", NULL), ==, "");
      thole_record_unref (record);
    }
}

static void
test_event (void)
{
  static const char json[] = "{\"seq\":42,\"time\":\"1970-01-01T00:00:00.000Z\",\"type\":\"workload.state\",\"subject\":\"wl-1\","
                             "\"actor\":\"policy\",\"data\":{\"to\":\"running\"}}";
  g_autoptr(TholeEvent) event = thole_event_new (0, "workload.state", "wl-1", "uid:0", "policy", g_strdup ("{\"to\":\"running\"}"));
  g_autoptr(TholeEvent) bare = thole_event_new (0, "a", "b", "c", "d", NULL);
  g_autoptr(TholeEvent) again = thole_event_ref (event);

  event->seq = 42;
  g_assert_cmpmem (g_bytes_get_data (thole_event_json (event), NULL), g_bytes_get_size (thole_event_json (event)), json,
                   sizeof json - 1);
  g_assert_true (thole_event_json (event) == thole_event_json (again));
  g_assert_cmpstr (bare->data, ==, "{}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/record/render", test_render);
  g_test_add_func ("/record/nullable-int", test_nullable_int);
  g_test_add_func ("/record/copy", test_copy);
  g_test_add_func ("/record/choices", test_choices);
  g_test_add_func ("/record/all-types", test_all_types);
  g_test_add_func ("/record/event", test_event);
  return g_test_run ();
}
