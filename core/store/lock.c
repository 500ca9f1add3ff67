/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "thole-error.h"

static void
fail_held (int fd, const char *path, GError **error)
{
  char text[32] = "";
  gssize length = pread (fd, text, sizeof text - 1, 0);
  gint64 holder = length > 0 ? g_ascii_strtoll (text, NULL, 10) : 0;

  if (holder > 0)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_BUSY, "%s: the store is in use by process %" G_GINT64_FORMAT, path,
                 holder);
  else
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_BUSY, "%s: the store is in use by another process", path);
}

int
thole_store_lock (const char *path, GError **error)
{
  g_autofree char *name = g_strconcat (path, ".lock", NULL);
  char text[32];
  int length;
  int fd = open (name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    {
      g_set_error (error, THOLE_ERROR,
                   errno == ENOSPC || errno == EDQUOT ? THOLE_ERROR_STORAGE_FULL : THOLE_ERROR_STORAGE,
                   "%s: %s", name, g_strerror (errno));
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      if (errno == EWOULDBLOCK)
        fail_held (fd, path, error);
      else
        g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "%s: %s", name, g_strerror (errno));
      close (fd);
      return -1;
    }
  /* the number is for the message of the other one only, so a full disk does no harm */
  length = g_snprintf (text, sizeof text, "%ld\n", (long) getpid ());
  if (ftruncate (fd, 0) != 0 || pwrite (fd, text, length, 0) != length)
    g_debug ("%s: cannot note the process: %s", name, g_strerror (errno));
  return fd;
}
