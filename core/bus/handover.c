/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/handover.h"

#include <gio/gunixfdlist.h>
#include <unistd.h>

gboolean
thole_bus_stream_room (const TholeBusCall *call)
{
  GHashTableIter iter;
  gpointer key;
  guint own = 0;

  g_hash_table_iter_init (&iter, call->bus->streams);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    own += ((TholeBusStream *) key)->uid == call->caller->uid;
  return thole_bus_room (call->caller->uid, own, g_hash_table_size (call->bus->streams), THOLE_BUS_MAX_STREAMS);
}

void
thole_bus_stream_add (const TholeBusCall *call, TholeBusStream *self, int fd, void (*free) (TholeBusStream *self))
{
  self->bus = call->bus;
  self->uid = call->caller->uid;
  self->fd = fd;
  self->free = free;
  g_hash_table_add (self->bus->streams, self);
}

void
thole_bus_stream_end (TholeBusStream *self)
{
  g_hash_table_remove (self->bus->streams, self);
  close (self->fd);
  self->free (self);
}

void
thole_bus_stream_give (TholeBusCall *call, int theirs)
{
  g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new_from_array (&theirs, 1);

  thole_bus_return (call, g_variant_new ("(h)", 0), descriptors);
}
