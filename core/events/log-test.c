/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events/log.h"

#include <malloc.h>
#include <string.h>

#include "store/fixture.h"

#include "thole-error.h"

/* small, so that readers fall out of it */
#define RING 64
#define SECONDS(n) ((gint64) (n) * G_USEC_PER_SEC)

static void
add_events (TholeFixture *fixture, guint n, const char *type, const char *owner)
{
  TholeTxn *txn = thole_txn_new ();

  for (guint i = 0; i < n; i++)
    thole_txn_event (txn, thole_fixture_event (type, "wl-1", owner));
  g_assert_null (thole_fixture_commit (fixture, txn));
}

static TholeEventFilter *
filter_new (const char *types, const char *subject, const char *owner)
{
  TholeEventFilter *filter = g_new0 (TholeEventFilter, 1);

  filter->types = types != NULL ? g_strsplit (types, ",", -1) : NULL;
  filter->subject = g_strdup (subject);
  filter->owner = g_strdup (owner);
  return filter;
}

static void
test_filter (void)
{
  static const struct
  {
    const char *types, *subject, *owner;
    gboolean takes;
  } cases[] = {
    { NULL, NULL, NULL, TRUE },
    { "workload.state", NULL, NULL, TRUE },
    { "workload.states", NULL, NULL, FALSE },
    { "workload.*", NULL, NULL, TRUE },
    { "work*", NULL, NULL, FALSE },
    { "workload*", NULL, NULL, FALSE },
    { "*", NULL, NULL, TRUE },
    { "operation.*,workload.state", NULL, NULL, TRUE },
    { "operation.*", NULL, NULL, FALSE },
    { "", NULL, NULL, FALSE },
    { NULL, "wl-1", NULL, TRUE },
    { NULL, "wl-2", NULL, FALSE },
    { NULL, NULL, "ann", TRUE },
    { NULL, NULL, "bob", FALSE },
    { "workload.*", "wl-1", "ann", TRUE },
    { "workload.*", "wl-1", "bob", FALSE },
  };
  g_autoptr (TholeEvent) event = thole_fixture_event ("workload.state", "wl-1", "ann");

  g_assert_true (thole_event_filter_takes (NULL, event));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TholeEventFilter *filter = filter_new (cases[i].types, cases[i].subject, cases[i].owner);

      g_assert_cmpint (thole_event_filter_takes (filter, event), ==, cases[i].takes);
      thole_event_filter_free (filter);
    }
}

static void
count_ready (gpointer reader)
{
  (*(guint *) reader)++;
}

/* takes exactly @expected events, however long they take; nothing comes after them */
static void
drain (TholeStream *stream, gint64 *last, guint expected)
{
  g_autoptr (GError) error = NULL;
  TholeStreamResult result = THOLE_STREAM_WAIT;
  guint ready = 1, n = 0;
  TholeItem item;

  stream->ready = count_ready;
  stream->reader = &ready;
  while (n < expected || result != THOLE_STREAM_WAIT)
    {
      while (ready == 0)
        g_main_context_iteration (NULL, TRUE);
      result = stream->next (stream, &item, &error);
      g_assert_no_error (error);
      if (result == THOLE_STREAM_WAIT)
        {
          ready = 0;
          continue;
        }
      g_assert_cmpint (result, ==, THOLE_STREAM_ITEM);
      g_assert_cmpint (item.id, >, *last);
      g_assert_cmpuint (++n, <=, expected);
      *last = item.id;
      g_bytes_unref (item.data);
    }
  stream->ready = NULL;
  stream->reader = NULL;
}

