/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs one seed: sim --seed N [--steps M] [--trace]. The last line has the figures and a hash of the whole trace: the same
 * seed gives the same line. tests/sim/run runs many.
 */
#include "sim.h"

#include <glib/gstdio.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* longer than every pause and deadline together, but for the two hours of a clock that was set back */
#define REST (1000 * SIM_SECOND)
#define REST_LONGEST (3000 * SIM_SECOND)
#define ROUND 250

static gboolean act (gpointer user_data);

static gint64
random_pause (Sim *sim)
{
  guint what = (guint) sim_random (sim, 100);

  if (what < 45)
    return 0;
  if (what < 70)
    return sim_between (sim, 0, 5000);
  if (what < 90)
    return sim_between (sim, 0, SIM_SECOND);
  if (what < 98)
    return sim_between (sim, 0, 20 * SIM_SECOND);
  return sim_between (sim, 0, 200 * SIM_SECOND);
}

static void
plan_action (Sim *sim, gint64 pause)
{
  thole_source_clear (&sim->action);
  sim->action = thole_clock_timer (&sim->clock->clock, pause, act, sim);
}

static void
begin_calm (Sim *sim)
{
  sim_trace (sim, "calm");
  sim->calm = TRUE;
  sim->calm_faults = FALSE;
  sim->calm_since = sim->now;
  sim_order (sim, "engine-up", NULL);
  sim_order (sim, "events", "told", NULL);
}

static void
act_calm (Sim *sim)
{
  if (!sim->calm_faults && thole_backend_get_state (sim_backend (sim)) == THOLE_BACKEND_READY)
    sim_faults_off (sim);
  if (sim->ending && sim->ids->len > 0)
    sim_call_force_delete (sim, sim->ids->pdata[sim_random (sim, sim->ids->len)]);
  plan_action (sim, 5 * SIM_SECOND);
}

static void
act_wild (Sim *sim)
{
  sim->step++;
  if (sim_chance (sim, sim->plan.interfere))
    sim_interfere (sim);
  else
    sim_call_random (sim);
  if (sim->crash_in == 0 && sim_chance (sim, sim->plan.crash))
    sim->crash_in = 1 + (guint) sim_random (sim, 200);
  if (sim->step % ROUND == 0 || sim->step >= sim->steps)
    {
      begin_calm (sim);
      sim->crash_in = 0;
    }
  plan_action (sim, sim->calm ? 0 : random_pause (sim));
}

static gboolean
act (gpointer user_data)
{
  Sim *sim = user_data;

  thole_source_clear (&sim->action);
  if (sim->calm)
    act_calm (sim);
  else
    act_wild (sim);
  return G_SOURCE_REMOVE;
}

static void
end_calm (Sim *sim)
{
  sim_check_rest (sim);
  if (sim->step >= sim->steps && sim->ending)
    {
      sim_check_empty (sim);
      sim_shut_down (sim);
      sim->steps = 0;
      return;
    }
  /* the last rest is followed by one after which nothing is left */
  if (sim->step >= sim->steps)
    {
      sim->ending = TRUE;
      sim->calm_since = sim->now;
      return;
    }
  sim->calm = FALSE;
  if (sim_chance (sim, 0.3))
    sim_shut_down (sim);
  else
    plan_action (sim, random_pause (sim));
}

static void
advance (Sim *sim)
{
  gboolean calm_over;

  sim_turn (sim, G_MAXINT64);
  if (!sim->calm)
    {
      if (!sim->cut)
        sim_check_step (sim);
      return;
    }
  calm_over = sim->calm_faults && sim->now > sim->calm_since + REST;
  if (calm_over && sim_is_quiet (sim))
    end_calm (sim);
  else if (sim->now > sim->calm_since + REST_LONGEST)
    {
      sim_explain_busy (sim);
      sim_violation (sim, "it never comes to rest: busy %u, calls %u, commits %u, faults off %d, backend %s",
                     thole_operations_busy (sim->operations), thole_backend_pending (sim_backend (sim)), thole_db_pending (sim->db),
                     sim->calm_faults, thole_backend_state_name (thole_backend_get_state (sim_backend (sim))));
    }
}

