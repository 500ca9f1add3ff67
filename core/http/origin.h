/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whose page a request comes from. Browsers tell it with Origin and Sec-Fetch-Site; other programs send neither. Pure.
 */
#pragma once

#include "http/strict.h"

/* Is it a page that this very address served? @secure: the request came over TLS. */
gboolean thole_origin_is_own   (const TholeHead *head, gboolean secure);
/* Is Origin one of @origins (nullable)? "*" = any. */
gboolean thole_origin_is_named (const TholeHead *head, const char *const *origins);
/* Does a page, as opposed to a program, say where it comes from, and it is from elsewhere? */
gboolean thole_origin_is_alien (const TholeHead *head, gboolean secure);
/* Is the Host a name of this machine alone? Otherwise a page may have had its own name lead here. */
gboolean thole_host_is_local   (const TholeHead *head);
