/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control.h"

#include <signal.h>
#include <string.h>

#include "workload.h"

typedef struct
{
  const char *name;
  guint min, max; /* arguments */
  gboolean (*run) (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error);
} Order;

static MemWorkload *
find_workload (TholeDriver *driver, const char *id, GError **error)
{
  MemWorkload *workload = mem_world_workload (driver->world, id);

  if (workload == NULL)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "no such workload: %s", id);
  return workload;
}

static gboolean
run_faults (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  if (n_words == 1)
    mem_faults_remove (driver->faults, NULL);
  return n_words == 1 || mem_faults_add (driver->faults, words[1], NULL, NULL, error);
}

/* seconds as text; for ever when there is none */
static gboolean
read_seconds (char *const *words, guint n_words, guint index, gint64 *lasting, GError **error)
{
  char *end = NULL;
  double seconds = index < n_words ? g_ascii_strtod (words[index], &end) : 0;

  if (index < n_words && (end == words[index] || *end != '\0' || !(seconds >= 0 && seconds < 1e9)))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s is not a number of seconds", words[index]);
      return FALSE;
    }
  *lasting = index < n_words ? (gint64) (seconds * G_USEC_PER_SEC) : G_MAXINT64;
  return TRUE;
}

static gboolean
run_down (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  gint64 lasting;

  if (!read_seconds (words, n_words, 1, &lasting, error))
    return FALSE;
  mem_world_go_down (driver->world, mem_now (driver), lasting, FALSE, "the engine is down on demand");
  return TRUE;
}

static gboolean
run_restart (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  gint64 lasting;

  if (!read_seconds (words, n_words, 1, &lasting, error))
    return FALSE;
  if (n_words == 1)
    lasting = 0;
  mem_world_go_down (driver->world, mem_now (driver), lasting, !driver->world->durable, "the engine restarts on demand");
  if (lasting == 0)
    mem_world_come_up (driver->world);
  return TRUE;
}

static gboolean
run_up (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  mem_world_come_up (driver->world);
  return TRUE;
}

static gboolean
run_vanish (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  MemWorkload *workload = find_workload (driver, words[1], error);

  if (workload == NULL)
    return FALSE;
  mem_workload_remove (workload, n_words > 2 && strcmp (words[2], "quiet") == 0, mem_now (driver));
  return TRUE;
}

static gboolean
end_program (TholeDriver *driver, const char *id, int code, gboolean oom, GError **error)
{
  MemWorkload *workload = find_workload (driver, id, error);
  MemProgramEnd end = { .ended = TRUE, .exit_code = code, .signal = oom ? SIGKILL : 0, .oom = oom };

  if (workload == NULL)
    return FALSE;
  if (mem_workload_is_alive (workload))
    mem_workload_end (workload, &end, "", mem_now (driver));
  return TRUE;
}

static gboolean
run_exit (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  guint64 code = 0;

  if (n_words > 2 && !g_ascii_string_to_unsigned (words[2], 10, 0, 255, &code, NULL))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s is not an exit code", words[2]);
      return FALSE;
    }
  return end_program (driver, words[1], (int) code, FALSE, error);
}

static gboolean
run_oom (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  return end_program (driver, words[1], 128 + SIGKILL, TRUE, error);
}

static gboolean
run_health (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  MemWorkload *workload = find_workload (driver, words[1], error);

  if (workload != NULL)
    mem_workload_set_health (workload, words[2]);
  return workload != NULL;
}

static gboolean
run_deaf (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  driver->world->deaf = strcmp (words[1], "lost") == 0;
  return TRUE;
}

static gboolean
run_resync (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  GVariantDict event;

  g_variant_dict_init (&event, NULL);
  g_variant_dict_insert (&event, "kind", "s", "resync");
  mem_world_emit (driver->world, NULL, g_variant_dict_end (&event));
  return TRUE;
}

static gboolean
run_objects (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  static const char *const states[] = { "created", "running", "paused", "exited" };

  for (GList *link = driver->world->order.head; link != NULL; link = link->next)
    {
      const MemWorkload *workload = link->data;

      g_string_append_printf (out, "%s %s %s\n", workload->id, states[workload->state],
                              workload->install ? "install" : "main");
    }
  return TRUE;
}

static gboolean
run_calls (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  g_autoptr (GList) slots = g_list_sort (g_hash_table_get_keys (driver->world->calls), (GCompareFunc) strcmp);

  for (GList *link = slots; link != NULL; link = link->next)
    g_string_append_printf (out, "%s %u\n", (const char *) link->data,
                            GPOINTER_TO_UINT (g_hash_table_lookup (driver->world->calls, link->data)));
  return TRUE;
}

/* an object as if another daemon had made it, or as if ours had been forgotten */
static gboolean
run_plant (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  GVariantDict spec;
  g_autoptr (GVariant) value = NULL;
  gboolean adopted;
  MemWorkload *workload;

  g_variant_dict_init (&spec, NULL);
  g_variant_dict_insert (&spec, "name", "s", words[1]);
  value = g_variant_ref_sink (g_variant_dict_end (&spec));
  workload = mem_workload_create (driver->world, n_words > 2 ? words[2] : driver->instance, words[1], value, NULL,
                                  mem_now (driver), &adopted, error);
  return workload != NULL && mem_workload_start (workload, mem_now (driver), error);
}

/* the other backends of this engine: as if their processes had been killed */
static gboolean
run_sever (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  mem_world_keep_only (driver->world, &driver->watcher);
  return TRUE;
}

static gboolean
run_forget (TholeDriver *driver, char *const *words, guint n_words, GString *out, GError **error)
{
  mem_world_forget (driver->world);
  return TRUE;
}

static const Order orders[] = {
  { "faults", 0, 1, run_faults },   { "engine-down", 0, 1, run_down }, { "engine-restart", 0, 1, run_restart },
  { "engine-up", 0, 0, run_up },    { "vanish", 1, 2, run_vanish },    { "exit", 1, 2, run_exit },
  { "oom", 1, 1, run_oom },         { "health", 2, 2, run_health },    { "events", 1, 1, run_deaf },
  { "resync", 0, 0, run_resync },   { "objects", 0, 0, run_objects },  { "calls", 0, 0, run_calls },
  { "plant", 1, 2, run_plant },     { "forget", 0, 0, run_forget },
  { "sever", 0, 0, run_sever },
};

gboolean
mem_control (TholeDriver *driver, char *const *words, GString *out, GError **error)
{
  guint n_words = g_strv_length ((char **) words);

  for (guint i = 0; n_words > 0 && i < G_N_ELEMENTS (orders); i++)
    if (strcmp (orders[i].name, words[0]) == 0 && n_words - 1 >= orders[i].min && n_words - 1 <= orders[i].max)
      return orders[i].run (driver, words, n_words, out, error);
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "no such order: %s with %u arguments",
               n_words > 0 ? words[0] : "", n_words > 0 ? n_words - 1 : 0);
  return FALSE;
}