static void
test_follow (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeEventLog *log;
  TholeStream *all, *some;
  gint64 last = 0, last_some = 0;

  add_events (fixture, 300, "workload.state", "ann");
  /* what was there before is in the store only */
  log = thole_event_log_new (fixture->db, RING);
  g_assert_cmpint (thole_event_log_newest (log), ==, 300);
  g_assert_cmpint (thole_event_log_oldest (log), ==, 1);
  all = thole_event_log_follow (log, 0, NULL, NULL);
  some = thole_event_log_follow (log, 0, filter_new ("operation.*", NULL, NULL), NULL);
  g_assert_cmpuint (thole_event_log_readers (log), ==, 2);
  drain (all, &last, 300);
  drain (some, &last_some, 0);
  add_events (fixture, 10, "operation.state", "ann");
  add_events (fixture, 10, "workload.state", "ann");
  drain (all, &last, 20);
  drain (some, &last_some, 10);
  /* more than the ring holds while nobody reads */
  add_events (fixture, 500, "operation.state", "ann");
  drain (all, &last, 500);
  drain (some, &last_some, 500);
  g_assert_cmpint (last, ==, 820);
  all->close (all);
  g_assert_cmpuint (thole_event_log_readers (log), ==, 1);
  thole_event_log_free (log);
  g_assert_cmpint (some->next (some, NULL, NULL), ==, THOLE_STREAM_END);
  some->close (some);
  thole_fixture_free (fixture);
}

static TholeStreamResult
next_after (TholeEventLog *log, gint64 after, GError **error)
{
  TholeStream *stream = thole_event_log_follow (log, after, filter_new ("*", NULL, NULL), error);
  TholeStreamResult result = THOLE_STREAM_ERROR;
  TholeItem item;

  if (stream == NULL)
    return result;
  while ((result = stream->next (stream, &item, error)) == THOLE_STREAM_WAIT)
    g_main_context_iteration (NULL, TRUE);
  if (result == THOLE_STREAM_ITEM)
    {
      g_assert_cmpint (item.id, ==, after + 1);
      g_assert_cmpstr (item.type, ==, "workload.state");
      g_assert_nonnull (g_strstr_len (g_bytes_get_data (item.data, NULL), g_bytes_get_size (item.data), "\"a\":1"));
      g_bytes_unref (item.data);
    }
  stream->close (stream);
  return result;
}

/* the next item says that the numbers from @from to below @to are missing */
static void
take_gap (TholeStream *stream, gint64 from, gint64 to)
{
  g_autofree char *wanted = g_strdup_printf ("{\"from\":%" G_GINT64_FORMAT ",\"to\":%" G_GINT64_FORMAT "}", from, to);
  g_autofree char *seen = NULL;
  g_autoptr (GError) error = NULL;
  TholeStreamResult result;
  TholeItem item;

  while ((result = stream->next (stream, &item, &error)) == THOLE_STREAM_WAIT)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_error (error);
  g_assert_cmpint (result, ==, THOLE_STREAM_ITEM);
  g_assert_cmpstr (item.type, ==, "gap");
  g_assert_cmpint (item.id, ==, to - 1);
  seen = g_strndup (g_bytes_get_data (item.data, NULL), g_bytes_get_size (item.data));
  g_assert_cmpstr (seen, ==, wanted);
  g_bytes_unref (item.data);
}

static void
test_bounds (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeEventLog *log = thole_event_log_new (fixture->db, RING);
  TholeTxn *txn = thole_txn_new ();
  g_autoptr (GError) error = NULL;
  TholeStream *late;
  gint64 last = 0;

  late = thole_event_log_follow (log, 0, NULL, NULL);
  drain (late, &last, 0);
  add_events (fixture, 200, "workload.state", "ann");
  thole_txn_prune (txn, 101);
  g_assert_null (thole_fixture_commit (fixture, txn));
  g_assert_cmpint (thole_event_log_oldest (log), ==, 101);
  g_assert_cmpint (next_after (log, 100, NULL), ==, THOLE_STREAM_ITEM);
  g_assert_cmpint (next_after (log, 190, NULL), ==, THOLE_STREAM_ITEM);
  g_assert_cmpint (next_after (log, 99, &error), ==, THOLE_STREAM_ERROR);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_GONE);
  g_assert_nonnull (strstr (error->message, "101"));
  g_clear_error (&error);
  g_assert_cmpint (next_after (log, 201, &error), ==, THOLE_STREAM_ERROR);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_cmpint (next_after (log, -1, &error), ==, THOLE_STREAM_ERROR);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_clear_error (&error);
  /* a reader that fell behind what is kept is told what is missing, then it goes on */
  take_gap (late, 1, 101);
  last = 100;
  drain (late, &last, 100);
  late->close (late);
  thole_event_log_free (log);
  thole_fixture_free (fixture);
}

