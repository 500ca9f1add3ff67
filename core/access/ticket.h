/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tickets: a browser cannot set headers on a WebSocket, so it fetches a word that lets it in once, at one path, as who it is.
 * They are held in memory only, and no more than so many.
 */
#pragma once

#include "access/identity.h"
#include "base/clock.h"

#define THOLE_TICKET_SECONDS 30

typedef struct _TholeTickets TholeTickets;

TholeTickets   *thole_tickets_new  (TholeClock *clock);
void            thole_tickets_free (TholeTickets *self);

/* Returns: (transfer full) (nullable): NULL when this principal, or all together, have too many; @expires: µs since the epoch */
char           *thole_tickets_make (TholeTickets *self, TholePrincipal *principal, const char *path, gint64 *expires);
/* It is used up, also at a wrong path. Returns: (transfer full) (nullable): who made it */
TholePrincipal *thole_tickets_take (TholeTickets *self, const char *ticket, const char *path);
