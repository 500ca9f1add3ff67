/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tar archives (thole-driver.h: files), read in parts of any size and written entry by entry. One implementation for the
 * daemon and its drivers.
 *
 * Read are POSIX ustar and what came before it, GNU's long names and large numbers, and of pax the path, linkpath, size, uid, gid
 * and mtime. Files with holes and archives in several volumes are refused: their content is not that of the file. Who reads
 * gives bytes as they come and gets entries and pieces of their content; a reader keeps one header and four names at
 * most, whatever the archive says.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define THOLE_TAR_BLOCK 512
/* bytes of a name, and of what a link leads to; longer ones are refused */
#define THOLE_TAR_NAME_MAX 65535

typedef enum
{
  THOLE_TAR_FILE = 'f',
  THOLE_TAR_FOLDER = 'd',
  THOLE_TAR_LINK = 'l',      /* symbolic */
  THOLE_TAR_HARD_LINK = 'h', /* a further name of an entry before it */
  THOLE_TAR_CHARACTER_DEVICE = 'c',
  THOLE_TAR_BLOCK_DEVICE = 'b',
  THOLE_TAR_PIPE = 'p',
  THOLE_TAR_OTHER = 'o',     /* of a kind that nobody told us of; it may have a content */
} TholeTarKind;

/* What is wrong with a name, if it is to stay in the folder that the archive is unpacked into. The reader refuses none of them. */
typedef enum
{
  THOLE_TAR_NAME_EMPTY = 1 << 0,
  THOLE_TAR_NAME_ABSOLUTE = 1 << 1, /* it begins with `/` */
  THOLE_TAR_NAME_CLIMBS = 1 << 2,   /* a part of it is `..` */
} TholeTarNameFlags;

/* To be written: zeroed, and what is known set. It never grows. */
typedef struct
{
  TholeTarKind kind;
  const char *name;   /* bytes as they stand in the archive, never NUL */
  const char *link;   /* of a link, symbolic or hard, else NULL */
  TholeTarNameFlags name_flags, link_flags; /* when read; of a symbolic link, whose way begins elsewhere, they are none of the folder */
  guint mode;         /* permissions, 07777 at most */
  gint64 uid, gid;    /* 0 to 4294967294 */
  guint64 size;       /* of the content that follows, 0 unless it is a FILE or OTHER */
  gint64 mtime;       /* seconds since 1970, may be negative; those further away than 2^55 come as that */
  guint major, minor; /* of a device */
} TholeTarEntry;

typedef enum
{
  THOLE_TAR_MORE,  /* all that was given is taken */
  THOLE_TAR_ENTRY, /* thole_tar_entry() is the next one */
  THOLE_TAR_DATA,  /* @piece is of its content */
  THOLE_TAR_END,   /* two blocks of zeros: what was not taken is no part of it */
  THOLE_TAR_BAD,   /* @error was set; nothing more is taken */
} TholeTarEvent;

/* Where the archive stands, asked when no more bytes come. */
typedef enum
{
  THOLE_TAR_WHOLE,   /* its end was seen */
  THOLE_TAR_UNENDED, /* what came is whole, without the two blocks of zeros: some programs leave them out, or one of them */
  THOLE_TAR_CUT,     /* in the middle of something, or it is bad */
} TholeTarState;

typedef struct _TholeTar TholeTar;

/* Returns: (transfer full) */
TholeTar            *thole_tar_new   (void);
void                 thole_tar_free  (TholeTar *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeTar, thole_tar_free)

/**
 * thole_tar_parse:
 * @data: (inout): where to go on, moved behind what is taken
 * @length: (inout): how many bytes there are from @data
 * @piece: (out): of DATA: a part of the content, within what was given
 * @piece_length: (out): its bytes, never 0
 *
 * Takes bytes until there is something to say. THOLE_ERROR_INVALID says what is wrong with an archive.
 */
TholeTarEvent        thole_tar_parse (TholeTar *self, const guint8 **data, gsize *length, const guint8 **piece, gsize *piece_length,
                                      GError **error);

/* Returns: (transfer none): the last entry, good until thole_tar_parse() is called after its content */
const TholeTarEntry *thole_tar_entry (const TholeTar *self);

/* Returns: bytes of the content of the entry that are still to come */
guint64              thole_tar_left  (const TholeTar *self);

/* The next @count bytes of the content, thole_tar_left() at most, are not given: whoever reads has gone over them in a file. */
void                 thole_tar_skip  (TholeTar *self, guint64 count);

TholeTarState        thole_tar_state (const TholeTar *self);

/* Appends what stands before the content of @entry; long names and large numbers in GNU's way. The name of a folder gets its `/`. */
void                 thole_tar_append_entry   (GByteArray *out, const TholeTarEntry *entry);
/* Appends what stands behind a content of @size bytes. */
void                 thole_tar_append_padding (GByteArray *out, guint64 size);
/* Appends @entry with its content, which @entry->size bytes of @data are (of a FILE; others have none). For what is small: an array
 * holds less than 4 GiB. */
void                 thole_tar_append_file    (GByteArray *out, const TholeTarEntry *entry, gconstpointer data);
/* Appends the end of an archive. */
void                 thole_tar_append_end     (GByteArray *out);

G_END_DECLS
