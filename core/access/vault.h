/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Seals what the store must not know: XChaCha20-Poly1305 with a key that is never in the store.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeVault TholeVault;

/* The systemd credential `secret-key`, else @state_dir/secret-key, which is made: a line is a key; the first seals, a second one
 * only opens, so that the key can be replaced. Returns: (transfer full) */
TholeVault *thole_vault_new     (const char *state_dir, GError **error);
void        thole_vault_free    (TholeVault *self);

/* @context: what it belongs to; it can be opened for that only. Returns: (transfer full) */
char       *thole_vault_seal    (TholeVault *self, const char *context, const char *text);
/* @stale: (out) (optional): it was sealed with the second key. Returns: (transfer full) (nullable): to be freed with
 * thole_secret_free(); NULL when it was not sealed by us for @context */
char       *thole_vault_open    (TholeVault *self, const char *context, const char *sealed, gboolean *stale);
