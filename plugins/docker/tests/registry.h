/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Debian's docker-registry on loopback, and a wire to it that can be slow.
 */
#pragma once

#include <gio/gio.h>

typedef struct _Registry Registry;

/* NULL when docker-registry is not installed. @locked: it wants "tester" and "secret". */
Registry   *registry_start   (gboolean locked);
void        registry_stop    (Registry *self);

/* Makes the image @name of @megabytes that do not compress, pushes it and forgets it at the engine. */
void        registry_push    (Registry *self, const char *name, guint megabytes);

/* "127.0.0.1:PORT/@name"; @slow: through the wire that lets one megabyte a second pass. (transfer full) */
char       *registry_name    (Registry *self, const char *name, gboolean slow);
const char *registry_address (Registry *self);
