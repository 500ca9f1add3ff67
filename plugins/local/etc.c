/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "etc.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thole-error.h"
#include "tree.h"

#define DEPTH 4
#define FILE_MAX (1024 * 1024)
#define ENTRIES_MAX 4096
/* µs: a start that was given one copy has looked at it long before */
#define KEEP (10 * 60 * G_USEC_PER_SEC)

const char *const local_etc_names[] = {
  "alternatives", "ca-certificates", "fonts", "gai.conf", "host.conf", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime",
  "magic", "mime.types", "nsswitch.conf", "perl", "pki/tls/certs", "protocols", "python3", "services", "ssl/certs", "ssl/openssl.cnf",
  "terminfo", NULL,
};

static void
copy_file (const char *from, const char *to)
{
  g_autofree char *bytes = NULL;
  gsize length;

  /* without a wait for the disk: the next probe makes it anew */
  if (g_file_get_contents (from, &bytes, &length, NULL)
      && g_file_set_contents_full (to, bytes, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0644, NULL) && g_chmod (to, 0644) < 0)
    g_debug ("%s: %s", to, g_strerror (errno));
}

/* Whatever the daemon's umask is, which all its threads have. */
static gboolean
make_folder (const char *path)
{
  return (g_mkdir (path, 0755) == 0 || errno == EEXIST) && g_chmod (path, 0755) == 0;
}

/* What everybody may read. */
static void
copy (const char *from, const char *to, guint depth, guint *left)
{
  g_autoptr(GDir) list = NULL;
  g_autofree char *link = NULL;
  struct stat what;
  const char *name;

  if (depth == 0 || *left == 0 || lstat (from, &what) < 0)
    return;
  --*left;
  if (S_ISLNK (what.st_mode) && (link = g_file_read_link (from, NULL)) != NULL)
    {
      if (symlink (link, to) < 0)
        g_debug ("%s: %s", to, g_strerror (errno));
    }
  else if (S_ISREG (what.st_mode) && (what.st_mode & S_IROTH) != 0 && what.st_size <= FILE_MAX)
    copy_file (from, to);
  else if (S_ISDIR (what.st_mode) && (what.st_mode & S_IROTH) != 0 && make_folder (to))
    {
      list = g_dir_open (from, 0, NULL);
      while (list != NULL && (name = g_dir_read_name (list)) != NULL)
        {
          g_autofree char *inner_from = g_build_filename (from, name, NULL), *inner_to = g_build_filename (to, name, NULL);

          copy (inner_from, inner_to, depth - 1, left);
        }
    }
}

/* The folders of @path below its first @known bytes. */
static gboolean
make_parents (char *path, gsize known)
{
  for (char *at = path + known; *at != '\0'; at++)
    if (at[0] == '/' && at > path + known)
      {
        gboolean made;

        *at = '\0';
        made = make_folder (path);
        *at = '/';
        if (!made)
          return FALSE;
      }
  return make_folder (path);
}

gboolean
local_etc_is_fresh (const char *folder)
{
  static const char *const sources[] = { "/etc", "/etc/ld.so.cache", "/etc/ssl/certs", "/etc/alternatives" };
  g_autofree char *place = g_build_filename (folder, LOCAL_ETC, NULL);
  struct stat copy, source;

  if (stat (place, &copy) < 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (stat (sources[i], &source) == 0 && source.st_mtime >= copy.st_mtime)
      return FALSE;
  return TRUE;
}

static void
fill (const char *fresh)
{
  guint left = ENTRIES_MAX;

  for (guint i = 0; local_etc_names[i] != NULL; i++)
    {
      g_autofree char *from = g_build_filename ("/etc", local_etc_names[i], NULL), *to = g_build_filename (fresh, local_etc_names[i], NULL);
      g_autofree char *parent = g_path_get_dirname (to);

      if (make_parents (parent, strlen (fresh)))
        copy (from, to, DEPTH, &left);
    }
}

gboolean
local_etc_copy (const char *folder, GError **error)
{
  g_autofree char *name = g_strdup_printf (LOCAL_ETC ".%" G_GINT64_FORMAT, g_get_real_time ());
  g_autofree char *fresh = g_build_filename (folder, name, NULL), *place = g_build_filename (folder, LOCAL_ETC, NULL);
  g_autofree char *link = g_strconcat (fresh, ".link", NULL), *old = g_strconcat (place, ".0", NULL);
  struct stat there;
  gboolean done = make_folder (fresh);

  if (done)
    fill (fresh);
  /* as the versions before had it */
  if (done && lstat (place, &there) == 0 && S_ISDIR (there.st_mode))
    {
      local_tree_remove (old);
      done = g_rename (place, old) == 0;
    }
  if (done && symlink (name, link) == 0 && g_rename (link, place) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", place, g_strerror (errno));
  local_tree_remove (fresh);
  g_unlink (link);
  return FALSE;
}

void
local_etc_sweep (const char *folder)
{
  g_autofree char *place = g_build_filename (folder, LOCAL_ETC, NULL), *used = g_file_read_link (place, NULL);
  gint64 until = g_get_real_time () - KEEP;
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  struct stat link;
  const char *name;

  if (used == NULL || lstat (place, &link) < 0 || link.st_mtime >= until / G_USEC_PER_SEC)
    return;
  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    if (g_str_has_prefix (name, LOCAL_ETC ".") && strcmp (name, used) != 0
        && g_ascii_strtoll (name + strlen (LOCAL_ETC "."), NULL, 10) < until)
      {
        g_autofree char *path = g_build_filename (folder, name, NULL);

        local_tree_remove (path);
      }
}
