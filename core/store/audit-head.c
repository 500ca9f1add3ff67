/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit-head.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thole-error.h"

#define MAX_FILE 256

static void
fail (const char *file, const char *why, GError **error)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "%s: %s", file, why);
}

static int
open_ours (const char *file, GError **error)
{
  int fd = open (file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  struct stat status;

  if (fd < 0 || fstat (fd, &status) != 0)
    fail (file, g_strerror (errno), error);
  else if (!S_ISREG (status.st_mode) || (status.st_mode & 077) != 0)
    fail (file, "must be a file with mode 0600, which nobody else may read", error);
  else
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

int
thole_audit_head_open (const char *file, const guchar *key, TholeAuditHead *head, TholeAuditHeadState *state, GError **error)
{
  int fd = open_ours (file, error);
  char text[MAX_FILE] = "";
  gssize got;

  if (fd < 0)
    return -1;
  got = pread (fd, text, sizeof text - 1, 0);
  if (got < 0)
    {
      fail (file, g_strerror (errno), error);
      close (fd);
      return -1;
    }
  text[strcspn (text, "\n")] = '\0';
  if (text[0] == '\0')
    *state = THOLE_AUDIT_HEAD_MISSING;
  else
    *state = thole_audit_open (key, text, head) ? THOLE_AUDIT_HEAD_GOOD : THOLE_AUDIT_HEAD_WRONG;
  return fd;
}

void
thole_audit_head_write (int fd, const guchar *key, const TholeAuditHead *head)
{
  g_autofree char *sealed = thole_audit_seal (key, head);
  g_autofree char *line = g_strconcat (sealed, "\n", NULL);

  /* one call for the whole of it, so that nobody who ends the daemon leaves half a line; what an older, longer one had stands
   * after the line feed */
  if (pwrite (fd, line, strlen (line), 0) != (gssize) strlen (line))
    g_warning ("the head of the audit cannot be written: %s", g_strerror (errno));
}

void
thole_audit_head_close (int fd)
{
  if (fsync (fd) != 0)
    g_warning ("the head of the audit cannot be written: %s", g_strerror (errno));
  close (fd);
}
