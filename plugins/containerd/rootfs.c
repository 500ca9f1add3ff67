/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "rootfs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)

/* The folders that lie above each other, the topmost first. */
static GPtrArray *
folders_of (Ctr__Mount *const *mounts, gsize n)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < n; i++)
    {
      const Ctr__Mount *mount = mounts[i];

      if (strcmp (mount->type, "bind") == 0 || strcmp (mount->type, "rbind") == 0)
        g_ptr_array_add (list, g_strdup (mount->source));
      for (gsize j = 0; j < mount->n_options; j++)
        if (g_str_has_prefix (mount->options[j], "upperdir="))
          g_ptr_array_insert (list, 0, g_strdup (mount->options[j] + 9));
        else if (g_str_has_prefix (mount->options[j], "lowerdir="))
          {
            g_auto(GStrv) lower = g_strsplit (mount->options[j] + 9, ":", -1);

            for (guint k = 0; lower[k] != NULL; k++)
              g_ptr_array_add (list, g_strdup (lower[k]));
          }
    }
  return list;
}

/* -1 = it is not there. */
static int
open_in (const char *root, const char *path)
{
  struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
  int folder = open (root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = folder >= 0 ? (int) syscall (SYS_openat2, folder, path[0] == '/' ? path + 1 : path, &how, sizeof how) : -1;

  if (folder >= 0)
    close (folder);
  return fd;
}

/* Takes @fd. */
static char *
read_text (int fd)
{
  g_autofree char *text = g_malloc0 (FILE_MAX + 1);
  struct stat place;
  gssize length = 0;

  /* a device of the number 0 hides the file of a layer below */
  if (fd >= 0 && fstat (fd, &place) == 0 && S_ISREG (place.st_mode))
    length = read (fd, text, FILE_MAX);
  if (fd >= 0)
    close (fd);
  return g_strndup (text, (gsize) MAX (length, 0));
}

char *
ctr_root_read (const char *root, const char *path)
{
  return read_text (open_in (root, path));
}

char *
ctr_rootfs_read (Ctr__Mount *const *mounts, gsize n, const char *path)
{
  g_autoptr(GPtrArray) folders = folders_of (mounts, n);
  int fd = -1;

  for (guint i = 0; i < folders->len && fd < 0; i++)
    fd = open_in (g_ptr_array_index (folders, i), path);
  return read_text (fd);
}
