/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the fields of a header of tar are, for thole-tar.h.
 */
#pragma once

#include "thole-tar.h"

enum
{
  AT_NAME = 0,
  AT_MODE = 100,
  AT_UID = 108,
  AT_GID = 116,
  AT_SIZE = 124,
  AT_MTIME = 136,
  AT_CHECKSUM = 148,
  AT_TYPE = 156,
  AT_LINK = 157,
  AT_MAGIC = 257,
  AT_MAJOR = 329,
  AT_MINOR = 337,
  AT_PREFIX = 345,
};

#define NAME_WIDTH 100
#define PREFIX_WIDTH 155

/* its own field counts as blanks */
static inline gint64
tar_checksum (const guint8 *header)
{
  gint64 sum = 0;

  for (guint i = 0; i < THOLE_TAR_BLOCK; i++)
    sum += i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : header[i];
  return sum;
}
