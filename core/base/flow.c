/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/flow.h"

#include <string.h>

#include "base/problem.h"
#include "thole-dict.h"
#include "thole-json.h"

#define KEEP 65536 /* a larger buffer is given back once it is empty */

struct _TholeFlow
{
  TholeStream *stream; /* (nullable): NULL after its end */
  TholeFlowForm form;
  void (*wake) (gpointer user_data);
  gpointer user_data;
  GString *pending;
  gsize sent;          /* of @pending */
  gboolean middle[3];  /* by channel: the last line has no end yet */
  gboolean broken;     /* the reader is to see that something is missing */
};

static void
append_time (GString *out, gint64 time)
{
  char buffer[THOLE_TIME_LENGTH];

  g_string_append (out, thole_time_format (time, buffer));
}

/* each line after its time, also when a record holds several lines or a piece of one */
static void
append_timed (TholeFlow *self, const TholeItem *item, const char *data, gsize length)
{
  gboolean *middle = &self->middle[item->channel <= 2 ? item->channel : 0];

  while (length > 0)
    {
      const char *feed = memchr (data, '\n', length);
      gsize size = feed != NULL ? (gsize) (feed - data) + 1 : length;

      if (!*middle)
        {
          append_time (self->pending, item->time);
          g_string_append_c (self->pending, ' ');
        }
      g_string_append_len (self->pending, data, (gssize) size);
      *middle = feed == NULL;
      data += size;
      length -= size;
    }
}

static void
append_line (TholeFlow *self, const TholeItem *item, const char *data, gsize length)
{
  GString *out = self->pending;

  g_string_append (out, "{\"time\":");
  if (item->time != 0)
    {
      g_string_append_c (out, '"');
      append_time (out, item->time);
      g_string_append_c (out, '"');
    }
  else
    g_string_append (out, "null");
  g_string_append (out, item->channel == 2 ? ",\"stream\":\"stderr\"," : ",\"stream\":\"stdout\",");
  if (g_utf8_validate_len (data, length, NULL))
    {
      g_string_append (out, "\"text\":");
      thole_json_append_string_len (out, data, length);
    }
  else
    {
      g_autofree char *base64 = g_base64_encode ((const guchar *) data, length);

      g_string_append_printf (out, "\"text_base64\":\"%s\"", base64);
    }
  g_string_append (out, "}\n");
}

static void
append_event (TholeFlow *self, const TholeItem *item, const char *data, gsize length)
{
  GString *out = self->pending;

  if (item->id != 0)
    g_string_append_printf (out, "id: %" G_GINT64_FORMAT "\n", item->id);
  if (item->type != NULL)
    g_string_append_printf (out, "event: %s\n", item->type);
  do
    {
      const char *feed = memchr (data, '\n', length);
      gsize size = feed != NULL ? (gsize) (feed - data) : length;

      g_string_append (out, "data: ");
      g_string_append_len (out, data, (gssize) size);
      g_string_append_c (out, '\n');
      size += feed != NULL;
      data += size;
      length -= size;
    }
  while (length > 0);
  g_string_append_c (out, '\n');
}

static void
append_item (TholeFlow *self, const TholeItem *item)
{
  gsize length;
  const char *data = g_bytes_get_data (item->data, &length);

  switch (self->form)
    {
    case THOLE_FLOW_TEXT:
      g_string_append_len (self->pending, data, (gssize) length);
      break;
    case THOLE_FLOW_TEXT_TIMES:
      append_timed (self, item, data, length);
      break;
    case THOLE_FLOW_LINES:
      append_line (self, item, data, length);
      break;
    case THOLE_FLOW_EVENTS:
      append_event (self, item, data, length);
      break;
    }
}

static void
close_stream (TholeFlow *self)
{
  TholeStream *stream = g_steal_pointer (&self->stream);

  if (stream == NULL)
    return;
  stream->ready = NULL;
  stream->close (stream);
}

/* what a reader is told in the stream itself, since the status line is long gone */
static void
append_failure (TholeFlow *self, const GError *error)
{
  g_autoptr(TholeProblem) problem = thole_problem_from_error (error);
  g_autoptr(GString) text = g_string_new ("{");

  thole_problem_render (problem, text);
  g_string_append_c (text, '}');
  if (self->form == THOLE_FLOW_EVENTS)
    g_string_append_printf (self->pending, "event: error\ndata: %s\n\n", text->str);
  else if (self->form == THOLE_FLOW_LINES)
    g_string_append_printf (self->pending, "{\"error\":%s}\n", text->str);
  self->broken = self->form != THOLE_FLOW_EVENTS;
}

static void
on_ready (gpointer reader)
{
  TholeFlow *self = reader;

  self->wake (self->user_data);
}

/* Returns: FALSE when there is nothing more now */
static gboolean
fetch (TholeFlow *self)
{
  TholeItem item = { 0 };
  g_autoptr(GError) error = NULL;

  switch (self->stream->next (self->stream, &item, &error))
    {
    case THOLE_STREAM_ITEM:
      append_item (self, &item);
      g_bytes_unref (item.data);
      return TRUE;
    case THOLE_STREAM_WAIT:
      return FALSE;
    case THOLE_STREAM_ERROR:
      append_failure (self, error);
      close_stream (self);
      return FALSE;
    case THOLE_STREAM_END:
    default:
      close_stream (self);
      return FALSE;
    }
}

TholeFlow *
thole_flow_new (TholeStream *stream, TholeFlowForm form, void (*wake) (gpointer user_data),
                gpointer user_data)
{
  TholeFlow *self = g_new0 (TholeFlow, 1);

  self->stream = stream;
  self->form = form;
  self->wake = wake;
  self->user_data = user_data;
  self->pending = g_string_new (NULL);
  stream->ready = on_ready;
  stream->reader = self;
  /* so that the head goes out at once; whoever loses the connection before the first event goes on after this number, too */
  if (form == THOLE_FLOW_EVENTS && stream->numbered)
    g_string_append_printf (self->pending, ":\nid: %" G_GINT64_FORMAT "\n\n", stream->begin);
  else
    thole_flow_beat (self);
  return self;
}

void
thole_flow_free (TholeFlow *self)
{
  close_stream (self);
  g_string_free (self->pending, TRUE);
  g_free (self);
}

gssize
thole_flow_read (TholeFlow *self, char *buffer, gsize size)
{
  gsize written = 0;

  for (;;)
    {
      gsize rest = self->pending->len - self->sent;
      gsize part = MIN (rest, size - written);

      memcpy (buffer + written, self->pending->str + self->sent, part);
      written += part;
      self->sent += part;
      if (self->sent < self->pending->len)
        return (gssize) written;
      g_string_truncate (self->pending, 0);
      self->sent = 0;
      if (written == size || self->stream == NULL || (!fetch (self) && self->pending->len == 0))
        break;
    }
  if (self->pending->allocated_len > KEEP)
    {
      g_string_free (self->pending, TRUE);
      self->pending = g_string_new (NULL);
    }
  if (written > 0 || self->stream != NULL)
    return (gssize) written;
  return self->broken ? THOLE_FLOW_BROKEN : THOLE_FLOW_END;
}

void
thole_flow_beat (TholeFlow *self)
{
  if (self->form == THOLE_FLOW_EVENTS && self->pending->len == self->sent)
    g_string_append (self->pending, ":\n\n");
}

void
thole_flow_refuse (TholeFlow *self, const GError *error)
{
  if (self->stream == NULL)
    return;
  append_failure (self, error);
  close_stream (self);
}

void
thole_flow_stop (TholeFlow *self)
{
  close_stream (self);
}
