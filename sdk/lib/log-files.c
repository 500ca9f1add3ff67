/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads the files of thole-log-write.h in their order. Who follows is woken by inotify, and ends when nobody writes any more.
 */
#include "thole-log-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-host.h"

#define PIECE (THOLE_RECORD_MAX + THOLE_LOG_RECORD_HEADER)
#define LINES_MAX 1000000
#define LOOK_AGAIN_MS 1000
#define TURN (1024 * 1024) /* read at once without anything found; then others have their turn */

typedef struct
{
  guint number;
  goffset offset;
} Place;

struct _TholeLogFiles
{
  GInputStream parent;
  char *folder;
  TholeLogWanted wanted;
  gboolean placed;     /* `place` is where reading begins; else, with `fd`, not beyond that */
  Place place;
  int fd;              /* of place.number, -1 = none */
  int watch;           /* inotify, -1 = none */
  GByteArray *out;     /* records to be given */
  gsize given;
  GTask *reading;      /* (nullable): who waits */
  GSource *changed, *timer;
};

#define THOLE_TYPE_LOG_FILES (thole_log_files_get_type ())
G_DECLARE_FINAL_TYPE (TholeLogFiles, thole_log_files, THOLE, LOG_FILES, GInputStream)
G_DEFINE_FINAL_TYPE (TholeLogFiles, thole_log_files, G_TYPE_INPUT_STREAM)

/* the files ------------------------------------------------------------------------------------------- */

static int
open_number (const char *folder, guint number)
{
  g_autofree char *path = g_strdup_printf ("%s/%08u.log", folder, number);

  return open (path, O_RDONLY | O_CLOEXEC);
}

/* The least number above @after, 0 = none. */
static guint
next_number (const char *folder, guint after)
{
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  const char *name;
  guint found = 0;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      char *end;
      guint64 number = g_ascii_strtoull (name, &end, 10);

      if (strcmp (end, ".log") == 0 && number > after && number < G_MAXUINT && (found == 0 || number < found))
        found = (guint) number;
    }
  return found;
}

