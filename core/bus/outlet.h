/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages that are bytes already, in their order among those that GDBus makes. GDBus has no call for them, so they go ahead of a
 * message of its own, the carrier: its filter is called in the thread of the connection when the message before is written
 * and the carrier is not begun, and there they are written to the connection's stream.
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
