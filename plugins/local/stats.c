/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "workload/1" stats: of the processes that came of its first one; of its control groups where it has some.
 */
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "slots.h"

/* the kernel's words for "no limit" are above it */
#define NO_LIMIT (G_GINT64_CONSTANT (1) << 60)
#define PROCESSES_MAX 4096

static char *
read_group (TholeDriver *driver, const char *id, LocalGroup group, const char *file)
{
  g_autofree char *name = local_box_name (driver, id), *path = local_groups_path (&driver->groups, group, name, file);
  char *text = NULL;

  if (path != NULL)
    g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

/* -1 = not known */
static gint64
read_number (TholeDriver *driver, const char *id, LocalGroup group, const char *file)
{
  g_autofree char *text = read_group (driver, id, group, file);

  return text != NULL && g_ascii_isdigit (text[0]) ? g_ascii_strtoll (text, NULL, 10) : -1;
}

static gint64
read_line (TholeDriver *driver, const char *id, LocalGroup group, const char *file, const char *key)
{
  g_autofree char *text = read_group (driver, id, group, file), *word = g_strconcat (key, " ", NULL);
  g_auto(GStrv) lines = g_strsplit (text != NULL ? text : "", "\n", 256);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], word))
      return g_ascii_strtoll (lines[i] + strlen (word), NULL, 10);
  return -1;
}

static void
put (GVariantDict *out, const char *key, gint64 value)
{
  if (value >= 0)
    g_variant_dict_insert (out, key, "x", value);
}

static void
put_groups (TholeDriver *driver, const char *id, GVariantDict *out)
{
  gboolean two = driver->groups.unified;
  gint64 used = read_number (driver, id, LOCAL_GROUP_MEMORY, two ? "memory.current" : "memory.usage_in_bytes");
  gint64 cache = read_line (driver, id, LOCAL_GROUP_MEMORY, "memory.stat", two ? "inactive_file" : "total_inactive_file");
  gint64 limit = read_number (driver, id, LOCAL_GROUP_MEMORY, two ? "memory.max" : "memory.limit_in_bytes");
  gint64 time = two ? read_line (driver, id, LOCAL_GROUP_CPU, "cpu.stat", "usage_usec")
                    : read_number (driver, id, LOCAL_GROUP_CPUACCT, "cpuacct.usage");

  if (used >= 0)
    put (out, "memory", MAX (used - MAX (cache, 0), 0));
  if (limit >= 0)
    put (out, "memory_limit", limit < NO_LIMIT ? limit : 0);
  put (out, "pids", read_number (driver, id, LOCAL_GROUP_PIDS, "pids.current"));
  if (time >= 0)
    g_variant_dict_insert (out, "cpu_seconds", "d", (double) time / (two ? 1e6 : 1e9));
}

/* what the kernel says of one process: user and system ticks, and pages */
static gboolean
read_process (gint64 pid, gint64 *ticks, gint64 *pages)
{
  g_autofree char *path = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/stat", pid), *text = NULL;
  g_auto(GStrv) fields = NULL;
  const char *end;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (end = strrchr (text, ')')) == NULL)
    return FALSE;
  fields = g_strsplit (end + 2, " ", 64);
  if (g_strv_length (fields) < 22)
    return FALSE;
  *ticks += g_ascii_strtoll (fields[11], NULL, 10) + g_ascii_strtoll (fields[12], NULL, 10);
  *pages += g_ascii_strtoll (fields[21], NULL, 10);
  return TRUE;
}

static void
add_children (GArray *list, gint64 pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/task/%" G_GINT64_FORMAT "/children", pid, pid), *text = NULL;
  g_auto(GStrv) words = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  words = g_strsplit (text, " ", PROCESSES_MAX);
  for (guint i = 0; words[i] != NULL && list->len < PROCESSES_MAX; i++)
    {
      gint64 child = g_ascii_strtoll (words[i], NULL, 10);

      if (child > 0)
        g_array_append_val (list, child);
    }
}

static void
put_processes (gint64 first, GVariantDict *out)
{
  g_autoptr(GArray) list = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 ticks = 0, pages = 0, count = 0;

  g_array_append_val (list, first);
  for (guint i = 0; i < list->len; i++)
    {
      gint64 pid = g_array_index (list, gint64, i);

      if (read_process (pid, &ticks, &pages))
        count++;
      add_children (list, pid);
    }
  put (out, "memory", pages * sysconf (_SC_PAGESIZE));
  put (out, "pids", count);
  g_variant_dict_insert (out, "cpu_seconds", "d", (double) ticks / (double) sysconf (_SC_CLK_TCK));
}

void
local_stats_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (LocalJob), NULL, options, cancellable, callback, user_data);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;
  LocalState state;

  if (task == NULL)
    return;
  if (record == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  local_box_state (self, id, &state);
  if (state.phase != LOCAL_RUNNING && state.phase != LOCAL_PAUSED)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
      return;
    }
  g_variant_dict_insert (&out, "time", "x", thole_host_now (self->host, self->ops));
  put_processes (state.pid, &out);
  put_groups (self, id, &out);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}
