/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics/registry.h"

#include <string.h>

static const TholeMetricDef requests = {
  "demo_requests", THOLE_METRIC_COUNTER, NULL, "Requests.", { "operation", "class" },
};
static const TholeMetricDef open_now = { "demo_open", THOLE_METRIC_GAUGE, NULL,
                                         "Open \"now\"\\then." };
static const double bounds[] = { 0.01, 1, 10 };
static const TholeMetricDef duration = {
  "demo_duration_seconds",
  THOLE_METRIC_HISTOGRAM,
  "seconds",
  "Duration.",
  { "operation", NULL },
  bounds,
  3,
};

static char *
render (TholeMetrics *metrics)
{
  g_autoptr(GBytes) bytes = thole_metrics_render (metrics);
  gsize length;
  const char *text = g_bytes_get_data (bytes, &length);

  return g_strndup (text, length);
}

/* proves: row:105 */
static void
test_text (void)
{
  TholeMetrics *metrics = thole_metrics_new ();
  g_autofree char *text = NULL;
  TholeMetric *histogram;

  thole_metric_add (thole_metrics_get (metrics, &requests, "workload.get", "2xx"), 3);
  thole_metric_add (thole_metrics_get (metrics, &requests, "a\"b\\c\nd", "4xx"), 1);
  thole_metric_set (thole_metrics_get (metrics, &open_now, NULL, NULL), 2.5);
  histogram = thole_metrics_get (metrics, &duration, "x", NULL);
  thole_metric_observe (histogram, 0.01);
  thole_metric_observe (histogram, 0.5);
  thole_metric_observe (histogram, 100);
  g_assert_cmpfloat (thole_metric_value (histogram), ==, 3);
  text = render (metrics);
  g_assert_cmpstr (text, ==,
                   "# TYPE demo_requests counter\n"
                   "# HELP demo_requests Requests.\n"
                   "demo_requests_total{operation=\"workload.get\",class=\"2xx\"} 3\n"
                   "demo_requests_total{operation=\"a\\\"b\\\\c\\nd\",class=\"4xx\"} 1\n"
                   "# TYPE demo_open gauge\n"
                   "# HELP demo_open Open \\\"now\\\"\\\\then.\n"
                   "demo_open 2.5\n"
                   "# TYPE demo_duration_seconds histogram\n"
                   "# UNIT demo_duration_seconds seconds\n"
                   "# HELP demo_duration_seconds Duration.\n"
                   "demo_duration_seconds_bucket{operation=\"x\",le=\"0.01\"} 1\n"
                   "demo_duration_seconds_bucket{operation=\"x\",le=\"1.0\"} 2\n"
                   "demo_duration_seconds_bucket{operation=\"x\",le=\"10.0\"} 2\n"
                   "demo_duration_seconds_bucket{operation=\"x\",le=\"+Inf\"} 3\n"
                   "demo_duration_seconds_count{operation=\"x\"} 3\n"
                   "demo_duration_seconds_sum{operation=\"x\"} 100.51\n"
                   "# EOF\n");
  thole_metrics_free (metrics);
}

static void
test_bounded (void)
{
  TholeMetrics *metrics = thole_metrics_new ();
  g_autofree char *text = NULL;

  for (guint i = 0; i < 3 * THOLE_METRIC_MAX_SERIES; i++)
    {
      g_autofree char *name = g_strdup_printf ("name-%u", i);

      thole_metric_add (thole_metrics_get (metrics, &requests, name, "2xx"), 1);
    }
  text = render (metrics);
  g_assert_nonnull (strstr (text, "{operation=\"other\",class=\"other\"} 2000\n"));
  thole_metrics_clear (metrics, &requests);
  thole_metrics_free (metrics);
}

static void
collect (TholeMetrics *metrics, gpointer user_data)
{
  thole_metrics_clear (metrics, &open_now);
  thole_metric_set (thole_metrics_get (metrics, &open_now, NULL, NULL), ++*(int *) user_data);
}

static void
test_collector (void)
{
  TholeMetrics *metrics = thole_metrics_new ();
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  int n = 0;

  thole_metrics_process (metrics);
  thole_metrics_collector (metrics, collect, &n);
  first = render (metrics);
  second = render (metrics);
  g_assert_nonnull (strstr (second, "demo_open 2\n"));
  g_assert_null (strstr (second, "process_resident_memory_bytes 0\n"));
  thole_metrics_free (metrics);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metrics/text", test_text);
  g_test_add_func ("/metrics/bounded", test_bounded);
  g_test_add_func ("/metrics/collector", test_collector);
  return g_test_run ();
}
