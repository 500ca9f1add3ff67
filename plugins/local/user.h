/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <glib.h>

/* Who a sandbox's programs take themselves for. */
typedef struct
{
  guint32 uid, gid;
  char *name, *home;
} LocalUser;

/* @text: "" (one of the sandbox's own), a name of @passwd (the text of such a file), a number, or one of them with `:GROUP`, a number.
 * Returns: (transfer full): NULL with INVALID */
LocalUser *local_user_find (const char *text, const char *passwd, GError **error);
void       local_user_free (LocalUser *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LocalUser, local_user_free)
