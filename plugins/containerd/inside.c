/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thole-error.h"

#define TRIES 64 /* somebody who renames all the time */

int
ctr_inside_open (int folder, const char *path, int flags, CtrInside how)
{
  struct open_how open_how = { .flags = (guint64) (flags | O_CLOEXEC), .resolve = RESOLVE_NO_MAGICLINKS };
  int fd = -1;

  open_how.resolve |= how == CTR_INSIDE_ROOT ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
  if (how == CTR_INSIDE_NO_LINKS)
    open_how.resolve |= RESOLVE_NO_SYMLINKS;
  for (guint i = 0; i < TRIES && fd < 0; i++)
    {
      fd = (int) syscall (SYS_openat2, folder, path[0] != '\0' ? path : ".", &open_how, sizeof open_how);
      if (fd < 0 && errno != EAGAIN && errno != EINTR)
        break;
    }
  return fd;
}

/* One more step from @at, which is @path without its last part. */
static int
make_step (int folder, int at, const char *path, CtrInside how)
{
  const char *slash = strrchr (path, '/');

  if (mkdirat (at, slash != NULL ? slash + 1 : path, 0755) < 0 && errno != EEXIST)
    return -1;
  return ctr_inside_open (folder, path, O_PATH | O_DIRECTORY, how);
}

int
ctr_inside_make (int folder, const char *path, CtrInside how)
{
  int at = ctr_inside_open (folder, path, O_PATH | O_DIRECTORY, how);
  gsize length = strlen (path), end = strspn (path, "/");

  if (at >= 0 || errno != ENOENT)
    return at;
  at = ctr_inside_open (folder, "", O_PATH | O_DIRECTORY, how);
  while (at >= 0 && end < length)
    {
      g_autofree char *part = NULL;
      int next, number;

      end += strcspn (path + end, "/");
      part = g_strndup (path, end);
      end += strspn (path + end, "/");
      next = ctr_inside_open (folder, part, O_PATH | O_DIRECTORY, how);
      if (next < 0 && errno == ENOENT)
        next = make_step (folder, at, part, how);
      number = errno;
      close (at);
      errno = number;
      at = next;
    }
  return at;
}

static int
code_of (int number)
{
  switch (number)
    {
    case ENOENT:
      return THOLE_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
      return THOLE_ERROR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
      return THOLE_ERROR_LIMIT;
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EXDEV:
    case EINVAL:
      return THOLE_ERROR_INVALID;
    case EBUSY:
    case ENOTEMPTY:
    case EEXIST:
      return THOLE_ERROR_CONFLICT;
    default:
      return THOLE_ERROR_FAILED;
    }
}

gboolean
ctr_inside_fail (GError **error, int number, const char *what)
{
  g_autofree char *name = g_utf8_make_valid (what, (gssize) MIN (strlen (what), 1000));

  g_set_error (error, THOLE_ERROR, code_of (number), "%s: %s", name,
               number == EXDEV ? "it leads out of the folder" : g_strerror (number));
  return FALSE;
}
