/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/spool.h"

#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "files/input.h"
#include "thole-error.h"

#define PATIENCE (30 * G_USEC_PER_SEC)

/* time goes on when the test says so, and a timer is due when the test asks for it */
typedef struct
{
  TholeClock parent;
  gint64 time, delay;
  GSourceFunc function;  /* (nullable): of the timer that was made last */
  gpointer user_data;
} Clock;

static gint64
tell (TholeClock *clock)
{
  return ((Clock *) clock)->time;
}

static GSource *
make_timer (TholeClock *clock, gint64 delay, GSourceFunc function, gpointer user_data)
{
  Clock *self = (Clock *) clock;

  self->delay = delay;
  self->function = function;
  self->user_data = user_data;
  return g_idle_source_new ();
}

typedef struct
{
  TholeStream stream;
  GQueue pieces;       /* of GBytes */
  gboolean ended, waits, closed;
  GError *error;       /* (nullable) */
} Source;

typedef struct
{
  Clock clock;
  Source source;
  TholeSpoolBounds bounds;
  char *folder;
  gboolean done;
  TholeSpool *spool;
  GError *error;
} Bed;

static TholeStreamResult
source_next (TholeStream *stream, TholeItem *item, GError **error)
{
  Source *self = (Source *) stream;

  if (self->pieces.length > 0)
    {
      *item = (TholeItem) { .data = g_queue_pop_head (&self->pieces) };
      return THOLE_STREAM_ITEM;
    }
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return THOLE_STREAM_ERROR;
    }
  self->waits = !self->ended;
  return self->ended ? THOLE_STREAM_END : THOLE_STREAM_WAIT;
}

static void
source_close (TholeStream *stream)
{
  ((Source *) stream)->closed = TRUE;
}

static void
on_spooled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Bed *bed = user_data;

  bed->spool = thole_spool_finish (result, &bed->error);
  bed->done = TRUE;
}

static void
bed_open (Bed *bed)
{
  *bed = (Bed) { .clock.parent = { .monotonic = tell, .timer = make_timer }, .source.stream = { source_next, source_close } };
  g_queue_init (&bed->source.pieces);
  bed->folder = g_dir_make_tmp ("thole-spool-XXXXXX", NULL);
  bed->bounds = (TholeSpoolBounds) {
    .folder = bed->folder, .most = 1 << 20, .told = -1, .patience = PATIENCE, .clock = &bed->clock.parent,
  };
}

static void
bed_close (Bed *bed)
{
  g_autoptr (GDir) left = g_dir_open (bed->folder, 0, NULL);

  g_assert_true (bed->source.closed);
  g_assert_null (g_dir_read_name (left));
  g_queue_clear_full (&bed->source.pieces, (GDestroyNotify) g_bytes_unref);
  g_clear_error (&bed->error);
  g_clear_pointer (&bed->spool, thole_spool_free);
  rmdir (bed->folder);
  g_free (bed->folder);
}

static void
give (Bed *bed, const char *data, gsize length)
{
  g_queue_push_tail (&bed->source.pieces, g_bytes_new (data, length));
}

static void
give_zeros (Bed *bed, gsize length)
{
  g_autofree char *zeros = g_malloc0 (length);

  give (bed, zeros, length);
}

static void
begin (Bed *bed)
{
  thole_spool_async (&bed->bounds, &bed->source.stream, on_spooled, bed);
  g_assert_false (bed->done);
}

/* until it waits or is done */
static void
run (Bed *bed)
{
  while (!bed->done && !bed->source.waits)
    g_main_context_iteration (NULL, TRUE);
}

static void
go_on (Bed *bed)
{
  bed->source.waits = FALSE;
  bed->source.stream.ready (bed->source.stream.reader);
  run (bed);
}

static void
fails (Bed *bed, int code)
{
  while (!bed->done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (bed->spool);
  g_assert_error (bed->error, THOLE_ERROR, code);
}

/* ------------------------------------------------------------------------------------------------------- */

static void
test_whole (void)
{
  char back[16] = { 0 };
  Bed bed;

  bed_open (&bed);
  give (&bed, "one ", 4);
  begin (&bed);
  run (&bed);
  give (&bed, "two", 3);
  bed.source.ended = TRUE;
  go_on (&bed);
  g_assert_no_error (bed.error);
  g_assert_cmpuint (bed.spool->size, ==, 7);
  g_assert_cmpint (pread (bed.spool->fd, back, sizeof back, 0), ==, 7);
  g_assert_cmpstr (back, ==, "one two");
  bed_close (&bed);
}

static void
test_too_large (void)
{
  Bed bed;

  bed_open (&bed);
  bed.bounds.most = 6;
  give (&bed, "1234", 4);
  give (&bed, "567", 3);
  begin (&bed);
  fails (&bed, THOLE_ERROR_TOO_LARGE);
  bed_close (&bed);
}

static void
test_broken (void)
{
  Bed bed;

  bed_open (&bed);
  give (&bed, "1234", 4);
  bed.source.error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "gone");
  begin (&bed);
  fails (&bed, THOLE_ERROR_INTERRUPTED);
  bed_close (&bed);
}

