/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looks on while a tar archive goes by, to say whether it came to its end: an HTTP library may take a connection that broke between two
 * chunks for the end of the answer. Memory does not depend on the archive.
 */
#pragma once

#include <glib.h>

#define THOLE_TAR_WATCH_BLOCK 512
#define THOLE_TAR_WATCH_RECORDS 4096

typedef struct
{
  guint8 block[THOLE_TAR_WATCH_BLOCK];
  gsize filled;        /* of @block: a header that comes */
  guint64 left;        /* bytes of content, and what fills their last block, until the next header */
  GString *records;    /* (nullable): extended records that come, as far as they are looked at */
  guint64 records_left;
  gint64 size;         /* that they told of the next entry, -1 = none */
  guint zeros;         /* blocks of zeros in a row */
  gboolean ended, odd; /* odd: it is none that is known here, and is not judged */
} TholeTarWatch;

void     thole_tar_watch_init  (TholeTarWatch *self);
void     thole_tar_watch_clear (TholeTarWatch *self);
void     thole_tar_watch_feed  (TholeTarWatch *self, const guint8 *data, gsize length);
/* Nothing is known to be missing. */
gboolean thole_tar_watch_whole (const TholeTarWatch *self);
