/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/ticket.h"

#include <string.h>

#define BYTES 24
#define ALL 4096
#define EACH 256 /* of one name */

typedef struct
{
  char *digest;
  TholePrincipal *principal;
  char *path;
  gint64 expires; /* monotonic µs */
} Ticket;

struct _TholeTickets
{
  TholeClock *clock;
  GHashTable *tickets; /* digest -> Ticket */
  GQueue order;        /* of Ticket, the oldest first: all live equally long */
};

static void
ticket_free (Ticket *ticket)
{
  g_free (ticket->digest);
  thole_principal_unref (ticket->principal);
  g_free (ticket->path);
  g_free (ticket);
}

static void
drop (TholeTickets *self, Ticket *ticket)
{
  g_hash_table_remove (self->tickets, ticket->digest);
  g_queue_remove (&self->order, ticket);
  ticket_free (ticket);
}

static void
expire (TholeTickets *self)
{
  gint64 now = thole_clock_monotonic (self->clock);
  Ticket *oldest;

  while ((oldest = g_queue_peek_head (&self->order)) != NULL && oldest->expires <= now)
    drop (self, oldest);
}

/* it is looked up by its digest, so that the time of a look-up tells nothing about the tickets there are */
static char *
digest_of (const char *text)
{
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
}

static guint
count_of (TholeTickets *self, const char *name)
{
  guint count = 0;

  for (GList *link = self->order.head; link != NULL; link = link->next)
    count += strcmp (((Ticket *) link->data)->principal->name, name) == 0;
  return count;
}

TholeTickets *
thole_tickets_new (TholeClock *clock)
{
  TholeTickets *self = g_new0 (TholeTickets, 1);

  self->clock = clock;
  self->tickets = g_hash_table_new (g_str_hash, g_str_equal);
  g_queue_init (&self->order);
  return self;
}

void
thole_tickets_free (TholeTickets *self)
{
  g_hash_table_unref (self->tickets);
  g_queue_clear_full (&self->order, (GDestroyNotify) ticket_free);
  g_free (self);
}

char *
thole_tickets_make (TholeTickets *self, TholePrincipal *principal, const char *path, gint64 *expires)
{
  guchar bytes[BYTES];
  char *text;
  Ticket *ticket;

  expire (self);
  if (self->order.length >= ALL || count_of (self, principal->name) >= EACH)
    return NULL;
  thole_clock_random (self->clock, bytes, sizeof bytes);
  text = g_base64_encode (bytes, sizeof bytes);
  /* 24 bytes need no padding; the rest is made fit for a query */
  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  ticket = g_new0 (Ticket, 1);
  ticket->digest = digest_of (text);
  ticket->principal = thole_principal_ref (principal);
  ticket->path = g_strdup (path);
  ticket->expires = thole_clock_monotonic (self->clock) + THOLE_TICKET_SECONDS * G_USEC_PER_SEC;
  g_hash_table_insert (self->tickets, ticket->digest, ticket);
  g_queue_push_tail (&self->order, ticket);
  *expires = thole_clock_now (self->clock) + THOLE_TICKET_SECONDS * G_USEC_PER_SEC;
  return text;
}

TholePrincipal *
thole_tickets_take (TholeTickets *self, const char *ticket, const char *path)
{
  g_autofree char *digest = digest_of (ticket);
  TholePrincipal *principal = NULL;
  Ticket *found;

  expire (self);
  found = g_hash_table_lookup (self->tickets, digest);
  if (found == NULL)
    return NULL;
  if (strcmp (found->path, path) == 0)
    principal = thole_principal_ref (found->principal);
  drop (self, found);
  return principal;
}
