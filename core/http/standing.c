/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who follows something was let in by what it was then. Here it is looked whether that still holds.
 */
#include "http/server.h"

void
thole_standing_begin (TholeStanding *self, TholeRequest *request)
{
  self->principal = thole_principal_ref (request->call->principal);
  self->permission = request->def->permission;
  /* who it is was found out a while ago */
  self->looked = thole_identity_changes (request->http->options.identity) - 1;
}

void
thole_standing_clear (TholeStanding *self)
{
  g_clear_pointer (&self->principal, thole_principal_unref);
}

GError *
thole_standing_check (TholeStanding *self, TholeHttp *http)
{
  TholeIdentity *identity = http->options.identity;
  guint changes = thole_identity_changes (identity);
  g_autoptr (TholePrincipal) now = NULL;
  gboolean expired;

  if (self->principal == NULL)
    return NULL;
  expired = self->principal->expires_at != 0 && self->principal->expires_at <= thole_clock_now (http->options.clock);
  if (self->looked == changes && !expired)
    return NULL;
  self->looked = changes;
  now = thole_identity_renew (identity, self->principal);
  if (now == NULL)
    return g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAUTHENTICATED,
                                expired ? "the credential has expired" : "the credential was taken back");
  if (!thole_access_decide (now, self->permission))
    return g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FORBIDDEN, "the permission was taken away");
  if (!thole_principal_equal (now, self->principal))
    return g_error_new_literal (THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "what the caller may do or see has changed: connect again");
  return NULL;
}
