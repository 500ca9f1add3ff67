/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loaded before libc (LD_PRELOAD): a disk whose faults come and go while the store is open. The file that
 * THOLE_TEST_DISK names holds two words, what fails and the number of the error: "write 30", "sync 5". Only files
 * named thole.db* are concerned; without that file nothing fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* 0 = it goes on */
static int
fault (int fd, const char *what)
{
  const char *orders = getenv ("THOLE_TEST_DISK");
  char link[64], path[4096], word[16];
  ssize_t length;
  FILE *file;
  int number = 0, found;

  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink (link, path, sizeof path - 1);
  if (orders == NULL || length < 0)
    return 0;
  path[length] = '\0';
  if (strstr (path, "/thole.db") == NULL || (file = fopen (orders, "re")) == NULL)
    return 0;
  found = fscanf (file, "%15s %d", word, &number);
  fclose (file);
  return found == 2 && strcmp (word, what) == 0 ? number : 0;
}

static int
failed (int fd, const char *what)
{
  int before = errno, number = fault (fd, what);

  errno = number != 0 ? number : before;
  return number != 0;
}

ssize_t
pwrite64 (int fd, const void *data, size_t size, off64_t offset)
{
  ssize_t (*next) (int, const void *, size_t, off64_t) = dlsym (RTLD_NEXT, "pwrite64");

  return failed (fd, "write") ? -1 : next (fd, data, size, offset);
}

ssize_t
write (int fd, const void *data, size_t size)
{
  ssize_t (*next) (int, const void *, size_t) = dlsym (RTLD_NEXT, "write");

  return failed (fd, "write") ? -1 : next (fd, data, size);
}

int
ftruncate64 (int fd, off64_t size)
{
  int (*next) (int, off64_t) = dlsym (RTLD_NEXT, "ftruncate64");

  return failed (fd, "write") ? -1 : next (fd, size);
}

int
fdatasync (int fd)
{
  int (*next) (int) = dlsym (RTLD_NEXT, "fdatasync");

  return failed (fd, "sync") ? -1 : next (fd);
}

int
fsync (int fd)
{
  int (*next) (int) = dlsym (RTLD_NEXT, "fsync");

  return failed (fd, "sync") ? -1 : next (fd);
}
