/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A hold over a stream that the test writes: what its viewers are given, and what goes to the program. */
#include "sessions/desk.h"
#include "sessions/hold.h"
#include "sessions/painter.h"
#include "thole-dict.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING 4096
#define MANY (10 * RING)

typedef struct
{
  TholeHold *hold;
  int program; /* its end of the stream */
} Fixture;

/* what one viewer was told */
typedef struct
{
  TholeViewer *viewer;
  guint64 begin, seq, lost;
  gboolean resumed, exited, closed, shown;
  gboolean acks; /* by itself, and only where it begins */
  TholeViewerEnd end;
} Seen;

static void
begin (Fixture *self, gboolean lossless)
{
  TholeHoldOptions options = { .lossless = lossless, .scrollback = RING, .rows = 24, .cols = 80 };
  TholeHoldEvents events = { NULL };

  self->program = -1;
  self->hold = thole_hold_new (thole_clock_system (), &options, &events, self);
}

static void
give_stream (Fixture *self)
{
  g_autoptr (GSocket) socket = NULL;
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  self->program = ends[1];
  socket = g_socket_new_from_fd (ends[0], NULL);
  thole_hold_begin (self->hold, G_IO_STREAM (g_socket_connection_factory_create_connection (socket)));
}

static void
end (Fixture *self)
{
  if (self->hold != NULL)
    thole_hold_free (self->hold, THOLE_VIEWER_REMOVED, "");
  close (self->program);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

static void
say (Fixture *self, gsize length)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree guint8 *bytes = g_malloc (length);

  memset (bytes, 'x', length);
  thole_record_append (out, THOLE_RECORD_STDOUT, bytes, length);
  g_assert_cmpint (write (self->program, out->data, out->len), ==, out->len);
}

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  Seen *self = user_data;

  self->resumed = TRUE;
  self->begin = self->seq = seq;
  if (self->acks)
    thole_viewer_ack (self->viewer, seq);
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  Seen *self = user_data;

  g_assert_cmpuint (seq, ==, self->seq);
  self->seq += length;
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  Seen *self = user_data;

  self->lost += to - from;
  self->seq = to;
}

static void
on_taken (gpointer user_data, guint64 taken)
{
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  ((Seen *) user_data)->exited = TRUE;
}

static void
on_closed (gpointer user_data, TholeViewerEnd end, const char *detail)
{
  Seen *self = user_data;

  self->closed = TRUE;
  self->end = end;
}

static void
look (Fixture *fixture, Seen *self, TholeViewFrom from, guint64 seq)
{
  static const TholeViewerEvents events = { .resumed = on_resumed, .output = on_output, .gap = on_gap, .taken = on_taken,
                                            .resized = on_resized, .exited = on_exited, .closed = on_closed };
  TholeSession *session = thole_hold_session (fixture->hold);

  *self = (Seen) { 0 };
  self->viewer = thole_session_view (session, from, seq, &events, self);
  thole_session_unref (session);
}

static void
await_seq (Seen *self, guint64 seq)
{
  while (self->seq < seq)
    g_main_context_iteration (NULL, TRUE);
}

/* whatever can happen now has happened */
static void
settle (void)
{
  for (guint i = 0; i < 20; i++)
    {
      g_usleep (1000);
      while (g_main_context_iteration (NULL, FALSE))
        continue;
    }
}

/* proves: TE-22 TE-32 row:119 */
static void
test_aside (void)
{
  Fixture fixture;
  Seen aside, viewer;

  begin (&fixture, TRUE);
  give_stream (&fixture);
  look (&fixture, &aside, THOLE_VIEW_ASIDE, 0);
  thole_viewer_grant (aside.viewer, MANY);
  say (&fixture, MANY);
  await_seq (&aside, RING);
  settle ();
  g_assert_cmpuint (thole_hold_output (fixture.hold), ==, RING);
  /* one that sat there and comes back misses nothing, though the other has read on */
  look (&fixture, &viewer, THOLE_VIEW_OLDEST, 0);
  thole_viewer_grant (viewer.viewer, 2 * RING);
  await_seq (&viewer, 2 * RING);
  thole_viewer_free (viewer.viewer);
  settle ();
  g_assert_cmpuint (aside.seq, ==, 3 * RING);
  look (&fixture, &viewer, THOLE_VIEW_RESUME, 2 * RING);
  thole_viewer_grant (viewer.viewer, MANY);
  await_seq (&viewer, MANY);
  g_assert_cmpuint (viewer.lost + aside.lost, ==, 0);
  thole_viewer_free (viewer.viewer);
  thole_viewer_free (aside.viewer);
  end (&fixture);
}

