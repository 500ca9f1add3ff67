/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a daemon keeps and this library shows: the base of #TholeWorkload and #TholeSession.
 * Properties are told by `notify` when the daemon tells that they changed.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * THOLE_TYPE_OBJECT:
 *
 * The type of #TholeObject.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_OBJECT (thole_object_get_type ())
G_DECLARE_DERIVABLE_TYPE (TholeObject, thole_object, THOLE, OBJECT, GObject)

/**
 * TholeObject:
 *
 * An object of the daemon. The same one is always the same #TholeObject for one #TholeClient, as long as anybody holds it.
 *
 * Since: 1.0
 */

/**
 * TholeObjectClass:
 *
 * Not for subclasses outside of the library.
 *
 * Since: 1.0
 */
struct _TholeObjectClass
{
  /*< private >*/
  GObjectClass parent_class;
  gpointer reserved[8];
};

/**
 * TholeObject:client:
 *
 * The way to its daemon.
 *
 * Since: 1.0
 */

/**
 * TholeObject:id:
 *
 * The identity, which is never used again.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_id:
 * @self: a #TholeObject
 *
 * See #TholeObject:id.
 *
 * Returns: the identity, which is never used again
 *
 * Since: 1.0
 */
const char *thole_object_get_id (TholeObject *self);

/**
 * TholeObject:name:
 *
 * The name, unique per owner.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_name:
 * @self: a #TholeObject
 *
 * See #TholeObject:name.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_object_get_name (TholeObject *self);

/**
 * TholeObject:owner:
 *
 * Who it belongs to.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_owner:
 * @self: a #TholeObject
 *
 * See #TholeObject:owner.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_object_get_owner (TholeObject *self);

/**
 * TholeObject:state:
 *
 * A word such as `running`.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_state:
 * @self: a #TholeObject
 *
 * See #TholeObject:state.
 *
 * Returns: (nullable): a word such as `running`
 *
 * Since: 1.0
 */
const char *thole_object_get_state (TholeObject *self);

/**
 * TholeObject:revision:
 *
 * Counts all changes.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_revision:
 * @self: a #TholeObject
 *
 * See #TholeObject:revision.
 *
 * Returns: counts all changes
 *
 * Since: 1.0
 */
gint64 thole_object_get_revision (TholeObject *self);

/**
 * TholeObject:gone:
 *
 * Whether the daemon has it no longer.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_gone:
 * @self: a #TholeObject
 *
 * See #TholeObject:gone.
 *
 * Returns: whether the daemon has it no longer
 *
 * Since: 1.0
 */
gboolean thole_object_get_gone (TholeObject *self);

/**
 * TholeObject:fields:
 *
 * All fields as the daemon tells them, `a{sv}`.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_fields:
 * @self: a #TholeObject
 *
 * See #TholeObject:fields.
 *
 * Returns: (transfer none): all fields as the daemon tells them, `a{sv}`
 *
 * Since: 1.0
 */
GVariant *thole_object_get_fields (TholeObject *self);

/**
 * TholeObject:created-at:
 *
 * A time.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_created_at:
 * @self: a #TholeObject
 *
 * See #TholeObject:created-at.
 *
 * Returns: (transfer full) (nullable): a time
 *
 * Since: 1.0
 */
GDateTime *thole_object_get_created_at (TholeObject *self);

/**
 * TholeObject:updated-at:
 *
 * A time.
 *
 * Since: 1.0
 */

/**
 * thole_object_get_updated_at:
 * @self: a #TholeObject
 *
 * See #TholeObject:updated-at.
 *
 * Returns: (transfer full) (nullable): a time
 *
 * Since: 1.0
 */
GDateTime *thole_object_get_updated_at (TholeObject *self);

/**
 * thole_object_get_field:
 * @self: a #TholeObject
 * @name: a name as over HTTP
 *
 * Reads one field.
 *
 * Returns: (transfer full) (nullable): its value; %NULL when there is none or it is null
 *
 * Since: 1.0
 */
GVariant *thole_object_get_field (TholeObject *self, const char *name);

G_END_DECLS
