/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <glib.h>

/* in the state folder, a link to the newest copy, and where sandboxes see it */
#define LOCAL_ETC "etc"
#define LOCAL_ETC_INSIDE "/.thole/etc"

/* NULL-terminated: what programs look up in /etc, and nothing of what the machine keeps to itself */
extern const char *const local_etc_names[];

/* Is the copy in @folder newer than what changes when packages do? */
gboolean local_etc_is_fresh (const char *folder);
/* Copies them into a new folder, to which @folder/etc then leads; those before stay, for a sandbox may look at one. */
gboolean local_etc_copy (const char *folder, GError **error);
/* Removes copies that were replaced a while ago: not while a sandbox runs. */
void     local_etc_sweep (const char *folder);
