/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bodies of workload.create: what may run, end, crash, refuse to end, or never come to be.
 */
#include "sim.h"

static const char *const programs[] = {
  "", "", "", "\"forever\"", "\"forever\"", "\"ignore-term\",\";\",\"forever\"", "\"on-term\",\"2\",\"3\",\";\",\"forever\"",
  "\"on-term\",\"0\",\";\",\"forever\"", "\"trap\",\"SIGUSR1\",\"hi\",\";\",\"forever\"", "\"exit\",\"0\"", "\"exit\",\"1\"", "\"oom\"",
  "\"signal\",\"SIGSEGV\"", "\"nonsense\"", "\"print\",\"on\",\";\",\"sleep\",\"1\",\";\",\"exit\",\"1\"",
  "\"sleep\",\"4\",\";\",\"exit\",\"0\"", "\"sleep\",\"30\",\";\",\"exit\",\"1\"", "\"sleep\",\"90\",\";\",\"oom\"",
  "\"sleep\",\"7\",\";\",\"signal\",\"SIGTERM\"", "\"sleep\",\"200\",\";\",\"exit\",\"0\"",
};

static const char *const images[] = { "app", "app", "app", "app", "app", "tool", "other", "missing/x", "broken/x", "slow/x",
                                      "unavailable/x" };

static const char *const installs[] = { "\"exit\",\"0\"", "\"sleep\",\"2\",\";\",\"exit\",\"0\"", "\"exit\",\"1\"", "\"forever\"",
                                        "\"sleep\",\"20\",\";\",\"exit\",\"0\"", "\"nonsense\"" };

static void
add_restart (Sim *sim, GString *spec)
{
  guint what = (guint) sim_random (sim, 10);

  if (what < 4)
    return;
  g_string_append_printf (spec, ",\"restart\":{\"policy\":\"%s\",\"max_retries\":%d,\"backoff\":%d}",
                          what < 5 ? "never" : what < 8 ? "on-failure" : "always", (int) sim_between (sim, 0, 4),
                          (int) sim_between (sim, 2, 20));
}

static void
add_rest (Sim *sim, GString *spec)
{
  static const char *const policies[] = { "never", "if-missing", "always" };

  if (sim_chance (sim, 0.3))
    g_string_append_printf (spec, ",\"stop\":{\"signal\":\"%s\",\"grace\":%d}", sim_chance (sim, 0.7) ? "SIGTERM" : "SIGINT",
                            (int) sim_between (sim, 0, 20));
  if (sim_chance (sim, 0.12))
    g_string_append_printf (spec, ",\"ttl\":%d", (int) sim_between (sim, 1, 400));
  if (sim_chance (sim, 0.15))
    g_string_append_printf (spec, ",\"idle_timeout\":%d", (int) sim_between (sim, 10, 200));
  if (sim_chance (sim, 0.25))
    g_string_append_printf (spec, ",\"pull\":\"%s\"", policies[sim_random (sim, 3)]);
  /* what an install step leaves is for the comparison */
  if (sim_chance (sim, 0.2) && !sim->plan.alone)
    g_string_append_printf (spec, ",\"install\":{\"command\":[%s],\"image\":\"%s\",\"timeout\":%d}",
                            installs[sim_random (sim, G_N_ELEMENTS (installs))], sim_chance (sim, 0.8) ? "" : "other",
                            (int) sim_between (sim, 1, 30));
  if (sim_chance (sim, 0.1))
    g_string_append_printf (spec, ",\"health\":{\"command\":[\"exit\",\"%d\"],\"interval\":%d,\"retries\":2}",
                            (int) sim_random (sim, 2), (int) sim_between (sim, 5, 60));
}

char *
sim_random_body (Sim *sim)
{
  GString *body = g_string_new ("{");

  if (sim_chance (sim, 0.7))
    g_string_append_printf (body, "\"name\":\"w%u\",", (guint) sim_random (sim, sim->plan.workloads + 2));
  if (sim_chance (sim, 0.2))
    g_string_append (body, "\"start\":false,");
  if (sim_chance (sim, 0.05))
    g_string_append (body, "\"protected\":true,");
  g_string_append_printf (body, "\"labels\":{\"n\":\"%u\"},", (guint) sim_random (sim, 100));
  g_string_append_printf (body, "\"spec\":{\"image\":\"%s\",\"command\":[%s]", images[sim_random (sim, G_N_ELEMENTS (images))],
                          programs[sim_random (sim, G_N_ELEMENTS (programs))]);
  add_restart (sim, body);
  add_rest (sim, body);
  g_string_append (body, "}}");
  return g_string_free (body, FALSE);
}
