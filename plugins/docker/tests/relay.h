/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A socket in front of the engine's, which can go away as an engine does: a unix one, or TCP with TLS where the client needs a
 * certificate.
 */
#pragma once

#include <gio/gio.h>

typedef struct _Relay Relay;

Relay      *relay_new   (void);
/* NULL when the program openssl is missing, which makes the certificates. */
Relay      *relay_new_tls (void);
/* A file of a TLS relay: "ca.pem", "client.pem", "client.key", "other.pem", "other.key" (of another authority). (transfer full) */
char       *relay_file  (Relay *self, const char *name);
void        relay_free  (Relay *self);
const char *relay_url   (Relay *self);
/* Ends every connection; with @away new ones are refused until relay_back(). */
void        relay_cut   (Relay *self, gboolean away);
void        relay_back  (Relay *self);
/* How many connections there are. */
guint       relay_count (Relay *self);
