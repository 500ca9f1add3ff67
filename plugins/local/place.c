/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "place.h"

#include <string.h>
#include <sys/stat.h>

#include "plan.h"

/* in memory, one of each for each sandbox: links to them are those of put_scratch() in plan.c */
#define SCRATCH_TMP LOCAL_SCRATCH "/tmp"

static char *
refuse (const char *field, const char *path, const char *why, GError **error)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s: \"%s\" %s", field, path, why);
  return NULL;
}

static gboolean
is_below (const char *path, const char *folder)
{
  gsize length = strlen (folder);

  return strncmp (path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static gboolean
is_below_any (const char *path, const char *const *folders)
{
  for (guint i = 0; folders[i] != NULL; i++)
    if (is_below (path, folders[i]))
      return TRUE;
  return FALSE;
}

/* Without the links to what is in memory. NULL: it is no path that stays where it is. */
static char *
straighten (const char *path, const char *root)
{
  static const char *const links[] = { "/tmp", "/var/tmp", NULL };
  g_auto(GStrv) names = path[0] == '/' ? g_strsplit (path, "/", -1) : NULL;
  g_autoptr(GString) out = g_string_new (NULL);

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      if (strcmp (names[i], ".") == 0 || strcmp (names[i], "..") == 0)
        return NULL;
      if (names[i][0] != '\0')
        g_string_append_printf (out, "/%s", names[i]);
    }
  for (guint i = 0; links[i] != NULL && (i == 0 || root == NULL); i++)
    if (is_below (out->str, links[i]))
      {
        g_string_erase (out, 0, (gssize) strlen (links[i]));
        g_string_prepend (out, SCRATCH_TMP);
        break;
      }
  return out->len > 0 ? g_string_free (g_steal_pointer (&out), FALSE) : NULL;
}

/* Has the root file system something of the first name of @path, which it shows? */
static gboolean
is_shown (const char *path, const char *root)
{
  static const char *const own[] = { "/proc", "/dev", "/sys", "/run", "/tmp", "/home", "/.thole", NULL };
  static const char *const machine[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", NULL };
  const char *rest = strchr (path + 1, '/');
  g_autofree char *first = rest != NULL ? g_strndup (path, (gsize) (rest - path)) : g_strdup (path), *there = NULL;
  struct stat what;

  if (root == NULL)
    return is_below_any (path, machine);
  there = g_build_filename (root, first, NULL);
  return !g_strv_contains (own, first) && lstat (there, &what) == 0;
}

/* Is all of @path in the root file system, and none of it a link? */
static gboolean
is_straight (const char *path, const char *root)
{
  g_auto(GStrv) names = g_strsplit (path + 1, "/", -1);
  g_autoptr(GString) at = g_string_new (root != NULL ? root : "");
  struct stat what;

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_string_append_printf (at, "/%s", names[i]);
      if (lstat (at->str, &what) < 0 || S_ISLNK (what.st_mode))
        return FALSE;
    }
  return TRUE;
}

static char *
find (const char *field, const char *path, const char *root, GPtrArray *mounts, GError **error)
{
  static const char *const others[] = { "/proc", "/sys", "/.thole", NULL };
  g_autofree char *place = straighten (path, root);

  if (place == NULL)
    return refuse (field, path, "is no place in a sandbox", error);
  if (is_below_any (place, others) || (is_below (place, "/dev") && !g_str_has_prefix (place, "/dev/shm/")))
    return refuse (field, path, "is the sandbox's own", error);
  for (guint i = 0; i < mounts->len; i++)
    if (is_below (place, g_ptr_array_index (mounts, i)))
      return refuse (field, path, "lies in a mount, where nothing else is put", error);
  return g_steal_pointer (&place);
}

char *
local_place_of_file (const char *field, const char *path, const char *root, GPtrArray *mounts, GError **error)
{
  g_autofree char *place = find (field, path, root, mounts, error);

  if (place != NULL && is_shown (place, root))
    return refuse (field, path, "lies in the root file system, which cannot be written to", error);
  return g_steal_pointer (&place);
}

char *
local_place_of_mount (const char *field, const char *path, const char *root, GPtrArray *mounts, GError **error)
{
  g_autofree char *place = find (field, path, root, mounts, error);

  if (place != NULL && is_shown (place, root) && !is_straight (place, root))
    return refuse (field, path, "is no folder of the root file system, or lies behind a link", error);
  return g_steal_pointer (&place);
}
