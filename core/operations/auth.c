/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

#include "operations/trail.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

/* the first user ----------------------------------------------------------------------------------------- */

static void
set_up (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;

  if (error != NULL && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_QUOTA_EXCEEDED))
    thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the set-up token is not good");
  else if (error != NULL)
    thole_call_error (call, error);
  else
    thole_call_signed_in (call, 201, call->state);
}

static void
set_up_hashed (TholeCall *call, char *hash)
{
  TholeAccounts *accounts = thole_identity_accounts (call->operations->identity);
  TholeUser *user = thole_record_new (&thole_user_type);
  g_autofree char *email = g_ascii_strdown (thole_dict_string (call->body, "email", ""), -1);
  char *id = thole_id_new (call->operations->clock, thole_user_type.prefix);
  TholeLimit nobody = { .type = &thole_user_type, .column = "disabled", .value = "0", .asked = 1, .limit = 1 };
  TholeEdit *edit;

  thole_record_set (&user->id, id);
  thole_record_set (&user->email, email);
  thole_record_set (&user->roles, "[\"admin\"]");
  thole_record_set (&user->groups, "[]");
  g_free (user->password);
  user->password = hash;
  user->revision = 1;
  user->created_at = user->updated_at = thole_clock_now (call->operations->clock);
  g_free (id);
  call->state = user;
  call->state_free = thole_record_unref;
  /* two with the same token: whoever was hashed first */
  if (thole_accounts_count (accounts, &thole_user_type) > 0)
    {
      thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the set-up token is not good");
      return;
    }
  edit = thole_edit_new (accounts);
  thole_txn_limit (thole_edit_txn (edit), &nobody);
  thole_edit_add (edit, user);
  thole_trail_add (call, thole_edit_txn (edit), user->email);
  thole_edit_commit (edit, set_up, call);
}

void
thole_op_auth_setup (TholeCall *call)
{
  if (thole_call_accounts (call) == NULL || !thole_call_may_guess (call, "setup"))
    return;
  if (thole_identity_is_setup (call->operations->identity, thole_dict_string (call->body, "token", "")))
    thole_call_hash (call, thole_dict_string (call->body, "password", ""), set_up_hashed);
  else
    thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the set-up token is not good");
}

/* signing in and out ------------------------------------------------------------------------------------- */

static void
signed_in (TholeCall *call)
{
  TholeUser *user = thole_accounts_lookup (thole_identity_accounts (call->operations->identity), &thole_user_type, call->state);

  /* it may have gone while the password was checked */
  if (user == NULL || user->disabled)
    thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the e-mail address or the password is wrong");
  else
    thole_call_signed_in (call, 200, user);
}

void
thole_op_auth_login (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  const char *email = thole_dict_string (call->body, "email", "");
  TholeUser *user = accounts != NULL && strchr (email, '@') != NULL ? thole_accounts_user (accounts, email) : NULL;

  if (accounts == NULL)
    return;
  call->state = g_strdup (user != NULL ? user->id : "");
  call->state_free = g_free;
  thole_call_verify (call, thole_dict_string (call->body, "password", ""), email, user, signed_in);
}

void
thole_op_auth_cookie (TholeCall *call)
{
  if (thole_call_accounts (call) != NULL)
    thole_call_cookie (call, 200, call->principal, FALSE);
}

static void
cookie_refreshed (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  TholePrincipal *principal = call->state;

  if (error != NULL)
    thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the token is not good");
  else
    thole_call_cookie (call, 200, principal, TRUE);
}

static void
refreshed (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  TholeUser *user = thole_accounts_lookup (thole_identity_accounts (call->operations->identity), &thole_user_type, call->state);

  if (error != NULL)
    thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the token is not good");
  else if (user == NULL || user->disabled)
    thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the token is not good");
  else
    thole_call_signed_in (call, 200, user);
}

