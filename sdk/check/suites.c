/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "suites.h"

static const struct
{
  const char *name;
  KitSuite add;
  const char *about;
} suites[] = {
  { "load", suite_load, "manifest, symbol, sizes, pairs" },
  { "open", suite_open, "open, probe, close, again and again, and while calls are pending" },
  { "call", suite_call, "each slot: one answer in the right place, unknown ids and options, at once, without leaks" },
  { "cancel", suite_cancel, "each slot: cancelled before, during and after" },
  { "workload", suite_workload, "each state and each operation on it; what create, start, stop and remove promise" },
  { "spec", suite_spec, "what a workload is made of: values that cannot be, values that must work" },
  { "exec", suite_exec, "commands: exit codes, signals, bytes both ways, half-close, slow readers, terminals" },
  { "logs", suite_logs, "output that is kept: tail, since, streams, follow" },
  { "event", suite_event, "what is told, from the first moment on, and when the engine goes away and comes back" },
  { "goods", suite_goods, "files, images, volumes, the agent" },
};

const char *
kit_suite (guint index, KitSuite *add, const char **about)
{
  if (index >= G_N_ELEMENTS (suites))
    return NULL;
  *add = suites[index].add;
  *about = suites[index].about;
  return suites[index].name;
}

void
kit_add (GPtrArray *cases, const KitCase *one, const char *format, ...)
{
  KitCase *copy = g_memdup2 (one, sizeof *one);
  va_list arguments;

  va_start (arguments, format);
  copy->name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_ptr_array_add (cases, copy);
}

void
kit_case_free (gpointer one)
{
  g_free (((KitCase *) one)->name);
  g_free (one);
}
