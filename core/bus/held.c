/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/held.h"

#include <unistd.h>

struct _TholeBusHeld
{
  GHashTable *by_user; /* uid -> bytes; who has none is not in it */
  gsize of_users;
};

TholeBusHeld *
thole_bus_held_new (void)
{
  TholeBusHeld *self = g_new0 (TholeBusHeld, 1);

  self->by_user = g_hash_table_new (NULL, NULL);
  return self;
}

void
thole_bus_held_free (TholeBusHeld *self)
{
  g_hash_table_unref (self->by_user);
  g_free (self);
}

static gsize
bytes_of (TholeBusHeld *self, uid_t uid)
{
  return GPOINTER_TO_SIZE (g_hash_table_lookup (self->by_user, GUINT_TO_POINTER (uid)));
}

static void
set_bytes (TholeBusHeld *self, uid_t uid, gsize size)
{
  if (size > 0)
    g_hash_table_insert (self->by_user, GUINT_TO_POINTER (uid), GSIZE_TO_POINTER (size));
  else
    g_hash_table_remove (self->by_user, GUINT_TO_POINTER (uid));
}

static gboolean
is_one_of_many (uid_t uid)
{
  return uid != 0 && uid != geteuid () && uid != THOLE_BUS_UNKNOWN;
}

static gboolean
fits (gsize held, gsize size, gsize most)
{
  return held == 0 || held + size <= most;
}

gboolean
thole_bus_held_room (TholeBusHeld *self, uid_t uid, gsize size)
{
  return fits (bytes_of (self, uid), size, THOLE_BUS_MOST_OF_USER)
         && (!is_one_of_many (uid) || fits (self->of_users, size, THOLE_BUS_MOST_OF_USERS));
}

void
thole_bus_held_take (TholeBusHeld *self, uid_t uid, gsize size)
{
  set_bytes (self, uid, bytes_of (self, uid) + size);
  if (is_one_of_many (uid))
    self->of_users += size;
}

void
thole_bus_held_give (TholeBusHeld *self, uid_t uid, gsize size)
{
  set_bytes (self, uid, bytes_of (self, uid) - size);
  if (is_one_of_many (uid))
    self->of_users -= size;
}
