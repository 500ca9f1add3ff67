/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file of a recording and the line beside it. */
#include "sessions/recording-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* room for the line that says that it is full */
#define LAST_LINE 256
/* bytes of output that are tried at once where room runs out */
#define SLICE 256

RecordingPlace *
thole_recording_place_new (const TholeRecordingOptions *options)
{
  RecordingPlace *self = g_new0 (RecordingPlace, 1);

  g_atomic_ref_count_init (&self->refs);
  self->file = g_strdup_printf ("%s/%s.cast", options->folder, options->id);
  self->beside = g_strdup_printf ("%s/%s.next", options->folder, options->id);
  self->rows = options->rows;
  self->cols = options->cols;
  self->term = g_strdup (options->term);
  self->begun_at = options->begun_at;
  self->most = options->most;
  return self;
}

RecordingPlace *
thole_recording_place_ref (RecordingPlace *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
thole_recording_place_unref (RecordingPlace *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->file);
  g_free (self->beside);
  g_free (self->term);
  g_free (self);
}

void
thole_recording_event_free (gpointer event)
{
  RecordingEvent *self = event;

  g_clear_pointer (&self->data, g_bytes_unref);
  g_free (self);
}

/* the line beside --------------------------------------------------------------------------------------------------- */

static void
format_carry (GString *out, const TholeCarry *carry)
{
  g_string_append_printf (out, " %u:%02x%02x%02x", carry->length, carry->bytes[0], carry->bytes[1], carry->bytes[2]);
}

/* always as long, so that it is written over in one go */
static GString *
format_mark (const RecordingMark *mark)
{
  GString *line = g_string_new (NULL);

  g_string_append_printf (line, "1 %020" G_GUINT64_FORMAT " %020" G_GUINT64_FORMAT " %020" G_GINT64_FORMAT " %05u %05u %u", mark->length,
                          mark->next, mark->time, mark->rows, mark->cols, (guint) mark->state);
  format_carry (line, &mark->carries[0]);
  format_carry (line, &mark->carries[1]);
  g_string_append_c (line, '\n');
  return line;
}

static gboolean
parse_mark (const char *text, RecordingMark *mark)
{
  guint state, carry[2][4];
  guint64 time;

  /* all of them unsigned: `%i` would take leading zeros for octal */
  if (sscanf (text, "1 %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %u %u %u %u:%2x%2x%2x %u:%2x%2x%2x", &mark->length,
              &mark->next, &time, &mark->rows, &mark->cols, &state, &carry[0][0], &carry[0][1], &carry[0][2], &carry[0][3],
              &carry[1][0], &carry[1][1], &carry[1][2], &carry[1][3]) != 14)
    return FALSE;
  mark->time = (gint64) time;
  for (guint i = 0; i < 2; i++)
    mark->carries[i] = (TholeCarry) { { (guint8) carry[i][1], (guint8) carry[i][2], (guint8) carry[i][3] }, (guint8) MIN (carry[i][0], 3) };
  mark->state = (TholeRecordingState) MIN (state, THOLE_RECORDING_FULL);
  return TRUE;
}

gboolean
thole_recording_mark_load (RecordingPlace *place, RecordingMark *mark)
{
  g_autofree char *text = NULL;
  RecordingMark read = { 0 };

  if (!g_file_get_contents (place->beside, &text, NULL, NULL) || !parse_mark (text, &read))
    return FALSE;
  *mark = read;
  return TRUE;
}

/* lines --------------------------------------------------------------------------------------------------------------- */

static void
append_text (GString *out, RecordingMark *mark, GString *text)
{
  if (text->len > 0)
    thole_cast_output (out, mark->time, text->str, text->len);
}

/* what began and was cut off */
static void
end_carries (GString *out, RecordingMark *mark)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < 2; i++)
    thole_carry_end (&mark->carries[i], text);
  append_text (out, mark, text);
}

static void
append_output (GString *out, RecordingMark *mark, const RecordingEvent *event)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gsize length;
  const guint8 *data = g_bytes_get_data (event->data, &length);

  thole_carry_feed (&mark->carries[event->channel], data, length, text);
  append_text (out, mark, text);
  mark->next = event->next;
}

static void
append_gap (GString *out, RecordingMark *mark, const RecordingEvent *event)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT " bytes of output are missing here", event->lost);

  end_carries (out, mark);
  thole_cast_mark (out, mark->time, text);
  mark->next = event->next;
}

static void
append_resize (GString *out, RecordingMark *mark, const RecordingEvent *event)
{
  if (event->rows == mark->rows && event->cols == mark->cols)
    return;
  thole_cast_resize (out, mark->time, event->rows, event->cols);
  mark->rows = event->rows;
  mark->cols = event->cols;
}

static void
append_event (GString *out, RecordingMark *mark, const RecordingEvent *event)
{
  mark->time = MAX (mark->time, event->time);
  switch (event->kind)
    {
    case RECORDING_OUTPUT:
      append_output (out, mark, event);
      break;
    case RECORDING_GAP:
      append_gap (out, mark, event);
      break;
    case RECORDING_RESIZE:
      append_resize (out, mark, event);
      break;
    case RECORDING_END:
    default:
      end_carries (out, mark);
      mark->state = THOLE_RECORDING_ENDED;
      break;
    }
}

