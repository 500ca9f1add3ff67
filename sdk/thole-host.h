/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What most drivers need around the functions of TholeHostOps and of their own slots. A driver keeps @host and @ops as `open` gave
 * them and sets its @host to NULL when it is closed: what is still under way may go on calling, and nothing happens.
 */
#pragma once

#include "thole-driver.h"

G_BEGIN_DECLS

/* Each takes @host NULL: closed. */

/* Writes one line of @format to the daemon's log. No secrets. */
void     thole_host_log   (TholeHost *host, const TholeHostOps *ops, GLogLevelFlags level, const char *format, ...)
                           G_GNUC_PRINTF (4, 5);

/* Reports @event (sunk, also when closed). */
void     thole_host_event (TholeHost *host, const TholeHostOps *ops, GVariant *event);

/* The daemon's clock, µs since the epoch; this machine's when closed. */
gint64   thole_host_now   (TholeHost *host, const TholeHostOps *ops);

/* Runs @function once after @seconds (below 0 counts as 0) on the daemon's clock.
 * Returns: (transfer full) (nullable): for thole_timer_clear(), which the driver calls before @user_data goes; NULL when closed,
 * and then @function is never called */
GSource *thole_host_timer (TholeHost *host, const TholeHostOps *ops, double seconds, GSourceFunc function, gpointer user_data);

/* Destroys and unrefs *@source and sets it to NULL, if there is one. */
void     thole_timer_clear (GSource **source);

/* `finish` of slots whose task returned just the value: with g_task_return_pointer() a GVariant or a GIOStream, or with
 * g_task_return_boolean(). They stand in the tables as they are.
 * Returns: (transfer full): NULL or FALSE with @error set as the task failed */
GVariant  *thole_finish_value   (TholeDriver *self, GAsyncResult *result, GError **error);
GIOStream *thole_finish_stream  (TholeDriver *self, GAsyncResult *result, GError **error);
gboolean   thole_finish_boolean (TholeDriver *self, GAsyncResult *result, GError **error);

/* Reads the key `registry_credentials`: HOST=SECRET, parted by commas, semicolons or blanks, at most 256; SECRET is a name for
 * TholeHostOps.secret. Of two entries of one host the last counts.
 * Returns: (transfer full): host (char *) -> name of its secret (char *); NULL with THOLE_ERROR_INVALID, whose message does not
 * name the key and has nothing of @text in it */
GHashTable *thole_registry_credentials_parse (const char *text, GError **error);

G_END_DECLS
