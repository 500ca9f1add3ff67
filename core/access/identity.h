/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who a caller is. A principal is made once per credential and shared by its requests.
 */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct
{
  gint ref_count;
  char *name;        /* owner of what it makes: "uid:0", "bootstrap" */
  gboolean admin;    /* may do everything and sees everything */
} TholePrincipal;

typedef struct _TholeIdentity TholeIdentity;

/* @token_file: STATE_DIR/bootstrap-token; made with mode 0600 when missing. Returns: (transfer full) */
TholeIdentity  *thole_identity_new   (const char *token_file, GError **error);
void            thole_identity_free  (TholeIdentity *self);

/* The peer of a unix socket (SO_PEERCRED). root and the daemon's own uid are administrators. Others have
 * a name and no rights. Returns: (transfer full) */
TholePrincipal *thole_identity_peer  (TholeIdentity *self, uid_t uid);
/* A Bearer value, compared in constant time. Returns: (transfer full) (nullable) */
TholePrincipal *thole_identity_token (TholeIdentity *self, const char *token);

TholePrincipal *thole_principal_ref   (TholePrincipal *principal);
void            thole_principal_unref (TholePrincipal *principal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholePrincipal, thole_principal_unref)

/* May @principal do what needs @permission? The one place that decides. */
gboolean        thole_access_decide  (const TholePrincipal *principal, const char *permission);
