/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Objects in the order of their ids, found by id. Ids rise with time, so adding is an append.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeCollection TholeCollection;

/* @id_of: the id of an object; stays the same as long as the object is in the collection */
TholeCollection *thole_collection_new    (const char *(*id_of) (gconstpointer object));
void             thole_collection_free   (TholeCollection *self);
void             thole_collection_add    (TholeCollection *self, gpointer object);
void             thole_collection_remove (TholeCollection *self, const char *id);
/* Returns: (transfer none) (nullable) */
gpointer         thole_collection_lookup (TholeCollection *self, const char *id);
guint            thole_collection_size   (TholeCollection *self);
gpointer         thole_collection_index  (TholeCollection *self, guint index);
/* The first index whose id is above @id ("" = 0). */
guint            thole_collection_after  (TholeCollection *self, const char *id);
