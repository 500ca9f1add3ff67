/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opaque cursors of lists: which list, and the last id that a page gave.
 */
#pragma once

#include <glib.h>

/* @kind: the list, "workload"; no filter is in it, a caller gives the same filter again. Returns: (transfer full) */
char *thole_page_encode (const char *kind, const char *last_id);

/* Returns: (transfer full) (nullable): the last id, NULL when @cursor is none of this list */
char *thole_page_decode (const char *kind, const char *cursor);
