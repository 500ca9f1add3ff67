/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Passwords: argon2id, which is slow and large by intent, so it runs in a thread of its own behind a short queue.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholePasswords TholePasswords;

TholePasswords *thole_passwords_new  (void);
/* Waits for what runs. */
void            thole_passwords_free (TholePasswords *self);

/* Both answer in the thread-default main context of the caller; OVERLOADED when too many wait. */
void     thole_passwords_hash_async    (TholePasswords *self, const char *password, GAsyncReadyCallback callback, gpointer user_data);
/* Returns: (transfer full): what is to be stored */
char    *thole_passwords_hash_finish   (GAsyncResult *result, GError **error);
/* @hash: (nullable): NULL = there is no such user: takes as long, and is never right */
void     thole_passwords_verify_async  (TholePasswords *self, const char *password, const char *hash, GAsyncReadyCallback callback,
                                        gpointer user_data);
/* How often argon2id ran. */
guint    thole_passwords_hashed        (TholePasswords *self);
/* What is looked at when there is no such user. */
const char *thole_passwords_nobody     (void);
gboolean thole_passwords_verify_finish (GAsyncResult *result, gboolean *right, GError **error);
