/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ports.h"

#include "thole-error.h"

#define FIRST_FREE 20000
#define N_FREE 40000

const char *const mem_transports[] = { "tcp", "udp", "sctp", NULL };

static gpointer
key_of (const MemPort *port, guint number)
{
  return GUINT_TO_POINTER ((guint) port->transport << 16 | number);
}

static guint
find_free (MemWorkload *self, const MemPort *port)
{
  GHashTable *ports = self->world->ports;

  for (guint i = 0; i < N_FREE; i++)
    {
      guint number = FIRST_FREE + (guint) ((self->serial + i) % N_FREE);

      if (!g_hash_table_contains (ports, key_of (port, number)))
        return number;
    }
  return 0;
}

void
mem_ports_release (MemWorkload *self)
{
  for (guint i = 0; self->ports != NULL && i < self->ports->len; i++)
    {
      MemPort *port = &g_array_index (self->ports, MemPort, i);

      if (port->published != 0)
        g_hash_table_remove (self->world->ports, key_of (port, port->published));
      port->published = 0;
    }
}

gboolean
mem_ports_claim (MemWorkload *self, GError **error)
{
  for (guint i = 0; self->ports != NULL && i < self->ports->len; i++)
    {
      MemPort *port = &g_array_index (self->ports, MemPort, i);
      guint number = port->host != 0 ? port->host : find_free (self, port);
      MemWorkload *holder = g_hash_table_lookup (self->world->ports, key_of (port, number));

      if (holder != NULL || number == 0)
        {
          mem_ports_release (self);
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "port %u/%s is taken by %s", port->host,
                       mem_transports[port->transport], holder != NULL ? holder->id : "others");
          return FALSE;
        }
      port->published = (guint16) number;
      g_hash_table_insert (self->world->ports, key_of (port, number), self);
    }
  return TRUE;
}
