/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bytes of the arguments of calls, which stay in memory until those are answered: for minutes, when polkit asks a person. They are
 * bounded for each user, and for all users together but root and our own, which none of the others can keep out.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#define THOLE_BUS_UNKNOWN ((uid_t) -1)               /* whom the bus has not named, yet or at all: bounded like a user, for itself */
#define THOLE_BUS_MOST_OF_USER (12 * 1024 * 1024)
#define THOLE_BUS_MOST_OF_USERS (32 * 1024 * 1024)

typedef struct _TholeBusHeld TholeBusHeld;

/* Returns: (transfer full) */
TholeBusHeld *thole_bus_held_new  (void);
void          thole_bus_held_free (TholeBusHeld *self);
/* May @uid have so many bytes more? One call alone may be longer than the bounds: it has a limit of its own. */
gboolean      thole_bus_held_room (TholeBusHeld *self, uid_t uid, gsize size);
void          thole_bus_held_take (TholeBusHeld *self, uid_t uid, gsize size);
void          thole_bus_held_give (TholeBusHeld *self, uid_t uid, gsize size);
