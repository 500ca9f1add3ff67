/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 */
static guint64
next_random (guint64 *state)
{
  guint64 mixed = *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  mixed = (mixed ^ (mixed >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  mixed = (mixed ^ (mixed >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return mixed ^ (mixed >> 31);
}

guint64
sim_random (Sim *sim, guint64 bound)
{
  guint64 number = next_random (&sim->random);

  return bound > 0 ? number % bound : 0;
}

gboolean
sim_chance (Sim *sim, double probability)
{
  return (double) sim_random (sim, 1u << 30) < probability * (1u << 30);
}

gint64
sim_between (Sim *sim, gint64 low, gint64 high)
{
  return low + (gint64) sim_random (sim, (guint64) (high - low + 1));
}

static void
add_line (Sim *sim, char *line)
{
  const guint8 *at = (const guint8 *) line;

  for (; *at != '\0'; at++)
    sim->hash = (sim->hash ^ *at) * G_GUINT64_CONSTANT (0x100000001b3);
  if (sim->tell)
    puts (line);
  g_free (g_ptr_array_index (sim->trace, sim->trace_at));
  g_ptr_array_index (sim->trace, sim->trace_at) = line;
  sim->trace_at = (sim->trace_at + 1) % SIM_TRACE;
}

void
sim_trace (Sim *sim, const char *format, ...)
{
  GString *line = g_string_sized_new (160);
  va_list arguments;

  g_string_append_printf (line, "%u %" G_GINT64_FORMAT " ", sim->step, sim->now);
  va_start (arguments, format);
  g_string_append_vprintf (line, format, arguments);
  va_end (arguments);
  add_line (sim, g_string_free (line, FALSE));
}

void
sim_violation (Sim *sim, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (!sim->tell)
    for (guint i = 0; i < SIM_TRACE; i++)
      {
        const char *line = g_ptr_array_index (sim->trace, (sim->trace_at + i) % SIM_TRACE);

        if (line != NULL)
          puts (line);
      }
  printf ("VIOLATION seed %" G_GUINT64_FORMAT " step %u operations %" G_GUINT64_FORMAT " life %u time %.6f: %s\n", sim->seed, sim->step,
          sim->n_operations, sim->life, (double) sim->now / SIM_SECOND, text);
  printf ("replay: sim --seed %" G_GUINT64_FORMAT " --steps %u --trace\n", sim->seed, sim->steps);
  fflush (stdout);
  _Exit (1);
}

/* what the daemon logs: audit lines are counted, faults of the programmer are violations */

static const char *
field (const GLogField *fields, gsize n_fields, const char *name)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, name) == 0)
      return fields[i].value;
  return "";
}

static GLogWriterOutput
take_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  Sim *sim = user_data;

  if (strcmp (field (fields, n_fields, "GLIB_DOMAIN"), "audit") == 0)
    {
      SimCall *call = sim_call_find (sim, field (fields, n_fields, "THOLE_REQUEST"));

      if (call == NULL)
        sim_violation (sim, "an audit line for no request: %s", field (fields, n_fields, "MESSAGE"));
      call->audits++;
    }
  else if (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR))
    sim_violation (sim, "critical: %s", field (fields, n_fields, "MESSAGE"));
  else if (level & G_LOG_LEVEL_WARNING)
    sim_trace (sim, "warning: %s", field (fields, n_fields, "MESSAGE"));
  return G_LOG_WRITER_HANDLED;
}

void
sim_log_setup (Sim *sim)
{
  g_log_set_writer_func (take_log, sim, NULL);
}
