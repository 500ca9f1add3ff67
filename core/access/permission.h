/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Permissions are NOUN.VERB. What grants them may say `*` for a noun, a verb or both.
 */
#pragma once

#include <glib.h>

/* What an operation may ask for besides: */
#define THOLE_PERMISSION_PUBLIC "public" /* nothing, not even a credential */
#define THOLE_PERMISSION_SELF "self"     /* any credential: it is about the caller alone */
#define THOLE_PERMISSION_HELPER "helper" /* the token of a workload, about that workload alone; administrators may, too */
#define THOLE_PERMISSION_ANY_OWNER "owner.any" /* acts on the objects of every owner */

/* "*", "NOUN.*", "*.VERB" or "NOUN.VERB" in small letters? */
gboolean thole_permission_valid   (const char *grant);
/* Is @permission one of what @grant gives? */
gboolean thole_permission_matches (const char *grant, const char *permission);

/* A role that is always there. */
typedef struct
{
  const char *name, *doc;
  const char *const *permissions;
} TholeBuiltinRole;

extern const TholeBuiltinRole thole_builtin_roles[]; /* ends with a NULL name */
