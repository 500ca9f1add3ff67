/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Recordings of sessions that a real agent keeps: no byte is lost or doubled, whatever the recorder dies of. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sessions/agent-fixture.h"
#include "sessions/cast.h"
#include "sessions/recording.h"
#include "thole-dict.h"
#include "thole-json.h"

#define MANY "30000"
/* each line comes by itself */
#define FEW "200"
#define SLOWLY "i=0; while [ $i -lt " FEW " ]; do i=$((i+1)); echo $i; sleep 0.001; done"

typedef struct
{
  TholeAgentFixture *agent;
  char *folder, *file;
  guint busy;
  gint64 most;
  TholeRecording *recording;
} Fixture;

static void
open_recording (Fixture *self)
{
  TholeRecordingOptions options = { self->folder, "a", 24, 80, "xterm", thole_clock_now (thole_clock_system ()), self->most, &self->busy };

  self->recording = thole_recording_new (thole_clock_system (), &options);
  thole_recording_listen (self->recording, thole_agent_link_session (self->agent->link, "a", FALSE));
}

static void
begin (Fixture *self, const char *session, gint64 most)
{
  g_autoptr (GVariant) opened = NULL;

  *self = (Fixture) { .agent = thole_agent_fixture_new (NULL), .most = most };
  self->folder = g_dir_make_tmp ("thole-recording-XXXXXX", NULL);
  self->file = g_build_filename (self->folder, "a.cast", NULL);
  opened = thole_agent_fixture_open (self->agent, session);
  open_recording (self);
}

static void
close_recording (Fixture *self)
{
  g_clear_pointer (&self->recording, thole_recording_free);
  while (self->busy > 0)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
knows_nothing (gpointer user_data, const char *id)
{
  g_assert_cmpstr (id, ==, "a");
  return FALSE;
}

static void
end (Fixture *self)
{
  close_recording (self);
  thole_recordings_sweep (self->folder, knows_nothing, NULL);
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->folder);
  g_free (self->file);
  thole_agent_fixture_free (self->agent);
}

static void
await_state (Fixture *self, TholeRecordingState state)
{
  while (thole_recording_state (self->recording) != state)
    thole_agent_fixture_run_for (0.01);
}

static void
await_size (Fixture *self, guint64 size)
{
  while (thole_recording_size (self->recording) < size)
    thole_agent_fixture_run_for (0.001);
}

