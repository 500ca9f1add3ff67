/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/writer.h"

#include "thole-error.h"

/* how often a store that could not be written is tried when nobody asks; µs */
#define PROBE_PAUSE G_USEC_PER_SEC

struct _TholeWriter
{
  TholeBacking *backing;
  TholeClock *clock;
  TholeDeliverFunc deliver;
  gpointer user_data;
  GThread *thread; /* NULL when inline */
  GSource *source; /* brings results to the owner */

  /* the owner's */
  gint ref_count;
  gboolean stopped;
  guint pending; /* pushed and not delivered */
  guint counted; /* those of them that take a place in the queue */
  GQueue delivering;
  char *trouble;
  const TholeCommitWatch *watch; /* (nullable): inline only */
  gpointer watch_data;
  GSource *gathering; /* inline only: what has gathered is done then */

  GMutex lock; /* of all below */
  GCond wake;
  GQueue queue;
  GQueue done;
  gboolean closing;
  char *new_trouble;
  TholeDbCounters counters;
};

typedef struct
{
  GSource source;
  TholeWriter *writer;
} WriterSource;

static void
commit_free (TholeCommit *commit)
{
  thole_txn_free (commit->txn);
  g_clear_error (&commit->error);
  g_free (commit);
}

static void
writer_unref (TholeWriter *self)
{
  if (--self->ref_count > 0)
    return;
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_free (self->trouble);
  g_free (self->new_trouble);
  g_free (self);
}

static void
drop_all (GQueue *queue)
{
  GList *link;

  while ((link = g_queue_pop_head_link (queue)) != NULL)
    commit_free (link->data);
}

static void
move_all (GQueue *from, GQueue *to)
{
  GList *link;

  while ((link = g_queue_pop_head_link (from)) != NULL)
    g_queue_push_tail_link (to, link);
}

/* done with the lock held; the source runs once however many groups have ended */
static void
announce (TholeWriter *self)
{
  g_source_set_ready_time (self->source, 0);
}

static void
note_trouble (TholeWriter *self, const GError *error)
{
  if (error == NULL && self->new_trouble == NULL)
    return;
  g_free (self->new_trouble);
  self->new_trouble = error != NULL ? g_strdup (error->message) : NULL;
}

/* does the transactions in one COMMIT. FALSE: nobody hears of it */
static gboolean
apply_txns (TholeWriter *self, TholeTxn *const *txns, guint n_txns, GError **errors, GError **error)
{
  TholeCommitFate fate = THOLE_COMMIT_DONE;

  if (self->watch != NULL)
    fate = self->watch->before (self->watch_data, n_txns, error);
  if (fate == THOLE_COMMIT_DONE || fate == THOLE_COMMIT_KEEP)
    {
      gboolean done = self->backing->class->apply (self->backing, txns, n_txns, errors, error);

      if (done && self->watch != NULL)
        self->watch->after (self->watch_data, txns, errors, n_txns);
    }
  return fate == THOLE_COMMIT_DONE || fate == THOLE_COMMIT_FAIL;
}

/* does the commits of @group in one COMMIT; their results are in them */
static void
apply_group (TholeWriter *self, GQueue *group, GError **fault)
{
  TholeTxn *txns[THOLE_WRITER_MAX_GROUP];
  GError *errors[THOLE_WRITER_MAX_GROUP] = { NULL };
  g_autoptr (GError) error = NULL;
  guint n = 0;

  for (GList *link = group->head; link != NULL; link = link->next)
    txns[n++] = ((TholeCommit *) link->data)->txn;
  if (!apply_txns (self, txns, n, errors, &error))
    {
      for (guint i = 0; i < n; i++)
        g_clear_error (&errors[i]);
      drop_all (group);
      return;
    }
  n = 0;
  for (GList *link = group->head; link != NULL; link = link->next)
    {
      TholeCommit *commit = link->data;

      commit->error = error != NULL ? g_error_copy (error) : errors[n];
      commit->oldest = self->backing->oldest;
      n++;
    }
  *fault = g_steal_pointer (&error);
}

/* @group: taken from the queue; empty afterwards. The lock is not held. */
static void
do_group (TholeWriter *self, GQueue *group)
{
  g_autoptr (GError) fault = NULL;
  gint64 begin = thole_clock_monotonic (self->clock);
  guint failures = 0;

  apply_group (self, group, &fault);
  for (GList *link = group->head; link != NULL; link = link->next)
    failures += ((TholeCommit *) link->data)->error != NULL;
  g_mutex_lock (&self->lock);
  self->counters.transactions += group->length;
  self->counters.failures += failures;
  self->counters.groups++;
  self->counters.microseconds += (guint64) (thole_clock_monotonic (self->clock) - begin);
  note_trouble (self, fault);
  move_all (group, &self->done);
  announce (self);
  g_mutex_unlock (&self->lock);
}

/* called with the lock held; nothing was asked for a while and the store was in trouble */
static void
try_store (TholeWriter *self)
{
  g_autoptr (GError) error = NULL;

  g_mutex_unlock (&self->lock);
  self->backing->class->probe (self->backing, &error);
  g_mutex_lock (&self->lock);
  note_trouble (self, error);
  announce (self);
}

/* called with the lock held. FALSE: it is time to end */
static gboolean
await_work (TholeWriter *self)
{
  gint64 until;

  while (self->queue.length == 0 && !self->closing)
    {
      until = g_get_monotonic_time () + PROBE_PAUSE;
      if (self->new_trouble == NULL)
        g_cond_wait (&self->wake, &self->lock);
      else if (!g_cond_wait_until (&self->wake, &self->lock, until))
        try_store (self);
    }
  return self->queue.length > 0;
}

