/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Recordings of what the daemon holds itself: over a disk that refuses for a while, to the end whatever that is. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sessions/hold.h"
#include "sessions/recording.h"
#include "thole-dict.h"

#define RING 4096
#define HASTE 100

typedef struct
{
  TholeClock clock;
  char *folder, *away, *file;
  guint busy;
  TholeHold *hold;
  TholeRecording *recording;
  int program; /* its end of the stream */
} Fixture;

static GSource *
fast_timer (TholeClock *self, gint64 delay, GSourceFunc function, gpointer user_data)
{
  return thole_clock_timer (thole_clock_system (), delay / HASTE, function, user_data);
}

static void
turn (void)
{
  g_usleep (1000);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

static void
begin (Fixture *self)
{
  TholeHoldOptions options = { .scrollback = RING };
  TholeHoldEvents events = { NULL };
  g_autoptr (GSocket) socket = NULL;
  int ends[2];

  *self = (Fixture) { .clock = *thole_clock_system () };
  self->clock.timer = fast_timer;
  self->folder = g_dir_make_tmp ("thole-recording-XXXXXX", NULL);
  self->away = g_strconcat (self->folder, ".away", NULL);
  self->file = g_build_filename (self->folder, "a.cast", NULL);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  self->program = ends[1];
  socket = g_socket_new_from_fd (ends[0], NULL);
  self->hold = thole_hold_new (&self->clock, &options, &events, self);
  self->recording = thole_recording_new (&self->clock, &(TholeRecordingOptions) { self->folder, "a", 24, 80, "xterm", 0, 1 << 20, &self->busy });
  thole_recording_set_held (self->recording, TRUE);
  thole_recording_listen (self->recording, thole_hold_session (self->hold));
  thole_hold_begin (self->hold, G_IO_STREAM (g_socket_connection_factory_create_connection (socket)));
}

static void
say (Fixture *self, char letter, gsize length)
{
  guint64 before = thole_hold_output (self->hold);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree char *text = g_strnfill (length, letter);

  thole_record_append (out, THOLE_RECORD_STDOUT, text, length);
  g_assert_cmpint (write (self->program, out->data, out->len), ==, out->len);
  while (thole_hold_output (self->hold) < before + length)
    turn ();
}

static void
await_text (Fixture *self, const char *wanted)
{
  for (;;)
    {
      g_autofree char *text = NULL;

      if (g_file_get_contents (self->file, &text, NULL, NULL) && strstr (text, wanted) != NULL && self->busy == 0)
        return;
      turn ();
    }
}

/* the disk refuses: the recording is held up, and its reader waits */
static void
refuse (Fixture *self, const char *wanted)
{
  await_text (self, wanted);
  g_assert_cmpint (g_rename (self->folder, self->away), ==, 0);
}

static void
take_again (Fixture *self)
{
  g_assert_cmpint (g_rename (self->away, self->folder), ==, 0);
}

static void
await_end (Fixture *self)
{
  while (thole_recording_state (self->recording) != THOLE_RECORDING_ENDED || self->busy > 0)
    turn ();
  g_assert_false (thole_recording_listens (self->recording));
}

static void
end (Fixture *self)
{
  thole_recording_remove (self->recording);
  if (self->hold != NULL)
    thole_hold_free (self->hold, THOLE_VIEWER_REMOVED, "");
  if (self->program >= 0)
    close (self->program);
  turn ();
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->folder);
  g_free (self->away);
  g_free (self->file);
}

/* proves: row:119 */
static void
test_refused (void)
{
  Fixture fixture;

  begin (&fixture);
  say (&fixture, 'a', 100);
  refuse (&fixture, "aaa");
  /* more than the ring has, twice */
  say (&fixture, 'b', 2 * RING);
  while (!thole_recording_listens (fixture.recording) || fixture.busy > 0)
    turn ();
  say (&fixture, 'c', 2 * RING);
  take_again (&fixture);
  await_text (&fixture, "bytes of output are missing here");
  await_text (&fixture, "ccc");
  say (&fixture, 'd', 10);
  await_text (&fixture, "dddddddddd");
  /* the way to it is lost, which is its end */
  close (fixture.program);
  fixture.program = -1;
  await_end (&fixture);
  end (&fixture);
}

/* what is in the ring is recorded, also when the session is not held any more; a disk that refuses at the end is waited for */
static void
test_dropped (void)
{
  Fixture fixture;

  begin (&fixture);
  say (&fixture, 'a', 100);
  refuse (&fixture, "aaa");
  say (&fixture, 'b', 1000);
  thole_hold_free (g_steal_pointer (&fixture.hold), THOLE_VIEWER_WORKLOAD_GONE, "it stopped");
  for (guint i = 0; i < 20; i++)
    turn ();
  g_assert_true (thole_recording_listens (fixture.recording));
  take_again (&fixture);
  await_end (&fixture);
  await_text (&fixture, "bbb");
  end (&fixture);
}

/* one that was never listened to, whose session ended with the daemon before */
static void
test_finished (void)
{
  Fixture fixture;
  TholeRecordingOptions options;

  begin (&fixture);
  await_text (&fixture, "version");
  thole_recording_free (fixture.recording);
  options = (TholeRecordingOptions) { fixture.folder, "a", 24, 80, "xterm", 0, 1 << 20, &fixture.busy };
  fixture.recording = thole_recording_new (&fixture.clock, &options);
  thole_recording_set_held (fixture.recording, TRUE);
  refuse (&fixture, "version");
  thole_recording_finish (fixture.recording);
  while (fixture.busy > 0)
    turn ();
  g_assert_true (thole_recording_listens (fixture.recording));
  take_again (&fixture);
  await_end (&fixture);
  end (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* it warns of a disk that refuses */
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/recording-held/refused", test_refused);
  g_test_add_func ("/recording-held/dropped", test_dropped);
  g_test_add_func ("/recording-held/finished", test_finished);
  return g_test_run ();
}