static void
test_keep (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeEventLog *log = thole_event_log_new (fixture->db, RING);
  gint64 oldest, newest;

  thole_event_log_set_keep (log, thole_clock_system (), 3000, 0);
  for (guint i = 0; i < 80; i++)
    {
      add_events (fixture, 100, "workload.state", "ann");
      g_assert_cmpint (thole_event_log_newest (log) - thole_event_log_oldest (log) + 1, <=, 3000 + 2 * 1000 + 100);
    }
  while (thole_db_pending (fixture->db) > 0)
    g_main_context_iteration (NULL, TRUE);
  thole_db_event_range (fixture->db, &oldest, &newest);
  g_assert_cmpint (newest, ==, 8000);
  g_assert_cmpint (newest - oldest + 1, >=, 3000);
  g_assert_cmpint (newest - oldest + 1, <=, 4000);
  thole_event_log_free (log);
  thole_fixture_free (fixture);
}

/* a clock that is set by hand; what it waits for comes a hundred times as soon */
typedef struct
{
  TholeClock clock;
  gint64 now;
} HandClock;

static gint64
hand_now (TholeClock *clock)
{
  return ((HandClock *) clock)->now;
}

static GSource *
hand_timer (TholeClock *clock, gint64 delay, GSourceFunc function, gpointer user_data)
{
  return thole_clock_timer (thole_clock_system (), delay / 100, function, user_data);
}

static void
add_at (TholeFixture *fixture, guint n, gint64 time)
{
  TholeTxn *txn = thole_txn_new ();

  for (guint i = 0; i < n; i++)
    thole_txn_event (txn, thole_event_new (time, "workload.state", "wl-1", "ann", "root", g_strdup ("{}")));
  g_assert_null (thole_fixture_commit (fixture, txn));
}

static void
await_oldest (TholeEventLog *log, gint64 oldest)
{
  gint64 until = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;

  while (thole_event_log_oldest (log) != oldest && g_get_monotonic_time () < until)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (thole_event_log_oldest (log), ==, oldest);
}

/* proves: row:87 */
static void
test_age (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  HandClock hand = { { .now = hand_now, .timer = hand_timer }, SECONDS (1000) };
  TholeEventLog *log;

  add_at (fixture, 3500, SECONDS (1000));
  add_at (fixture, 700, SECONDS (1100));
  /* the clock was set back */
  add_at (fixture, 100, SECONDS (900));
  add_at (fixture, 300, SECONDS (1200));
  log = thole_event_log_new (fixture->db, RING);
  thole_event_log_set_keep (log, &hand.clock, 1000000, SECONDS (100));
  /* without anybody adding anything, in several steps */
  hand.now = SECONDS (1101);
  await_oldest (log, 3501);
  hand.now = SECONDS (1201);
  await_oldest (log, 4301);
  /* the newest stays, so that the numbers go on */
  hand.now = SECONDS (9999);
  await_oldest (log, 4600);
  thole_event_log_free (log);
  thole_fixture_reopen (fixture);
  log = thole_event_log_new (fixture->db, RING);
  g_assert_cmpint (thole_event_log_newest (log), ==, 4600);
  /* by count, also without anybody adding anything */
  add_at (fixture, 6000, hand.now);
  thole_event_log_set_keep (log, &hand.clock, 1000, 0);
  await_oldest (log, 9601);
  thole_event_log_free (log);
  thole_fixture_free (fixture);
}

typedef struct
{
  GAsyncResult *result;
} Waiting;

static void
page_came (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ((Waiting *) user_data)->result = g_object_ref (result);
}