static void
test_no_folder (void)
{
  Bed bed;

  bed_open (&bed);
  bed.bounds.folder = "/nowhere/at/all";
  begin (&bed);
  fails (&bed, THOLE_ERROR_STORAGE);
  bed_close (&bed);
}

/* who sends nothing more is waited for only so long */
static void
test_idle (void)
{
  Bed bed;

  bed_open (&bed);
  give_zeros (&bed, 1 << 19);
  begin (&bed);
  run (&bed);
  /* what came fast earns a longer pause, but not one for ever */
  g_assert_cmpint (bed.clock.delay, ==, THOLE_SPOOL_PAUSES * PATIENCE);
  bed.clock.time += bed.clock.delay;
  bed.clock.function (bed.clock.user_data);
  fails (&bed, THOLE_ERROR_REQUEST_TIMEOUT);
  bed_close (&bed);
}

/* a byte in time each time is not enough in the long run */
static void
test_drip (void)
{
  guint drops = 0;
  Bed bed;

  bed_open (&bed);
  begin (&bed);
  for (run (&bed); bed.clock.delay > PATIENCE / 3; drops++)
    {
      bed.clock.time += PATIENCE / 3;
      give (&bed, "x", 1);
      go_on (&bed);
    }
  g_assert_cmpuint (drops, ==, 3);
  g_assert_cmpint (bed.clock.delay, <, G_USEC_PER_SEC);
  bed.clock.function (bed.clock.user_data);
  fails (&bed, THOLE_ERROR_REQUEST_TIMEOUT);
  bed_close (&bed);
}

/* who keeps the rate may take as long as it takes */
static void
test_slow (void)
{
  Bed bed;

  bed_open (&bed);
  begin (&bed);
  run (&bed);
  for (guint i = 0; i < 20; i++)
    {
      g_assert_cmpint (bed.clock.delay, ==, PATIENCE);
      bed.clock.time += 20 * G_USEC_PER_SEC;
      give_zeros (&bed, 20 * THOLE_SPOOL_RATE);
      go_on (&bed);
    }
  bed.source.ended = TRUE;
  go_on (&bed);
  g_assert_no_error (bed.error);
  g_assert_cmpuint (bed.spool->size, ==, 400 * THOLE_SPOOL_RATE);
  bed_close (&bed);
}

/* bytes of the disk are left to others: told before, or found out */
static void
test_reserve (void)
{
  struct statvfs disk;
  Bed bed;

  bed_open (&bed);
  g_assert_cmpint (statvfs (bed.folder, &disk), ==, 0);
  bed.bounds.reserve = (guint64) disk.f_blocks * disk.f_frsize + 1;
  begin (&bed);
  fails (&bed, THOLE_ERROR_STORAGE_FULL);
  bed_close (&bed);

  bed_open (&bed);
  bed.bounds.reserve = 1;
  bed.bounds.told = (gint64) ((guint64) disk.f_blocks * disk.f_frsize);
  begin (&bed);
  fails (&bed, THOLE_ERROR_STORAGE_FULL);
  bed_close (&bed);
}

static GBytes *
tar_of (const char *name)
{
  TholeTarEntry entry = { .name = (char *) name, .kind = THOLE_TAR_FOLDER, .mode = 0755 };
  g_autoptr (GInputStream) input = thole_tar_input_entry (&entry, -1);

  return g_input_stream_read_bytes (input, 65536, NULL, NULL);
}

static void
spool_tar (Bed *bed, const char *name, gsize cut)
{
  g_autoptr (GBytes) head = tar_of (name);
  gsize length = g_bytes_get_size (head);

  bed_open (bed);
  bed->bounds.is_tar = TRUE;
  give (bed, g_bytes_get_data (head, NULL), length - MIN (cut, length));
  if (cut == 0)
    give_zeros (bed, 4 * THOLE_TAR_BLOCK);
  bed->source.ended = TRUE;
  begin (bed);
}

static void
test_tar (void)
{
  static const char *const bad[] = { "../out", "/rooted", "a/../../b", "" };
  Bed bed;

  spool_tar (&bed, "inside", 0);
  run (&bed);
  while (!bed.done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_error (bed.error);
  /* what follows the end is nobody's */
  g_assert_cmpuint (bed.spool->size, <=, 3 * THOLE_TAR_BLOCK);
  bed_close (&bed);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      spool_tar (&bed, bad[i], 0);
      fails (&bed, THOLE_ERROR_INVALID);
      bed_close (&bed);
    }
  spool_tar (&bed, "inside", 100);
  fails (&bed, THOLE_ERROR_INVALID);
  bed_close (&bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spool/whole", test_whole);
  g_test_add_func ("/spool/too-large", test_too_large);
  g_test_add_func ("/spool/broken", test_broken);
  g_test_add_func ("/spool/no-folder", test_no_folder);
  g_test_add_func ("/spool/idle", test_idle);
  g_test_add_func ("/spool/drip", test_drip);
  g_test_add_func ("/spool/slow", test_slow);
  g_test_add_func ("/spool/reserve", test_reserve);
  g_test_add_func ("/spool/tar", test_tar);
  return g_test_run ();
}
