/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The hand at the engine: a driver of its own on the same engine, past the daemon. Its clock moves the engine, also while
 * the daemon is down.
 */
#include "sim.h"

#include "backend/loader.h"
#include "thole-dict.h"

#include <string.h>

typedef struct
{
  GSourceFunc function;
  gpointer user_data;
  GDestroyNotify notify;
} HandTimer;

static void
hear_log (TholeHost *host, GLogLevelFlags level, const char *message)
{
}

static void
hear_event (TholeHost *host, GVariant *event)
{
  g_variant_unref (g_variant_ref_sink (event));
}

static gint64
tell_time (TholeHost *host)
{
  return thole_clock_now (&((Sim *) host)->home_clock.clock);
}

static gboolean
run_timer (gpointer user_data)
{
  HandTimer *timer = user_data;

  timer->function (timer->user_data);
  return G_SOURCE_REMOVE;
}

static void
free_timer (gpointer user_data)
{
  HandTimer *timer = user_data;

  if (timer->notify != NULL)
    timer->notify (timer->user_data);
  g_free (timer);
}

static GSource *
make_timer (TholeHost *host, guint64 delay, GSourceFunc function, gpointer user_data, GDestroyNotify notify)
{
  HandTimer *timer = g_new (HandTimer, 1);
  GSource *source = thole_clock_timer (&((Sim *) host)->home_clock.clock, (gint64) delay, run_timer, timer);

  *timer = (HandTimer) { function, user_data, notify };
  g_source_set_callback (source, run_timer, timer, free_timer);
  return source;
}

static GBytes *
no_secret (TholeHost *host, const char *name)
{
  return NULL;
}

static const TholeHostOps host_ops = {
  .struct_size = sizeof host_ops, .log = hear_log, .event = hear_event, .now = tell_time, .timer = make_timer, .secret = no_secret,
};

static void
probed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Sim *sim = user_data;
  g_autoptr (GVariant) facts = NULL;

  sim->order_done = TRUE;
  sim->order_good = sim->tables->driver.probe_finish (sim->operator, result, &facts, NULL) == THOLE_PROBE_READY;
}

static void
await (Sim *sim)
{
  while (!sim->order_done)
    g_main_context_iteration (sim->desk, FALSE);
}

void
sim_operator_open (Sim *sim)
{
  GVariantDict config;
  g_autoptr (GVariant) dict = NULL;
  g_autoptr (GError) error = NULL;

  sim->tables = thole_loader_open (sim->module, &error);
  g_assert_no_error (error);
  g_variant_dict_init (&config, NULL);
  g_variant_dict_insert (&config, "name", "s", "hand");
  g_variant_dict_insert (&config, "instance", "s", thole_db_instance (sim->db));
  g_variant_dict_insert (&config, "engine", "s", "sim");
  g_variant_dict_insert (&config, "images", "s", "app;tool");
  g_variant_dict_insert (&config, "durable", "s", sim->plan.durable ? "true" : "false");
  dict = g_variant_ref_sink (g_variant_dict_end (&config));
  sim->operator = sim->tables->driver.open ((TholeHost *) sim, &host_ops, dict, &error);
  g_assert_no_error (error);
  g_main_context_push_thread_default (sim->desk);
  sim->order_done = FALSE;
  sim->tables->driver.probe_async (sim->operator, NULL, probed, sim);
  await (sim);
  g_main_context_pop_thread_default (sim->desk);
  g_assert_true (sim->order_good);
}

static void
ordered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Sim *sim = user_data;
  g_autoptr (GVariant) value = sim->tables->exec.run_finish (sim->operator, result, NULL);
  g_autoptr (GVariant) out = value != NULL ? thole_dict_value (value, "stdout", "ay") : NULL;

  g_clear_pointer (&sim->order_result, g_free);
  if (out != NULL)
    {
      gsize length;
      const char *bytes = g_variant_get_fixed_array (out, &length, 1);

      sim->order_result = g_strndup (length > 0 ? bytes : "", length);
    }
  sim->order_done = TRUE;
}

const char *
sim_order (Sim *sim, const char *first, ...)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  g_autoptr (GVariant) command = NULL;
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  GVariantDict dict;
  va_list arguments;

  va_start (arguments, first);
  for (const char *word = first; word != NULL; word = va_arg (arguments, const char *))
    g_ptr_array_add (words, (gpointer) word);
  va_end (arguments);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "command", g_variant_new_strv ((const char *const *) words->pdata, words->len));
  command = g_variant_ref_sink (g_variant_dict_end (&dict));
  g_main_context_push_thread_default (sim->desk);
  sim->order_done = FALSE;
  sim->tables->exec.run_async (sim->operator, "control", command, options, NULL, ordered, sim);
  await (sim);
  g_main_context_pop_thread_default (sim->desk);
  return sim->order_result;
}

static void
meddled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Sim *sim = user_data;

  sim->order_good = g_task_propagate_pointer (G_TASK (result), NULL) != NULL;
  sim->order_done = TRUE;
}