static guint
read_page (TholeEventLog *log, gint64 after, guint limit, TholeEventFilter *filter, gint64 *next, GError **error)
{
  Waiting waiting = { NULL };
  g_autoptr (GPtrArray) events = NULL;

  thole_event_log_page_async (log, after, limit, filter, page_came, &waiting);
  g_assert_null (waiting.result);
  while (waiting.result == NULL)
    g_main_context_iteration (NULL, TRUE);
  events = thole_event_log_page_finish (log, waiting.result, next, error);
  g_object_unref (waiting.result);
  for (guint i = 1; events != NULL && i < events->len; i++)
    g_assert_cmpint (((TholeEvent *) events->pdata[i])->seq, >, ((TholeEvent *) events->pdata[i - 1])->seq);
  return events != NULL ? events->len : 0;
}

static void
test_page (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeEventLog *log = thole_event_log_new (fixture->db, RING);
  g_autoptr (GError) error = NULL;
  gint64 next = -1;

  g_assert_cmpuint (read_page (log, 0, 100, NULL, &next, NULL), ==, 0);
  g_assert_cmpint (next, ==, 0);
  add_events (fixture, 500, "workload.state", "ann");
  add_events (fixture, 12000, "operation.state", "bob");
  add_events (fixture, 500, "workload.state", "ann");
  g_assert_cmpuint (read_page (log, 0, 100, NULL, &next, NULL), ==, 100);
  g_assert_cmpint (next, ==, 100);
  g_assert_cmpuint (read_page (log, 12990, 100, NULL, &next, NULL), ==, 10);
  g_assert_cmpint (next, ==, 13000);
  g_assert_cmpuint (read_page (log, 13000, 100, NULL, &next, NULL), ==, 0);
  g_assert_cmpint (next, ==, 13000);
  /* one page looks at 10,000 only, the next goes on */
  g_assert_cmpuint (read_page (log, 0, 1000, filter_new (NULL, NULL, "ann"), &next, NULL), ==, 500);
  g_assert_cmpint (next, ==, 10000);
  g_assert_cmpuint (read_page (log, next, 1000, filter_new (NULL, NULL, "ann"), &next, NULL), ==, 500);
  g_assert_cmpint (next, ==, 13000);
  next = 7;
  g_assert_cmpuint (read_page (log, 13001, 100, filter_new (NULL, NULL, "ann"), &next, &error), ==, 0);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_assert_cmpint (next, ==, 7);
  thole_event_log_free (log);
  thole_fixture_free (fixture);
}

