/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is uploaded: bytes of the pipe or the stream socket that came as the option `input`, read as somebody asks for them, to their end.
 * How long the other end may take is up to whoever reads (files/spool.h).
 */
#include "bus/handover.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "thole-dict.h"

#define WRONG_ARGUMENTS "org.freedesktop.DBus.Error.InvalidArgs"
#define PIECE 65536

typedef struct
{
  TholeStream stream;
  int fd;
  gboolean socket;
  GCancellable *cancellable; /* of the call: the caller has left */
  GSource *readable, *cancelled;
  GError *error;
} Intake;

static void
stop_waiting (Intake *self)
{
  thole_source_clear (&self->readable);
  thole_source_clear (&self->cancelled);
}

static void
go_on (Intake *self)
{
  stop_waiting (self);
  self->stream.ready (self->stream.reader);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Intake *self = user_data;

  g_set_error (&self->error, THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the caller has left, or the daemon goes down");
  go_on (self);
  return G_SOURCE_REMOVE;
}

static void
wait_for_more (Intake *self)
{
  self->readable = g_unix_fd_source_new (self->fd, G_IO_IN | G_IO_ERR | G_IO_HUP);
  g_source_set_callback (self->readable, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->readable, g_main_context_get_thread_default ());
  self->cancelled = g_cancellable_source_new (self->cancellable);
  g_source_set_callback (self->cancelled, G_SOURCE_FUNC (on_cancelled), self, NULL);
  g_source_attach (self->cancelled, g_main_context_get_thread_default ());
}

static TholeStreamResult
intake_next (TholeStream *stream, TholeItem *item, GError **error)
{
  Intake *self = (Intake *) stream;
  g_autofree guint8 *piece = NULL;
  gssize got;

  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return THOLE_STREAM_ERROR;
    }
  piece = g_malloc (PIECE);
  got = self->socket ? recv (self->fd, piece, PIECE, MSG_DONTWAIT) : read (self->fd, piece, PIECE);
  if (got > 0)
    {
      *item = (TholeItem) { .data = g_bytes_new (piece, (gsize) got) };
      return THOLE_STREAM_ITEM;
    }
  if (got == 0)
    return THOLE_STREAM_END;
  if (errno == EAGAIN || errno == EINTR)
    {
      wait_for_more (self);
      return THOLE_STREAM_WAIT;
    }
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the input broke off: %s", g_strerror (errno));
  return THOLE_STREAM_ERROR;
}

static void
intake_close (TholeStream *stream)
{
  Intake *self = (Intake *) stream;

  stop_waiting (self);
  close (self->fd);
  g_object_unref (self->cancellable);
  g_clear_error (&self->error);
  g_free (self);
}

static TholeStream *
intake_new (TholeBusCall *call, int fd, gboolean socket)
{
  Intake *self = g_new0 (Intake, 1);

  self->stream.next = intake_next;
  self->stream.close = intake_close;
  self->fd = fd;
  self->socket = socket;
  self->cancellable = g_object_ref (call->cancellable);
  return &self->stream;
}

GVariant *
thole_bus_intake (TholeBusCall *call, GVariant *options, TholeStream **input)
{
  GUnixFDList *list = g_dbus_message_get_unix_fd_list (call->message);
  g_autoptr (GVariant) handle = g_variant_lookup_value (options, "input", G_VARIANT_TYPE_HANDLE);
  int n = 0, fd = -1;
  const int *fds = list != NULL ? g_unix_fd_list_peek_fds (list, &n) : NULL;
  gint32 index = handle != NULL ? g_variant_get_handle (handle) : -1;
  /* who may not is told that, whatever else is wrong */
  gboolean may = thole_access_decide (call->principal, call->def->permission), socket = FALSE;
  GVariantDict rest;

  if (may && (index < 0 || index >= n || n != 1 || !thole_bus_open_end (fds[index], FALSE, &fd, &socket)))
    {
      thole_bus_refuse (call, WRONG_ARGUMENTS, "input must be the one file descriptor: an end of a pipe or of a stream socket that can be read");
      return NULL;
    }
  *input = may ? intake_new (call, fd, socket) : NULL;
  g_variant_dict_init (&rest, options);
  g_variant_dict_remove (&rest, "input");
  return g_variant_ref_sink (g_variant_dict_end (&rest));
}
