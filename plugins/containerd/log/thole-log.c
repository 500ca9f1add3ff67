/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole-log dir DIR max BYTES [out FIFO err FIFO]: writes what a program says into files, as records of sdk/schema.md.
 *
 * containerd's shim starts it (`binary://`), with the program's output as descriptors 3 and 4 and one, 5, whose closing says that it
 * is ready; it is the shim's child, so it lives and ends with the workload, whatever becomes of the daemon. With `out` it reads two
 * pipes instead and goes into the background: then the runtime starts it, as a hook of the container.
 *
 * DIR gets 00000001.log, 00000002.log, ...: four at most, each a quarter of BYTES. The file `writing` is locked as long as it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thole-log-write.h"

static volatile sig_atomic_t asked_to_end;

static void
on_term (int number)
{
  asked_to_end = 1;
}

static void
copy (TholeLogWriter *log, TholeLogSource *sources)
{
  for (;;)
    {
      struct pollfd waits[2] = { { sources[0].fd, POLLIN, 0 }, { sources[1].fd, POLLIN, 0 } };
      int n;

      if (sources[0].fd < 0 && sources[1].fd < 0)
        return;
      /* asked to end: what is there is taken, nothing is waited for */
      n = poll (waits, 2, asked_to_end ? 0 : -1);
      if (n == 0 && asked_to_end)
        return;
      for (int i = 0; n > 0 && i < 2; i++)
        if (waits[i].revents != 0)
          thole_log_writer_take (log, &sources[i]);
    }
}

/* the start ------------------------------------------------------------------------------------------- */

static const char *
argument (int argc, char **argv, const char *key)
{
  for (int i = 1; i + 1 < argc; i += 2)
    if (strcmp (argv[i], key) == 0)
      return argv[i + 1];
  return NULL;
}

static int
source_open (const char *path, int fd)
{
  if (path != NULL)
    fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  else
    fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

static int
go_into_background (void)
{
  pid_t pid = fork ();

  if (pid != 0)
    _exit (pid < 0);
  if (setsid () < 0)
    return -1;
  for (int fd = 0; fd <= 2; fd++)
    close (fd);
  return open ("/dev/null", O_RDWR);
}

int
main (int argc, char **argv)
{
  const char *folder = argument (argc, argv, "dir"), *max = argument (argc, argv, "max");
  const char *out = argument (argc, argv, "out"), *err = argument (argc, argv, "err");
  TholeLogSource sources[2] = { { .fd = 3, .stream = 1 }, { .fd = 4, .stream = 2 } };
  struct sigaction action = { .sa_handler = on_term };
  TholeLogWriter log = { .fd = -1 };

  if (folder == NULL || max == NULL || (out == NULL) != (err == NULL))
    return 2;
  sigaction (SIGTERM, &action, NULL);
  signal (SIGPIPE, SIG_IGN);
  if (out == NULL && thole_log_writer_open (&log, folder, strtoll (max, NULL, 10)) < 0)
    return 1;
  sources[0].fd = source_open (out, 3);
  sources[1].fd = source_open (err, 4);
  if (sources[0].fd < 0 || sources[1].fd < 0)
    return 1;
  if (out == NULL)
    close (5);
  else if (go_into_background () < 0 || thole_log_writer_open (&log, folder, strtoll (max, NULL, 10)) < 0)
    return 1;
  copy (&log, sources);
  return 0;
}
