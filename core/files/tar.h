/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tar archives, read in parts of any size: POSIX ustar, with the long names and large sizes of pax and of GNU. Only what an
 * archive is made of is kept: memory does not depend on its size.
 */
#pragma once

#include <glib.h>

#define THOLE_TAR_BLOCK 512

typedef enum
{
  THOLE_TAR_FILE = 'f',
  THOLE_TAR_FOLDER = 'd',
  THOLE_TAR_LINK = 'l',     /* symbolic */
  THOLE_TAR_HARD_LINK = 'h',
  THOLE_TAR_OTHER = 'o',    /* a device, a pipe */
} TholeTarKind;

typedef struct
{
  TholeTarKind kind;
  char *name;     /* as in the archive: bytes */
  char *link;     /* (nullable): of a link */
  guint mode;
  gint64 uid, gid;
  guint64 size;   /* of the content that follows */
  gint64 mtime;   /* seconds since the epoch */
} TholeTarEntry;

void thole_tar_entry_clear (TholeTarEntry *entry);

typedef enum
{
  THOLE_TAR_MORE,  /* all that was given is taken */
  THOLE_TAR_ENTRY, /* thole_tar_entry() is the next one */
  THOLE_TAR_DATA,  /* @piece is of its content */
  THOLE_TAR_END,
  THOLE_TAR_BAD,   /* @error was set */
} TholeTarEvent;

typedef struct _TholeTar TholeTar;

TholeTar            *thole_tar_new   (void);
void                 thole_tar_free  (TholeTar *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeTar, thole_tar_free)
/* Takes from @data and @length until there is something to say. @piece (out): within @data. */
TholeTarEvent        thole_tar_parse (TholeTar *self, const guint8 **data, gsize *length, const guint8 **piece, gsize *piece_length,
                                      GError **error);
const TholeTarEntry *thole_tar_entry (const TholeTar *self);
/* Bytes of content of the entry that are still to come. */
guint64              thole_tar_left  (const TholeTar *self);

/* The blocks before the content of @entry. */
void                 thole_tar_write (GByteArray *out, const TholeTarEntry *entry);
