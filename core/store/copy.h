/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A store copied to one file of its own, as it was at one moment, and checked.
 */
#pragma once

#include "store/db.h"

typedef struct
{
  const char *from;   /* a store, perhaps one that is written meanwhile */
  gboolean at_rest;   /* nobody writes it, and nothing may be made beside it */
  const char *to;     /* is not there yet; what is there when it fails is removed */
  gboolean thorough;  /* as for thole_store_examine() */
  TholeCopyProgress progress; /* (nullable): called in this thread */
  gpointer user_data;
  GCancellable *cancellable;  /* (nullable) */
} TholeCopy;

/* Blocks. Writers of @from do not wait for it; its WAL grows meanwhile. The copy is mode 0600, needs no WAL beside it, and
 * is on the disk when this returns. */
gboolean thole_store_copy (const TholeCopy *copy, GError **error);

/* thole_store_copy() to a file beside @path, which it then becomes. Fails with EXISTS unless @over. */
gboolean thole_store_backup (const TholeCopy *copy, const char *path, gboolean over, GError **error);

/* Makes the names in the folder of @path last. */
gboolean thole_store_sync_folder (const char *path, GError **error);
