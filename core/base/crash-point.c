/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/crash-point.h"

#ifdef THOLE_CRASH_POINTS
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
thole_crash_point (const char *name)
{
  static gint passed; /* of the process: this build exists for one test */
  const char *at = g_getenv ("THOLE_CRASH_AT");
  const char *log = g_getenv ("THOLE_CRASH_LOG");
  const char *when = g_getenv ("THOLE_CRASH_WHEN");
  char line[128];
  int number, length;

  if (when != NULL && access (when, F_OK) != 0)
    return;
  number = g_atomic_int_add (&passed, 1) + 1;
  length = g_snprintf (line, sizeof line, "%d %s\n", number, name);
  if (log != NULL)
    {
      int file = open (log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

      if (file < 0 || write (file, line, (gsize) length) != length)
        fprintf (stderr, "crash point %s", line);
      if (file >= 0)
        close (file);
    }
  if (at != NULL && atoi (at) == number)
    kill (getpid (), SIGKILL);
}
#endif
