/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The writer of logs when a new file cannot be made.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "thole-log-write.h"

#define LINE 4000

/* Gives it a line of @letter. */
static void
say (TholeLogWriter *log, char letter)
{
  TholeLogSource source = { .stream = 1 };
  g_autofree char *line = g_strnfill (LINE, letter);
  int ends[2];

  line[LINE - 1] = '\n';
  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_cmpint (write (ends[1], line, LINE), ==, LINE);
  source.fd = ends[0];
  g_assert_cmpuint (thole_log_writer_take (log, &source), ==, LINE);
  close (ends[0]);
  close (ends[1]);
}

/* Something stands in the way of the next file; once it is gone, that is made. */
static void
test_rotation (void)
{
  g_autofree char *folder = g_dir_make_tmp ("thole-write-XXXXXX", NULL);
  g_autofree char *first = g_build_filename (folder, "00000001.log", NULL), *second = g_build_filename (folder, "00000002.log", NULL);
  g_autofree char *lock = g_build_filename (folder, "writing", NULL), *text = NULL, *rest = NULL;
  TholeLogWriter log;
  gsize length;

  g_assert_cmpint (thole_log_writer_open (&log, folder, 1), ==, 0);
  g_assert_cmpint (g_mkdir (second, 0700), ==, 0);
  for (guint i = 0; i < 4; i++)
    say (&log, 'a');
  /* no room in the first any more */
  say (&log, 'b');
  g_assert_cmpint (log.fd, ==, -1);
  g_assert_cmpint (g_rmdir (second), ==, 0);
  say (&log, 'c');
  g_assert_true (g_file_get_contents (first, &text, &length, NULL));
  g_assert_cmpuint (length, ==, 4 * (13 + LINE));
  g_assert_true (g_file_get_contents (second, &rest, &length, NULL));
  g_assert_cmpuint (length, ==, 13 + LINE);
  g_assert_cmpint (rest[13], ==, 'c');
  close (log.fd);
  close (log.lock);
  close (log.folder);
  g_unlink (first);
  g_unlink (second);
  g_unlink (lock);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/log-write/rotation", test_rotation);
  return g_test_run ();
}
