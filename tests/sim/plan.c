/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a seed decides at its begin: how many take part, how much goes wrong, and with which figures the daemon runs.
 */
#include "sim.h"

static const char *const fault_rules[] = {
  "workload.create:lose-answer=unavailable", "workload.create:lose-answer=timeout", "workload.create:fail=busy",
  "workload.create:fail=failed", "workload.create:repeat", "workload.create:lose-answer", "workload.create:hang",
  "workload.start:lose-answer=unavailable", "workload.start:lose-answer=timeout", "workload.start:fail=failed",
  "workload.start:repeat", "workload.start:hang", "workload.start:delay=5000",
  "workload.stop:lose-answer=timeout", "workload.stop:fail=unavailable", "workload.stop:fail=failed", "workload.stop:repeat",
  "workload.stop:hang", "workload.pause:fail=failed", "workload.pause:lose-answer=timeout", "workload.unpause:fail=busy",
  "workload.unpause:lose-answer=unavailable", "workload.remove:fail=failed", "workload.remove:fail=timeout",
  "workload.remove:lose-answer=unavailable", "workload.remove:repeat", "workload.remove:hang", "workload.inspect:fail=timeout",
  "workload.inspect:fail=failed", "workload.inspect:delay=3000", "workload.list:fail=unavailable", "workload.list:fail=failed",
  "workload.list:delay=4000", "workload.list:lose-answer",
  "workload.list:stale=200", "workload.list:stale=3000", "workload.inspect:stale=1500", "workload.update:fail=failed", "workload.update:fail=unsupported",
  "workload.kill:lose-answer=timeout", "exec.run:lose-answer=timeout", "exec.run:hang", "image.pull:fail=failed",
  "image.pull:lose-answer=timeout", "image.pull:fail=unavailable", "probe:fail=unavailable", "probe:delay=2000", "probe:hang",
  "workload.*:delay=300", "workload.*:delay=20", "*:delay=50",
};

static const char *const late_rules[] = {
  "workload.create:late=1000", "workload.start:late=500", "workload.stop:late=3000", "workload.remove:late=1000",
  "workload.create:late=6000",
};

static const char *const alone_rules[] = {
  "workload.remove:fail=failed", "workload.remove:fail=timeout", "workload.remove:lose-answer=unavailable", "workload.remove:hang",
};

/* of a seed in which only what is tried again goes on */
static char *
make_alone_faults (Sim *sim)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (alone_rules); i++)
    g_string_append_printf (text, "%s%s:probability=0.%02u", i > 0 ? ";" : "", alone_rules[i], 5 + (guint) sim_random (sim, 30));
  return g_string_free (text, FALSE);
}

static char *
make_faults (Sim *sim)
{
  GString *text = g_string_new (NULL);
  guint count = (guint) sim_random (sim, 14);

  for (guint i = 0; i < count; i++)
    {
      guint which = (guint) sim_random (sim, G_N_ELEMENTS (fault_rules) + G_N_ELEMENTS (late_rules));
      const char *rule = which < G_N_ELEMENTS (fault_rules) ? fault_rules[which] : late_rules[which - G_N_ELEMENTS (fault_rules)];

      if (which >= G_N_ELEMENTS (fault_rules))
        sim->plan.late = TRUE;
      g_string_append_printf (text, "%s%s:probability=0.%02u", text->len > 0 ? ";" : "", rule, 1 + (guint) sim_random (sim, 30));
    }
  return g_string_free (text, text->len == 0);
}

void
sim_plan_make (Sim *sim)
{
  static const gint64 limits[] = { 0, 0, 2, 4, 6 };
  SimPlan *plan = &sim->plan;

  plan->owners = 1 + (guint) sim_random (sim, 3);
  plan->workloads = 2 + (guint) sim_random (sim, 10);
  plan->limit = limits[sim_random (sim, G_N_ELEMENTS (limits))];
  plan->queue = sim_chance (sim, 0.3) ? 2 : 16;
  plan->never_destroy = sim_chance (sim, 0.1);
  plan->durable = sim_chance (sim, 0.3);
  plan->lazy_store = sim_chance (sim, 0.5);
  plan->crash = sim_chance (sim, 0.15) ? 0 : 0.005 * (double) sim_between (sim, 1, 6);
  plan->cut = sim_chance (sim, 0.3) ? 0 : 0.001 * (double) sim_between (sim, 1, 8);
  plan->store_fault = sim_chance (sim, 0.6) ? 0 : 0.002 * (double) sim_between (sim, 1, 20);
  plan->interfere = sim_chance (sim, 0.2) ? 0 : 0.01 * (double) sim_between (sim, 1, 12);
  plan->jump = sim_chance (sim, 0.6) ? 0 : 0.02 * (double) sim_between (sim, 1, 6);
  plan->provision_timeout = sim_chance (sim, 0.2) ? 20 * SIM_SECOND : 300 * SIM_SECOND;
  plan->orphan_grace = sim_between (sim, 5, 200) * SIM_SECOND;
  plan->period = sim_between (sim, 20, 120) * SIM_SECOND;
  plan->idempotency_age = sim_chance (sim, 0.5) ? 86400 * SIM_SECOND : 100 * SIM_SECOND;
  plan->operation_age = sim_chance (sim, 0.5) ? 86400 * SIM_SECOND : 100 * SIM_SECOND;
  /* a jump shortly before a crash is not known afterwards: without crashes every one must be */
  if (plan->jump > 0 && sim_chance (sim, 0.5))
    plan->crash = plan->cut = 0;
  plan->alone = sim_chance (sim, 0.08);
  if (plan->alone)
    plan->interfere = plan->period = 0;
  plan->faults = plan->alone ? make_alone_faults (sim) : sim_chance (sim, 0.25) ? NULL : make_faults (sim);
  sim_trace (sim, "plan: owners %u workloads %u limit %d queue %u never-destroy %d durable %d lazy store %d crash %g cut %g "
             "store fault %g interfere %g jump %g alone %d faults %s", plan->owners, plan->workloads, (int) plan->limit, plan->queue,
             plan->never_destroy, plan->durable, plan->lazy_store, plan->crash, plan->cut, plan->store_fault, plan->interfere,
             plan->jump, plan->alone, plan->faults != NULL ? plan->faults : "none");
}
