/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/identity.h"

gboolean
thole_access_decide (const TholePrincipal *principal, const char *permission)
{
  /* administrators may do everything; all else is denied unless granted, and nobody else is granted anything */
  return principal != NULL && principal->admin;
}
