/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One event of the daemon: what changed, by whom, with a number.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * THOLE_TYPE_EVENT:
 *
 * The type of #TholeEvent.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_EVENT (thole_event_get_type ())
G_DECLARE_FINAL_TYPE (TholeEvent, thole_event, THOLE, EVENT, GObject)

/**
 * TholeEvent:
 *
 * Something that happened. Events of the kind `gap` tell that others before it are no longer kept. An event is not changed any
 * more; texts and data that its getters give live as long as it does.
 *
 * Since: 1.0
 */

/**
 * TholeEvent:seq:
 *
 * Its number: they grow by one with each event of the daemon, also of those that one may not see.
 *
 * Since: 1.0
 */

/**
 * thole_event_get_seq:
 * @self: a #TholeEvent
 *
 * See #TholeEvent:seq.
 *
 * Returns: its number
 *
 * Since: 1.0
 */
gint64 thole_event_get_seq (TholeEvent *self);

/**
 * TholeEvent:kind:
 *
 * What happened: `workload.state`.
 *
 * Since: 1.0
 */

/**
 * thole_event_get_kind:
 * @self: a #TholeEvent
 *
 * See #TholeEvent:kind.
 *
 * Returns: what happened: `workload.state`
 *
 * Since: 1.0
 */
const char *thole_event_get_kind (TholeEvent *self);

/**
 * TholeEvent:subject:
 *
 * The id of the object that it is about, empty when there is none.
 *
 * Since: 1.0
 */

/**
 * thole_event_get_subject:
 * @self: a #TholeEvent
 *
 * See #TholeEvent:subject.
 *
 * Returns: the id of the object
 *
 * Since: 1.0
 */
const char *thole_event_get_subject (TholeEvent *self);

/**
 * TholeEvent:actor:
 *
 * Who did it: a user, or what the daemon calls itself; empty when nobody did.
 *
 * Since: 1.0
 */

/**
 * thole_event_get_actor:
 * @self: a #TholeEvent
 *
 * See #TholeEvent:actor.
 *
 * Returns: who did it
 *
 * Since: 1.0
 */
const char *thole_event_get_actor (TholeEvent *self);

/**
 * TholeEvent:time:
 *
 * When it was written down, in UTC, to the microsecond.
 *
 * Since: 1.0
 */

/**
 * thole_event_get_time:
 * @self: a #TholeEvent
 *
 * See #TholeEvent:time.
 *
 * Returns: (transfer full) (nullable): when
 *
 * Since: 1.0
 */
GDateTime *thole_event_get_time (TholeEvent *self);

/**
 * TholeEvent:data:
 *
 * More about it, `a{sv}`, by the kind: of `workload.state` the `state`, of all that changed an object its `revision`.
 *
 * Since: 1.0
 */

/**
 * thole_event_get_data:
 * @self: a #TholeEvent
 *
 * See #TholeEvent:data.
 *
 * Returns: (transfer none): more about it, `a{sv}`
 *
 * Since: 1.0
 */
GVariant *thole_event_get_data (TholeEvent *self);

G_END_DECLS
