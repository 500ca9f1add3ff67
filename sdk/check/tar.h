/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <gio/gio.h>

/* An archive with one file. Returns: (transfer full) */
GInputStream *kit_tar (const char *name, const char *content, gsize length);
/* The content of the first plain file in @bytes. Returns: (transfer full) (nullable) */
GBytes       *kit_untar (const GByteArray *bytes);
