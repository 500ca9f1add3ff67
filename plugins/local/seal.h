/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * By what a plan is known to be whole, with the files beside it, when the machine went off before all of it was on the disk.
 */
#pragma once

#include <glib.h>

/* the first line of a plan that has a seal */
#define LOCAL_SEALED "sealed=1"

/* Ends @plan by digests: of each of @files (nullable; name -> GBytes), and of all of it. */
void     local_seal_add    (GByteArray *plan, GHashTable *files);
/* The length of @plan without the digest of all of it. */
gsize    local_seal_begins (const char *plan, gsize length);
/* Is @plan whole? */
gboolean local_seal_intact (const char *plan, gsize length);
/* Is the plan in @folder known not to be whole, or a file that it tells? What cannot be read now, though it is there, is not: it may well
 * be whole. In any thread. */
gboolean local_seal_broken (const char *folder);