/* and it is waited for by those who sit there */
static void
test_aside_late (void)
{
  Fixture fixture;
  Seen aside, viewer;

  begin (&fixture, TRUE);
  give_stream (&fixture);
  look (&fixture, &aside, THOLE_VIEW_ASIDE, 0);
  look (&fixture, &viewer, THOLE_VIEW_OLDEST, 0);
  thole_viewer_grant (viewer.viewer, MANY);
  say (&fixture, MANY);
  await_seq (&viewer, RING);
  settle ();
  g_assert_cmpuint (thole_hold_output (fixture.hold), ==, RING);
  thole_viewer_free (viewer.viewer);
  thole_viewer_grant (aside.viewer, MANY);
  await_seq (&aside, 2 * RING);
  settle ();
  g_assert_cmpuint (aside.seq, ==, 2 * RING);
  g_assert_cmpuint (aside.lost, ==, 0);
  thole_viewer_free (aside.viewer);
  end (&fixture);
}

/* the screen ---------------------------------------------------------------------------------------------- */

static void
on_painted (gpointer user_data, TholeScreen *screen, guint64 seq, TholeViewerEnd end, const char *detail)
{
  g_assert_nonnull (screen);
  *(guint64 *) user_data = seq;
}

/* a look at it lets nothing go that somebody who left wants to come back to
 * proves: TE-22 */
