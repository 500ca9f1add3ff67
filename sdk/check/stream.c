/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Streams that the driver gave: reading, writing, closing, the records on them.
 */
#include <string.h>

#include "kit.h"
#include "stream.h"

typedef struct
{
  GAsyncResult *result;
} Slot;

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ((Slot *) user_data)->result = g_object_ref (result);
}

static gboolean
has_result (Kit *self, gpointer data)
{
  return ((Slot *) data)->result != NULL;
}

/* -1 with a fault */
static gssize
read_some (Kit *self, GInputStream *input, guint8 *piece, gsize size)
{
  Slot *slot = g_new0 (Slot, 1);
  g_autoptr(GError) error = NULL;
  gssize n;

  g_input_stream_read_async (input, piece, size, G_PRIORITY_DEFAULT, NULL, on_read, slot);
  if (!kit_until (self, has_result, slot))
    {
      /* the read still owns the slot and its buffer */
      kit_fault (self, "a read of a stream never came back (waited for %g s)", self->settings->deadline);
      self->lost = TRUE;
      return -1;
    }
  n = g_input_stream_read_finish (input, slot->result, &error);
  g_object_unref (slot->result);
  g_free (slot);
  if (n < 0)
    kit_fault (self, "reading a stream failed: %s", error->message);
  return n;
}

GByteArray *
kit_read (Kit *self, GInputStream *input, gsize limit)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  guint8 *piece = g_malloc (65536);
  gssize n = 1;

  while (n > 0 && bytes->len < limit)
    {
      n = read_some (self, input, piece, MIN (65536, limit - bytes->len));
      if (n > 0)
        g_byte_array_append (bytes, piece, (guint) n);
    }
  if (!self->lost)
    g_free (piece);
  return n < 0 ? NULL : g_steal_pointer (&bytes);
}

/* writing and closing ------------------------------------------------------------------------------------ */

/* NULL with a fault when it never comes. Returns: (transfer full) */
static GAsyncResult *
await (Kit *self, Slot *slot, const char *what)
{
  if (kit_until (self, has_result, slot))
    return slot->result;
  kit_fault (self, "%s never came back (waited for %g s)", what, self->settings->deadline);
  self->lost = TRUE;
  return NULL;
}

gboolean
kit_write (Kit *self, GIOStream *stream, const GByteArray *bytes)
{
  GOutputStream *output = g_io_stream_get_output_stream (stream);
  Slot *slot = g_new0 (Slot, 1);
  g_autoptr(GError) error = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  gboolean good;

  g_output_stream_write_all_async (output, bytes->data, bytes->len, G_PRIORITY_DEFAULT, NULL, on_read, slot);
  result = await (self, slot, "a write to a stream");
  if (result == NULL)
    return FALSE;
  g_free (slot);
  good = g_output_stream_write_all_finish (output, result, NULL, &error);
  if (!good)
    kit_fault (self, "writing to a stream failed: %s", error->message);
  return good;
}

gboolean
kit_send (Kit *self, GIOStream *stream, const void *data, gsize length)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  thole_record_append (bytes, THOLE_RECORD_STDIN, data, length);
  return kit_write (self, stream, bytes);
}

void
kit_close_stream (Kit *self, GIOStream *stream)
{
  Slot *slot = g_new0 (Slot, 1);
  g_autoptr(GAsyncResult) result = NULL;

  g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, on_read, slot);
  result = await (self, slot, "the close of a stream");
  if (result == NULL)
    return;
  g_free (slot);
  g_io_stream_close_finish (stream, result, NULL);
}

/* records ------------------------------------------------------------------------------------------------ */

void
kit_output_clear (KitOutput *self)
{
  if (self->out != NULL)
    g_string_free (self->out, TRUE);
  if (self->err != NULL)
    g_string_free (self->err, TRUE);
}

static gboolean
take_record (Kit *self, KitOutput *output, TholeRecordKind kind, const guint8 *body, gsize length)
{
  if (output->exits > 0)
    kit_fault (self, "a record comes after the exit record");
  else if (kind == THOLE_RECORD_STDIN)
    kit_fault (self, "the driver sends a record of input");
  else if (kind == THOLE_RECORD_EXIT && !thole_record_parse_exit (body, length, &output->code, &output->signal))
    kit_fault (self, "the exit record is malformed");
  else if (kind == THOLE_RECORD_EXIT)
    output->exits++;
  else
    g_string_append_len (kind == THOLE_RECORD_STDOUT ? output->out : output->err, (const char *) body, (gssize) length);
  return !kit_failed (self);
}

gboolean
kit_read_records (Kit *self, GIOStream *stream, KitOutput *output)
{
  g_autoptr(GByteArray) bytes = kit_read (self, g_io_stream_get_input_stream (stream), 64 << 20);
  const guint8 *body;
  TholeRecordKind kind;
  gsize at = 0, length;
  gssize size = 0;

  *output = (KitOutput) { .out = g_string_new (NULL), .err = g_string_new (NULL) };
  while (bytes != NULL && (size = thole_record_parse (bytes->data + at, bytes->len - at, &kind, &body, &length)) > 0)
    {
      if (!take_record (self, output, kind, body, length))
        return FALSE;
      at += (gsize) size;
    }
  if (bytes != NULL && (size < 0 || at < bytes->len))
    kit_fault (self, "the stream holds what is no record");
  else if (bytes != NULL && output->exits != 1)
    kit_fault (self, "the stream ends without an exit record");
  return !kit_failed (self);
}

GPtrArray *
kit_read_log (Kit *self, GIOStream *stream)
{
  g_autoptr(GByteArray) bytes = kit_read (self, g_io_stream_get_input_stream (stream), 64 << 20);

  return bytes != NULL ? kit_parse_log (self, bytes) : NULL;
}

static void
log_record_free (gpointer data)
{
  KitLogRecord *self = data;

  g_free (self->text);
  g_free (self);
}

GPtrArray *
kit_parse_log (Kit *self, const GByteArray *bytes)
{
  GPtrArray *records = g_ptr_array_new_with_free_func (log_record_free);
  const guint8 *body;
  gsize at = 0, length;
  gssize size = 0;
  guint8 stream;
  gint64 time;

  while ((size = thole_log_record_parse (bytes->data + at, bytes->len - at, &stream, &time, &body, &length)) > 0)
    {
      KitLogRecord *record = g_new0 (KitLogRecord, 1);

      *record = (KitLogRecord) { stream, time, g_strndup ((const char *) body, length) };
      g_ptr_array_add (records, record);
      at += (gsize) size;
      if (stream != 1 && stream != 2)
        kit_fault (self, "a record of the log is of stream %u", stream);
    }
  if (size < 0 || at < bytes->len)
    kit_fault (self, "the log holds what is no record");
  return records;
}
