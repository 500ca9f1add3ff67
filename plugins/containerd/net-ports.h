/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ports of the machine, and subnets that nobody else has.
 */
#pragma once

#include <gio/gio.h>

/* `ports` of a spec, each with a `host` that is free, and bound by a descriptor in @held (of int) as long as it is given out, so that it
 * is nobody else's. Returns: (transfer full) (nullable): aa{sv}. Errors: CONFLICT, INVALID */
GVariant *ctr_ports_take (GVariant *ports, GArray *held, GError **error);
void      ctr_ports_give (GArray *held);

/* Is "10.1.2.0/24" one, with a prefix from 8 to 30? */
gboolean  ctr_subnet_valid  (const char *subnet);
/* Does an interface of this machine, other than @bridge, or a route have addresses of it? */
gboolean  ctr_subnet_taken  (const char *subnet, const char *bridge);
/* A free one of 256 addresses; the same for the same @seed, as long as it is free. Returns: (transfer full) */
char     *ctr_subnet_choose (const char *seed, const char *bridge);
