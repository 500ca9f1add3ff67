/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who a caller is. A principal is made once per credential and shared by its requests.
 */
#pragma once

#include "access/accounts.h"
#include "access/permission.h"
#include "access/token.h"

#include <sys/types.h>

typedef struct
{
  gint ref_count;
  char *name;        /* owner of what it makes: the id of a user, "uid:0", "bootstrap", "workload:ID" */
  gboolean admin;    /* may do everything and sees everything */
  char **grants;     /* (nullable): what its roles give */
  char **scopes;     /* (nullable): what its key is limited to */
  GHashTable *mates; /* (nullable): ids of users whose objects are as its own */
  char *credential;  /* (nullable): "peer", "bootstrap", "dev", "token JTI", "cookie JTI", "key ID", "workload" */
  uid_t uid;         /* of a "peer" */
  char *session;     /* (nullable): jti of the signed token that says so */
  gboolean cookie;   /* it came in a cookie, which a browser also sends for pages of others */
  gint64 expires_at; /* µs since the epoch, 0 = never */
  gboolean anonymous; /* without a credential */
  char *workload;    /* (nullable): id of the workload that it is a program of */
} TholePrincipal;

typedef struct _TholeIdentity TholeIdentity;

typedef struct
{
  const char *state_dir;    /* where keys are made that are missing */
  const char *token_keys;   /* file; NULL or "" = the systemd credential `token-keys`, else STATE_DIR/token-keys */
  gint64 token_life;        /* µs */
  gboolean development;     /* weak keys are only warned about */
} TholeIdentityOptions;

/* @token_file: STATE_DIR/bootstrap-token; made with mode 0600 when missing. Returns: (transfer full) */
TholeIdentity  *thole_identity_new   (const char *token_file, GError **error);
/* Lets users and keys in, too. While there is no user a set-up token is made and printed. @accounts and @clock stay valid. */
gboolean        thole_identity_open  (TholeIdentity *self, TholeAccounts *accounts, TholeClock *clock,
                                      const TholeIdentityOptions *options, GError **error);
void            thole_identity_free  (TholeIdentity *self);
/* May programs in @workload speak for it? @epoch (out): tokens of another one are not good. */
typedef gboolean (*TholeHelperFunc) (gpointer user_data, const char *workload, gint64 *epoch);
/* Lets programs inside workloads in. @find is asked at each request. */
void            thole_identity_let_helpers (TholeIdentity *self, TholeHelperFunc find, gpointer user_data);
/* Returns: (transfer full): the token of @workload; it follows from both and is kept nowhere. To be freed by thole_secret_free() */
char           *thole_identity_helper_token (TholeIdentity *self, const char *workload, gint64 epoch);
TholeAccounts  *thole_identity_accounts (TholeIdentity *self); /* (nullable) */
/* Another number after each change of the accounts: somebody may be somebody else since. */
guint           thole_identity_changes  (TholeIdentity *self);

/* The peer of a unix socket (SO_PEERCRED). root and the daemon's own uid are administrators; a user may have a uid. Others have
 * a name and no rights. Returns: (transfer full) */
TholePrincipal *thole_identity_peer  (TholeIdentity *self, uid_t uid);
/* A Bearer value: the bootstrap token while there is no user, an API key, a signed token, or that of a workload. Compared in constant time.
 * Returns: (transfer full) (nullable) */
TholePrincipal *thole_identity_token (TholeIdentity *self, const char *token);
/* The value of a cookie: a signed token made for one. Returns: (transfer full) (nullable) */
TholePrincipal *thole_identity_cookie (TholeIdentity *self, const char *token);
/* For development: the user of this id or e-mail address. Returns: (transfer full) (nullable) */
TholePrincipal *thole_identity_named  (TholeIdentity *self, const char *name);
/* Nobody, for what is public. Returns: (transfer full) */
TholePrincipal *thole_identity_anonymous (TholeIdentity *self);

/* Is this the set-up token? */
gboolean        thole_identity_is_setup  (TholeIdentity *self, const char *token);
/* Returns: (transfer full): a signed token for @user. @expires_at (out): µs since the epoch */
char           *thole_identity_issue     (TholeIdentity *self, TholeUser *user, gint64 *expires_at);
/* A token for the cookie of a browser that is who @principal is. The same sign-in goes on, unless @renew: then it is a new one.
 * Returns: (transfer full) (nullable): NULL when @principal has no credential that could be put there */
char           *thole_identity_issue_cookie (TholeIdentity *self, const TholePrincipal *principal, gboolean renew, gint64 *expires_at);
/* Of @user, as if it had just signed in. Returns: (transfer full) */
TholePrincipal *thole_identity_of_user   (TholeIdentity *self, TholeUser *user);
/* What a page must say besides, when it is who @principal is by a cookie: only pages of ours can read it. Returns: (transfer full)
 * (nullable): NULL when it is not by a cookie */
char           *thole_identity_csrf      (TholeIdentity *self, const TholePrincipal *principal);
gboolean        thole_identity_is_csrf   (TholeIdentity *self, const TholePrincipal *principal, const char *text, gsize length);
/* What @principal is now; NULL when its credential is good no more. Returns: (transfer full) (nullable) */
TholePrincipal *thole_identity_renew     (TholeIdentity *self, TholePrincipal *principal);
/* Adds to @edit that the token of @principal is taken back. FALSE: it has none. */
gboolean        thole_identity_revoke    (TholeIdentity *self, TholePrincipal *principal, TholeEdit *edit);
/* Sets digest and hint of @key. Returns: (transfer full): what it is; it is not kept */
char           *thole_identity_make_key  (TholeIdentity *self, TholeKey *key);

/* Returns: (transfer full): a copy that may do what needs one of @permissions, too: somebody else who decides (polkit) has said so */
TholePrincipal *thole_principal_granted (const TholePrincipal *principal, const char *const *permissions);
/* May both do and see the same, under the same name? */
gboolean        thole_principal_equal (const TholePrincipal *a, const TholePrincipal *b);
TholePrincipal *thole_principal_ref   (TholePrincipal *principal);
void            thole_principal_unref (TholePrincipal *principal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholePrincipal, thole_principal_unref)

/* May @principal do what needs @permission? The one place that decides. */
gboolean        thole_access_decide  (const TholePrincipal *principal, const char *permission);
/* May it see and change what belongs to @owner? */
gboolean        thole_access_owns    (const TholePrincipal *principal, const char *owner);
/* And what belongs to anybody? */
gboolean        thole_access_owns_all (const TholePrincipal *principal);
