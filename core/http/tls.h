/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TLS in front of a connection. What is behind it (the door, the HTTP library, WebSockets) reads and
 * writes a plain socket; the bytes are carried between both here. TLS 1.2 and 1.3 with authenticated
 * ciphers and forward secrecy only (RFC 9325 section 4).
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeTls TholeTls;

/* @certificate: a PEM file, the server's own first, then what signed it; @key: its PEM file.
 * @client_authority (nullable): a PEM file; a client must then show a certificate for clients that one
 * of these has signed. The files are read again when they have changed; while the new ones are wrong
 * the old ones stay in use, and a warning says so.
 * Returns: (transfer full); NULL with G_IO_ERROR when a file cannot be used */
TholeTls *thole_tls_new  (const char *certificate, const char *key, const char *client_authority, GError **error);
/* Sends what can be sent at once and closes what is left. */
void      thole_tls_free (TholeTls *self);

/* Begins TLS on @fd, which is taken in any case. The work is done in @context, at most 32 KiB of a
 * connection wait here. Returns: a non-blocking stream socket that the caller closes, or -1 with errno */
int       thole_tls_wrap (TholeTls *self, int fd, GMainContext *context);

/* Connections in either state of opening or closing, too. */
guint     thole_tls_count (const TholeTls *self);
