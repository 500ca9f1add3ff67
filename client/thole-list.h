/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All workloads or all sessions of a daemon, as a #GListModel that follows it.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * THOLE_TYPE_LIST:
 *
 * The type of #TholeList.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_LIST (thole_list_get_type ())
G_DECLARE_FINAL_TYPE (TholeList, thole_list, THOLE, LIST, GObject)

/**
 * TholeList:
 *
 * A #GListModel in the order of creation. It begins empty, fills and follows the daemon by its events as long as it lives, in the
 * main context of the thread that made it; its items tell by `notify` what changes of them.
 *
 * Since: 1.0
 */

/**
 * TholeList:current:
 *
 * Whether it shows what the daemon has; not before it is filled, nor while the daemon is away.
 *
 * Since: 1.0
 */

/**
 * thole_list_get_current:
 * @self: a #TholeList
 *
 * See #TholeList:current.
 *
 * Returns: whether it shows what the daemon has; not before it is filled, nor while the daemon is away
 *
 * Since: 1.0
 */
gboolean thole_list_get_current (TholeList *self);

/**
 * TholeList:error:
 *
 * Why it is not current.
 *
 * Since: 1.0
 */

/**
 * thole_list_get_error:
 * @self: a #TholeList
 *
 * See #TholeList:error.
 *
 * Returns: (transfer full) (nullable): why it is not current
 *
 * Since: 1.0
 */
GError *thole_list_get_error (TholeList *self);

/**
 * thole_list_find:
 * @self: a #TholeList
 * @id: an id
 *
 * Finds an item by its id.
 *
 * Returns: (transfer full) (type TholeObject) (nullable): the item
 *
 * Since: 1.0
 */
gpointer thole_list_find (TholeList *self, const char *id);

G_END_DECLS
