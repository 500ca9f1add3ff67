/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Numbered changes of the store's schema. One that was applied is never edited: its checksum is in the store.
 */
#pragma once

#include <sqlite3.h>

#include "base/clock.h"

typedef struct
{
  guint version;      /* dense, from 1 */
  const char *name;
  const char *up;
  const char *down;
} TholeMigration;

/* Those of core/store/sql, in their order. */
extern const TholeMigration thole_migrations[];
extern const guint thole_n_migrations;

/* Brings the schema of @handle, the store at @path, to @target (0 = nothing at all), each step in a transaction of its
 * own. Fails with UNSUPPORTED when the store was written by a newer program, with CONFLICT when an applied migration
 * is not the one that this program has, and else with STORAGE or STORAGE_FULL. */
gboolean thole_migrate (sqlite3 *handle, const char *path, TholeClock *clock, const TholeMigration *migrations,
                        guint n_migrations, guint target, GError **error);

/* Would thole_migrate() take it? Changes nothing; fails as that does. */
gboolean thole_migrate_check (sqlite3 *handle, const char *path, const TholeMigration *migrations, guint n_migrations,
                              GError **error);
