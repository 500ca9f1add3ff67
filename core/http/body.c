/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The body of an upload as a stream that somebody else pulls. Whoever reads slowly slows the client down: no more than ENOUGH
 * bytes are held.
 */
#include "http/server.h"

#include "thole-error.h"

#define ENOUGH (256 * 1024)

struct _TholeBody
{
  TholeStream stream;
  TholeRequest *request;   /* (nullable): NULL when it went first */
  GByteArray *bytes;
  gboolean wanted;         /* the reader waits */
  gboolean ended, closed;  /* the client is through; the reader is */
  GError *error;
};

static void
free_both (TholeBody *self)
{
  g_byte_array_unref (self->bytes);
  g_clear_error (&self->error);
  g_free (self);
}

static void
tell (TholeBody *self)
{
  if (!self->wanted)
    return;
  self->wanted = FALSE;
  self->stream.ready (self->stream.reader);
}

static void
resume (TholeBody *self)
{
  TholeRequest *request = self->request;

  if (request != NULL && request->suspended && request->http != NULL)
    thole_listener_resume (request->http->listener, request);
}

static TholeStreamResult
body_next (TholeStream *stream, TholeItem *item, GError **error)
{
  TholeBody *self = (TholeBody *) stream;

  if (self->bytes->len > 0)
    {
      *item = (TholeItem) { .data = g_byte_array_free_to_bytes (self->bytes) };
      self->bytes = g_byte_array_new ();
      resume (self);
      return THOLE_STREAM_ITEM;
    }
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return THOLE_STREAM_ERROR;
    }
  if (self->ended)
    return THOLE_STREAM_END;
  self->wanted = TRUE;
  resume (self);
  return THOLE_STREAM_WAIT;
}

static void
body_close (TholeStream *stream)
{
  TholeBody *self = (TholeBody *) stream;

  self->closed = TRUE;
  self->wanted = FALSE;
  if (self->request == NULL)
    free_both (self);
}

TholeBody *
thole_body_new (TholeRequest *request)
{
  TholeBody *self = g_new0 (TholeBody, 1);

  self->stream.next = body_next;
  self->stream.close = body_close;
  self->request = request;
  self->bytes = g_byte_array_new ();
  return self;
}

TholeStream *
thole_body_stream (TholeBody *self)
{
  return &self->stream;
}

gboolean
thole_body_is_whole (const TholeBody *self)
{
  return self->ended;
}

gsize
thole_body_feed (TholeBody *self, const char *data, gsize length)
{
  gsize part = self->closed ? length : MIN (length, ENOUGH - self->bytes->len);

  if (!self->closed)
    g_byte_array_append (self->bytes, (const guint8 *) data, (guint) part);
  tell (self);
  return part;
}

void
thole_body_end (TholeBody *self)
{
  self->ended = TRUE;
  tell (self);
}

void
thole_body_fail (TholeBody *self, const GError *error)
{
  if (self->ended || self->error != NULL)
    return;
  self->error = g_error_copy (error);
  tell (self);
}

void
thole_body_free (TholeBody *self)
{
  g_autoptr (GError) error = g_error_new (THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the upload broke off");

  self->request = NULL;
  if (self->closed)
    {
      free_both (self);
      return;
    }
  /* may free it */
  thole_body_fail (self, error);
}
