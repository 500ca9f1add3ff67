/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/identity.h"

#include <string.h>

static gboolean
gives (char **grants, const char *permission)
{
  for (guint i = 0; grants != NULL && grants[i] != NULL; i++)
    if (thole_permission_matches (grants[i], permission))
      return TRUE;
  return FALSE;
}

/* administrators may do everything; all else is denied unless granted */
gboolean
thole_access_decide (const TholePrincipal *principal, const char *permission)
{
  if (principal == NULL)
    return FALSE;
  if (strcmp (permission, THOLE_PERMISSION_PUBLIC) == 0)
    return TRUE;
  if (principal->anonymous)
    return FALSE;
  /* who speaks for a workload may do nothing else, and nobody else may do that */
  if (principal->workload != NULL || strcmp (permission, THOLE_PERMISSION_HELPER) == 0)
    return strcmp (permission, THOLE_PERMISSION_HELPER) == 0 && (principal->workload != NULL || principal->admin);
  if (principal->admin || strcmp (permission, THOLE_PERMISSION_SELF) == 0)
    return TRUE;
  return gives (principal->grants, permission) && (principal->scopes == NULL || gives (principal->scopes, permission));
}

/* a scope narrows what a key may do, not whose objects it works on */
gboolean
thole_access_owns_all (const TholePrincipal *principal)
{
  return principal->admin || gives (principal->grants, THOLE_PERMISSION_ANY_OWNER);
}

gboolean
thole_access_owns (const TholePrincipal *principal, const char *owner)
{
  return strcmp (principal->name, owner) == 0 || (principal->mates != NULL && g_hash_table_contains (principal->mates, owner))
         || thole_access_owns_all (principal);
}