/* all output; each line is checked on the way. @marks: (out): what else was said */
static GString *
read_output (Fixture *self, GString *marks)
{
  GString *output = g_string_new (NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  double last = 0;
  struct stat info;
  gsize length;

  g_assert_cmpint (stat (self->file, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 0777, ==, 0600);
  g_assert_true (g_file_get_contents (self->file, &text, &length, NULL));
  g_assert_cmpuint (length, ==, thole_recording_size (self->recording));
  g_assert_true (g_str_has_suffix (text, "\n"));
  lines = g_strsplit (text, "\n", -1);
  g_assert_true (g_str_has_prefix (lines[0], "{\"version\":2,\"width\":80,\"height\":24,\"timestamp\":"));
  for (guint i = 1; lines[i + 1] != NULL; i++)
    {
      g_autoptr (GVariant) line = thole_json_parse (lines[i], strlen (lines[i]), NULL);
      g_autoptr (GVariant) time = NULL, kind = NULL, data = NULL;

      g_assert_nonnull (line);
      g_assert_cmpuint (g_variant_n_children (line), ==, 3);
      g_variant_get_child (line, 0, "v", &time);
      g_variant_get_child (line, 1, "v", &kind);
      g_variant_get_child (line, 2, "v", &data);
      g_assert_cmpfloat (g_variant_get_double (time), >=, last);
      last = g_variant_get_double (time);
      g_string_append (strcmp (g_variant_get_string (kind, NULL), "o") == 0 ? output : marks, g_variant_get_string (data, NULL));
    }
  return output;
}

static void
check_numbers (const GString *output, const char *last)
{
  char *at = output->str;

  for (gint64 i = 1; i <= g_ascii_strtoll (last, NULL, 10); i++)
    {
      g_assert_cmpint (g_ascii_strtoll (at, &at, 10), ==, i);
      g_assert_cmpint (*at++, ==, '\n');
    }
  g_assert_cmpint (*at, ==, '\0');
}

/* proves: row:119 */
static void
test_whole (void)
{
  Fixture fixture;
  g_autoptr (GString) marks = g_string_new (NULL);
  g_autoptr (GString) output = NULL;

  begin (&fixture, "{'id': <'a'>, 'flow': <'lossless'>, 'detached': <'run'>, 'command': <['seq', '1', '" MANY "']>}", 1 << 26);
  await_state (&fixture, THOLE_RECORDING_ENDED);
  output = read_output (&fixture, marks);
  check_numbers (output, MANY);
  g_assert_cmpstr (marks->str, ==, "");
  end (&fixture);
}

/* a line of which only a part came to the disk, and lines that were written after the last that counts */
static void
spoil (Fixture *self)
{
  g_autoptr (GFile) file = g_file_new_for_path (self->file);
  g_autoptr (GFileOutputStream) stream = g_file_append_to (file, G_FILE_CREATE_NONE, NULL, NULL);

  g_assert_true (g_output_stream_write_all (G_OUTPUT_STREAM (stream), "[1.0,\"o\",\"twice\"]\n[1.0,\"o\",\"hal", 31, NULL, NULL, NULL));
}

/* proves: row:119 */
static void
test_again (void)
{
  Fixture fixture;
  g_autoptr (GString) marks = g_string_new (NULL);
  g_autoptr (GString) output = NULL;
  guint turns = 0;

  begin (&fixture, "{'id': <'a'>, 'flow': <'lossless'>, 'detached': <'run'>, 'command': <['sh', '-c', '" SLOWLY "']>}", 1 << 26);
  while (thole_recording_state (fixture.recording) == THOLE_RECORDING_OPEN)
    {
      guint64 size = thole_recording_size (fixture.recording);

      while (thole_recording_state (fixture.recording) == THOLE_RECORDING_OPEN && thole_recording_size (fixture.recording) == size)
        thole_agent_fixture_run_for (0.001);
      close_recording (&fixture);
      spoil (&fixture);
      open_recording (&fixture);
      /* it goes on, and does not begin anew */
      g_assert_cmpuint (thole_recording_size (fixture.recording), >=, size);
      turns++;
    }
  g_assert_cmpuint (turns, >, 5);
  /* whatever is written cuts off what was spoilt; after its end nothing is */
  g_assert_cmpint (truncate (fixture.file, (off_t) thole_recording_size (fixture.recording)), ==, 0);
  output = read_output (&fixture, marks);
  check_numbers (output, FEW);
  end (&fixture);
}

static void
test_full (void)
{
  Fixture fixture;
  g_autoptr (GString) marks = g_string_new (NULL);
  g_autoptr (GString) output = NULL;

  begin (&fixture, "{'id': <'a'>, 'command': <['seq', '1', '" MANY "']>, 'tty': <false>}", 65536);
  await_state (&fixture, THOLE_RECORDING_FULL);
  output = read_output (&fixture, marks);
  g_assert_true (g_str_has_prefix (output->str, "1\n2\n3\n"));
  g_assert_cmpstr (marks->str, ==, "the recording ends here: it reached 65536 bytes");
  g_assert_cmpuint (thole_recording_size (fixture.recording), <=, 65536);
  g_assert_cmpuint (thole_recording_size (fixture.recording), >, 60000);
  g_assert_false (thole_recording_listens (fixture.recording));
  end (&fixture);
}

static void
on_ready (gpointer reader)
{
  *(gboolean *) reader = TRUE;
}

/* what a reader who follows gets is the file */
static void
test_read (void)
{
  Fixture fixture;
  TholeStream *stream;
  TholeItem item = { 0 };
  TholeStreamResult result;
  g_autoptr (GString) read = g_string_new (NULL);
  g_autofree char *text = NULL;
  gboolean ready = FALSE;

  begin (&fixture, "{'id': <'a'>, 'command': <['sh', '-c', 'for i in 1 2 3; do echo line $i; sleep 0.05; done']>}", 1 << 20);
  stream = thole_recording_read (fixture.recording, TRUE);
  stream->ready = on_ready;
  stream->reader = &ready;
  while ((result = stream->next (stream, &item, NULL)) != THOLE_STREAM_END)
    {
      g_assert_cmpint (result, !=, THOLE_STREAM_ERROR);
      if (result == THOLE_STREAM_ITEM)
        {
          g_string_append_len (read, g_bytes_get_data (item.data, NULL), (gssize) g_bytes_get_size (item.data));
          g_bytes_unref (item.data);
          continue;
        }
      thole_agent_fixture_await (&ready);
      ready = FALSE;
    }
  stream->close (stream);
  g_assert_cmpint (thole_recording_state (fixture.recording), ==, THOLE_RECORDING_ENDED);
  g_assert_true (g_file_get_contents (fixture.file, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, read->str);
  /* one that follows when it goes */
  stream = thole_recording_read (fixture.recording, TRUE);
  g_clear_pointer (&fixture.recording, thole_recording_remove);
  stream->close (stream);
  g_assert_false (g_file_test (fixture.file, G_FILE_TEST_EXISTS));
  end (&fixture);
}

/* one that only listens: it holds up nobody who was there before, and without it a program waits for those that left */
static void
test_aside (void)
{
  Fixture fixture;
  TholeAgentSeen *seen;

  begin (&fixture,
         "{'id': <'a'>, 'flow': <'lossless'>, 'detached': <'wait'>, 'scrollback': <4096>, 'tty': <false>, 'command': <['seq', '1', '" MANY "']>}",
         1 << 26);
  /* the recording has what the ring holds and waits, for nobody sits there */
  await_size (&fixture, 4096);
  thole_agent_fixture_run_for (0.2);
  g_assert_cmpint (thole_recording_state (fixture.recording), ==, THOLE_RECORDING_OPEN);
  seen = thole_agent_seen_new (fixture.agent, "a", FALSE, THOLE_VIEW_OLDEST, 0, 65536);
  seen->grants = TRUE;
  await_state (&fixture, THOLE_RECORDING_ENDED);
  g_assert_cmpuint (seen->begin, ==, 0);
  g_assert_cmpuint (seen->lost, ==, 0);
  thole_agent_seen_free (seen);
  end (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recording/whole", test_whole);
  g_test_add_func ("/recording/again", test_again);
  g_test_add_func ("/recording/full", test_full);
  g_test_add_func ("/recording/read", test_read);
  g_test_add_func ("/recording/aside", test_aside);
  return g_test_run ();
}
