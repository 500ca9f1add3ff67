/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/asset.h"

#include <stdlib.h>
#include <string.h>

static int
compare (const void *key, const void *member)
{
  return strcmp (key, ((const TholeAsset *) member)->path);
}

const TholeAsset *
thole_asset_find (const char *path)
{
  return bsearch (path, thole_assets, thole_n_assets, sizeof *thole_assets, compare);
}
