/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/copy.h"
#include "store/inspect.h"
#include "store/lock.h"
#include "store/migrate.h"

#include "thole-error.h"

static GPtrArray *
read_rows (TholeConnection *connection, const TholeRecordType *type, GError **error)
{
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func (thole_record_unref);
  sqlite3_stmt *rows = thole_connection_prepare (connection, thole_connection_table (connection, type)->load, error);
  gpointer record = NULL;
  int result;

  if (rows == NULL)
    return NULL;
  while ((result = sqlite3_step (rows)) == SQLITE_ROW && (record = thole_row_read (rows, type, error)) != NULL)
    g_ptr_array_add (records, record);
  if (result != SQLITE_DONE && result != SQLITE_ROW)
    thole_sqlite_error (connection->handle, error);
  sqlite3_reset (rows);
  return result == SQLITE_DONE ? g_steal_pointer (&records) : NULL;
}

static GPtrArray *
load (TholeBacking *backing, const TholeRecordType *type, GError **error)
{
  TholeSqlite *self = (TholeSqlite *) backing;
  GPtrArray *records;

  g_mutex_lock (&self->reader->lock);
  records = read_rows (self->reader, type, error);
  /* read once at the start: the pages would only lie in memory */
  sqlite3_db_release_memory (self->reader->handle);
  g_mutex_unlock (&self->reader->lock);
  if (records == NULL)
    g_prefix_error (error, "%s: ", self->path);
  return records;
}

static TholeEvent *
read_event (sqlite3_stmt *row)
{
  const char *data = (const char *) sqlite3_column_text (row, 6);
  TholeEvent *event;

  event = thole_event_new (sqlite3_column_int64 (row, 1), (const char *) sqlite3_column_text (row, 2),
                           (const char *) sqlite3_column_text (row, 3), (const char *) sqlite3_column_text (row, 4),
                           (const char *) sqlite3_column_text (row, 5), g_strdup (data));
  event->seq = sqlite3_column_int64 (row, 0);
  return event;
}

static GPtrArray *
read_events (TholeConnection *connection, const char *subject, gint64 after, guint limit, GError **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_event_unref);
  sqlite3_stmt *rows;
  int result;

  rows = thole_connection_prepare (connection, subject != NULL
                                   ? "SELECT * FROM (SELECT seq, time, type, subject, owner, actor, data FROM events "
                                     "WHERE seq > ? AND subject = ?3 AND type <> 'workload.report' "
                                     "ORDER BY seq DESC LIMIT ?2) ORDER BY seq"
                                   : "SELECT seq, time, type, subject, owner, actor, data FROM events WHERE seq > ? "
                                     "ORDER BY seq LIMIT ?2", error);
  if (rows == NULL)
    return NULL;
  sqlite3_bind_int64 (rows, 1, after);
  sqlite3_bind_int64 (rows, 2, limit);
  if (subject != NULL)
    sqlite3_bind_text (rows, 3, subject, -1, SQLITE_STATIC);
  while ((result = sqlite3_step (rows)) == SQLITE_ROW)
    g_ptr_array_add (events, read_event (rows));
  if (result != SQLITE_DONE)
    thole_sqlite_error (connection->handle, error);
  sqlite3_reset (rows);
  return result == SQLITE_DONE ? g_steal_pointer (&events) : NULL;
}

static GPtrArray *
events (TholeBacking *backing, const char *subject, gint64 after, guint limit, GError **error)
{
  TholeSqlite *self = (TholeSqlite *) backing;
  GPtrArray *events;

  g_mutex_lock (&self->reader->lock);
  events = read_events (self->reader, subject, after, limit, error);
  g_mutex_unlock (&self->reader->lock);
  return events;
}

static gboolean
probe (TholeBacking *backing, GError **error)
{
  TholeSqlite *self = (TholeSqlite *) backing;
  gboolean done;

  g_mutex_lock (&self->writer->lock);
  /* more than a page, so that it takes space */
  done = thole_connection_execute (self->writer,
                                   "INSERT INTO meta (name, value) VALUES ('probe', hex(randomblob(4096))) "
                                   "ON CONFLICT (name) DO UPDATE SET value = excluded.value", error)
         && thole_connection_execute (self->writer, "DELETE FROM meta WHERE name = 'probe'", error);
  g_mutex_unlock (&self->writer->lock);
  return done;
}

static gboolean
backup (TholeBacking *backing, const char *path, gboolean over, TholeCopyProgress progress, gpointer user_data,
        GCancellable *cancellable, GError **error)
{
  TholeSqlite *self = (TholeSqlite *) backing;
  TholeCopy copy = { .from = self->path, .progress = progress, .user_data = user_data, .cancellable = cancellable };

  if (self->reader == self->writer)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "a store in memory has no back-up");
      return FALSE;
    }
  return thole_store_backup (&copy, path, over, error);
}

static void
close_sqlite (TholeBacking *backing)
{
  TholeSqlite *self = (TholeSqlite *) backing;

  if (self->reader != NULL && self->reader != self->writer)
    thole_connection_close (self->reader);
  if (self->writer != NULL)
    thole_connection_close (self->writer);
  if (self->lock >= 0)
    close (self->lock);
  g_free (self->backing.instance);
  g_free (self->path);
  g_free (self);
}

