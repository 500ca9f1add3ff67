/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Input of a session that its program has not taken: it is kept, so that a connection that comes after another one goes on where the
 * program stands. What both ways to the daemon (http-socket.c, dbus-wire.c) share.
 */
#pragma once

#include <glib.h>

typedef struct
{
  GByteArray *bytes;
  guint64 at;              /* number of the first of them */
  gboolean counted;        /* @at is known */
  gsize sent;              /* of them, over this connection */
  gboolean ended, end_sent;
} TholeUnacknowledged;

void     thole_unacknowledged_init   (TholeUnacknowledged *self);
void     thole_unacknowledged_clear  (TholeUnacknowledged *self);
/* So many more bytes may be added. */
gsize    thole_unacknowledged_room   (const TholeUnacknowledged *self);
void     thole_unacknowledged_add    (TholeUnacknowledged *self, const guint8 *data, gsize length);
/* Nothing of it is wanted any more. */
void     thole_unacknowledged_drop   (TholeUnacknowledged *self);
/* A new connection: everything above @taken is to be sent over it. */
void     thole_unacknowledged_resume (TholeUnacknowledged *self, guint64 taken);
/* Another program counts, from the beginning, if it has taken less than ours had: what was sent is not wanted twice. */
void     thole_unacknowledged_restart (TholeUnacknowledged *self, guint64 taken);
/* The program has taken @taken input bytes since it began. The first time this says where ours begin. */
void     thole_unacknowledged_take   (TholeUnacknowledged *self, guint64 taken);
/* The next bytes to be sent, which count as sent then; valid until the next call. Returns FALSE when there are none. */
gboolean thole_unacknowledged_next   (TholeUnacknowledged *self, gsize most, const guint8 **data, gsize *length, guint64 *offset);
/* Is the end to be sent? It counts as sent then. */
gboolean thole_unacknowledged_end    (TholeUnacknowledged *self, guint64 *offset);
