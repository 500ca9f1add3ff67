/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/handover.h"

#include <gio/gunixfdlist.h>
#include <unistd.h>

void
thole_bus_stream_add (TholeBus *bus, TholeBusStream *self, int fd, void (*free) (TholeBusStream *self))
{
  self->bus = bus;
  self->fd = fd;
  self->free = free;
  g_hash_table_add (bus->streams, self);
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