static void
live (Sim *sim)
{
  if (_setjmp (sim->jump) != 0)
    {
      sim_bury (sim);
      return;
    }
  while (sim->up)
    advance (sim);
}

static void
run (Sim *sim)
{
  while (sim->steps > 0)
    {
      while (sim_turn (sim, sim->boot_at))
        ;
      sim->now = MAX (sim->now, sim->boot_at);
      sim_boot (sim);
      plan_action (sim, random_pause (sim));
      live (sim);
    }
}

static void
set_up (Sim *sim)
{
  sim->random = sim->seed * G_GUINT64_CONSTANT (0x2545f4914f6cdd1d) + 1;
  sim->clock_random = sim->seed + 12345;
  sim->hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  sim->trace = g_ptr_array_new ();
  g_ptr_array_set_size (sim->trace, SIM_TRACE);
  sim->timers = g_sequence_new (NULL);
  sim->home = sim_context_new ();
  sim->desk = sim_context_new ();
  sim_clock_init (&sim->home_clock, sim, sim->home, FALSE);
  sim->foreign = g_ptr_array_new_with_free_func (g_free);
  sim->calls = g_hash_table_new (g_str_hash, g_str_equal);
  sim->keyed = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (sim->principals); i++)
    {
      sim->principals[i] = g_new0 (TholePrincipal, 1);
      *sim->principals[i] = (TholePrincipal) { 1, g_strdup_printf ("uid:%u", 1000 + i), TRUE };
    }
  sim_model_init (sim);
  sim_log_setup (sim);
  sim_plan_make (sim);
}

static void
remove_store (Sim *sim)
{
  static const char *const names[] = { "thole.db", "thole.db-wal", "thole.db-shm", "thole.db.lock", "backends/sim", "backends" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (sim->folder, names[i], NULL);

      g_remove (path);
    }
  g_rmdir (sim->folder);
}

int
main (int argc, char **argv)
{
  Sim *sim = g_new0 (Sim, 1);
  gint64 seed = 1, steps = 2000;
  g_autofree char *scratch = NULL, *module = NULL;
  const GOptionEntry entries[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "what all chance is made of", "N" },
    { "steps", 0, 0, G_OPTION_ARG_INT64, &steps, "things that are done (2000)", "M" },
    { "trace", 0, 0, G_OPTION_ARG_NONE, &sim->tell, "tell all that happens", NULL },
    { "scratch", 0, 0, G_OPTION_ARG_FILENAME, &scratch, "folder for the store (/dev/shm)", "FOLDER" },
    { "module", 0, 0, G_OPTION_ARG_FILENAME, &module, "the memory driver, in a folder of its own", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  struct rlimit files = { 0 };

  setlocale (LC_ALL, "C");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return 2;
    }
  /* what a crash leaves behind has its file descriptors */
  getrlimit (RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit (RLIMIT_NOFILE, &files);
  sim->seed = (guint64) seed;
  sim->steps = (guint) steps;
  sim->scratch = g_strdup (scratch != NULL ? scratch : "/dev/shm");
  sim->module = g_strdup (module != NULL ? module : SIM_MODULE);
  sim->folder = g_strdup_printf ("%s/thole-sim-%d", sim->scratch, (int) getpid ());
  if (g_mkdir_with_parents (sim->folder, 0700) != 0)
    {
      fprintf (stderr, "%s cannot be made\n", sim->folder);
      return 2;
    }
  set_up (sim);
  run (sim);
  remove_store (sim);
  printf ("seed %" G_GUINT64_FORMAT " operations %" G_GUINT64_FORMAT " crashes %" G_GUINT64_FORMAT " commits %" G_GUINT64_FORMAT
          " rests %" G_GUINT64_FORMAT " interferences %" G_GUINT64_FORMAT " jumps %" G_GUINT64_FORMAT " lost %" G_GUINT64_FORMAT
          " events %" G_GINT64_FORMAT " seconds %.0f hash %016" G_GINT64_MODIFIER "x\n", sim->seed, sim->n_operations, sim->n_crashes,
          sim->n_commits, sim->n_rests, sim->n_interferences, sim->n_jumps, sim->n_lost, sim->newest, (double) sim->now / SIM_SECOND,
          sim->hash);
  return 0;
}
