/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/subject.h"
#include "operations/timebase.h"

/* the clock may jump: look again after this time even if the first deadline seems further away */
#define LONGEST_SLEEP (15 * G_USEC_PER_SEC)

/* a sweep that is later than this was kept from running: the process was stopped */
#define LATE (2 * G_USEC_PER_SEC)

static void arm (TholeOperations *operations);

static int
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const TholeDeadline *left = a, *right = b;

  return left->at < right->at ? -1 : left->at > right->at;
}

/* time in which the engine could not be heard is no reason to call it slow */
static void
give_back (TholeOperations *operations)
{
  gint64 monotonic = thole_clock_monotonic (operations->clock);
  gint64 lost = monotonic - operations->sweep_due;

  if (lost > LATE)
    operations->patient_until = monotonic + MIN (lost, operations->limits.provision_timeout);
}

static gboolean
sweep (gpointer user_data)
{
  TholeOperations *operations = user_data;
  gint64 now = thole_timebase_now (operations);

  thole_source_clear (&operations->sweep);
  give_back (operations);
  for (;;)
    {
      GSequenceIter *first = g_sequence_get_begin_iter (operations->deadlines);
      TholeDeadline *deadline;

      if (g_sequence_iter_is_end (first))
        break;
      deadline = g_sequence_get (first);
      if (deadline->at > now)
        break;
      g_sequence_remove (first);
      deadline->entry = NULL;
      deadline->fire (deadline->owner);
    }
  arm (operations);
  return G_SOURCE_REMOVE;
}

static void
arm (TholeOperations *operations)
{
  GSequenceIter *first = g_sequence_get_begin_iter (operations->deadlines);
  gint64 wait;

  thole_source_clear (&operations->sweep);
  if (g_sequence_iter_is_end (first) || operations->draining)
    return;
  wait = CLAMP (((TholeDeadline *) g_sequence_get (first))->at - thole_timebase_now (operations), 0, LONGEST_SLEEP);
  operations->sweep_due = thole_clock_monotonic (operations->clock) + wait;
  operations->sweep = thole_clock_timer (operations->clock, wait, sweep, operations);
}

void
thole_deadline_set (TholeOperations *operations, TholeDeadline *deadline, gint64 at)
{
  if (deadline->entry != NULL && deadline->at == at)
    return;
  if (deadline->entry == NULL && at == 0)
    return;
  g_clear_pointer (&deadline->entry, g_sequence_remove);
  deadline->at = at;
  if (at != 0)
    deadline->entry = g_sequence_insert_sorted (operations->deadlines, deadline, compare, NULL);
  arm (operations);
}
