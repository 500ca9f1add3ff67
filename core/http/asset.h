/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The files of the web console (web/), which are part of the program.
 */
#pragma once

#include <glib.h>

typedef struct
{
  const char *path; /* "/" or "/assets/..." */
  const char *type; /* media type */
  const char *etag; /* of the content, without quotes */
  gsize length;
  const char *data;
} TholeAsset;

/* Sorted by path; made by web/embed.py. */
extern const TholeAsset thole_assets[];
extern const guint thole_n_assets;

/* Returns: (nullable) (transfer none) */
const TholeAsset *thole_asset_find (const char *path);
