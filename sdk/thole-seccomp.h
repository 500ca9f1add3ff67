/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The system calls that a program in a container or a sandbox may make by default.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* @capabilities (nullable): each brings the calls that it is for; with or without "CAP_".
 * Returns: (transfer full): the JSON of `linux.seccomp` of an OCI runtime spec */
char *thole_seccomp_profile (const char *const *capabilities);

G_END_DECLS
