/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A unix socket in front of the engine's, which can go away as an engine does.
 */
#pragma once

#include <gio/gio.h>

typedef struct _Relay Relay;

Relay      *relay_new   (void);
void        relay_free  (Relay *self);
const char *relay_url   (Relay *self);
/* Ends every connection; with @away new ones are refused until relay_back(). */
void        relay_cut   (Relay *self, gboolean away);
void        relay_back  (Relay *self);
/* How many connections there are. */
guint       relay_count (Relay *self);
