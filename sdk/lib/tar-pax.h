/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What stands before an entry and says more about it, for thole-tar.h: records of pax, taken byte by byte, so that nobody
 * keeps those that we do not want.
 */
#pragma once

#include "thole-tar.h"

/* of one such header */
#define TAR_PAX_MAX (1024 * 1024)
#define TAR_TIME_MAX (G_GINT64_CONSTANT (1) << 55) /* seconds */

/* of the next entry; has_... = it was told */
typedef struct
{
  char *name, *link; /* (nullable) */
  gboolean has_size, has_uid, has_gid, has_mtime;
  gint64 size, uid, gid, mtime;
} TarSaid;

void     tar_said_clear (TarSaid *self);

typedef struct
{
  guint state, digits, key_length;
  gsize length, left; /* of the record, and of it to come */
  char key[32];
  gboolean global;
  GString *value;     /* (nullable) */
} TarPax;

/* @global: it is said of all entries, of which only times and owners may be, and we do not take those */
void     tar_pax_begin (TarPax *self, gboolean global);
/* @after: bytes of the header that come behind @data. */
gboolean tar_pax_feed  (TarPax *self, const guint8 *data, gsize length, guint64 after, TarSaid *said, GError **error);
/* Returns: whether the last record is whole */
gboolean tar_pax_end   (const TarPax *self, GError **error);
void     tar_pax_clear (TarPax *self);

/* Returns: FALSE */
gboolean tar_refuse    (GError **error, const char *why);
