/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics/registry.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const TholeMetricDef memory = {
  "process_resident_memory_bytes", THOLE_METRIC_GAUGE, "bytes", "Resident memory.",
};
static const TholeMetricDef cpu = {
  "process_cpu_seconds", THOLE_METRIC_COUNTER, "seconds", "CPU time, user and system.",
};
static const TholeMetricDef descriptors = {
  "process_open_fds", THOLE_METRIC_GAUGE, NULL, "Open file descriptors.",
};
static const TholeMetricDef started = {
  "process_start_time_seconds",
  THOLE_METRIC_GAUGE,
  "seconds",
  "Start of the process since the epoch.",
};

static double
resident_memory (void)
{
  g_autofree char *text = NULL;
  unsigned long pages = 0;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL) ||
      sscanf (text, "%*u %lu", &pages) != 1)
    return 0;
  return (double) pages * (double) sysconf (_SC_PAGESIZE);
}

static double
open_descriptors (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n > 0 ? n - 1 : 0; /* without the one that reads the folder */
}

static double
cpu_time (void)
{
  struct rusage usage;

  if (getrusage (RUSAGE_SELF, &usage) != 0)
    return 0;
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / G_USEC_PER_SEC;
}

static void
collect (TholeMetrics *metrics, gpointer user_data)
{
  thole_metric_set (thole_metrics_get (metrics, &memory, NULL, NULL), resident_memory ());
  thole_metric_set (thole_metrics_get (metrics, &cpu, NULL, NULL), cpu_time ());
  thole_metric_set (thole_metrics_get (metrics, &descriptors, NULL, NULL), open_descriptors ());
}

void
thole_metrics_process (TholeMetrics *self)
{
  double now = (double) g_get_real_time () / G_USEC_PER_SEC;

  thole_metric_set (thole_metrics_get (self, &started, NULL, NULL), now);
  thole_metrics_collector (self, collect, NULL);
}