/* Does thole-log hold its lock? @never: what is said of a folder in which it never was */
static gboolean
is_written (const char *folder, gboolean never)
{
  g_autofree char *path = g_build_filename (folder, "writing", NULL);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gboolean held = fd >= 0 && flock (fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

  if (fd >= 0)
    close (fd);
  return fd >= 0 ? held : never;
}

/* the last lines -------------------------------------------------------------------------------------- */

typedef struct
{
  Place *ring;
  gsize size, count;
  gboolean within[3];
  gboolean streams[3];
} Tail;

/* The end of the last whole record at or before @bound, which may be within one: thole-log writes while this is read. */
static goffset
tail_file (Tail *self, int fd, guint number, goffset bound)
{
  guint8 piece[16384];
  goffset at = 0;
  gssize n;

  while ((n = pread (fd, piece, (gsize) CLAMP (bound - at, 0, (goffset) sizeof piece), at)) >= THOLE_LOG_RECORD_HEADER)
    {
      gsize use = 0;

      while ((gsize) n - use >= THOLE_LOG_RECORD_HEADER)
        {
          const guint8 *head = piece + use;
          gsize length = (gsize) head[9] << 24 | (gsize) head[10] << 16 | (gsize) head[11] << 8 | head[12];
          guint8 stream = head[0] <= 2 ? head[0] : 0;
          guint8 last = 0;

          if (at + (goffset) (use + THOLE_LOG_RECORD_HEADER + length) > bound)
            return at + (goffset) use;
          if (length > 0 && use + THOLE_LOG_RECORD_HEADER + length <= (gsize) n)
            last = head[THOLE_LOG_RECORD_HEADER + length - 1];
          else if (length > 0 && pread (fd, &last, 1, at + (goffset) (use + THOLE_LOG_RECORD_HEADER + length) - 1) != 1)
            return at + (goffset) use;
          if (self->streams[stream] && !self->within[stream])
            self->ring[self->count++ % self->size] = (Place){ number, at + (goffset) use };
          self->within[stream] = last != '\n';
          use += THOLE_LOG_RECORD_HEADER + length;
          if (use > (gsize) n)
            break;
        }
      at += (goffset) use;
    }
  return at;
}

/* Where a record begins, at the end as it was when the log was opened; in a thread. */
static void
find_end (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  TholeLogFiles *log = source;
  Tail none = { .size = 0 };
  Place *place = g_new (Place, 1);

  *place = (Place){ log->place.number, tail_file (&none, log->fd, log->place.number, log->place.offset) };
  g_task_return_pointer (task, place, g_free);
}

/* Where the last @lines begin; in a thread. */
static void
find_tail (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  TholeLogFiles *log = source;
  Tail self = { .size = (gsize) CLAMP (log->wanted.tail, 1, LINES_MAX) };
  Place *place = g_new0 (Place, 1);
  guint number = 0;

  memcpy (self.streams, log->wanted.streams, sizeof self.streams);
  self.ring = g_new (Place, self.size);
  while ((number = next_number (log->folder, number)) != 0)
    {
      int fd = open_number (log->folder, number);

      if (fd < 0)
        continue;
      *place = (Place){ number, tail_file (&self, fd, number, lseek (fd, 0, SEEK_END)) };
      close (fd);
    }
  if (self.count > 0)
    *place = self.ring[self.count > self.size ? self.count % self.size : 0];
  g_free (self.ring);
  g_task_return_pointer (task, place, g_free);
}

/* reading --------------------------------------------------------------------------------------------- */

static void
take_record (TholeLogFiles *self, const guint8 *record, gsize whole, guint8 stream, gint64 time)
{
  const TholeLogWanted *wanted = &self->wanted;

  if (stream > 2 || !wanted->streams[stream] || time < wanted->since || (wanted->until > 0 && time > wanted->until))
    return;
  g_byte_array_append (self->out, record, (guint) whole);
}

/* One piece of the present file. Returns how much, 0 = there is none. */
static gsize
read_piece (TholeLogFiles *self)
{
  g_autofree guint8 *piece = g_malloc (PIECE);
  gssize n = self->fd >= 0 ? pread (self->fd, piece, PIECE, self->place.offset) : 0;
  gsize done = 0;

  while (n > 0 && done < (gsize) n)
    {
      const guint8 *body;
      gsize length;
      guint8 stream;
      gint64 time;
      gssize whole = thole_log_record_parse (piece + done, (gsize) n - done, &stream, &time, &body, &length);

      if (whole <= 0)
        break;
      take_record (self, piece + done, (gsize) whole, stream, time);
      done += (gsize) whole;
    }
  self->place.offset += (goffset) done;
  return done;
}

static gboolean
open_next (TholeLogFiles *self)
{
  guint number = next_number (self->folder, self->place.number);

  if (number == 0)
    return FALSE;
  if (self->fd >= 0)
    close (self->fd);
  self->fd = open_number (self->folder, number);
  self->place = (Place){ number, 0 };
  return TRUE;
}

typedef enum
{
  FOUND_SOME,
  FOUND_NOT_YET, /* there is more to look through */
  FOUND_NOTHING,
  FOUND_END      /* nor will there be anything */
} Found;

/* Fills `out`. */
static Found
fill (TholeLogFiles *self)
{
  gsize looked = 0, n;

  for (;;)
    {
      /* asked first: what is written before the end is found below */
      gboolean written = self->wanted.follow && is_written (self->folder, self->wanted.patient);

      for (n = 1; self->out->len < PIECE && looked < TURN && n > 0; looked += n)
        n = read_piece (self);
      if (self->out->len > 0)
        return FOUND_SOME;
      if (looked >= TURN)
        return FOUND_NOT_YET;
      /* what was added between the last look and the next file's making */
      if (next_number (self->folder, self->place.number) != 0)
        {
          n = read_piece (self);
          looked += n;
          if (n == 0)
            open_next (self);
          continue;
        }
      return written ? FOUND_NOTHING : FOUND_END;
    }
}

static void
give (TholeLogFiles *self, GTask *task, gpointer buffer, gsize count)
{
  gsize n = MIN (count, self->out->len - self->given);

  memcpy (buffer, self->out->data + self->given, n);
  self->given += n;
  if (self->given == self->out->len)
    {
      g_byte_array_set_size (self->out, 0);
      self->given = 0;
    }
  g_task_return_int (task, (gssize) n);
}

typedef struct
{
  gpointer buffer;
  gsize count;
  gulong watch;
} Read;

static void go_on (TholeLogFiles *self);

static void
stop_waiting (TholeLogFiles *self)
{
  thole_timer_clear (&self->changed);
  thole_timer_clear (&self->timer);
}

static gboolean
on_changed (int fd, GIOCondition condition, gpointer user_data)
{
  char news[4096];

  while (read (fd, news, sizeof news) > 0)
    ;
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_timer (gpointer user_data)
{
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static GSource *
wait_for (GTask *task, GSource *source, GSourceFunc function, gpointer data)
{
  g_source_set_callback (source, function, data, NULL);
  g_source_attach (source, g_task_get_context (task));
  return source;
}

/* For the task in `reading`, or until something changes. */
static void
go_on (TholeLogFiles *self)
{
  g_autoptr(GTask) task = self->reading != NULL ? g_object_ref (self->reading) : NULL;
  GCancellable *cancellable = task != NULL ? g_task_get_cancellable (task) : NULL;
  Read *read = task != NULL ? g_task_get_task_data (task) : NULL;
  Found found = FOUND_SOME;

  stop_waiting (self);
  if (task == NULL)
    return;
  if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    {
      g_clear_object (&self->reading);
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
    }
  else if (self->out->len > 0 || (found = fill (self)) == FOUND_SOME)
    {
      g_clear_object (&self->reading);
      give (self, task, read->buffer, read->count);
    }
  else if (found == FOUND_END)
    {
      g_clear_object (&self->reading);
      g_task_return_int (task, 0);
    }
  else if (found == FOUND_NOT_YET)
    {
      self->timer = g_idle_source_new ();
      g_source_set_priority (self->timer, G_PRIORITY_DEFAULT);
      wait_for (task, self->timer, on_timer, self);
    }
  else
    {
      if (self->watch >= 0)
        self->changed = wait_for (task, g_unix_fd_source_new (self->watch, G_IO_IN), G_SOURCE_FUNC (on_changed), self);
      self->timer = wait_for (task, g_timeout_source_new (LOOK_AGAIN_MS), on_timer, self);
    }
}

static void
on_placed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeLogFiles *self = THOLE_LOG_FILES (source);
  g_autofree Place *place = g_task_propagate_pointer (G_TASK (result), NULL);

  if (place != NULL)
    self->place = *place;
  self->placed = TRUE;
  if (self->fd < 0 && self->place.number > 0)
    self->fd = open_number (self->folder, self->place.number);
  go_on (self);
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  TholeLogFiles *self = user_data;

  thole_timer_clear (&self->timer);
  if (self->reading != NULL && self->placed)
    self->timer = wait_for (self->reading, g_idle_source_new (), on_timer, self);
}

static void
read_free (gpointer data)
{
  g_free (data);
}

static void
on_read_done (GObject *task, GParamSpec *property, gpointer user_data)
{
  Read *read = g_task_get_task_data (G_TASK (task));

  if (read->watch != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (G_TASK (task)), read->watch);
  read->watch = 0;
}

static void
log_read_async (GInputStream *stream, void *buffer, gsize count, int priority, GCancellable *cancellable,
                GAsyncReadyCallback callback, gpointer user_data)
{
  TholeLogFiles *self = THOLE_LOG_FILES (stream);
  GTask *task = g_task_new (stream, cancellable, callback, user_data);
  Read *read = g_new0 (Read, 1);

  *read = (Read){ .buffer = buffer, .count = count };
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, read, read_free);
  self->reading = task;
  if (cancellable != NULL)
    {
      g_signal_connect (task, "notify::completed", G_CALLBACK (on_read_done), NULL);
      read->watch = g_signal_connect (cancellable, "cancelled", G_CALLBACK (on_cancelled), self);
    }
  if (self->placed)
    go_on (self);
  else
    {
      g_autoptr(GTask) search = g_task_new (self, NULL, on_placed, NULL);

      g_task_run_in_thread (search, self->wanted.tail > 0 ? find_tail : find_end);
    }
}

static gssize
log_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gssize
log_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this stream is read asynchronously");
  return -1;
}

