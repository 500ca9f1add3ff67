/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "place.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define OTHER_RESOLV "/run/systemd/resolve/resolv.conf"

char *
ctr_place_path (TholeDriver *driver, const char *container, const char *part)
{
  return g_build_filename (driver->config->state_dir, "containers", container, part, NULL);
}

static gboolean
fail (const char *path, GError **error)
{
  g_set_error (error, THOLE_ERROR, errno == ENOSPC ? THOLE_ERROR_LIMIT : THOLE_ERROR_FAILED, "%s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
write_file (TholeDriver *driver, const char *container, const char *name, const char *text, GError **error)
{
  g_autofree char *path = ctr_place_path (driver, container, name);
  g_autoptr(GError) local = NULL;

  /* in its place: a running container has this very file */
  if (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, &local) && g_chmod (path, 0644) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", path, local != NULL ? local->message : g_strerror (errno));
  return FALSE;
}

gboolean
ctr_place_make (TholeDriver *driver, const char *container, const char *id, const char *hostname, gboolean host_network, GError **error)
{
  g_autofree char *log = ctr_place_path (driver, container, "log");
  g_autofree char *hosts = g_strdup_printf ("127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n", hostname);
  g_autofree char *name = g_strconcat (hostname, "\n", NULL), *host_hosts = NULL, *resolv = NULL, *other = NULL;

  if (g_mkdir_with_parents (log, 0700) < 0)
    return fail (log, error);
  if (host_network)
    g_file_get_contents ("/etc/hosts", &host_hosts, NULL, NULL);
  g_file_get_contents ("/etc/resolv.conf", &resolv, NULL, NULL);
  /* a server on the machine's loopback is not the container's */
  if (!host_network && resolv != NULL && strstr (resolv, "nameserver 127.") != NULL && g_file_get_contents (OTHER_RESOLV, &other, NULL, NULL))
    {
      g_free (resolv);
      resolv = g_steal_pointer (&other);
    }
  return write_file (driver, container, "id", id, error)
         && write_file (driver, container, "hosts", host_hosts != NULL ? host_hosts : hosts, error)
         && write_file (driver, container, "hostname", name, error)
         && write_file (driver, container, "resolv.conf", resolv != NULL ? resolv : "", error);
}

char *
ctr_place_id (TholeDriver *driver, const char *container)
{
  g_autofree char *path = ctr_place_path (driver, container, "id"), *id = NULL;
  gsize prefix = strlen ("thole-XXXXXXXX-");

  if (g_file_get_contents (path, &id, NULL, NULL))
    return g_steal_pointer (&id);
  return g_strdup (strlen (container) > prefix ? container + prefix : container);
}

static void
remove_tree (const char *path, guint depth)
{
  g_autoptr(GDir) list = depth > 0 ? g_dir_open (path, 0, NULL) : NULL;
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      GStatBuf place;

      if (g_lstat (child, &place) == 0 && S_ISDIR (place.st_mode))
        remove_tree (child, depth - 1);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

void
ctr_place_remove (TholeDriver *driver, const char *container)
{
  g_autofree char *path = ctr_place_path (driver, container, NULL);
  g_autofree char *pipes = g_build_filename (driver->config->runtime_dir, container, NULL);

  remove_tree (path, 3);
  remove_tree (pipes, 2);
}

char *
ctr_pipe_make (TholeDriver *driver, const char *container, const char *name, GError **error)
{
  g_autofree char *folder = g_build_filename (driver->config->runtime_dir, container, NULL);
  g_autofree char *path = g_build_filename (folder, name, NULL);

  if (g_mkdir_with_parents (folder, 0700) < 0 || (mkfifo (path, 0600) < 0 && errno != EEXIST))
    {
      fail (path, error);
      return NULL;
    }
  return g_steal_pointer (&path);
}
