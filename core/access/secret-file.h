/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A small file that only we may read: tokens and keys.
 */
#pragma once

#include <gio/gio.h>

#define THOLE_SECRET_FILE_MAX 8192

/* Refuses what others may read (a credential of the service may be open to its group, which systemd makes its user by an
 * ACL), what is not a file, and what is too large. Returns: (transfer full) (nullable): its text, to be
 * freed with thole_secret_free(); NULL with @error unset when there is no such file */
char    *thole_secret_file_read (const char *file, GError **error);
/* Makes it with mode 0600 beside its place and links it there, so that nobody ever sees half of it, and of two daemons one wins.
 * It is no fault when it is there already. */
gboolean thole_secret_file_make (const char *file, const char *text, GError **error);
/* Reads it, after making it of @make() when it is missing. */
char    *thole_secret_file_have (const char *file, char *(*make) (void), GError **error);

/* Returns: (transfer full): where the secret @name is: among the credentials of the service when it was given there, else in
 * @folder */
char    *thole_secret_file_place (const char *folder, const char *name);
/* A key of @size bytes (16 to 64) of the text in the credential @name or in @folder/@name, which is made when it is missing. */
gboolean thole_secret_file_key  (const char *folder, const char *name, guchar *key, gsize size, GError **error);

/* Returns: (transfer full): @bytes random bytes, at most 64, as base64url */
char    *thole_secret_random    (gsize bytes);
/* Wipes and frees. */
void     thole_secret_free      (char *text);
