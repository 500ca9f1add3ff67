/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "health.h"

#include <string.h>

#include "thole-dict.h"
#include "workload.h"

MemHealth *
mem_health_new (GVariant *spec)
{
  g_autoptr (GVariant) health = thole_dict_value (spec, "health", "a{sv}");
  g_auto (GStrv) command = health != NULL ? thole_dict_strv (health, "command") : NULL;
  MemHealth *self;

  if (command == NULL || command[0] == NULL)
    return NULL;
  self = g_new0 (MemHealth, 1);
  self->command = g_steal_pointer (&command);
  self->interval = (gint64) (MAX (thole_dict_double (health, "interval", 30), 0.01) * G_USEC_PER_SEC);
  self->start_period = (gint64) (thole_dict_double (health, "start_period", 0) * G_USEC_PER_SEC);
  self->retries = (guint) MAX (thole_dict_int (health, "retries", 3), 1);
  self->next = G_MAXINT64;
  g_strlcpy (self->state, "starting", sizeof self->state);
  return self;
}

void
mem_health_free (MemHealth *self)
{
  g_strfreev (self->command);
  g_free (self);
}

void
mem_health_begin (MemWorkload *workload, gint64 now)
{
  MemHealth *self = workload->health;

  if (self == NULL)
    return;
  self->failures = 0;
  self->next = self->command != NULL ? now + self->interval : G_MAXINT64;
  g_strlcpy (self->state, self->command != NULL ? "starting" : "none", sizeof self->state);
}

gboolean
mem_health_set (MemWorkload *workload, const char *state)
{
  if (workload->health == NULL)
    {
      workload->health = g_new0 (MemHealth, 1);
      workload->health->next = G_MAXINT64;
    }
  if (strcmp (workload->health->state, state) == 0)
    return FALSE;
  g_strlcpy (workload->health->state, state, sizeof workload->health->state);
  return TRUE;
}

static void
ignore_output (gpointer owner, guint8 stream, const char *data, gsize length, gint64 time)
{
}

static const char *
check_variable (gpointer owner, const char *name)
{
  return mem_workload_variable (owner, name);
}

static GBytes *
check_read (gpointer owner, const char *path)
{
  return mem_workload_read (owner, path);
}

static const MemProgramPlace check_place = { ignore_output, NULL, check_variable, check_read, NULL, NULL };

static gboolean
passes (MemWorkload *workload, gint64 now)
{
  g_autoptr (MemProgram) program = NULL;
  const MemProgramEnd *end;

  if (!mem_program_check (workload->health->command, NULL))
    return FALSE;
  program = mem_program_new (&check_place, workload, workload->health->command, now);
  mem_program_advance (program, now);
  end = mem_program_end (program);
  return end != NULL && end->exit_code == 0;
}

void
mem_health_check (MemWorkload *workload, gint64 now)
{
  MemHealth *self = workload->health;

  self->next = now + self->interval;
  if (passes (workload, now))
    {
      self->failures = 0;
      mem_workload_set_health (workload, "healthy");
      return;
    }
  if (now - workload->base >= self->start_period && ++self->failures >= self->retries)
    mem_workload_set_health (workload, "unhealthy");
}
