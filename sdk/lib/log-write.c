/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "thole-log-write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEADER 13
#define PIECE 32768
#define SEGMENTS 4
#define SEGMENT_MIN 16384
#define LOCK_TRIES 100
#define LOCK_PAUSE_MS 50

static int64_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_REALTIME, &time);
  return (int64_t) time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void
name_of (unsigned number, char *buffer)
{
  snprintf (buffer, 32, "%08u.log", number);
}

/* the files ------------------------------------------------------------------------------------------- */

static unsigned
newest (int folder)
{
  DIR *list = fdopendir (dup (folder));
  struct dirent *entry;
  unsigned highest = 0;

  while (list != NULL && (entry = readdir (list)) != NULL)
    {
      char *end;
      unsigned long number = strtoul (entry->d_name, &end, 10);

      if (end == entry->d_name + 8 && strcmp (end, ".log") == 0 && number > highest)
        highest = (unsigned) number;
    }
  if (list != NULL)
    closedir (list);
  return highest;
}

static int
open_number (TholeLogWriter *log, unsigned number)
{
  char name[32];
  unsigned old = number > SEGMENTS ? number - SEGMENTS : 0;

  log->number = number;
  /* first, for the new one may want their room; gaps do not matter: what is older than the oldest that is kept was removed when that was made */
  for (unsigned i = old; i > 0 && i + SEGMENTS > old; i--)
    {
      name_of (i, name);
      unlinkat (log->folder, name, 0);
    }
  name_of (number, name);
  log->fd = openat (log->folder, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  return log->fd;
}

/* Where the last whole record of a file ends: a power cut may leave half a one. */
static int64_t
whole_length (int fd)
{
  struct stat place;
  uint8_t head[HEADER];
  int64_t at = 0;

  if (fstat (fd, &place) < 0)
    return 0;
  while (at + HEADER <= place.st_size && pread (fd, head, HEADER, at) == HEADER)
    {
      int64_t length = (int64_t) head[9] << 24 | head[10] << 16 | head[11] << 8 | head[12];

      if (at + HEADER + length > place.st_size)
        break;
      at += HEADER + length;
    }
  return at;
}

int
thole_log_writer_open (TholeLogWriter *log, const char *folder, int64_t max)
{
  unsigned number;

  log->fd = -1;
  log->limit = max / SEGMENTS > SEGMENT_MIN ? max / SEGMENTS : SEGMENT_MIN;
  log->folder = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  log->lock = log->folder < 0 ? -1 : openat (log->folder, "writing", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (log->lock < 0)
    return -1;
  /* the one before may still write the end of its run */
  for (int i = 0; i < LOCK_TRIES && flock (log->lock, LOCK_EX | LOCK_NB) < 0; i++)
    poll (NULL, 0, LOCK_PAUSE_MS);
  number = newest (log->folder);
  if (open_number (log, number > 0 ? number : 1) < 0)
    return -1;
  log->size = whole_length (log->fd);
  return ftruncate (log->fd, log->size);
}

/* The disk is full: the oldest goes. Is there room now? */
static int
make_room (TholeLogWriter *log)
{
  char name[32];

  for (unsigned i = log->number > SEGMENTS ? log->number - SEGMENTS : 1; i < log->number; i++)
    {
      name_of (i, name);
      if (unlinkat (log->folder, name, 0) == 0)
        return 1;
    }
  return 0;
}

/* All or nothing, so that the file stays readable. */
static void
log_write (TholeLogWriter *log, const uint8_t *data, size_t length)
{
  size_t done = 0;

  if (log->size > 0 && log->size + (int64_t) length > log->limit)
    {
      close (log->fd);
      log->fd = -1;
      log->size = 0;
      log->number++;
    }
  /* one that could not be opened is tried again with each write */
  while (log->fd < 0 && open_number (log, log->number) < 0)
    if (errno != EINTR && !(errno == ENOSPC && make_room (log)))
      return;
  while (log->fd >= 0 && done < length)
    {
      ssize_t n = write (log->fd, data + done, length - done);

      if (n > 0)
        done += (size_t) n;
      else if (errno != EINTR && !(errno == ENOSPC && make_room (log)))
        break;
    }
  if (done == length)
    log->size += (int64_t) length;
  else if (done > 0 && ftruncate (log->fd, log->size) < 0)
    log->size += (int64_t) done;
}

/* the program's output -------------------------------------------------------------------------------- */

static size_t
put_record (uint8_t *out, const TholeLogSource *source, const uint8_t *data, size_t length)
{
  out[0] = source->stream;
  for (int i = 0; i < 8; i++)
    out[1 + i] = (uint8_t) ((uint64_t) source->began >> (56 - 8 * i));
  for (int i = 0; i < 4; i++)
    out[9 + i] = (uint8_t) (length >> (24 - 8 * i));
  memcpy (out + HEADER, data, length);
  return HEADER + length;
}

/* One record a line, or what there is of it. */
static void
take (TholeLogWriter *log, TholeLogSource *source, const uint8_t *data, size_t length)
{
  static uint8_t out[PIECE + HEADER * 256];
  size_t used = 0, at = 0;
  int64_t time = now ();

  while (at < length)
    {
      const uint8_t *line = data + at;
      const uint8_t *end = memchr (line, '\n', length - at);
      size_t n = end != NULL ? (size_t) (end - line) + 1 : length - at;

      if (used + HEADER + n > sizeof out)
        {
          log_write (log, out, used);
          used = 0;
        }
      if (!source->within)
        source->began = time;
      used += put_record (out + used, source, line, n);
      source->within = end == NULL;
      at += n;
    }
  log_write (log, out, used);
}

size_t
thole_log_writer_take (TholeLogWriter *self, TholeLogSource *source)
{
  static uint8_t piece[PIECE];
  ssize_t n = read (source->fd, piece, sizeof piece);

  if (n > 0)
    take (self, source, piece, (size_t) n);
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    {
      close (source->fd);
      source->fd = -1;
    }
  return n > 0 ? (size_t) n : 0;
}
