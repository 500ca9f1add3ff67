/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What stays behind when something is done again and again.
 */
#pragma once

#include "kit.h"

/* One turn; FALSE when it cannot go on. */
typedef gboolean (*KitTurn) (Kit *kit, gpointer data);

/* Does @turn in rounds of @turns. A fault when each of many rounds leaves more memory behind than the one before it, or files open. */
void  kit_check_leaks (Kit *kit, const char *what, guint turns, KitTurn turn, gpointer data);
gsize kit_memory (void);
guint kit_files  (void);
gboolean kit_sanitized (void);
/* TRUE when a leak sanitizer is there and has found something. */
gboolean kit_sanitizer_finds (void);
