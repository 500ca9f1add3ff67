/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "process.h"

#include <signal.h>
#include <string.h>

#include "spec.h"
#include "thole-dict.h"
#include "thole-error.h"

struct _MemProcess
{
  MemWorld *world;
  MemWorkload *workload; /* NULL once that has ended */
  MemWaiter waiter;
  MemDue due;
  MemProgram *program;
  char **words;
  GVariant *env;         /* (nullable): a{ss} */
  char *working_dir, *user;
  const MemProcessFuncs *funcs;
  gpointer data;
};

static void
place_output (gpointer owner, guint8 stream, const char *bytes, gsize length, gint64 time)
{
  MemProcess *self = owner;

  self->funcs->output (self->data, stream, bytes, length);
}

static gboolean
place_full (gpointer owner)
{
  MemProcess *self = owner;

  return self->funcs->full (self->data);
}

static const char *
place_variable (gpointer owner, const char *name)
{
  MemProcess *self = owner;
  const char *value;

  if (strcmp (name, "PWD") == 0 && *self->working_dir != '\0')
    return self->working_dir;
  if (strcmp (name, "USER") == 0 && *self->user != '\0')
    return self->user;
  if (self->env != NULL && g_variant_lookup (self->env, name, "&s", &value))
    return value;
  return self->workload != NULL ? mem_workload_variable (self->workload, name) : NULL;
}

static GBytes *
place_read (gpointer owner, const char *path)
{
  MemProcess *self = owner;

  return self->workload != NULL ? mem_workload_read (self->workload, path) : NULL;
}

static gboolean
place_write (gpointer owner, const char *path, const char *text, gint64 time)
{
  MemProcess *self = owner;
  g_autoptr (GBytes) content = g_bytes_new (text, strlen (text));

  return self->workload != NULL && mem_workload_write (self->workload, path, content, 0644, time, NULL);
}

static void
place_health (gpointer owner, const char *state)
{
  MemProcess *self = owner;

  if (self->workload != NULL)
    mem_workload_set_health (self->workload, state);
}

static const MemProgramPlace place = {
  place_output, place_full, place_variable, place_read, place_write, place_health,
};

static void
fire (MemDue *due, MemWorld *world, gint64 at)
{
  mem_process_go_on ((MemProcess *) ((char *) due - G_STRUCT_OFFSET (MemProcess, due)), at);
}

static void
workload_ended (gpointer data, MemWorkload *workload)
{
  MemProcess *self = data;
  MemProgramEnd end = { .ended = TRUE, .exit_code = 128 + SIGKILL, .signal = SIGKILL };

  self->workload = NULL;
  mem_world_schedule (self->world, &self->due, G_MAXINT64);
  if (mem_program_end (self->program) == NULL)
    self->funcs->ended (self->data, &end);
}

MemProcess *
mem_process_new (MemWorkload *workload, GVariant *command, const MemProcessFuncs *funcs, gpointer data, gint64 now,
                 GError **error)
{
  g_auto (GStrv) words = thole_dict_strv (command, "command");
  MemProcess *self;

  if (workload->state != MEM_RUNNING)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "%s %s", workload->id,
                   workload->state == MEM_PAUSED ? "is paused" : "does not run");
      return NULL;
    }
  if (words[0] == NULL)
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "no command");
  if (words[0] == NULL || !mem_program_check (words, error))
    return NULL;
  self = g_new0 (MemProcess, 1);
  self->world = workload->world;
  self->workload = workload;
  self->waiter.ended = workload_ended;
  self->waiter.data = self;
  self->due.fire = fire;
  self->words = g_steal_pointer (&words);
  self->env = mem_dict_strings (command, "env");
  self->working_dir = g_strdup (thole_dict_string (command, "working_dir", ""));
  self->user = g_strdup (thole_dict_string (command, "user", ""));
  self->funcs = funcs;
  self->data = data;
  self->program = mem_program_new (&place, self, self->words, now);
  mem_workload_wait (workload, &self->waiter);
  return self;
}

void
mem_process_free (MemProcess *self)
{
  if (self->workload != NULL)
    {
      mem_workload_unwait (self->workload, &self->waiter);
      mem_world_schedule (self->world, &self->due, G_MAXINT64);
    }
  mem_program_free (self->program);
  g_strfreev (self->words);
  g_clear_pointer (&self->env, g_variant_unref);
  g_free (self->working_dir);
  g_free (self->user);
  g_free (self);
}

/* what has become of it */
static void
settle (MemProcess *self)
{
  const MemProgramEnd *end = mem_program_end (self->program);
  MemProgramEnd copy;

  mem_world_schedule (self->world, &self->due, end != NULL ? G_MAXINT64 : mem_program_wake (self->program));
  if (end == NULL)
    return;
  copy = *end;
  self->funcs->ended (self->data, &copy);
}

void
mem_process_go_on (MemProcess *self, gint64 now)
{
  if (self->workload == NULL || mem_program_end (self->program) != NULL)
    return;
  mem_program_advance (self->program, now);
  settle (self);
}

void
mem_process_signal (MemProcess *self, int signal, gint64 now)
{
  if (self->workload == NULL || mem_program_end (self->program) != NULL)
    return;
  mem_program_signal (self->program, signal, now);
  if (mem_program_end (self->program) == NULL)
    mem_program_advance (self->program, now);
  settle (self);
}

MemProgram *
mem_process_program (MemProcess *self)
{
  return self->program;
}
