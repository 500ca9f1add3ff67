/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events one after the other, from a number on; made by thole_client_open_events().
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include "thole-event.h"

G_BEGIN_DECLS

/**
 * THOLE_TYPE_EVENT_STREAM:
 *
 * The type of #TholeEventStream.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_EVENT_STREAM (thole_event_stream_get_type ())
G_DECLARE_FINAL_TYPE (TholeEventStream, thole_event_stream, THOLE, EVENT_STREAM, GObject)

/**
 * TholeEventStream:
 *
 * Reads events in their order, each once, also when the connection breaks meanwhile or the daemon starts anew: it is tried again for
 * a minute, and the next call goes on behind the last event that was given. Only one call at a time may wait. An event belongs to
 * who asked for it; the stream keeps the client and the connection until it is let go of.
 *
 * Since: 1.0
 */

/**
 * THOLE_EVENTS_OLDEST:
 *
 * Begin with the oldest event that is kept.
 *
 * Since: 1.0
 */
#define THOLE_EVENTS_OLDEST (-1)

/**
 * THOLE_EVENTS_NEW:
 *
 * Begin with what happens from now on.
 *
 * Since: 1.0
 */
#define THOLE_EVENTS_NEW (-2)

/**
 * TholeEventStream:cursor:
 *
 * The number of the last event that was read: where to go on another time. Before the first one it is what the stream was opened
 * with; over D-Bus, %THOLE_EVENTS_NEW becomes the number after which it begins as soon as it is connected.
 *
 * Since: 1.0
 */

/**
 * thole_event_stream_get_cursor:
 * @self: a #TholeEventStream
 *
 * See #TholeEventStream:cursor.
 *
 * Returns: the number of the last event that was read: where to go on another time
 *
 * Since: 1.0
 */
gint64 thole_event_stream_get_cursor (TholeEventStream *self);

/**
 * TholeEventStream:connected:
 *
 * Whether the daemon is there; %FALSE before it was asked.
 *
 * Since: 1.0
 */

/**
 * thole_event_stream_get_connected:
 * @self: a #TholeEventStream
 *
 * See #TholeEventStream:connected.
 *
 * Returns: whether the daemon is there; %FALSE before it was asked
 *
 * Since: 1.0
 */
gboolean thole_event_stream_get_connected (TholeEventStream *self);

/**
 * thole_event_stream_next_async:
 * @self: a #TholeEventStream
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Waits for the next event. %THOLE_CLIENT_ERROR_GONE: what follows the cursor is no longer kept; begin anew with
 * %THOLE_EVENTS_OLDEST. %THOLE_CLIENT_ERROR_UNREACHABLE: the daemon was away for longer than a minute; it can be called again.
 * %THOLE_CLIENT_ERROR_UNAUTHENTICATED or %THOLE_CLIENT_ERROR_FORBIDDEN: one may not, or not any more. %G_IO_ERROR_CANCELLED: nothing is
 * lost, and it can be called again.
 *
 * Since: 1.0
 */
void thole_event_stream_next_async (TholeEventStream *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data);

/**
 * thole_event_stream_next_finish:
 * @self: a #TholeEventStream
 * @result: the result
 * @error:
 *
 * Ends thole_event_stream_next_async().
 *
 * Returns: (transfer full): the next event, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeEvent *thole_event_stream_next_finish (TholeEventStream *self, GAsyncResult *result, GError **error);

/**
 * thole_event_stream_next:
 * @self: a #TholeEventStream
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Waits for the next event. %THOLE_CLIENT_ERROR_GONE: what follows the cursor is no longer kept; begin anew with
 * %THOLE_EVENTS_OLDEST. %THOLE_CLIENT_ERROR_UNREACHABLE: the daemon was away for longer than a minute; it can be called again.
 *
 * Blocks; see thole_event_stream_next_async().
 *
 * Returns: (transfer full): the next event, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeEvent *thole_event_stream_next (TholeEventStream *self, GCancellable *cancellable, GError **error);

G_END_DECLS
