/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading what thole-log writes, while it writes.
 */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "log.h"

typedef struct
{
  char *folder, *file, *lock;
  int fd, locked;
} Written;

/* The driver's, which stands beside what needs an engine. */
void
thole_timer_clear (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
set_up (Written *self, gconstpointer data)
{
  self->folder = g_dir_make_tmp ("thole-log-XXXXXX", NULL);
  self->file = g_build_filename (self->folder, "00000001.log", NULL);
  self->lock = g_build_filename (self->folder, "writing", NULL);
  self->fd = g_open (self->file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  self->locked = g_open (self->lock, O_RDWR | O_CREAT, 0600);
  g_assert_cmpint (flock (self->locked, LOCK_EX), ==, 0);
}

static void
tear_down (Written *self, gconstpointer data)
{
  close (self->fd);
  close (self->locked);
  g_unlink (self->file);
  g_unlink (self->lock);
  g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self->file);
  g_free (self->lock);
}

static GByteArray *
record (guint8 stream, const char *text)
{
  GByteArray *bytes = g_byte_array_new ();

  thole_log_record_append (bytes, stream, 1, text, strlen (text));
  return bytes;
}

static void
put (Written *self, const guint8 *data, gsize length)
{
  g_assert_cmpint (write (self->fd, data, length), ==, (gssize) length);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer slot)
{
  *(GAsyncResult **) slot = g_object_ref (result);
}

/* One read: the texts of its records, and how often the loop turned. */
static char *
read_texts (GInputStream *input, guint *turns)
{
  g_autofree guint8 *piece = g_malloc (65536);
  g_autoptr(GString) texts = g_string_new (NULL);
  GAsyncResult *result = NULL;
  const guint8 *body;
  gsize length, done = 0;
  guint8 stream;
  gint64 time;
  gssize n, whole;

  g_input_stream_read_async (input, piece, 65536, 0, NULL, on_read, &result);
  *turns = 0;
  while (result == NULL)
    *turns += g_main_context_iteration (NULL, TRUE) ? 1 : 0;
  n = g_input_stream_read_finish (input, result, NULL);
  g_object_unref (result);
  g_assert_cmpint (n, >=, 0);
  while ((whole = thole_log_record_parse (piece + done, (gsize) n - done, &stream, &time, &body, &length)) > 0)
    {
      g_string_append_len (texts, (const char *) body, (gssize) length);
      done += (gsize) whole;
    }
  g_assert_cmpuint (done, ==, n);
  return g_string_free (g_steal_pointer (&texts), FALSE);
}

/* Opened while half of a record is written: reading begins where a record does. */
static void
check_half (Written *self, gint64 tail, const char *wanted)
{
  TholeLogWanted follow = { .follow = TRUE, .tail = tail, .streams = { FALSE, tail == 0, TRUE } };
  g_autoptr(GByteArray) first = record (1, "one\n"), second = record (1, "two\n"), third = record (2, "three\n");
  g_autoptr(GInputStream) input = NULL;
  g_autofree char *texts = NULL;
  guint turns;

  put (self, first->data, first->len);
  put (self, second->data, second->len - 2);
  input = thole_log_files_read (self->folder, &follow);
  if (tail > 0)
    {
      /* the search has to see the half */
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      GAsyncResult *result = NULL;
      guint8 byte;

      g_input_stream_read_async (input, &byte, 1, 0, cancellable, on_read, &result);
      g_cancellable_cancel (cancellable);
      while (result == NULL)
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpint (g_input_stream_read_finish (input, result, NULL), ==, -1);
      g_object_unref (result);
    }
  put (self, second->data + second->len - 2, 2);
  put (self, third->data, third->len);
  texts = read_texts (input, &turns);
  g_assert_cmpstr (texts, ==, wanted);
}

static void
test_end_within (Written *self, gconstpointer data)
{
  check_half (self, 0, "two\nthree\n");
}

static void
test_tail_within (Written *self, gconstpointer data)
{
  check_half (self, 5, "three\n");
}

/* Much of another stream: the loop turns meanwhile. */
static void
test_turns (Written *self, gconstpointer data)
{
  TholeLogWanted errors = { .tail = -1, .streams = { FALSE, FALSE, TRUE } };
  g_autofree char *line = g_strnfill (32000, 'x');
  g_autoptr(GByteArray) other = record (1, line), last = record (2, "found\n");
  g_autoptr(GInputStream) input = NULL;
  g_autofree char *texts = NULL;
  guint turns;

  for (guint i = 0; i < 256; i++)
    put (self, other->data, other->len);
  put (self, last->data, last->len);
  input = thole_log_files_read (self->folder, &errors);
  texts = read_texts (input, &turns);
  g_assert_cmpstr (texts, ==, "found\n");
  g_assert_cmpuint (turns, >=, 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/containerd/log/end-within-a-record", Written, NULL, set_up, test_end_within, tear_down);
  g_test_add ("/containerd/log/tail-within-a-record", Written, NULL, set_up, test_tail_within, tear_down);
  g_test_add ("/containerd/log/turns", Written, NULL, set_up, test_turns, tear_down);
  return g_test_run ();
}
