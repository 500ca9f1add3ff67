/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads a tar archive (ustar, pax, GNU's long names) entry by entry as it comes, in bounded memory. It is of strangers: every number
 * and length is checked. Pure.
 */
#pragma once

#include "source.h"

typedef struct
{
  char kind;              /* '0' file, '1' hard link, '2' link, '3' '4' devices, '5' folder, '6' pipe */
  const char *name, *link; /* as they stand in the archive; until the next entry */
  guint mode;             /* permissions only */
  guint32 uid, gid;
  gint64 mtime;           /* seconds */
  guint64 size;           /* of a file's content, else 0 */
} CtrTarEntry;

typedef struct _CtrTarReader CtrTarReader;

CtrTarReader *ctr_tar_reader_new  (CtrSource source, gpointer user_data);
void          ctr_tar_reader_free (CtrTarReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrTarReader, ctr_tar_reader_free)

/* Goes on to the next entry; what was not read of the one before is skipped.
 * Returns: 1 = here it is, 0 = the archive's end, -1 = failed: THOLE_ERROR_INVALID, or what the source said */
int           ctr_tar_reader_next (CtrTarReader *self, CtrTarEntry *entry, GError **error);
/* The content of the entry. Returns: as CtrSource */
gssize        ctr_tar_reader_read (CtrTarReader *self, void *buffer, gsize size, GError **error);
