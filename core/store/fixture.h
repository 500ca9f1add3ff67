/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For the tests of store and events: a store in a directory of its own, and transactions that are waited for.
 */
#pragma once

#include "store/db.h"

#include "records.h"

typedef struct
{
  char *dir;
  char *path; /* of the store's file */
  char *uri;
  TholeDb *db;
} TholeFixture;

/* @uri: NULL = a file in a new directory. The store is opened. */
TholeFixture  *thole_fixture_new    (const char *uri, guint flags);
/* Closes the store when it is open, removes the directory. */
void           thole_fixture_free   (TholeFixture *self);
void           thole_fixture_reopen (TholeFixture *self);
/* Removes @path with all that is in it. */
void           thole_fixture_erase  (const char *path);

TholeWorkload *thole_fixture_workload (const char *id, const char *owner, const char *name);
TholeEvent    *thole_fixture_event    (const char *type, const char *subject, const char *owner);
/* Commits @txn and runs the main context until it is answered. Returns: (transfer full): NULL = done */
GError        *thole_fixture_commit   (TholeFixture *self, TholeTxn *txn);
/* Runs the main context until @*flag. Fails the test after 60 s. */
void           thole_fixture_await    (const gboolean *flag);