gboolean
sim_meddle (Sim *sim, TholeSlot slot, const char *id)
{
  typedef void (*TakesId) (TholeDriver *, const char *, GVariant *, GCancellable *, GAsyncReadyCallback, gpointer);
  TakesId start = (TakesId) thole_tables_slot (sim->tables, thole_slot_info (slot)->start);
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new_parsed ("{'signal': <'SIGKILL'>, 'grace': <0.0>}"));

  g_main_context_push_thread_default (sim->desk);
  sim->order_done = sim->order_good = FALSE;
  start (sim->operator, id, options, NULL, meddled, sim);
  await (sim);
  g_main_context_pop_thread_default (sim->desk);
  return sim->order_good;
}

GHashTable *
sim_objects (Sim *sim)
{
  GHashTable *objects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_auto (GStrv) lines = g_strsplit (sim_order (sim, "objects", NULL), "\n", -1);

  for (guint i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", 3);

      g_hash_table_replace (objects, g_strdup (words[0]), g_strdup (words[1]));
    }
  return objects;
}

/* interference ------------------------------------------------------------------------------------------- */

static void
plant (Sim *sim, gboolean foreign)
{
  char *id = g_strdup_printf ("%s-%u", foreign ? "foreign" : "wl-stray", sim->planted++);

  if (foreign)
    {
      sim_order (sim, "plant", id, "another-daemon", NULL);
      g_ptr_array_add (sim->foreign, g_strdup (id));
    }
  else
    sim_order (sim, "plant", id, NULL);
  sim_trace (sim, "hand: plants %s", id);
  g_free (id);
}

static void
touch (Sim *sim, const char *id)
{
  static const TholeSlot slots[] = { THOLE_SLOT_WORKLOAD_START, THOLE_SLOT_WORKLOAD_STOP, THOLE_SLOT_WORKLOAD_PAUSE,
                                     THOLE_SLOT_WORKLOAD_UNPAUSE };
  guint what = (guint) sim_random (sim, 8);
  gboolean done = TRUE;

  if (what < 4)
    done = sim_meddle (sim, slots[what], id);
  else if (what == 4)
    done = sim_order (sim, "vanish", id, NULL) != NULL;
  else if (what == 5)
    done = sim_order (sim, "vanish", id, "quiet", NULL) != NULL;
  else if (what == 6)
    done = sim_order (sim, "exit", id, sim_chance (sim, 0.5) ? "0" : "7", NULL) != NULL;
  else
    done = sim_order (sim, "oom", id, NULL) != NULL;
  sim_trace (sim, "hand: %s %s: %d", what < 4 ? thole_slot_name (slots[what]) : what < 6 ? "vanish" : what == 6 ? "exit" : "oom",
             id, done);
}

static void
shake_engine (Sim *sim)
{
  g_autofree char *seconds = g_strdup_printf ("%d", (int) sim_between (sim, 0, sim_chance (sim, 0.2) ? 200 : 10));
  const char *what = sim_chance (sim, 0.5) ? "engine-restart" : "engine-down";

  sim_order (sim, what, seconds, NULL);
  sim_trace (sim, "hand: %s %s", what, seconds);
}

static void
jump_clock (Sim *sim)
{
  gint64 far = sim_chance (sim, 0.3) ? 7200 * SIM_SECOND : 30 * SIM_SECOND;

  sim->offset += sim_between (sim, -far, far);
  sim->n_jumps++;
  sim->jump_at = sim->now;
  sim_trace (sim, "the clock is set to %+.3f s", (double) sim->offset / SIM_SECOND);
}

void
sim_interfere (Sim *sim)
{
  guint what = (guint) sim_random (sim, 100);

  sim->n_interferences++;
  if (sim_chance (sim, sim->plan.jump))
    jump_clock (sim);
  else if (what < 70 && sim->ids->len > 0)
    touch (sim, sim->ids->pdata[sim_random (sim, sim->ids->len)]);
  else if (what < 78)
    plant (sim, sim_chance (sim, 0.4));
  else if (what < 90)
    shake_engine (sim);
  else if (what < 95)
    {
      const char *way = sim_chance (sim, 0.5) ? "lost" : "told";

      sim_order (sim, "events", way, NULL);
      sim_trace (sim, "hand: events %s", way);
    }
  else
    sim_order (sim, "resync", NULL);
}

/* the rules of the daemon's own driver ---------------------------------------------------------------------- */

static void
faults_are_off (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Sim *sim = user_data;

  sim->calm_faults = thole_backend_call_finish (THOLE_BACKEND (source), result, NULL, NULL);
}

void
sim_faults_off (Sim *sim)
{
  g_autoptr (GVariant) command = g_variant_ref_sink (g_variant_new_parsed ("{'command': <['faults']>}"));
  TholeSlotArgs args = { .id = "control", .dict = command };

  thole_backend_call_async (sim_backend (sim), THOLE_SLOT_EXEC_RUN, &args, NULL, faults_are_off, sim);
}
