/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inspect.h"
#include "store/sqlite.h"
#include "thole-error.h"

/* pages between two looks at whether it is still wanted */
#define STEP 256

static gboolean
fail_errno (const char *path, GError **error)
{
  int reason = errno;

  g_set_error (error, THOLE_ERROR,
               reason == ENOSPC || reason == EDQUOT ? THOLE_ERROR_STORAGE_FULL
               : reason == EEXIST ? THOLE_ERROR_EXISTS : THOLE_ERROR_STORAGE,
               "%s: %s", path, g_strerror (reason));
  return FALSE;
}

static gboolean
fail_sqlite (sqlite3 *handle, const char *path, GError **error)
{
  thole_sqlite_error (handle, error);
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* a name for sqlite3_open_v2(); immutable: nothing is made beside a file that has no WAL */
static char *
source_name (const TholeCopy *copy)
{
  g_autofree char *wal = g_strconcat (copy->from, "-wal", NULL);
  g_autofree char *uri = g_filename_to_uri (copy->from, NULL, NULL);
  gboolean alone = copy->at_rest && access (wal, F_OK) != 0;

  return g_strconcat (uri, alone ? "?immutable=1" : "", NULL);
}

/* the snapshot begins with the first look */
static gboolean
begin_reading (sqlite3 *source, const TholeCopy *copy, GError **error)
{
  sqlite3_busy_timeout (source, 5000);
  if (sqlite3_exec (source, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  return fail_sqlite (source, copy->from, error);
}

static gboolean
copy_pages (const TholeCopy *copy, sqlite3 *source, sqlite3 *target, GError **error)
{
  sqlite3_backup *backup = sqlite3_backup_init (target, "main", source, "main");
  int result = SQLITE_OK;

  while (backup != NULL && result == SQLITE_OK && !g_cancellable_is_cancelled (copy->cancellable))
    {
      result = sqlite3_backup_step (backup, STEP);
      if (copy->progress != NULL)
        copy->progress (sqlite3_backup_pagecount (backup) - sqlite3_backup_remaining (backup),
                        sqlite3_backup_pagecount (backup), copy->user_data);
    }
  sqlite3_backup_finish (backup);
  if (result == SQLITE_OK && g_cancellable_set_error_if_cancelled (copy->cancellable, error))
    return FALSE;
  return result == SQLITE_DONE || fail_sqlite (target, copy->to, error);
}

/* without a WAL, so that one file is all of it, wherever it is read */
static gboolean
finish (const TholeCopy *copy, sqlite3 *target, GError **error)
{
  if (sqlite3_exec (target, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
    return fail_sqlite (target, copy->to, error);
  return thole_store_examine (target, copy->from, copy->thorough, error) && thole_store_filled (target, copy->from, error);
}

static gboolean
fill (const TholeCopy *copy, GError **error)
{
  g_autofree char *name = source_name (copy);
  sqlite3 *source = NULL, *target = NULL;
  int flags = (copy->at_rest ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_URI;
  gboolean good;

  if (sqlite3_open_v2 (name, &source, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
    good = fail_sqlite (source, copy->from, error);
  else if (sqlite3_open_v2 (copy->to, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL)
           != SQLITE_OK)
    good = fail_sqlite (target, copy->to, error);
  else
    {
      /* who fails half-way removes it, so nothing has to be undone */
      sqlite3_exec (target, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
      good = begin_reading (source, copy, error) && copy_pages (copy, source, target, error) && finish (copy, target, error);
    }
  sqlite3_close (target);
  sqlite3_close (source);
  return good;
}

gboolean
thole_store_copy (const TholeCopy *copy, GError **error)
{
  int fd = open (copy->to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  gboolean good;

  if (fd < 0)
    return fail_errno (copy->to, error);
  /* whatever the umask */
  good = fchmod (fd, 0600) == 0 || fail_errno (copy->to, error);
  good = good && fill (copy, error) && (fsync (fd) == 0 || fail_errno (copy->to, error));
  close (fd);
  if (!good)
    {
      g_autofree char *wal = g_strconcat (copy->to, "-wal", NULL);
      g_autofree char *shm = g_strconcat (copy->to, "-shm", NULL);

      unlink (copy->to);
      unlink (wal);
      unlink (shm);
    }
  return good;
}

gboolean
thole_store_sync_folder (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean good = fd >= 0 && fsync (fd) == 0;

  if (!good)
    fail_errno (folder, error);
  if (fd >= 0)
    close (fd);
  return good;
}

/* it appears whole or not at all; without @over never in place of another */
static gboolean
publish (const char *part, const char *path, gboolean over, GError **error)
{
  if (renameat2 (AT_FDCWD, part, AT_FDCWD, path, over ? 0 : RENAME_NOREPLACE) != 0)
    {
      fail_errno (path, error);
      unlink (part);
      return FALSE;
    }
  return thole_store_sync_folder (path, error);
}

gboolean
thole_store_backup (const TholeCopy *copy, const char *path, gboolean over, GError **error)
{
  g_autofree char *part = g_strconcat (path, ".part", NULL);
  TholeCopy whole = *copy;

  if (!over && access (path, F_OK) == 0)
    {
      errno = EEXIST;
      return fail_errno (path, error);
    }
  /* of one that was cut off; there is never more than one at work */
  unlink (part);
  whole.to = part;
  return thole_store_copy (&whole, error) && publish (part, path, over, error);
}
