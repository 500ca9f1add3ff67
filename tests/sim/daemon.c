/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon: everything that core/app.c puts together but for its faces; and its ends, clean or not.
 */
#include "sim.h"

#define DRAIN_LONGEST (60 * SIM_SECOND)

TholeBackend *
sim_backend (Sim *sim)
{
  return thole_registry_lookup (sim->registry, "");
}

static GVariant *
backend_config (Sim *sim)
{
  GVariantDict config;

  g_variant_dict_init (&config, NULL);
  g_variant_dict_insert (&config, "driver", "s", "memory");
  g_variant_dict_insert (&config, "default", "s", "true");
  g_variant_dict_insert (&config, "engine", "s", "sim");
  g_variant_dict_insert (&config, "images", "s", "app;tool");
  g_variant_dict_insert (&config, "durable", "s", sim->plan.durable ? "true" : "false");
  g_variant_dict_insert_value (&config, "seed", g_variant_new_take_string (g_strdup_printf ("%u", (guint) sim_random (sim, 1000000))));
  g_variant_dict_insert_value (&config, "delay_ms", g_variant_new_take_string (g_strdup_printf ("%u", (guint) sim_random (sim, 3))));
  g_variant_dict_insert_value (&config, "jitter_ms", g_variant_new_take_string (g_strdup_printf ("%u", (guint) sim_random (sim, 30))));
  if (!sim->calm && sim->plan.faults != NULL)
    g_variant_dict_insert (&config, "faults", "s", sim->plan.faults);
  return g_variant_dict_end (&config);
}

static void
open_registry (Sim *sim)
{
  g_autofree char *drivers = g_path_get_dirname (sim->module);
  g_autoptr (GError) error = NULL;
  TholeRegistryOptions options = {
    .instance = thole_db_instance (sim->db), .runtime_dir = sim->folder, .state_dir = sim->scratch, .driver_path = drivers,
    .check_program = SIM_CHECK, .clock = &sim->driver_clock->clock,
  };

  sim->registry = thole_registry_new (&options);
  thole_registry_add (sim->registry, "sim", backend_config (sim), &error);
  g_assert_no_error (error);
}

static void
open_operations (Sim *sim)
{
  g_autoptr (GError) error = NULL;
  TholeLimits limits = {
    .queue = sim->plan.queue, .operations = 200, .operation_age = sim->plan.operation_age, .idempotency_age = sim->plan.idempotency_age,
    .workloads = sim->plan.limit, .execs = 3, .idempotency_keys = 1000, .provision_timeout = sim->plan.provision_timeout,
    .orphan_grace = sim->plan.orphan_grace, .never_destroy = sim->plan.never_destroy, .memory = 1 << 28, .pids = 100, .cpu = 1,
  };

  sim->operations = thole_operations_new (&sim->clock->clock, sim->db, sim->events, sim->registry, &limits, &error);
  g_assert_no_error (error);
  sim->reconcile = thole_reconcile_new (sim->operations, sim->plan.period);
}

void
sim_boot (Sim *sim)
{
  g_autofree char *uri = g_strconcat ("sqlite:", sim->folder, "/thole.db", NULL);
  g_autoptr (GError) error = NULL;

  sim->life++;
  sim->jump_at = sim->now;
  sim->cut = FALSE;
  sim->crash_in = 0;
  sim->context = sim_context_new ();
  sim->clock = g_new (SimClock, 1);
  sim->driver_clock = g_new (SimClock, 1);
  sim_clock_init (sim->clock, sim, sim->context, TRUE);
  /* the engine's clock is another: what it says of times never jumps */
  sim_clock_init (sim->driver_clock, sim, sim->context, FALSE);
  g_main_context_push_thread_default (sim->context);
  sim->db = thole_db_open (uri, &sim->clock->clock, THOLE_DB_INLINE, &error);
  g_assert_no_error (error);
  thole_db_watch (sim->db, &sim_commit_watch, sim);
  sim->events = thole_event_log_new (sim->db, sim_chance (sim, 0.5) ? 8 : 1024);
  if (sim->operator == NULL)
    sim_operator_open (sim);
  open_registry (sim);
  open_operations (sim);
  sim_trace (sim, "the daemon begins, life %u", sim->life);
  sim_model_compare (sim);
  sim_reader_open (sim);
  thole_backend_start (sim_backend (sim));
  sim->up = TRUE;
}

static void
close_store (Sim *sim)
{
  if (sim->reader != NULL)
    sim->reader->close (sim->reader);
  sim->reader = NULL;
  g_clear_pointer (&sim->reconcile, thole_reconcile_free);
  g_clear_pointer (&sim->operations, thole_operations_free);
  g_clear_pointer (&sim->events, thole_event_log_free);
  g_clear_pointer (&sim->db, thole_db_close);
}

static void
forget (Sim *sim)
{
  sim->up = FALSE;
  thole_source_clear (&sim->action);
  sim->clock->dead = sim->driver_clock->dead = TRUE;
  close_store (sim);
  sim_forget_timers (sim);
  sim_order (sim, "sever", NULL);
  g_main_context_pop_thread_default (sim->context);
  sim_calls_lost (sim);
  sim->boot_at = sim->now + (sim_chance (sim, 0.8) ? sim_between (sim, 1000, 3 * SIM_SECOND) : sim_between (sim, 0, 200 * SIM_SECOND));
}

/* The context, the calls on their way and the driver are left as they are: nobody runs them any more. */
void
sim_bury (Sim *sim)
{
  sim->jumping = FALSE;
  sim->cut = TRUE;
  sim->n_crashes++;
  sim_check_skew (sim);
  sim->blind |= ABS (sim->skew - sim->offset) > sim_slack (sim);
  sim_trace (sim, "CRASH");
  forget (sim);
  sim->context = NULL;
}

static void
closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  gboolean *done = user_data;
  g_autoptr (GError) error = NULL;

  *done = TRUE;
  thole_backend_close_finish (THOLE_BACKEND (source), result, &error);
}

void
sim_shut_down (Sim *sim)
{
  gint64 until = sim->now + DRAIN_LONGEST;
  gboolean done = FALSE;

  sim_trace (sim, "the daemon is asked to end");
  sim->crash_in = 0;
  thole_source_clear (&sim->action);
  g_clear_pointer (&sim->reconcile, thole_reconcile_free);
  thole_operations_drain (sim->operations);
  while ((thole_operations_busy (sim->operations) > 0 || thole_db_pending (sim->db) > 0) && sim_turn (sim, until))
    ;
  if (thole_operations_busy (sim->operations) > 0)
    sim_trace (sim, "still busy: %u", thole_operations_busy (sim->operations));
  thole_backend_close_async (sim_backend (sim), closed, &done);
  until = sim->now + DRAIN_LONGEST;
  while (!done && sim_turn (sim, until))
    ;
  if (!done)
    sim_violation (sim, "the backend was not closed");
  /* what its close answered */
  while (sim_pending (sim))
    sim_turn (sim, sim->now);
  close_store (sim);
  g_clear_pointer (&sim->registry, thole_registry_free);
  forget (sim);
  sim_trace (sim, "the daemon ended");
}