/* the old one is taken back, so that of one sign-in there is one token at a time */
void
thole_op_auth_refresh (TholeCall *call)
{
  TholeIdentity *identity = call->operations->identity;
  TholeAccounts *accounts = thole_call_accounts (call);
  g_autoptr (TholePrincipal) principal = NULL;
  const char *token;
  TholeEdit *edit;

  if (accounts == NULL)
    return;
  token = thole_dict_string (call->body, "token", "");
  principal = token[0] != '\0' ? thole_identity_token (identity, token) : thole_principal_ref (call->principal);
  edit = thole_edit_new (accounts);
  if (principal == NULL || principal->cookie != (token[0] == '\0') || !thole_identity_revoke (identity, principal, edit))
    {
      thole_edit_free (edit);
      thole_call_fail (call, THOLE_ERROR_UNAUTHENTICATED, "the token is not good");
      return;
    }
  thole_trail_add (call, thole_edit_txn (edit), principal->name);
  if (principal->cookie)
    {
      call->state_free = (GDestroyNotify) thole_principal_unref;
      call->state = g_steal_pointer (&principal);
      thole_edit_commit (edit, cookie_refreshed, call);
      return;
    }
  call->state = g_strdup (principal->name);
  call->state_free = g_free;
  thole_edit_commit (edit, refreshed, call);
}

void
thole_op_auth_logout (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeEdit *edit;

  if (accounts == NULL)
    return;
  edit = thole_edit_new (accounts);
  if (thole_identity_revoke (call->operations->identity, call->principal, edit))
    {
      if (call->principal->cookie)
        call->reply.cookie = g_strdup ("");
      thole_call_edit (call, edit, 204, NULL);
      return;
    }
  thole_edit_free (edit);
  thole_call_fail (call, THOLE_ERROR_CONFLICT, "this credential is not a sign-in: %s",
                   call->principal->credential != NULL ? call->principal->credential : "none");
}

/* about oneself ------------------------------------------------------------------------------------------ */

static void
append_names (GString *json, const char *name, char **names)
{
  g_autofree char *array = thole_names_to_json (names);

  g_string_append_printf (json, ",\"%s\":%s", name, array);
}

void
thole_op_me_get (TholeCall *call)
{
  TholePrincipal *principal = call->principal;
  TholeIdentity *identity = call->operations->identity;
  TholeAccounts *accounts = identity != NULL ? thole_identity_accounts (identity) : NULL;
  TholeUser *user = accounts != NULL ? thole_accounts_lookup (accounts, &thole_user_type, principal->name) : NULL;
  char *all[] = { (char *) "*", NULL };
  g_autofree char *csrf = identity != NULL ? thole_identity_csrf (identity, principal) : NULL;
  char time[THOLE_TIME_LENGTH];
  GString *json = g_string_new ("{\"name\":");

  thole_json_append_string (json, principal->name);
  thole_json_member (json, "credential", principal->credential != NULL ? principal->credential : "");
  append_names (json, "permissions", principal->grants != NULL ? principal->grants : principal->admin ? all : NULL);
  append_names (json, "scopes", principal->scopes);
  if (principal->expires_at != 0)
    thole_json_member (json, "expires_at", thole_time_format (principal->expires_at, time));
  if (csrf != NULL)
    thole_json_member (json, "csrf_token", csrf);
  g_string_append (json, ",\"user\":");
  if (user != NULL)
    g_string_append_len (json, g_bytes_get_data (thole_record_json (user), NULL), (gssize) g_bytes_get_size (thole_record_json (user)));
  else
    g_string_append (json, "null");
  g_string_append_c (json, '}');
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

static void
password_hashed (TholeCall *call, char *hash)
{
  TholeUser *user = thole_call_self (call);
  TholeUser *next;
  TholeEdit *edit;

  if (user == NULL)
    {
      g_free (hash);
      return;
    }
  next = thole_record_copy (user);
  g_free (next->password);
  next->password = hash;
  next->epoch++;
  next->updated_at = thole_clock_now (call->operations->clock);
  edit = thole_edit_new (thole_identity_accounts (call->operations->identity));
  thole_edit_replace (edit, next);
  thole_record_unref (next);
  thole_call_edit (call, edit, 204, NULL);
}

static void
old_verified (TholeCall *call)
{
  thole_call_hash (call, thole_dict_string (call->body, "new", ""), password_hashed);
}

/* ends all sign-ins, this one too */
void
thole_op_me_password (TholeCall *call)
{
  TholeUser *user = thole_call_self (call);

  if (user == NULL)
    return;
  /* a key that leaked must not become a password */
  if (call->principal->scopes != NULL || g_str_has_prefix (call->principal->credential, "key "))
    thole_call_fail (call, THOLE_ERROR_FORBIDDEN, "an API key cannot change the password");
  else
    thole_call_verify (call, thole_dict_string (call->body, "old", ""), user->email, user, old_verified);
}