static const TholeBackingClass sqlite_class = {
  .apply = thole_sqlite_apply,
  .probe = probe,
  .load = load,
  .events = events,
  .backup = backup,
  .audit = thole_sqlite_audit,
  .verify = thole_sqlite_audit_verify,
  .audited = thole_sqlite_audited,
  .close = close_sqlite,
};

static gboolean
read_number (TholeSqlite *self, const char *sql, gint64 *number, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (self->writer, sql, error);

  return statement != NULL && thole_connection_run (self->writer, statement, number, error);
}

/* made and protected before SQLite sees it; -wal and -shm get the same permissions */
static gboolean
make_file (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat info;
  gboolean sound;

  sound = fd >= 0 && fstat (fd, &info) == 0 && ((info.st_mode & 077) == 0 || fchmod (fd, 0600) == 0);
  if (!sound && errno == ELOOP)
    /* the lock stands beside the path, so one file must have one path */
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "a symbolic link; the file itself is needed");
  else if (!sound)
    g_set_error_literal (error, THOLE_ERROR,
                         errno == ENOSPC || errno == EDQUOT ? THOLE_ERROR_STORAGE_FULL : THOLE_ERROR_STORAGE,
                         g_strerror (errno));
  else if (!S_ISREG (info.st_mode))
    {
      sound = FALSE;
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "not a regular file");
    }
  if (fd >= 0)
    close (fd);
  return sound;
}

static gboolean
read_instance (TholeSqlite *self, TholeClock *clock, GError **error)
{
  g_autofree char *fresh = thole_uuid_new (clock);
  sqlite3_stmt *statement;

  statement = thole_connection_prepare (self->writer, "INSERT INTO meta (name, value) VALUES ('instance', ?) "
                                                      "ON CONFLICT DO NOTHING", error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, fresh, -1, SQLITE_STATIC);
  if (!thole_connection_run (self->writer, statement, NULL, error))
    return FALSE;
  statement = thole_connection_prepare (self->writer, "SELECT value FROM meta WHERE name = 'instance'", error);
  if (statement == NULL)
    return FALSE;
  if (sqlite3_step (statement) == SQLITE_ROW)
    self->backing.instance = g_strdup ((const char *) sqlite3_column_text (statement, 0));
  else
    thole_sqlite_error (self->writer->handle, error);
  sqlite3_reset (statement);
  return self->backing.instance != NULL;
}

static gboolean
read_range (TholeSqlite *self, GError **error)
{
  gint64 oldest, newest;

  if (!read_number (self, "SELECT max(seq) FROM events", &newest, error)
      || !read_number (self, "SELECT min(seq) FROM events", &oldest, error))
    return FALSE;
  self->backing.newest = newest;
  self->backing.oldest = newest > 0 ? oldest : 1;
  return TRUE;
}

/* a new one becomes ours */
static gboolean
mark (TholeSqlite *self, GError **error)
{
  gint64 id;

  return read_number (self, "PRAGMA application_id", &id, error)
         && (id == THOLE_APPLICATION_ID
             || thole_connection_execute (self->writer,
                                          "PRAGMA application_id = " G_STRINGIFY (THOLE_APPLICATION_ID), error));
}

static gboolean
open_file (TholeSqlite *self, GError **error)
{
  self->lock = thole_store_lock (self->path, error);
  if (self->lock < 0)
    return FALSE;
  if (!make_file (self->path, error))
    {
      g_prefix_error (error, "%s: ", self->path);
      return FALSE;
    }
  if (!thole_store_inspect (self->path, error))
    return FALSE;
  self->writer = thole_connection_open (self->path, error);
  if (self->writer != NULL && mark (self, error))
    return TRUE;
  g_prefix_error (error, "%s: ", self->path);
  return FALSE;
}

static gboolean
prepare_content (TholeSqlite *self, TholeClock *clock, gboolean file, GError **error)
{
  if (!thole_migrate (self->writer->handle, self->path, clock, thole_migrations, thole_n_migrations,
                      thole_n_migrations, error))
    return FALSE;
  if (read_instance (self, clock, error) && read_range (self, error)
      && thole_sqlite_audit_head (self->writer, &self->backing.audit, error) && thole_connection_learn (self->writer, error)
      && (self->reader = file ? thole_connection_open (self->path, error) : self->writer) != NULL)
    return TRUE;
  g_prefix_error (error, "%s: ", self->path);
  return FALSE;
}

TholeBacking *
thole_sqlite_open (const char *path, TholeClock *clock, GError **error)
{
  TholeSqlite *self = g_new0 (TholeSqlite, 1);
  gboolean file = strcmp (path, ":memory:") != 0;

  self->backing.class = &sqlite_class;
  self->path = g_strdup (path);
  self->lock = self->backing.audit_head = -1;
  if ((file ? open_file (self, error) : (self->writer = thole_connection_open (path, error)) != NULL)
      && prepare_content (self, clock, file, error))
    return &self->backing;
  close_sqlite (&self->backing);
  return NULL;
}
