/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The keyring of the desktop, by the interface that libsecret and KWallet speak (org.freedesktop.secrets on the session bus). When
 * none runs, or it is locked, it is as if there were none: nobody is asked and nothing is started.
 */
#pragma once

#include <glib.h>

/* FALSE: there is no keyring that takes it. */
gboolean cli_keyring_store  (const char *context, const char *secret);
/* Returns: (transfer full) (nullable) */
char    *cli_keyring_lookup (const char *context);
void     cli_keyring_clear  (const char *context);
