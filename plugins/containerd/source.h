/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where bytes come from and go to, in a thread that may wait.
 */
#pragma once

#include <glib.h>

/* Reads at most @size bytes. Returns: how many, 0 = the end, -1 = failed. */
typedef gssize   (*CtrSource) (gpointer user_data, void *buffer, gsize size, GError **error);
/* Writes all of @data. */
typedef gboolean (*CtrSink)   (gpointer user_data, const void *data, gsize size, GError **error);