static void
log_close_async (GInputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static gboolean
log_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gpointer
close_watch (gpointer data)
{
  close (GPOINTER_TO_INT (data));
  return NULL;
}

/* The kernel takes some 10 ms for it, and the caller's loop serves others. */
static void
close_aside (int watch)
{
  GThread *thread = g_thread_try_new ("log-watch", close_watch, GINT_TO_POINTER (watch), NULL);

  if (thread != NULL)
    g_thread_unref (thread);
  else
    close (watch);
}

static void
thole_log_files_finalize (GObject *object)
{
  TholeLogFiles *self = THOLE_LOG_FILES (object);

  stop_waiting (self);
  if (self->fd >= 0)
    close (self->fd);
  if (self->watch >= 0)
    close_aside (self->watch);
  g_byte_array_unref (self->out);
  g_free (self->folder);
  G_OBJECT_CLASS (thole_log_files_parent_class)->finalize (object);
}

static void
thole_log_files_class_init (TholeLogFilesClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_log_files_finalize;
  stream_class->read_fn = log_read;
  stream_class->read_async = log_read_async;
  stream_class->read_finish = log_read_finish;
  stream_class->close_async = log_close_async;
  stream_class->close_finish = log_close_finish;
}

static void
thole_log_files_init (TholeLogFiles *self)
{
  self->out = g_byte_array_new ();
  self->fd = self->watch = -1;
}

/* What is written from now on; the end may be within a record as yet. */
static void
go_to_end (TholeLogFiles *self)
{
  guint number = 0;

  while ((number = next_number (self->folder, number)) != 0)
    self->place.number = number;
  if (self->place.number == 0)
    return;
  self->fd = open_number (self->folder, self->place.number);
  self->place.offset = self->fd >= 0 ? lseek (self->fd, 0, SEEK_END) : 0;
  self->placed = self->place.offset == 0;
}

GInputStream *
thole_log_files_read (const char *folder, const TholeLogWanted *wanted)
{
  TholeLogFiles *self = g_object_new (THOLE_TYPE_LOG_FILES, NULL);

  self->folder = g_strdup (folder);
  self->wanted = *wanted;
  self->placed = wanted->tail <= 0;
  if (wanted->tail == 0)
    go_to_end (self);
  if (wanted->follow)
    {
      self->watch = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
      if (self->watch >= 0)
        inotify_add_watch (self->watch, folder, IN_MODIFY | IN_CREATE | IN_CLOSE_WRITE | IN_DELETE);
    }
  return G_INPUT_STREAM (self);
}
