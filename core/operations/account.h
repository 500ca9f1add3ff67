/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the operations about users and keys share.
 */
#pragma once

#include "operations/page-reply.h"

/* Otherwise answers that there are none, and returns NULL. */
TholeAccounts *thole_call_accounts  (TholeCall *call);
/* The user that the call names, by id or e-mail address; otherwise answers not_found and returns NULL. */
TholeUser     *thole_call_user      (TholeCall *call);
/* The user who calls; otherwise answers that the credential is not one of a user, and returns NULL. */
TholeUser     *thole_call_self      (TholeCall *call);

/* Does the If-Match of the call forbid a change of what has @revision? Then it has answered. */
gboolean       thole_call_outdated  (TholeCall *call, gint64 revision);

/* Commits @edit (transfer full) and answers with @status and @record (transfer full, nullable). */
void           thole_call_edit      (TholeCall *call, TholeEdit *edit, guint status, gpointer record);

/* Calls @then with the hash of @password; when it cannot be had the call has been answered. */
typedef void (*TholeHashed) (TholeCall *call, char *hash /* transfer full */);
void           thole_call_hash      (TholeCall *call, const char *password, TholeHashed then);
/* Counts a guess at the secret of @account; FALSE: there were too many wrong ones, and the call has been answered. */
gboolean       thole_call_may_guess (TholeCall *call, const char *account);
/* Calls @then when @password is that of @user (NULL = nobody); else answers unauthenticated, always alike. @account is what was
 * asked for, whether or not it exists. */
void           thole_call_verify    (TholeCall *call, const char *password, const char *account, TholeUser *user,
                                     void (*then) (TholeCall *call));

/* Ends the call with a new token for @user, in a cookie when the body asks for one. */
void           thole_call_signed_in (TholeCall *call, guint status, TholeUser *user);
/* Ends it with a cookie for @principal, see thole_identity_issue_cookie(). */
void           thole_call_cookie    (TholeCall *call, guint status, const TholePrincipal *principal, gboolean renew);

/* Adds to @problem what is wrong with names of roles, and which of them the caller may not give since it has not their permissions. */
void           thole_check_roles    (TholeCall *call, char **roles, const char *pointer, TholeProblem *problem);

/* The same of groups and of permissions. */
void           thole_check_groups   (TholeCall *call, char **groups, const char *pointer, TholeProblem *problem);
void           thole_check_permissions (TholeCall *call, char **permissions, const char *pointer, TholeProblem *problem);

/* For changes: is @key in the body? */
gboolean       thole_body_has       (TholeCall *call, const char *key);
/* Takes a list of names of the body over into @member, when it is there. */
void           thole_body_names     (TholeCall *call, const char *key, char **member);

/* A page of all records of @type that @shown (nullable) lets through. */
void           thole_account_page   (TholeCall *call, const TholeRecordType *type, gboolean (*shown) (TholeCall *call, gpointer record));
