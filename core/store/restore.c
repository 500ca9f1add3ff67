/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/restore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/copy.h"
#include "store/lock.h"
#include "store/migrate.h"
#include "store/sqlite.h"
#include "thole-error.h"

/* how far numbers of events jump: nobody has seen one above it */
#define JUMP G_GINT64_CONSTANT (1000000000)

static gboolean
fail_errno (const char *path, GError **error)
{
  int reason = errno;

  g_set_error (error, THOLE_ERROR, reason == ENOSPC || reason == EDQUOT ? THOLE_ERROR_STORAGE_FULL : THOLE_ERROR_STORAGE,
               "%s: %s", path, g_strerror (reason));
  return FALSE;
}

static gint64
newest_event (sqlite3 *handle)
{
  sqlite3_stmt *row = NULL;
  gint64 newest = 0;

  if (sqlite3_prepare_v2 (handle, "SELECT max(seq) FROM events", -1, &row, NULL) == SQLITE_OK
      && sqlite3_step (row) == SQLITE_ROW)
    newest = sqlite3_column_int64 (row, 0);
  sqlite3_finalize (row);
  return newest;
}

/* takes up the WAL of the store that is there, so that one file is all of it, as far as it can still be read.
 * Returns: its newest event, 0 = not known */
static gint64
settle (const char *path)
{
  sqlite3 *handle = NULL;
  gint64 newest = 0;

  if (sqlite3_open_v2 (path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
    {
      sqlite3_exec (handle, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
      newest = newest_event (handle);
    }
  sqlite3_close (handle);
  return newest;
}

static gboolean
renumber (sqlite3 *handle, const char *path, gint64 newest, gint64 now, GError **error)
{
  g_autofree char *sql = g_strdup_printf (
    "DELETE FROM events; INSERT INTO events (seq, time, type, subject, owner, actor, data) "
    "VALUES (%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 'store.restored', 'store', '', 'daemon', '{}'); "
    "PRAGMA auto_vacuum = INCREMENTAL; VACUUM",
    newest + JUMP, now);

  if (sqlite3_exec (handle, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  thole_sqlite_error (handle, error);
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* the copy as it will be opened; without a WAL until then */
static gboolean
prepare (const char *part, gint64 newest, TholeClock *clock, GError **error)
{
  sqlite3 *handle = NULL;
  gboolean good;

  good = sqlite3_open_v2 (part, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK;
  if (!good)
    {
      thole_sqlite_error (handle, error);
      g_prefix_error (error, "%s: ", part);
    }
  good = good
         && thole_migrate (handle, part, clock, thole_migrations, thole_n_migrations, thole_n_migrations, error)
         && renumber (handle, part, MAX (newest, newest_event (handle)), thole_clock_now (clock), error);
  sqlite3_close (handle);
  return good;
}

static gboolean
link_aside (const char *path, const char *aside, const char *end, GError **error)
{
  g_autofree char *from = g_strconcat (path, end, NULL);
  g_autofree char *to = g_strconcat (aside, end, NULL);

  return link (from, to) == 0 || errno == ENOENT || fail_errno (to, error);
}

static void
remove_beside (const char *path, const char *end)
{
  g_autofree char *name = g_strconcat (path, end, NULL);

  unlink (name);
}

/* The store before has a second name before its own goes over, so that there is one at each moment. Its WAL is there only when
 * it could not be taken up, and goes before the restored store comes, which it does not belong to. */
static gboolean
take_place (const char *part, const char *path, const char *aside, GError **error)
{
  if (aside != NULL
      && (!link_aside (path, aside, "", error) || !link_aside (path, aside, "-wal", error)
          || !thole_store_sync_folder (path, error)))
    return FALSE;
  remove_beside (path, "-wal");
  remove_beside (path, "-shm");
  return (rename (part, path) == 0 || fail_errno (path, error)) && thole_store_sync_folder (path, error);
}

static char *
name_aside (const char *path, TholeClock *clock)
{
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_utc (thole_clock_now (clock) / G_USEC_PER_SEC);
  g_autofree char *time = g_date_time_format (now, "%Y%m%dT%H%M%SZ");

  return g_strconcat (path, ".before-", time, NULL);
}

static gboolean
restore (const char *file, const char *path, gboolean over, TholeClock *clock, char **aside, GError **error)
{
  g_autofree char *part = g_strconcat (path, ".part", NULL);
  g_autofree char *old = NULL;
  TholeCopy copy = { .from = file, .at_rest = TRUE, .to = part, .thorough = TRUE };
  struct stat info;
  gboolean there = stat (path, &info) == 0 && info.st_size > 0;

  if (there && !over)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_EXISTS,
                   "%s: there is a store already; nothing was changed; --replace keeps it aside", path);
      return FALSE;
    }
  unlink (part);
  if (!thole_store_copy (&copy, error))
    {
      g_prefix_error (error, "cannot restore ");
      return FALSE;
    }
  old = there ? name_aside (path, clock) : NULL;
  if (!prepare (part, there ? settle (path) : 0, clock, error) || !take_place (part, path, old, error))
    {
      unlink (part);
      return FALSE;
    }
  *aside = g_steal_pointer (&old);
  return TRUE;
}

gboolean
thole_store_restore (const char *file, const char *uri, gboolean over, TholeClock *clock, char **aside, GError **error)
{
  const char *path = uri + strlen ("sqlite:");
  gboolean good;
  int lock;

  if (!g_str_has_prefix (uri, "sqlite:") || path[0] != '/')
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "'%s' is not a store in a file that can be restored", uri);
      return FALSE;
    }
  lock = thole_store_lock (path, error);
  if (lock < 0)
    return FALSE;
  good = restore (file, path, over, clock, aside, error);
  close (lock);
  return good;
}