static void
test_painter_aside (void)
{
  Fixture fixture;
  Seen viewer;
  TholePainter *painter;
  guint64 painted = 0;

  begin (&fixture, TRUE);
  give_stream (&fixture);
  say (&fixture, MANY);
  look (&fixture, &viewer, THOLE_VIEW_OLDEST, 0);
  thole_viewer_grant (viewer.viewer, RING / 2);
  await_seq (&viewer, RING / 2);
  thole_viewer_free (viewer.viewer);
  settle ();
  g_assert_cmpuint (thole_hold_output (fixture.hold), ==, RING + RING / 2);
  painter = thole_painter_new (thole_hold_session (fixture.hold), 24, 80, on_painted, &painted);
  while (painted == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (painted, ==, RING + RING / 2);
  settle ();
  thole_painter_free (painter);
  settle ();
  g_assert_cmpuint (thole_hold_output (fixture.hold), ==, RING + RING / 2);
  look (&fixture, &viewer, THOLE_VIEW_RESUME, RING / 2);
  thole_viewer_grant (viewer.viewer, MANY);
  await_seq (&viewer, MANY);
  g_assert_cmpuint (viewer.lost, ==, 0);
  thole_viewer_free (viewer.viewer);
  end (&fixture);
}

static void
on_screen (gpointer user_data, guint64 seq, const guint8 *data, gsize length)
{
  ((Seen *) user_data)->shown = TRUE;
}

static TholeSession *
source (gpointer user_data)
{
  return thole_hold_session (((Fixture *) user_data)->hold);
}

static TholeDesk *
desk_of (Fixture *fixture)
{
  static const TholeDeskEvents events = { .source = source };

  return thole_desk_new (thole_clock_system (), TRUE, 24, 80, &events, fixture);
}

static void
sit (TholeDesk *desk, Seen *self, TholeViewFrom from, guint64 seq)
{
  static const TholeViewerEvents events = { .resumed = on_resumed, .output = on_output, .gap = on_gap, .taken = on_taken,
                                            .resized = on_resized, .exited = on_exited, .closed = on_closed, .screen = on_screen };
  TholeSession *way = thole_desk_session (desk, THOLE_INPUT_LEASE, FALSE);
  gboolean acks = self->acks;

  *self = (Seen) { .acks = acks };
  self->viewer = thole_session_view (way, from, seq, &events, self);
  thole_session_unref (way);
}

/* what comes while its screen is painted comes to it, though another one reads on */
static void
test_snapshot (void)
{
  Fixture fixture;
  Seen fast, slow = { 0 };
  TholeDesk *desk;

  begin (&fixture, TRUE);
  give_stream (&fixture);
  desk = desk_of (&fixture);
  look (&fixture, &fast, THOLE_VIEW_OLDEST, 0);
  thole_viewer_grant (fast.viewer, 100 * MANY);
  say (&fixture, RING);
  await_seq (&fast, RING);
  sit (desk, &slow, THOLE_VIEW_SNAPSHOT, 0);
  say (&fixture, MANY);
  while (!slow.shown)
    g_main_context_iteration (NULL, TRUE);
  thole_viewer_grant (slow.viewer, 100 * MANY);
  await_seq (&slow, RING + MANY);
  await_seq (&fast, RING + MANY);
  g_assert_cmpuint (slow.lost + fast.lost, ==, 0);
  thole_viewer_free (slow.viewer);
  thole_viewer_free (fast.viewer);
  thole_desk_free (desk, THOLE_VIEWER_REMOVED, "");
  end (&fixture);
}

/* who acknowledges goes on doing so behind a gap and its screen */
static void
test_acks_behind_gap (void)
{
  Fixture fixture;
  Seen first, viewer = { .acks = TRUE };
  TholeDesk *desk;
  guint64 begun;

  begin (&fixture, TRUE);
  give_stream (&fixture);
  desk = desk_of (&fixture);
  say (&fixture, 2 * RING);
  look (&fixture, &first, THOLE_VIEW_OLDEST, 0);
  thole_viewer_grant (first.viewer, MANY);
  await_seq (&first, 2 * RING);
  thole_viewer_free (first.viewer);
  sit (desk, &viewer, THOLE_VIEW_RESUME, 0);
  thole_viewer_grant (viewer.viewer, MANY);
  while (!viewer.shown)
    g_main_context_iteration (NULL, TRUE);
  begun = viewer.seq;
  g_assert_cmpuint (begun, ==, 2 * RING);
  say (&fixture, RING);
  await_seq (&viewer, begun + RING);
  /* its connection breaks before it has acknowledged that */
  thole_viewer_free (viewer.viewer);
  say (&fixture, RING);
  settle ();
  look (&fixture, &viewer, THOLE_VIEW_RESUME, begun);
  thole_viewer_grant (viewer.viewer, MANY);
  await_seq (&viewer, begun + 2 * RING);
  g_assert_cmpuint (viewer.lost, ==, 0);
  thole_viewer_free (viewer.viewer);
  thole_desk_free (desk, THOLE_VIEWER_REMOVED, "");
  end (&fixture);
}

/* the end ------------------------------------------------------------------------------------------------- */

/* one that parts gives a slow viewer what there is, and then says why it is over */
static void
test_part (void)
{
  Fixture fixture;
  Seen viewer;

  begin (&fixture, FALSE);
  give_stream (&fixture);
  look (&fixture, &viewer, THOLE_VIEW_OLDEST, 0);
  say (&fixture, 1000);
  thole_hold_part (fixture.hold, THOLE_VIEWER_WORKLOAD_GONE, "it stopped");
  shutdown (fixture.program, SHUT_RDWR);
  settle ();
  g_assert_false (viewer.closed);
  thole_viewer_grant (viewer.viewer, MANY);
  settle ();
  g_assert_cmpuint (viewer.seq, ==, 1000);
  g_assert_true (viewer.closed);
  g_assert_cmpint (viewer.end, ==, THOLE_VIEWER_WORKLOAD_GONE);
  thole_viewer_free (viewer.viewer);
  end (&fixture);
}

/* and one that is ended cuts everybody but those aside */
static void
test_cut (void)
{
  Fixture fixture;
  Seen viewer, aside;

  begin (&fixture, FALSE);
  give_stream (&fixture);
  look (&fixture, &viewer, THOLE_VIEW_OLDEST, 0);
  look (&fixture, &aside, THOLE_VIEW_ASIDE, 0);
  say (&fixture, 1000);
  settle ();
  thole_hold_free (g_steal_pointer (&fixture.hold), THOLE_VIEWER_WORKLOAD_GONE, "it stopped");
  g_assert_true (viewer.closed);
  g_assert_false (aside.closed);
  thole_viewer_grant (aside.viewer, MANY);
  settle ();
  g_assert_cmpuint (aside.seq, ==, 1000);
  g_assert_true (aside.closed);
  g_assert_cmpint (aside.end, ==, THOLE_VIEWER_WORKLOAD_GONE);
  thole_viewer_free (viewer.viewer);
  thole_viewer_free (aside.viewer);
  end (&fixture);
}

/* input -------------------------------------------------------------------------------------------------- */

/* what is typed before the program can be reached goes to it as soon as it can, its end too */
static void
test_early_input (void)
{
  Fixture fixture;
  Seen viewer;
  g_autoptr (GByteArray) wanted = g_byte_array_new ();
  guint8 got[64];
  gsize length = 0;

  begin (&fixture, FALSE);
  look (&fixture, &viewer, THOLE_VIEW_OLDEST, 0);
  g_assert_true (thole_viewer_input (viewer.viewer, (const guint8 *) "typed", 5));
  thole_viewer_end_of_input (viewer.viewer);
  settle ();
  give_stream (&fixture);
  thole_record_append (wanted, THOLE_RECORD_STDIN, "typed", 5);
  thole_record_append (wanted, THOLE_RECORD_STDIN, "", 0);
  while (length < wanted->len)
    {
      gssize n = recv (fixture.program, got + length, sizeof got - length, MSG_DONTWAIT);

      length += n > 0 ? (gsize) n : 0;
      g_main_context_iteration (NULL, n <= 0);
    }
  g_assert_cmpmem (got, length, wanted->data, wanted->len);
  thole_viewer_free (viewer.viewer);
  end (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hold-viewer/aside", test_aside);
  g_test_add_func ("/hold-viewer/aside-late", test_aside_late);
  g_test_add_func ("/hold-viewer/painter-aside", test_painter_aside);
  g_test_add_func ("/hold-viewer/snapshot", test_snapshot);
  g_test_add_func ("/hold-viewer/acks-behind-gap", test_acks_behind_gap);
  g_test_add_func ("/hold-viewer/part", test_part);
  g_test_add_func ("/hold-viewer/cut", test_cut);
  g_test_add_func ("/hold-viewer/early-input", test_early_input);
  return g_test_run ();
}
