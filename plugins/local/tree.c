/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 1000

static gboolean
remove_one (int folder, const char *name)
{
  return unlinkat (folder, name, 0) == 0 || unlinkat (folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static DIR *
open_folder (int at, const char *name)
{
  int fd = openat (at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *list = fd >= 0 ? fdopendir (fd) : NULL;

  if (fd >= 0 && list == NULL)
    close (fd);
  return list;
}

static const char *
next_name (DIR *list)
{
  struct dirent *entry;

  while ((entry = readdir (list)) != NULL)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      return entry->d_name;
  return NULL;
}

/* A folder within one of @top's comes beside that. */
static void
lift (int top, int folder, const char *name, guint *count)
{
  char place[32];

  for (guint i = 0; i < TRIES; i++)
    {
      g_snprintf (place, sizeof place, "lifted-%u", ++*count);
      if (renameat (folder, name, top, place) == 0 || (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR))
        return;
    }
}

static gboolean
remove_folder (int top, const char *name, guint *count)
{
  /* it may be closed for its owner, too */
  DIR *list = fchmodat (top, name, 0700, 0) == 0 ? open_folder (top, name) : NULL;
  const char *inner;

  while (list != NULL && (inner = next_name (list)) != NULL)
    if (!remove_one (dirfd (list), inner) && fchmodat (dirfd (list), inner, 0700, 0) == 0)
      lift (top, dirfd (list), inner, count);
  if (list != NULL)
    closedir (list);
  return remove_one (top, name);
}

void
local_tree_remove (const char *path)
{
  DIR *top = open_folder (AT_FDCWD, path);
  gboolean again = top != NULL;
  const char *name;
  guint count = 0;

  /* what was lifted may have been left out by the round that did it */
  while (again)
    {
      again = FALSE;
      rewinddir (top);
      while ((name = next_name (top)) != NULL)
        if (!remove_one (dirfd (top), name) && remove_folder (dirfd (top), name, &count))
          again = TRUE;
    }
  if (top != NULL)
    closedir (top);
  remove_one (AT_FDCWD, path);
}
