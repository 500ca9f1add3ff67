/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/timebase.h"

/* what is less is a clock that is slowed down or sped up */
#define JUMP G_USEC_PER_SEC
/* how far the time base may be behind after a restart with a clock that was set back, µs */
#define SEEN_PERIOD (600 * G_USEC_PER_SEC)

struct _TholeTimebaseState
{
  TholeOperations *operations;
  gint64 offset;          /* of the wall clock from the one that never jumps, when last seen */
  gint64 skew;
  gint64 stored;          /* the skew that the store has */
  gint64 storing;         /* the skew that is being stored */
  gint64 seen;            /* the time base when it was last stored, or tried to be */
  gboolean there;         /* the store has a row */
  gboolean busy;
};

static gint64
offset_now (TholeOperations *operations)
{
  return thole_clock_now (operations->clock) - thole_clock_monotonic (operations->clock);
}

static void store (TholeTimebaseState *self, gint64 now);

static void
stored (gpointer user_data, const GError *error)
{
  TholeTimebaseState *self = user_data;

  self->busy = FALSE;
  if (error != NULL)
    return;
  self->there = TRUE;
  self->stored = self->storing;
  /* it was set once more meanwhile */
  if (self->skew != self->stored)
    store (self, self->seen);
}

/* what fails now is done at the next look */
static void
store (TholeTimebaseState *self, gint64 now)
{
  TholeTimebase *record = thole_record_new (&thole_timebase_type);
  TholeTxn *txn = thole_txn_new ();

  thole_record_set (&record->id, "wall");
  record->skew = self->storing = self->skew;
  record->seen_at = self->seen = now;
  if (self->there)
    thole_txn_update (txn, record);
  else
    thole_txn_insert (txn, record);
  self->busy = TRUE;
  thole_db_commit (self->operations->db, txn, stored, self);
  thole_record_unref (record);
}

static void
take_up (TholeTimebaseState *self, const TholeTimebase *record)
{
  gint64 now = thole_clock_now (self->operations->clock) - record->skew;

  self->skew = self->stored = record->skew;
  self->seen = record->seen_at;
  if (now >= record->seen_at)
    return;
  g_message ("the clock is %.3f s behind what it was; deadlines stay where they were",
             (double) (record->seen_at - now) / G_USEC_PER_SEC);
  self->skew -= record->seen_at - now;
}

/* while nothing waits for it, nobody has to know it after a restart */
static gboolean
must_store (TholeTimebaseState *self, gint64 now)
{
  TholeOperations *operations = self->operations;

  if (self->busy)
    return FALSE;
  if (self->skew != self->stored)
    return TRUE;
  return now - self->seen >= SEEN_PERIOD
         && (!g_sequence_is_empty (operations->deadlines) || thole_collection_size (operations->orphans) > 0);
}

gboolean
thole_timebase_load (TholeOperations *operations, GError **error)
{
  g_autoptr (GPtrArray) rows = thole_db_load (operations->db, &thole_timebase_type, error);
  TholeTimebaseState *self;

  if (rows == NULL)
    return FALSE;
  self = operations->timebase = g_new0 (TholeTimebaseState, 1);
  self->operations = operations;
  self->offset = offset_now (operations);
  self->there = rows->len > 0;
  if (self->there)
    take_up (self, rows->pdata[0]);
  return TRUE;
}

void
thole_timebase_free (TholeOperations *operations)
{
  g_clear_pointer (&operations->timebase, g_free);
}

gint64
thole_timebase_now (TholeOperations *operations)
{
  TholeTimebaseState *self = operations->timebase;
  gint64 offset = offset_now (operations);
  gint64 jump = offset - self->offset;
  gint64 now;

  self->offset = offset;
  if (ABS (jump) >= JUMP)
    {
      g_message ("the clock was set by %.3f s; deadlines stay where they were", (double) jump / G_USEC_PER_SEC);
      self->skew += jump;
    }
  now = offset + thole_clock_monotonic (operations->clock) - self->skew;
  if (must_store (self, now))
    store (self, now);
  return now;
}
