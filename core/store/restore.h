/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A back-up takes the place of the store, before the daemon opens it.
 */
#pragma once

#include "base/clock.h"

/* Copies the back-up @file, checks the copy thoroughly, brings it to the schema of this program, and only then puts it at the place
 * of @uri. Events are not taken over: their numbers would be given twice; they go on far above all that was ever given.
 * @over: also in place of a store that is there; that one is kept beside it. Otherwise it fails with EXISTS.
 * @aside: (out): (transfer full) (nullable): where the store before is kept */
gboolean thole_store_restore (const char *file, const char *uri, gboolean over, TholeClock *clock, char **aside,
                              GError **error);
