/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lines.h"

#include <string.h>

#include "command.h"

#define PIECE 65536
#define MAX_LINE (4 * 1024 * 1024)

struct _CliLines
{
  GInputStream *stream;
  GByteArray *buffer;
  gsize taken; /* bytes of the buffer that were given out */
  gboolean ended;
};

CliLines *
cli_lines_new (GInputStream *stream)
{
  CliLines *self = g_new0 (CliLines, 1);

  self->stream = g_object_ref (stream);
  self->buffer = g_byte_array_new ();
  return self;
}

void
cli_lines_free (CliLines *self)
{
  g_object_unref (self->stream);
  g_byte_array_unref (self->buffer);
  g_free (self);
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **place = user_data;

  *place = g_object_ref (result);
}

/* FALSE with @error; at the end it only notes it */
static gboolean
fill (CliLines *self, GCancellable *cancellable, GError **error)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GBytes) piece = NULL;
  g_autoptr(GError) fault = NULL;

  if (self->taken > 0)
    g_byte_array_remove_range (self->buffer, 0, (guint) self->taken);
  self->taken = 0;
  g_input_stream_read_bytes_async (self->stream, PIECE, G_PRIORITY_DEFAULT, cancellable, on_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  piece = g_input_stream_read_bytes_finish (self->stream, result, &fault);
  if (piece == NULL && g_error_matches (fault, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return FALSE;
    }
  if (piece == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_UNREACHABLE, _("the connection was lost: %s"), fault->message);
      return FALSE;
    }
  self->ended = g_bytes_get_size (piece) == 0;
  g_byte_array_append (self->buffer, g_bytes_get_data (piece, NULL), (guint) g_bytes_get_size (piece));
  return TRUE;
}

const char *
cli_lines_next (CliLines *self, gsize *length, GCancellable *cancellable, GError **error)
{
  gsize looked = 0;

  while (TRUE)
    {
      char *begin = (char *) self->buffer->data + self->taken;
      gsize held = self->buffer->len - self->taken;
      char *end = held > looked ? memchr (begin + looked, '\n', held - looked) : NULL;

      if (end != NULL)
        {
          *end = '\0';
          *length = (gsize) (end - begin);
          self->taken += *length + 1;
          if (*length > 0 && begin[*length - 1] == '\r')
            begin[--*length] = '\0';
          return begin;
        }
      if (self->ended)
        return NULL;
      if (held > MAX_LINE)
        {
          g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon sent a line that is too long"));
          return NULL;
        }
      looked = held;
      if (!fill (self, cancellable, error))
        return NULL;
    }
}

const char *
cli_lines_bytes (CliLines *self, gsize *length, GCancellable *cancellable, GError **error)
{
  const char *begin;

  while (self->taken == self->buffer->len)
    if (self->ended || !fill (self, cancellable, error))
      return NULL;
  begin = (const char *) self->buffer->data + self->taken;
  *length = self->buffer->len - self->taken;
  self->taken = self->buffer->len;
  return begin;
}

void
cli_server_event_clear (CliServerEvent *event)
{
  g_clear_pointer (&event->type, g_free);
  if (event->data != NULL)
    g_string_free (event->data, TRUE);
  event->data = NULL;
}

static void
take_field (CliServerEvent *event, const char *line)
{
  const char *colon = strchr (line, ':');
  const char *value = colon != NULL ? colon + 1 : "";
  gsize name = colon != NULL ? (gsize) (colon - line) : strlen (line);

  if (*value == ' ')
    value++;
  if (name == 4 && strncmp (line, "data", 4) == 0)
    {
      if (event->data->len > 0)
        g_string_append_c (event->data, '\n');
      g_string_append (event->data, value);
    }
  else if (name == 5 && strncmp (line, "event", 5) == 0)
    {
      g_free (event->type);
      event->type = g_strdup (value);
    }
  else if (name == 2 && strncmp (line, "id", 2) == 0)
    {
      g_ascii_string_to_signed (value, 10, 0, G_MAXINT64, &event->id, NULL);
    }
}

gboolean
cli_lines_next_event (CliLines *self, CliServerEvent *event, GCancellable *cancellable, GError **error)
{
  const char *line;
  gsize length;

  cli_server_event_clear (event);
  event->id = -1;
  event->data = g_string_new (NULL);
  while ((line = cli_lines_next (self, &length, cancellable, error)) != NULL)
    {
      if (*line == '\0' && (event->data->len > 0 || event->id >= 0))
        return TRUE;
      if (*line != '\0' && *line != ':' && event->data->len + length <= MAX_LINE)
        take_field (event, line);
    }
  return FALSE;
}
