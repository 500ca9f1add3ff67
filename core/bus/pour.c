/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The output of a workload into a pipe whose other end the caller has: its bytes, or with `timestamps` each line after its time.
 */
#include "bus/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <unistd.h>

#include "base/flow.h"
#include "thole-dict.h"

#define PIECE 16384

typedef struct
{
  TholeBusStream stream;
  TholeFlow *flow;
  GSource *source;      /* for room in the pipe, or for its end */
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
          thole_bus_stream_end (&self->stream);
          return FALSE;
        }
      self->from = 0;
      self->length = (gsize) got;
    }
  written = write (self->stream.fd, self->buffer + self->from, self->length);
  if (written >= 0)
    {
      self->from += (gsize) written;
      self->length -= (gsize) written;
      return TRUE;
    }
  if (errno == EAGAIN || errno == EINTR)
    wait_for (self, G_IO_OUT | G_IO_ERR | G_IO_HUP);
  else
    thole_bus_stream_end (&self->stream);
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
    thole_bus_stream_end (&self->stream);
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
  int ends[2];
  Pour *pour;

  if (!g_unix_open_pipe (ends, FD_CLOEXEC, NULL))
    {
      thole_bus_fail (self, THOLE_ERROR_OVERLOADED, "no more file descriptors");
      return;
    }
  g_unix_set_fd_nonblocking (ends[1], TRUE, NULL);
  pour = g_new0 (Pour, 1);
  thole_bus_stream_add (self, &pour->stream, ends[1], pour_free);
  pour->flow = thole_flow_new (g_steal_pointer (&call->reply.stream), form, wake, pour);
  thole_bus_stream_give (self, ends[0]);
  wait_for (pour, G_IO_OUT | G_IO_ERR | G_IO_HUP);
}
