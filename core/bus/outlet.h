/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages that are bytes already, in their order among those that GDBus makes. GDBus has no call for them, so they go ahead of a
 * message of its own, the carrier: its filter is called in the thread of the connection when the message before is written
 * and the carrier is not begun, and there they are written to the connection's stream.
 *
 * Why nothing is torn or out of order:
 * - One thread, the connection's, writes. It takes one message from its queue at a time, and the next only when that one is written
 *   whole, be it in several parts (GDBus marks the write as pending for so long). The filter runs after the taking and before the first
 *   byte, so no message of GDBus is half written then, and none can begin before the filter is back.
 * - What is ahead of the carrier is written to its end in one call that waits; an end that is short is an error, and then the
 *   socket is shut in both directions at once: neither the carrier nor anything else can follow half a message.
 * - That wait holds up the thread of the connection as long as the bus takes nothing, so nothing is read from the bus meanwhile; but the
 *   main loop never waits for that thread, a bus takes from us whether we read or not, so neither waits for the other, and
 *   whoever goes down shuts the socket when its patience is over, which ends the wait.
 * - Order among ours is that of adding, for the queue is first in, first out and a carrier takes all that is ready. A message
 *   of GDBus's own that must not overtake is preceded by thole_bus_outlet_push().
 * - The serial numbers of both are apart: GDBus counts up from 1, ours have the highest bit.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeBusOutlet TholeBusOutlet;

TholeBusOutlet *thole_bus_outlet_new  (GDBusConnection *connection);
/* What was not sent is not sent any more. */
void            thole_bus_outlet_free (TholeBusOutlet *self);

/* A number for a message; GDBus's own are small. */
guint32 thole_bus_outlet_serial (TholeBusOutlet *self);
/* Adds a whole message, which is copied; it leaves at the end of this turn of the main loop, or with thole_bus_outlet_push(). */
void    thole_bus_outlet_add    (TholeBusOutlet *self, const guint8 *message, gsize length);
/* Sends a long message at once, after all that was added. @message: (transfer full) */
void    thole_bus_outlet_take   (TholeBusOutlet *self, GByteArray *message);
/* Sends what was added: before a message of GDBus is sent that has to come after it. */
void    thole_bus_outlet_push   (TholeBusOutlet *self);

/* Of the connection's filter: @message is about to be sent. In the thread of the connection. */
void    thole_bus_outlet_precede (GDBusConnection *connection, GDBusMessage *message);