static void
append_full (GString *out, RecordingPlace *place, RecordingMark *mark)
{
  g_autofree char *text = g_strdup_printf ("the recording ends here: it reached %" G_GINT64_FORMAT " bytes", place->most);

  thole_cast_mark (out, mark->time, text);
  mark->state = THOLE_RECORDING_FULL;
}

static gboolean
fits (RecordingPlace *place, const RecordingMark *mark, const GString *out)
{
  return mark->length + out->len + LAST_LINE <= (guint64) place->most;
}

/* as much of it as there is room for */
static void
append_some (GString *out, RecordingPlace *place, RecordingMark *mark, const RecordingEvent *event)
{
  gsize length = g_bytes_get_size (event->data);

  for (gsize at = 0; at < length; at += SLICE)
    {
      g_autoptr (GBytes) data = g_bytes_new_from_bytes (event->data, at, MIN (SLICE, length - at));
      RecordingEvent slice = *event;
      RecordingMark before = *mark;
      gsize sure = out->len;

      slice.data = data;
      slice.next = event->next - length + at + g_bytes_get_size (data);
      append_event (out, mark, &slice);
      if (fits (place, mark, out))
        continue;
      g_string_truncate (out, sure);
      *mark = before;
      return;
    }
}

/* @mark goes along */
static GString *
make_lines (RecordingPlace *place, RecordingMark *mark, GPtrArray *events)
{
  GString *out = g_string_new (NULL);

  if (mark->length == 0)
    thole_cast_head (out, place->rows, place->cols, place->begun_at, place->term);
  for (guint i = 0; i < events->len && mark->state == THOLE_RECORDING_OPEN; i++)
    {
      RecordingMark before = *mark;
      gsize length = out->len;

      append_event (out, mark, events->pdata[i]);
      if (fits (place, mark, out))
        continue;
      g_string_truncate (out, length);
      *mark = before;
      if (((RecordingEvent *) events->pdata[i])->kind == RECORDING_OUTPUT)
        append_some (out, place, mark, events->pdata[i]);
      append_full (out, place, mark);
    }
  mark->length += out->len;
  return out;
}

/* writing ------------------------------------------------------------------------------------------------------------- */

static gboolean
fails (const char *path, GError **error)
{
  int number = errno;

  g_set_error (error, G_FILE_ERROR, (int) g_file_error_from_errno (number), "%s: %s", path, g_strerror (number));
  return FALSE;
}

static gboolean
write_at (int fd, const char *data, gsize length, guint64 at)
{
  while (length > 0)
    {
      gssize wrote = pwrite (fd, data, length, (off_t) at);

      if (wrote < 0 && errno == EINTR)
        continue;
      if (wrote <= 0)
        return FALSE;
      data += wrote;
      at += (guint64) wrote;
      length -= (gsize) wrote;
    }
  return TRUE;
}

/* what a machine lost that went down: the lines that are whole are good, but which bytes they end with is not known any more */
static void
repair (int fd, RecordingMark *mark, guint64 size)
{
  char piece[4096];
  guint64 end = size;

  while (end > 0)
    {
      guint64 begin = end > sizeof piece ? end - sizeof piece : 0;
      gssize got = pread (fd, piece, (size_t) (end - begin), (off_t) begin);
      const char *feed = got > 0 ? memrchr (piece, '\n', (size_t) got) : NULL;

      if (feed != NULL || got <= 0)
        {
          end = feed != NULL ? begin + (guint64) (feed - piece) + 1 : 0;
          break;
        }
      end = begin;
    }
  mark->length = end;
}

/* cuts off what an earlier daemon did not finish, and what could not be written to its end */
static gboolean
trim (int fd, RecordingMark *mark)
{
  struct stat info;

  if (fstat (fd, &info) < 0)
    return FALSE;
  if ((guint64) info.st_size < mark->length)
    repair (fd, mark, (guint64) info.st_size);
  return (guint64) info.st_size == mark->length || ftruncate (fd, (off_t) mark->length) == 0;
}

static gboolean
write_beside (RecordingPlace *place, const RecordingMark *mark, GError **error)
{
  g_autoptr (GString) line = format_mark (mark);
  int fd = open (place->beside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  gboolean good;

  if (fd < 0)
    return fails (place->beside, error);
  good = write_at (fd, line->str, line->len, 0) || fails (place->beside, error);
  close (fd);
  return good;
}

gboolean
thole_recording_write (RecordingPlace *place, RecordingMark *mark, GPtrArray *events, GError **error)
{
  RecordingMark next = *mark;
  g_autoptr (GString) lines = NULL;
  int fd = open (place->file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (mark->length == 0 ? O_CREAT : 0), 0600);
  gboolean good;

  if (fd < 0)
    return fails (place->file, error);
  good = trim (fd, &next) || fails (place->file, error);
  if (good)
    {
      guint64 at = next.length;

      lines = make_lines (place, &next, events);
      good = write_at (fd, lines->str, lines->len, at) || fails (place->file, error);
    }
  close (fd);
  if (!good || !write_beside (place, &next, error))
    return FALSE;
  *mark = next;
  return TRUE;
}

void
thole_recordings_sweep (const char *folder, gboolean (*is_known) (gpointer user_data, const char *id), gpointer user_data)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      const char *dot = strrchr (name, '.');
      g_autofree char *id = g_strndup (name, dot != NULL ? (gsize) (dot - name) : 0);
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (dot != NULL && (strcmp (dot, ".cast") == 0 || strcmp (dot, ".next") == 0) && !is_known (user_data, id))
        g_unlink (path);
    }
}
