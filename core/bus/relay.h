/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What stands between the bus and GDBus, in a thread of its own. GDBus takes a message whole and makes seventy times its size of it
 * before anybody may look; a bus lets pass 32 MiB, or 128. So a message that is too long, or has too many values, loses its body on
 * the way; whoever sent it is then told as anybody is who sends nonsense. All else goes both ways as it comes, descriptors with the
 * message that they belong to. Of what comes, one message is held at a time, and nothing more is taken from the bus while too much of
 * it waits to be looked at.
 *
 * A message whose header is longer than 64 KiB is not passed on, and whoever sent it gets no answer: it waits until its own time is
 * over. Only the path of an object makes a header so long, and no object here has one. When a socket takes no descriptors for a second
 * (ETOOMANYREFS: this user has too many on their way), messages go on without theirs until it does.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeBusRelay TholeBusRelay;

#define THOLE_BUS_MAX_VALUES 32768 /* of one message: texts, numbers, lists and their like */

/* @bus: a new connection to a bus. @limit: bytes of a body. Returns: (transfer full): and in @ours the stream for GDBus, transfer full.
 * It goes on until one of both ends; the stream keeps a reference. */
TholeBusRelay *thole_bus_relay_new   (GSocketConnection *bus, gsize limit, GSocketConnection **ours, GError **error);
/* Of the stream that GDBus has. Returns: (transfer none) */
TholeBusRelay *thole_bus_relay_of    (GIOStream *ours);
TholeBusRelay *thole_bus_relay_ref   (TholeBusRelay *self);
void           thole_bus_relay_unref (TholeBusRelay *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeBusRelay, thole_bus_relay_unref)
/* After GDBus has closed its stream: waits so long (µs) until the bus has taken all that GDBus sent, then ends. */
void           thole_bus_relay_drain (TholeBusRelay *self, gint64 patience);

/* So many bytes more (less) wait to be looked at. From any thread. */
void           thole_bus_relay_hold  (TholeBusRelay *self, gssize bytes);
/* Has @message lost its body on the way? */
gboolean       thole_bus_relay_cut   (GDBusMessage *message);