/* the log and the store go while a page and a stream read from the store */
static void
test_end_while_reading (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  Waiting waiting = { NULL };
  g_autoptr (GError) error = NULL;
  TholeEventLog *log;
  TholeStream *stream;
  TholeItem item;
  guint ready = 0;

  add_events (fixture, 5000, "workload.state", "ann");
  log = thole_event_log_new (fixture->db, RING);
  stream = thole_event_log_follow (log, 0, NULL, NULL);
  stream->ready = count_ready;
  stream->reader = &ready;
  g_assert_cmpint (stream->next (stream, &item, NULL), ==, THOLE_STREAM_WAIT);
  thole_event_log_page_async (log, 0, 4000, filter_new ("none", NULL, NULL), page_came, &waiting);
  thole_event_log_free (log);
  g_clear_pointer (&fixture->db, thole_db_close);
  while (ready == 0 || waiting.result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (stream->next (stream, &item, NULL), ==, THOLE_STREAM_END);
  stream->close (stream);
  g_assert_null (thole_event_log_page_finish (NULL, waiting.result, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INTERRUPTED);
  g_object_unref (waiting.result);
  thole_fixture_free (fixture);
}

typedef struct
{
  TholeEventLog *log;
  TholeStream *streams[3];
  guint called;
} Chain;

static void
close_others (gpointer reader)
{
  Chain *chain = reader;

  chain->called++;
  for (guint i = 0; i < G_N_ELEMENTS (chain->streams); i++)
    chain->streams[i]->close (chain->streams[i]);
  thole_event_log_free (g_steal_pointer (&chain->log));
}

/* ready() may close every stream and the log */
static void
test_close_in_ready (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  Chain chain = { thole_event_log_new (fixture->db, RING) };
  TholeItem item;

  for (guint i = 0; i < G_N_ELEMENTS (chain.streams); i++)
    {
      chain.streams[i] = thole_event_log_follow (chain.log, 0, NULL, NULL);
      chain.streams[i]->ready = close_others;
      chain.streams[i]->reader = &chain;
      g_assert_cmpint (chain.streams[i]->next (chain.streams[i], &item, NULL), ==, THOLE_STREAM_WAIT);
    }
  add_events (fixture, 3, "workload.state", "ann");
  while (chain.called == 0)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 20; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (chain.called, ==, 1);
  thole_fixture_free (fixture);
}

/* many readers, cut off and slow at random ------------------------------------------------------------ */

#define N_EVENTS 100000
#define N_READERS 24

typedef struct
{
  TholeEventLog *log;
  TholeStream *stream;
  guint kind;     /* of its filter; see expects() */
  guint patience; /* it reads once in so many turns */
  gint64 last;    /* number that it saw */
  guint seen;
  gboolean waits;
  guint cuts;
} Reader;

static const char *const types[] = { "workload.state", "workload.created", "operation.state", "node.state" };
static const char *const owners[] = { "ann", "bob", "eve" };

/* event number @seq has a type and an owner that follow from its number */
static gboolean
expects (guint kind, gint64 seq)
{
  const char *type = types[seq % G_N_ELEMENTS (types)];
  const char *owner = owners[seq % 7 % G_N_ELEMENTS (owners)];

  switch (kind)
    {
    case 0:
      return TRUE;
    case 1:
      return g_str_has_prefix (type, "workload.");
    case 2:
      return strcmp (owner, "bob") == 0;
    default:
      return strcmp (type, "node.state") == 0 && strcmp (owner, "eve") == 0;
    }
}

static void
reader_ready (gpointer data)
{
  Reader *reader = data;

  g_assert_true (reader->waits);
  reader->waits = FALSE;
}

static void
connect_reader (Reader *reader)
{
  static const char *const type_of[] = { NULL, "workload.*", NULL, "other.*,node.state" };
  static const char *const owner_of[] = { NULL, NULL, "bob", "eve" };
  g_autoptr (GError) error = NULL;

  reader->stream = thole_event_log_follow (reader->log, reader->last,
                                           filter_new (type_of[reader->kind], NULL, owner_of[reader->kind]), &error);
  g_assert_no_error (error);
  reader->stream->ready = reader_ready;
  reader->stream->reader = reader;
  reader->waits = FALSE;
}

static void
cut_reader (Reader *reader)
{
  reader->stream->close (reader->stream);
  reader->cuts++;
  connect_reader (reader);
}

static void
see (Reader *reader, const TholeItem *item)
{
  gint64 seq = reader->last + 1;

  /* the very next one that it wants: no gap, no duplicate, in order */
  while (!expects (reader->kind, seq))
    seq++;
  g_assert_cmpint (item->id, ==, seq);
  g_assert_cmpstr (item->type, ==, types[seq % G_N_ELEMENTS (types)]);
  reader->last = seq;
  reader->seen++;
  g_bytes_unref (item->data);
}

static void
take (Reader *reader, guint most)
{
  TholeStreamResult result = THOLE_STREAM_ITEM;
  g_autoptr (GError) error = NULL;
  TholeItem item;

  while (most-- > 0 && !reader->waits
         && (result = reader->stream->next (reader->stream, &item, &error)) != THOLE_STREAM_WAIT)
    {
      g_assert_no_error (error);
      g_assert_cmpint (result, ==, THOLE_STREAM_ITEM);
      see (reader, &item);
    }
  if (result == THOLE_STREAM_WAIT)
    reader->waits = TRUE;
}

static void
commit_some (TholeFixture *fixture, gint64 *made)
{
  guint n = g_test_rand_int_range (1, 20);
  TholeTxn *txn = thole_txn_new ();

  for (guint i = 0; i < n && *made < N_EVENTS; i++)
    {
      gint64 seq = ++*made;

      thole_txn_event (txn, thole_fixture_event (types[seq % G_N_ELEMENTS (types)], "wl-1",
                                                 owners[seq % 7 % G_N_ELEMENTS (owners)]));
    }
  thole_db_commit (fixture->db, txn, NULL, NULL);
}

static gsize
memory_used (void)
{
  return mallinfo2 ().uordblks;
}

static void
assert_complete (Reader *reader)
{
  guint expected = 0;

  for (gint64 seq = 1; seq <= N_EVENTS; seq++)
    expected += expects (reader->kind, seq);
  g_assert_cmpuint (reader->seen, ==, expected);
}

static void
run_readers (TholeFixture *fixture, Reader *readers)
{
  gsize before = 0;
  gint64 made = 0;
  guint turn = 0;

  while (made < N_EVENTS || thole_db_pending (fixture->db) > 0)
    {
      if (made < N_EVENTS && thole_db_pending (fixture->db) < 64)
        commit_some (fixture, &made);
      g_main_context_iteration (NULL, FALSE);
      turn++;
      for (guint i = 0; i < N_READERS; i++)
        {
          if (g_test_rand_int_range (0, 2000) == 0)
            cut_reader (&readers[i]);
          if (turn % readers[i].patience == 0)
            take (&readers[i], g_test_rand_int_range (1, 100));
        }
      if (before == 0 && made > N_EVENTS / 4)
        before = memory_used ();
    }
#ifndef __SANITIZE_ADDRESS__
  g_test_message ("memory at a quarter %.1f MiB, at the end %.1f MiB", before / 1048576.0, memory_used () / 1048576.0);
  /* the page caches of SQLite fill meanwhile; the events alone would be 30 MiB */
  g_assert_cmpuint (memory_used (), <, before + 8 * 1024 * 1024);
#endif
}

/* proves: row:87 row:126 */
static void
test_many_readers (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeEventLog *log = thole_event_log_new (fixture->db, 512);
  Reader readers[N_READERS] = { 0 };
  gboolean behind = TRUE;
  guint cuts = 0;

  for (guint i = 0; i < N_READERS; i++)
    {
      readers[i].log = log;
      readers[i].kind = i % 4;
      readers[i].patience = i < 8 ? 1 : i < 16 ? 10 : 1000;
      connect_reader (&readers[i]);
    }
  run_readers (fixture, readers);
  g_assert_cmpint (thole_event_log_newest (log), ==, N_EVENTS);
  while (behind)
    {
      behind = FALSE;
      g_main_context_iteration (NULL, FALSE);
      for (guint i = 0; i < N_READERS; i++)
        {
          gint64 wanted = readers[i].last + 1;

          while (wanted <= N_EVENTS && !expects (readers[i].kind, wanted))
            wanted++;
          take (&readers[i], 1000);
          behind |= wanted <= N_EVENTS;
        }
    }
  for (guint i = 0; i < N_READERS; i++)
    {
      assert_complete (&readers[i]);
      cuts += readers[i].cuts;
      readers[i].stream->close (readers[i].stream);
    }
  g_test_message ("%d events, %d readers, %u cuts", N_EVENTS, N_READERS, cuts);
  g_assert_cmpuint (thole_event_log_readers (log), ==, 0);
  thole_event_log_free (log);
  thole_fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/events/filter", test_filter);
  g_test_add_func ("/events/follow", test_follow);
  g_test_add_func ("/events/bounds", test_bounds);
  g_test_add_func ("/events/keep", test_keep);
  g_test_add_func ("/events/age", test_age);
  g_test_add_func ("/events/page", test_page);
  g_test_add_func ("/events/end-while-reading", test_end_while_reading);
  g_test_add_func ("/events/close-in-ready", test_close_in_ready);
  g_test_add_func ("/events/many-readers", test_many_readers);
  return g_test_run ();
}
