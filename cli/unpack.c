/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack.h"

#include <errno.h>
#include <fts.h>
#include <gio/gunixoutputstream.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#define DEEPEST 512

struct _CliUnpack
{
  char *stage;
  GSubprocess *tar;
  gboolean ended;
};

GSubprocess *
cli_tar_spawn (const char *const *arguments, GSubprocessFlags flags, GError **error)
{
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (flags);
  g_autoptr(GError) wrong = NULL;
  GSubprocess *process;

  g_subprocess_launcher_unsetenv (launcher, "TAR_OPTIONS");
  g_subprocess_launcher_unsetenv (launcher, "POSIXLY_CORRECT");
  process = g_subprocess_launcher_spawnv (launcher, arguments, &wrong);
  if (process == NULL)
    g_set_error (error, CLI_ERROR, CLI_FAILED, _("folders are copied by tar, which cannot be started: %s"), wrong->message);
  return process;
}

/* what was unpacked may have folders that cannot be written */
static void
remove_tree (char *path)
{
  char *const paths[] = { path, NULL };
  FTS *walk = fts_open (paths, FTS_PHYSICAL, NULL);
  FTSENT *entry;

  while (walk != NULL && (entry = fts_read (walk)) != NULL)
    {
      if (entry->fts_info == FTS_D)
        chmod (entry->fts_accpath, 0700);
      else
        remove (entry->fts_accpath);
    }
  if (walk != NULL)
    fts_close (walk);
}

static gboolean
fail (GError **error, const char *path, int code)
{
  g_set_error (error, CLI_ERROR, CLI_FAILED, "%s: %s", path, g_strerror (code));
  return FALSE;
}

CliUnpack *
cli_unpack_new (const char *folder, GError **error)
{
  g_autoptr(CliUnpack) self = g_new0 (CliUnpack, 1);
  g_autofree char *stage = g_build_filename (folder, ".tholectl-XXXXXX", NULL);
  const char *const arguments[] = { "tar", "--extract", "--file=-", "--no-same-owner", "--no-same-permissions",
                                    "--delay-directory-restore", "--directory", stage, NULL };

  if (g_mkdtemp_full (stage, 0700) == NULL)
    {
      fail (error, folder, errno);
      return NULL;
    }
  self->stage = g_strdup (stage);
  self->tar = cli_tar_spawn (arguments, G_SUBPROCESS_FLAGS_STDIN_PIPE, error);
  return self->tar != NULL ? g_steal_pointer (&self) : NULL;
}

void
cli_unpack_free (CliUnpack *self)
{
  if (self->tar != NULL && !self->ended)
    {
      g_subprocess_force_exit (self->tar);
      g_subprocess_wait (self->tar, NULL, NULL);
    }
  g_clear_object (&self->tar);
  if (self->stage != NULL)
    remove_tree (self->stage);
  g_free (self->stage);
  g_free (self);
}

int
cli_unpack_fd (CliUnpack *self)
{
  return g_unix_output_stream_get_fd (G_UNIX_OUTPUT_STREAM (g_subprocess_get_stdin_pipe (self->tar)));
}

gboolean
cli_unpack_end (CliUnpack *self, GError **error)
{
  g_output_stream_close (g_subprocess_get_stdin_pipe (self->tar), NULL, NULL);
  g_subprocess_wait (self->tar, NULL, NULL);
  self->ended = TRUE;
  if (g_subprocess_get_successful (self->tar))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_FAILED, _("tar could not unpack all of the folder; nothing was copied"));
  return FALSE;
}

char *
cli_unpack_link (CliUnpack *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->stage, name, NULL);

  return g_file_read_link (path, NULL);
}

/* Returns: (transfer full) (nullable): the names in @folder, before any of them is moved */
static GPtrArray *
names_in (const char *folder, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GError) wrong = NULL;
  g_autoptr(GDir) dir = g_dir_open (folder, 0, &wrong);
  const char *name;

  if (dir == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, "%s", wrong->message);
      return NULL;
    }
  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  return g_steal_pointer (&names);
}

