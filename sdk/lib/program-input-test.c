/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-program.h"

typedef struct
{
  int fd;
  guint asked, ended, freed;
} Place;

static int
place_descriptor (gpointer user_data)
{
  Place *self = user_data;

  /* not at the first question */
  return self->asked++ == 0 ? THOLE_INPUT_LATER : self->fd;
}

static void
place_end (gpointer user_data)
{
  ((Place *) user_data)->ended++;
}

static void
place_free (gpointer user_data)
{
  ((Place *) user_data)->freed++;
}

static const TholeInputOps place_ops = { .struct_size = sizeof place_ops, .descriptor = place_descriptor, .end = place_end };

static void
take_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gboolean
write_records (GOutputStream *stream, GByteArray *records, GCancellable *cancellable, GError **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_output_stream_write_all_async (stream, records->data, records->len, G_PRIORITY_DEFAULT, cancellable, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return g_output_stream_write_all_finish (stream, result, NULL, error);
}

static void
close_stream (GOutputStream *stream)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_output_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_output_stream_close_finish (stream, result, NULL));
}

static GByteArray *
records_of (const char *text, gboolean end)
{
  GByteArray *records = g_byte_array_new ();

  thole_record_append (records, THOLE_RECORD_STDIN, text, 3);
  thole_record_append (records, THOLE_RECORD_STDIN, text + 3, 3);
  if (end)
    thole_record_append (records, THOLE_RECORD_STDIN, NULL, 0);
  return records;
}

static void
test_bytes (void)
{
  int fds[2];
  Place place = { -1, 0, 0, 0 };
  g_autoptr(GOutputStream) stream = NULL;
  g_autoptr(GByteArray) first = records_of ("abcdef", FALSE), last = records_of ("ghijkl", TRUE);
  g_autoptr(GError) error = NULL;
  char text[32];

  g_assert_cmpint (pipe2 (fds, O_NONBLOCK | O_CLOEXEC), ==, 0);
  place.fd = fds[1];
  stream = thole_input_new (&place_ops, TRUE, TRUE, &place, place_free);
  g_assert_true (write_records (stream, first, NULL, &error));
  g_assert_cmpuint (place.ended, ==, 0);
  g_assert_true (write_records (stream, last, NULL, &error));
  g_assert_cmpuint (place.ended, ==, 1);
  g_assert_cmpint (read (fds[0], text, sizeof text), ==, 12);
  g_assert_cmpmem (text, 12, "abcdefghijkl", 12);
  /* after its end there is none */
  g_assert_false (write_records (stream, first, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  close_stream (stream);
  g_clear_object (&stream);
  g_assert_cmpuint (place.ended, ==, 1);
  g_assert_cmpuint (place.freed, ==, 1);
  close (fds[0]);
  close (fds[1]);
}

static void
test_refusals (void)
{
  Place none = { -1, 0, 0, 0 }, closed = { THOLE_INPUT_CLOSED, 0, 0, 0 };
  g_autoptr(GOutputStream) other = thole_input_new (&place_ops, TRUE, FALSE, &none, place_free);
  g_autoptr(GOutputStream) refusing = thole_input_new (&place_ops, FALSE, FALSE, &none, place_free);
  g_autoptr(GOutputStream) gone = thole_input_new (&place_ops, TRUE, TRUE, &closed, place_free);
  g_autoptr(GByteArray) records = records_of ("abcdef", FALSE), output = g_byte_array_new ();
  g_autoptr(GError) error = NULL;

  g_assert_false (write_records (refusing, records, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_cmpuint (none.asked, ==, 0);
  g_assert_false (write_records (gone, records, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_clear_error (&error);
  thole_record_append (output, THOLE_RECORD_STDOUT, "x", 1);
  g_assert_false (write_records (other, output, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  close_stream (refusing);
  close_stream (gone);
  g_assert_cmpuint (none.ended, ==, 0);
  g_assert_cmpuint (closed.ended, ==, 1);
}

static gboolean
cancel (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

/* A pipe that is full: the write waits, and can be cancelled. */
static void
test_full (void)
{
  int fds[2];
  Place place = { -1, 0, 0, 0 };
  g_autoptr(GOutputStream) stream = NULL;
  g_autoptr(GByteArray) records = g_byte_array_new ();
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *much = g_malloc0 (4 * THOLE_RECORD_MAX);

  g_assert_cmpint (pipe2 (fds, O_NONBLOCK | O_CLOEXEC), ==, 0);
  place.fd = fds[1];
  stream = thole_input_new (&place_ops, TRUE, TRUE, &place, place_free);
  thole_record_append (records, THOLE_RECORD_STDIN, much, 4 * THOLE_RECORD_MAX);
  g_timeout_add (20, cancel, cancellable);
  g_assert_false (write_records (stream, records, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  close (fds[0]);
  close (fds[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/input/bytes", test_bytes);
  g_test_add_func ("/input/refusals", test_refusals);
  g_test_add_func ("/input/full", test_full);
  return g_test_run ();
}
