/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events as server-sent events.
 */
#include "http.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define PIECE 65536
#define MAX_EVENT (4 * 1024 * 1024)

typedef struct
{
  TholeFeed parent;
  TholeHttp *http;
  GInputStream *body;
  GByteArray *bytes; /* what was not read as lines yet */
  gsize at;          /* in @bytes */
  GString *data;
  gboolean named;    /* the lines so far have a number */
  char *type;        /* (nullable) */
  gint64 id;
} Feed;

/* lines ------------------------------------------------------------------------------------------------- */

static void
take_line (Feed *self, const char *line, gsize length)
{
  const char *colon = memchr (line, ':', length);
  gsize name = colon != NULL ? (gsize) (colon - line) : length;
  gsize skip = colon != NULL ? name + 1 : length;

  if (skip < length && line[skip] == ' ')
    skip++;
  if (name == 4 && memcmp (line, "data", 4) == 0)
    {
      if (self->data->len > 0)
        g_string_append_c (self->data, '\n');
      g_string_append_len (self->data, line + skip, (gssize) (length - skip));
    }
  else if (name == 5 && memcmp (line, "event", 5) == 0)
    {
      g_free (self->type);
      self->type = g_strndup (line + skip, length - skip);
    }
  else if (name == 2 && memcmp (line, "id", 2) == 0)
    {
      g_autofree char *number = g_strndup (line + skip, length - skip);
      self->id = g_ascii_strtoll (number, NULL, 10);
      self->named = TRUE;
    }
}

/* An empty line ends an event. A number without one tells where the stream begins. What the stream itself tells (a gap) has no number in its data. */
static gboolean
make_event (Feed *self, GVariant **event, GError **error)
{
  g_autoptr(GVariant) data = self->data->len > 0 ? thole_json_parse (self->data->str, self->data->len, NULL) : NULL;
  g_autofree char *type = g_steal_pointer (&self->type);
  gboolean any = self->data->len > 0;

  g_string_truncate (self->data, 0);
  if (!any && self->named)
    self->parent.begin = self->id;
  self->named = FALSE;
  if (!any)
    return TRUE;
  if (data == NULL || !g_variant_is_of_type (data, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "an event of the daemon cannot be read");
      return FALSE;
    }
  if (thole_dict_int (data, "seq", -1) < 0 && thole_dict_string (data, "code", NULL) != NULL)
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR,
                           (int) thole_client_error_from_word (thole_dict_string (data, "code", NULL), THOLE_CLIENT_ERROR_FAILED),
                           thole_dict_string (data, "detail", "the stream failed"));
      return FALSE;
    }
  if (thole_dict_int (data, "seq", -1) < 0)
    {
      g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      g_variant_dict_insert (&dict, "seq", "x", self->id);
      g_variant_dict_insert (&dict, "type", "s", type != NULL ? type : "message");
      g_variant_dict_insert_value (&dict, "data", data);
      *event = g_variant_ref_sink (g_variant_dict_end (&dict));
      return TRUE;
    }
  *event = g_steal_pointer (&data);
  return TRUE;
}

/* Reads lines until there is an event, more bytes are needed (*event stays NULL), or it makes no sense. */
static gboolean
read_event (Feed *self, GVariant **event, GError **error)
{
  while (*event == NULL)
    {
      const char *begin = (const char *) self->bytes->data + self->at;
      gsize left = self->bytes->len - self->at;
      const char *end = left > 0 ? memchr (begin, '\n', left) : NULL;
      gsize length = end != NULL ? (gsize) (end - begin) : 0;

      if (end == NULL)
        break;
      self->at += length + 1;
      if (length > 0 && begin[length - 1] == '\r')
        length--;
      if (length > 0)
        take_line (self, begin, length);
      else if (!make_event (self, event, error))
        return FALSE;
    }
  if (self->at > PIECE || self->at == self->bytes->len)
    {
      g_byte_array_remove_range (self->bytes, 0, (guint) self->at);
      self->at = 0;
    }
  if (self->bytes->len + self->data->len <= MAX_EVENT)
    return TRUE;
  g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "an event of the daemon is too large");
  return FALSE;
}

static void
say_end (Feed *self, GError **error)
{
  g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE, "the daemon at %s ended the stream of events",
               self->http->url);
}

/* next -------------------------------------------------------------------------------------------------- */

static GVariant *
feed_next (TholeFeed *feed, GCancellable *cancellable, GError **error)
{
  Feed *self = (Feed *) feed;
  g_autofree guint8 *piece = g_malloc (PIECE);
  GVariant *event = NULL;

  while (read_event (self, &event, error) && event == NULL)
    {
      g_autoptr(GError) fault = NULL;
      gssize got = g_input_stream_read (self->body, piece, PIECE, cancellable, &fault);

      if (got > 0)
        {
          g_byte_array_append (self->bytes, piece, (guint) got);
          continue;
        }
      if (got == 0)
        say_end (self, error);
      else
        thole_http_explain (self->http, fault, error);
      return NULL;
    }
  return event;
}

static void read_more (GTask *task);

static void
on_piece (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Feed *self = g_task_get_task_data (task);
  g_autoptr(GError) fault = NULL;
  g_autoptr(GBytes) piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &fault);
  GError *error = NULL;

  if (piece != NULL && g_bytes_get_size (piece) > 0)
    {
      g_byte_array_append (self->bytes, g_bytes_get_data (piece, NULL), (guint) g_bytes_get_size (piece));
      read_more (task);
      return;
    }
  if (piece != NULL)
    say_end (self, &error);
  else
    thole_http_explain (self->http, fault, &error);
  g_task_return_error (task, error);
}

static void
read_more (GTask *task)
{
  Feed *self = g_task_get_task_data (task);
  GVariant *event = NULL;
  GError *error = NULL;

  if (!read_event (self, &event, &error))
    g_task_return_error (task, error);
  else if (event != NULL)
    g_task_return_pointer (task, event, (GDestroyNotify) g_variant_unref);
  else
    g_input_stream_read_bytes_async (self->body, PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_piece,
                                     g_object_ref (task));
}

static void
feed_next_async (TholeFeed *feed, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_task_data (task, feed, NULL);
  read_more (task);
}

static GVariant *
feed_next_finish (TholeFeed *feed, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
feed_free (TholeFeed *feed)
{
  Feed *self = (Feed *) feed;

  g_object_unref (self->body);
  g_byte_array_unref (self->bytes);
  g_string_free (self->data, TRUE);
  g_free (self->type);
  g_free (self);
}

TholeFeed *
thole_http_feed_new (TholeHttp *http, GInputStream *body)
{
  static const TholeFeedClass class = { feed_next, feed_next_async, feed_next_finish, feed_free };
  Feed *self = g_new0 (Feed, 1);

  self->parent.class = &class;
  self->parent.begin = -1;
  self->http = http;
  self->body = body;
  self->bytes = g_byte_array_new ();
  self->data = g_string_new (NULL);
  return &self->parent;
}