static gboolean may_place (const char *from, const char *target, guint depth, GError **error);

static gboolean
may_place_names (const char *from, const char *target, guint depth, GError **error)
{
  g_autoptr(GPtrArray) names = names_in (from, error);

  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      g_autofree char *below = g_build_filename (from, g_ptr_array_index (names, i), NULL);
      g_autofree char *to = target != NULL ? g_build_filename (target, g_ptr_array_index (names, i), NULL) : NULL;

      if (!may_place (below, to, depth + 1, error))
        return FALSE;
    }
  return names != NULL;
}

/* @target: (nullable): NULL when nothing can be there */
static gboolean
may_place (const char *from, const char *target, guint depth, GError **error)
{
  struct stat info, there;
  gboolean exists, folder;

  if (depth > DEEPEST)
    return fail (error, from, ELOOP);
  if (lstat (from, &info) != 0)
    return fail (error, from, errno);
  folder = S_ISDIR (info.st_mode);
  if (!folder && !S_ISREG (info.st_mode) && !S_ISLNK (info.st_mode) && !S_ISFIFO (info.st_mode))
    {
      g_autofree char *name = g_path_get_basename (from);
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("“%s” is a device, which is not copied; nothing was"), name);
      return FALSE;
    }
  exists = target != NULL && (depth == 0 ? stat (target, &there) : lstat (target, &there)) == 0;
  if (exists && folder != S_ISDIR (there.st_mode))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, folder ? _("%s is not a folder, so none can take its place")
                   : _("%s is a folder, so no file can take its place"), target);
      return FALSE;
    }
  if (!folder)
    return TRUE;
  /* the archive says who may enter it, but now it is ours */
  if ((info.st_mode & 0700) != 0700 && chmod (from, (info.st_mode & 07777) | 0700) != 0)
    return fail (error, from, errno);
  if (!may_place_names (from, exists ? target : NULL, depth, error))
    return FALSE;
  return chmod (from, info.st_mode & 07777) == 0 || fail (error, from, errno);
}

/* to move a folder is to write its way up */
static gboolean
move (const char *from, const char *target, mode_t mode, GError **error)
{
  gboolean folder = S_ISDIR (mode);

  if (folder)
    chmod (from, (mode & 07777) | 0700);
  if (rename (from, target) != 0)
    return fail (error, target, errno);
  if (folder)
    chmod (target, mode & 07777);
  return TRUE;
}

static gboolean
place (const char *from, const char *target, gboolean top, GError **error)
{
  struct stat info, there;
  g_autoptr(GPtrArray) names = NULL;

  if (lstat (from, &info) != 0)
    return fail (error, from, errno);
  if ((top ? stat (target, &there) : lstat (target, &there)) != 0 || !S_ISDIR (info.st_mode))
    return move (from, target, info.st_mode, error);
  chmod (from, (info.st_mode & 07777) | 0700);
  names = names_in (from, error);
  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      g_autofree char *below = g_build_filename (from, g_ptr_array_index (names, i), NULL);
      g_autofree char *to = g_build_filename (target, g_ptr_array_index (names, i), NULL);

      if (!place (below, to, FALSE, error))
        return FALSE;
    }
  return names != NULL;
}

/* all of it becomes a new folder, as open as any other */
static gboolean
new_folder (const char *target, GError **error)
{
  return g_mkdir (target, 0777) == 0 || errno == EEXIST || fail (error, target, errno);
}

gboolean
cli_unpack_place (CliUnpack *self, const char *name, const char *target, GError **error)
{
  g_autofree char *from = name != NULL ? g_build_filename (self->stage, name, NULL) : g_strdup (self->stage);
  struct stat info;

  if (lstat (from, &info) != 0 || !S_ISDIR (info.st_mode))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("it is neither a file nor a folder"));
      return FALSE;
    }
  if (!may_place (from, target, 0, error))
    return FALSE;
  if (name == NULL && !new_folder (target, error))
    return FALSE;
  return place (from, target, TRUE, error);
}