/* called with the lock held: the next group from the queue */
static void
take_group (TholeWriter *self, GQueue *group)
{
  while (group->length < THOLE_WRITER_MAX_GROUP && self->queue.length > 0)
    g_queue_push_tail_link (group, g_queue_pop_head_link (&self->queue));
}

/* inline: all that has gathered */
static void
do_gathered (TholeWriter *self)
{
  GQueue group = G_QUEUE_INIT;

  thole_source_clear (&self->gathering);
  while (self->queue.length > 0)
    {
      take_group (self, &group);
      do_group (self, &group);
    }
}

static gboolean
gathered (gpointer user_data)
{
  do_gathered (user_data);
  return G_SOURCE_REMOVE;
}

static gpointer
writer_run (gpointer data)
{
  TholeWriter *self = data;
  GQueue group = G_QUEUE_INIT;

  g_mutex_lock (&self->lock);
  while (await_work (self))
    {
      take_group (self, &group);
      g_mutex_unlock (&self->lock);
      do_group (self, &group);
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);
  return NULL;
}

static void
take_results (TholeWriter *self)
{
  g_mutex_lock (&self->lock);
  move_all (&self->done, &self->delivering);
  if (g_strcmp0 (self->trouble, self->new_trouble) != 0)
    {
      g_free (self->trouble);
      self->trouble = g_strdup (self->new_trouble);
    }
  g_mutex_unlock (&self->lock);
}

static gboolean
source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  TholeWriter *self = ((WriterSource *) source)->writer;
  GList *link;

  /* before the results are taken: what comes meanwhile wakes us again */
  g_source_set_ready_time (source, -1);
  self->ref_count++;
  take_results (self);
  while (!self->stopped && (link = g_queue_pop_head_link (&self->delivering)) != NULL)
    {
      TholeCommit *commit = link->data;

      self->pending--;
      self->counted -= commit->counted;
      self->deliver (self->user_data, commit);
      commit_free (commit);
    }
  writer_unref (self);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { .dispatch = source_dispatch };

TholeWriter *
thole_writer_new (TholeBacking *backing, TholeClock *clock, guint flags, TholeDeliverFunc deliver, gpointer user_data)
{
  TholeWriter *self = g_new0 (TholeWriter, 1);

  self->backing = backing;
  self->clock = clock;
  self->deliver = deliver;
  self->user_data = user_data;
  self->ref_count = 1;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  self->source = g_source_new (&source_funcs, sizeof (WriterSource));
  ((WriterSource *) self->source)->writer = self;
  g_source_set_static_name (self->source, "store results");
  g_source_attach (self->source, g_main_context_get_thread_default ());
  if (!(flags & THOLE_DB_INLINE))
    self->thread = g_thread_new ("store-writer", writer_run, self);
  return self;
}

void
thole_writer_free (TholeWriter *self)
{
  g_mutex_lock (&self->lock);
  self->closing = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&self->thread, g_thread_join);
  do_gathered (self);
  self->stopped = TRUE;
  g_source_destroy (self->source);
  g_source_unref (self->source);
  drop_all (&self->done);
  drop_all (&self->delivering);
  writer_unref (self);
}

static void
refuse (TholeWriter *self, TholeCommit *commit)
{
  commit->error = g_error_new (THOLE_ERROR, THOLE_ERROR_BUSY, "%d changes wait for the store already",
                               THOLE_WRITER_MAX_QUEUE);
  g_mutex_lock (&self->lock);
  self->counters.failures++;
  g_queue_push_tail_link (&self->done, &commit->link);
  announce (self);
  g_mutex_unlock (&self->lock);
}

static void
push_inline (TholeWriter *self, TholeCommit *commit)
{
  gint64 delay = self->watch != NULL ? self->watch->delay (self->watch_data) : -1;

  g_queue_push_tail_link (&self->queue, &commit->link);
  if (delay < 0)
    do_gathered (self);
  else if (self->gathering == NULL)
    self->gathering = thole_clock_timer (self->clock, delay, gathered, self);
}

void
thole_writer_push (TholeWriter *self, TholeTxn *txn, TholeCommitFunc done, gpointer user_data)
{
  TholeCommit *commit = g_new0 (TholeCommit, 1);

  commit->txn = txn;
  commit->done = done;
  commit->user_data = user_data;
  commit->link.data = commit;
  self->pending++;
  if (self->counted >= THOLE_WRITER_MAX_QUEUE)
    {
      refuse (self, commit);
      return;
    }
  commit->counted = TRUE;
  self->counted++;
  if (self->thread == NULL)
    {
      push_inline (self, commit);
      return;
    }
  g_mutex_lock (&self->lock);
  g_queue_push_tail_link (&self->queue, &commit->link);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
thole_writer_watch (TholeWriter *self, const TholeCommitWatch *watch, gpointer user_data)
{
  g_return_if_fail (self->thread == NULL);
  self->watch = watch;
  self->watch_data = user_data;
}

guint
thole_writer_pending (TholeWriter *self)
{
  return self->pending;
}

const char *
thole_writer_trouble (TholeWriter *self)
{
  return self->trouble;
}

void
thole_writer_counters (TholeWriter *self, TholeDbCounters *counters)
{
  g_mutex_lock (&self->lock);
  *counters = self->counters;
  g_mutex_unlock (&self->lock);
}
