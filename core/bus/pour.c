/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The output of a workload, or a file of it, into a socket whose other end the caller has: its bytes, or with `timestamps` each line
 * after its time.
 *
 * A pipe ends alike whether all was written or its writer was killed in the middle. So it is a pair of sockets, and in the queue of
 * ours lies a byte, the seal, that nobody reads as long as something is missing: the kernel tells a reader ECONNRESET, after what was
 * written, when the other end is closed with something unread. Only who has written all of it takes the seal out before.
 */
#include "bus/handover.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/flow.h"
#include "thole-dict.h"

#define PIECE 16384

typedef struct
{
  TholeBusStream stream;
  TholeFlow *flow;
  GSource *source;      /* for room in the socket, or for its end */
  GIOCondition waiting;
  gsize from, length;   /* of @buffer: what is still to be written */
  char buffer[PIECE];
} Pour;

static void
pour_free (TholeBusStream *stream)
{
  Pour *self = (Pour *) stream;

  thole_source_clear (&self->source);
  thole_flow_free (self->flow);
  g_free (self);
}

static gboolean poured_on (int fd, GIOCondition condition, gpointer user_data);

/* for G_IO_OUT, or only for the end of the reader */
static void
wait_for (Pour *self, GIOCondition condition)
{
  if (self->source != NULL && self->waiting == condition)
    return;
  thole_source_clear (&self->source);
  self->waiting = condition;
  self->source = g_unix_fd_source_new (self->stream.fd, condition);
  g_source_set_callback (self->source, G_SOURCE_FUNC (poured_on), self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
}

/* @whole: nothing is missing */
static void
pour_end (Pour *self, gboolean whole)
{
  char seal;

  if (whole && recv (self->stream.fd, &seal, 1, MSG_DONTWAIT) != 1)
    g_warning ("a stream on the bus has no seal: %s", g_strerror (errno));
  thole_bus_stream_end (&self->stream);
}

/* Returns: the end of the caller, -1 = no more descriptors. @ours (out) */
static int
open_sealed (int *ours)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return -1;
  /* nothing comes behind the seal: a caller that writes is refused */
  if (send (ends[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1 || shutdown (ends[1], SHUT_RD) != 0)
    {
      close (ends[0]);
      close (ends[1]);
      return -1;
    }
  *ours = ends[1];
  return ends[0];
}

/* Returns: FALSE when it has to wait, or is over and freed */
static gboolean
write_piece (Pour *self)
{
  gssize written;

  if (self->length == 0)
    {
      gssize got = thole_flow_read (self->flow, self->buffer, sizeof self->buffer);

      if (got == THOLE_FLOW_WAIT)
        {
          wait_for (self, G_IO_ERR | G_IO_HUP);
          return FALSE;
        }
      if (got < 0)
        {
          pour_end (self, got == THOLE_FLOW_END);
          return FALSE;
        }
      self->from = 0;
      self->length = (gsize) got;
    }
  written = send (self->stream.fd, self->buffer + self->from, self->length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written >= 0)
    {
      self->from += (gsize) written;
      self->length -= (gsize) written;
      return TRUE;
    }
  if (errno == EAGAIN || errno == EINTR)
    wait_for (self, G_IO_OUT | G_IO_ERR | G_IO_HUP);
  else
    pour_end (self, FALSE);
  return FALSE;
}

/* a few pieces at a time: others are served between */
static void
pour_on (Pour *self)
{
  for (guint i = 0; i < 16; i++)
    if (!write_piece (self))
      return;
  wait_for (self, G_IO_OUT | G_IO_ERR | G_IO_HUP);
}

static gboolean
poured_on (int fd, GIOCondition condition, gpointer user_data)
{
  Pour *self = user_data;

  if (condition & (G_IO_ERR | G_IO_HUP | G_IO_NVAL))
    pour_end (self, FALSE);
  else
    pour_on (self);
  return G_SOURCE_CONTINUE;
}

static void
wake (gpointer user_data)
{
  pour_on (user_data);
}

void
thole_bus_pour (TholeBusCall *self, TholeCall *call)
{
  TholeFlowForm form = thole_dict_boolean (call->query, "timestamps", FALSE) ? THOLE_FLOW_TEXT_TIMES : THOLE_FLOW_TEXT;
  int ours, theirs = open_sealed (&ours);
  Pour *pour;

  if (theirs < 0)
    {
      thole_bus_fail (self, THOLE_ERROR_OVERLOADED, "no more file descriptors");
      return;
    }
  pour = g_new0 (Pour, 1);
  thole_bus_stream_add (self, &pour->stream, ours, pour_free);
  pour->flow = thole_flow_new (g_steal_pointer (&call->reply.stream), form, wake, pour);
  thole_bus_stream_give (self, theirs);
  wait_for (pour, G_IO_OUT | G_IO_ERR | G_IO_HUP);
}
