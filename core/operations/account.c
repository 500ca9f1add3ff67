/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

#include "operations/trail.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

TholeAccounts *
thole_call_accounts (TholeCall *call)
{
  TholeIdentity *identity = call->operations->identity;
  TholeAccounts *accounts = identity != NULL ? thole_identity_accounts (identity) : NULL;

  if (accounts == NULL)
    thole_call_fail (call, THOLE_ERROR_UNSUPPORTED, "this daemon keeps no users");
  return accounts;
}

TholeUser *
thole_call_user (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeUser *user = accounts != NULL ? thole_accounts_user (accounts, call->target) : NULL;

  if (accounts != NULL && user == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no user %.128s", call->target);
  return user;
}

TholeUser *
thole_call_self (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeUser *user = accounts != NULL ? thole_accounts_lookup (accounts, &thole_user_type, call->principal->name) : NULL;

  if (accounts != NULL && user == NULL)
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is not a user", call->principal->name);
  return user;
}

gboolean
thole_call_outdated (TholeCall *call, gint64 revision)
{
  g_autofree char *now = g_strdup_printf ("%" G_GINT64_FORMAT, revision);

  if (call->if_match == NULL || strcmp (call->if_match, "*") == 0 || strcmp (call->if_match, now) == 0)
    return FALSE;
  thole_call_fail (call, THOLE_ERROR_PRECONDITION, "its revision is %s", now);
  return TRUE;
}

/* storing ------------------------------------------------------------------------------------------------ */

typedef struct
{
  TholeCall *call;
  guint status;
  gpointer record;
} Answer;

static void
stored (gpointer user_data, const GError *error)
{
  Answer *self = user_data;
  TholeCall *call = self->call;
  const TholeField *revision;

  if (error != NULL && strstr (error->message, "users_email") != NULL)
    thole_call_fail (call, THOLE_ERROR_EXISTS, "there is a user with this e-mail address already");
  else if (error != NULL && strstr (error->message, "users_uid") != NULL)
    thole_call_fail (call, THOLE_ERROR_EXISTS, "there is a user with this uid already");
  else if (error != NULL)
    thole_call_error (call, error);
  else
    {
      revision = self->record != NULL ? thole_record_field (((TholeRecord *) self->record)->type, "revision") : NULL;
      if (revision != NULL)
        call->reply.etag = g_strdup_printf ("%" G_GINT64_FORMAT, *(gint64 *) ((char *) self->record + revision->offset));
      thole_call_return (call, self->status, self->record != NULL ? g_bytes_ref (thole_record_json (self->record)) : NULL);
    }
  g_clear_pointer (&self->record, thole_record_unref);
  g_free (self);
}

void
thole_call_edit (TholeCall *call, TholeEdit *edit, guint status, gpointer record)
{
  Answer *answer = g_new0 (Answer, 1);

  answer->call = call;
  answer->status = status;
  answer->record = record;
  thole_trail_add (call, thole_edit_txn (edit), record != NULL ? thole_record_id (record) : NULL);
  thole_edit_commit (edit, stored, answer);
}

/* passwords ---------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeCall *call;
  TholeHashed hashed;
  void (*verified) (TholeCall *call);
  char *account;   /* (nullable): what was guessed at */
} PasswordWait;

static void
on_hashed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree PasswordWait *wait = user_data;
  g_autoptr (GError) error = NULL;
  char *hash = thole_passwords_hash_finish (result, &error);

  wait->call->operations->calls--;
  if (hash != NULL)
    wait->hashed (wait->call, hash);
  else
    thole_call_error (wait->call, error);
}

static void
on_verified (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree PasswordWait *wait = user_data;
  g_autoptr (GError) error = NULL;
  gboolean right = FALSE;

  wait->call->operations->calls--;
  if (!thole_passwords_verify_finish (result, &right, &error))
    thole_call_error (wait->call, error);
  else if (!right)
    thole_call_fail (wait->call, THOLE_ERROR_UNAUTHENTICATED, "the e-mail address or the password is wrong");
  else
    {
      if (wait->account != NULL)
        thole_rates_right (wait->call->operations->rates, wait->call->address, wait->account);
      wait->verified (wait->call);
    }
  g_free (wait->account);
}

static PasswordWait *
wait_new (TholeCall *call)
{
  PasswordWait *wait = g_new0 (PasswordWait, 1);

  wait->call = call;
  call->operations->calls++;
  return wait;
}

static TholePasswords *
passwords_of (TholeCall *call)
{
  return thole_accounts_passwords (thole_identity_accounts (call->operations->identity));
}

void
thole_call_hash (TholeCall *call, const char *password, TholeHashed then)
{
  PasswordWait *wait = wait_new (call);

  wait->hashed = then;
  thole_passwords_hash_async (passwords_of (call), password, on_hashed, wait);
}

gboolean
thole_call_may_guess (TholeCall *call, const char *account)
{
  TholeRates *rates = call->operations->rates;
  TholeProblem *problem;
  double seconds;

  if (rates == NULL || thole_rates_is_local (call->principal))
    return TRUE;
  seconds = thole_rates_attempt (rates, call->address, account);
  if (seconds <= 0)
    return TRUE;
  problem = thole_problem_new (THOLE_ERROR_RATE_LIMITED, "too many wrong attempts; wait a while");
  problem->retry_after = seconds;
  thole_call_problem (call, problem);
  return FALSE;
}

void
thole_call_verify (TholeCall *call, const char *password, const char *account, TholeUser *user, void (*then) (TholeCall *call))
{
  PasswordWait *wait;

  if (!thole_call_may_guess (call, account))
    return;
  wait = wait_new (call);
  wait->account = call->operations->rates != NULL ? g_strdup (account) : NULL;
  wait->verified = then;
  thole_passwords_verify_async (passwords_of (call), password, user != NULL && !user->disabled ? user->password : NULL,
                                on_verified, wait);
}

/* the last members of an answer that begins to tell of a sign-in */
static void
append_sign_in (GString *json, gint64 expires_at, TholeUser *user)
{
  char time[THOLE_TIME_LENGTH];

  g_string_append_printf (json, ",\"expires_at\":\"%s\",\"user\":", thole_time_format (expires_at, time));
  if (user != NULL)
    g_string_append_len (json, g_bytes_get_data (thole_record_json (user), NULL), (gssize) g_bytes_get_size (thole_record_json (user)));
  else
    g_string_append (json, "null");
  g_string_append_c (json, '}');
}

void
thole_call_cookie (TholeCall *call, guint status, const TholePrincipal *principal, gboolean renew)
{
  TholeIdentity *identity = call->operations->identity;
  TholeUser *user = thole_accounts_lookup (thole_identity_accounts (identity), &thole_user_type, principal->name);
  gint64 expires_at = 0;
  char *token = thole_identity_issue_cookie (identity, principal, renew, &expires_at);
  g_autoptr (TholePrincipal) kept = token != NULL ? thole_identity_cookie (identity, token) : NULL;
  g_autofree char *csrf = kept != NULL ? thole_identity_csrf (identity, kept) : NULL;
  GString *json;

  if (csrf == NULL)
    {
      g_free (token);
      thole_call_fail (call, THOLE_ERROR_CONFLICT, "this credential cannot be put into a cookie: %s",
                       principal->credential != NULL ? principal->credential : "none");
      return;
    }
  call->reply.cookie = token;
  call->reply.cookie_ends = expires_at;
  json = g_string_new ("{\"csrf_token\":");
  thole_json_append_string (json, csrf);
  append_sign_in (json, expires_at, user);
  thole_call_return (call, status, g_string_free_to_bytes (json));
}

void
thole_call_signed_in (TholeCall *call, guint status, TholeUser *user)
{
  TholeIdentity *identity = call->operations->identity;
  gboolean cookie = thole_dict_boolean (call->body, "cookie", FALSE);
  g_autoptr (TholePrincipal) principal = thole_identity_of_user (identity, user);
  g_autofree char *token = NULL;
  gint64 expires_at;
  GString *json;

  if (cookie)
    {
      thole_call_cookie (call, status, principal, TRUE);
      return;
    }
  token = thole_identity_issue (identity, user, &expires_at);
  json = g_string_new ("{\"token\":");
  thole_json_append_string (json, token);
  g_string_append (json, ",\"token_type\":\"Bearer\"");
  append_sign_in (json, expires_at, user);
  thole_call_return (call, status, g_string_free_to_bytes (json));
}

/* bodies ------------------------------------------------------------------------------------------------- */

gboolean
thole_body_has (TholeCall *call, const char *key)
{
  g_autoptr (GVariant) value = call->body != NULL ? g_variant_lookup_value (call->body, key, NULL) : NULL;

  return value != NULL;
}

void
thole_body_names (TholeCall *call, const char *key, char **member)
{
  g_auto (GStrv) names = NULL;

  if (!thole_body_has (call, key))
    return;
  names = thole_dict_strv (call->body, key);
  g_free (*member);
  *member = thole_names_to_json (names);
}

/* checks and lists --------------------------------------------------------------------------------------- */

void
thole_check_permissions (TholeCall *call, char **permissions, const char *pointer, TholeProblem *problem)
{
  for (guint i = 0; permissions != NULL && permissions[i] != NULL; i++)
    if (!thole_permission_valid (permissions[i]))
      thole_problem_add (problem, pointer, "format", "%.64s is not NOUN.VERB, NOUN.*, *.VERB or *", permissions[i]);
    else if (!thole_access_decide (call->principal, permissions[i]))
      thole_problem_add (problem, pointer, "choice", "it gives %.64s, which you do not have", permissions[i]);
}

void
thole_check_groups (TholeCall *call, char **groups, const char *pointer, TholeProblem *problem)
{
  TholeAccounts *accounts = thole_identity_accounts (call->operations->identity);

  for (guint i = 0; groups != NULL && groups[i] != NULL; i++)
    {
      TholeGroup *group = thole_accounts_lookup (accounts, &thole_group_type, groups[i]);
      g_auto (GStrv) roles = group != NULL ? thole_names_from_json (group->roles) : NULL;
      g_autofree char *place = g_strdup_printf ("%s/%u", pointer, i);

      if (group == NULL)
        thole_problem_add (problem, place, "choice", "no group %.64s", groups[i]);
      else if (group->shared && !thole_access_owns_all (call->principal))
        thole_problem_add (problem, place, "choice", "it gives the objects of its members, which you do not have");
      else
        thole_check_roles (call, roles, place, problem);
    }
}

void
thole_check_roles (TholeCall *call, char **roles, const char *pointer, TholeProblem *problem)
{
  TholeAccounts *accounts = thole_identity_accounts (call->operations->identity);

  for (guint i = 0; roles != NULL && roles[i] != NULL; i++)
    {
      TholeRole *role = thole_accounts_lookup (accounts, &thole_role_type, roles[i]);
      g_auto (GStrv) permissions = role != NULL ? thole_names_from_json (role->permissions) : NULL;
      g_autofree char *place = g_strdup_printf ("%s/%u", pointer, i);

      if (role == NULL)
        thole_problem_add (problem, place, "choice", "no role %.64s", roles[i]);
      else
        thole_check_permissions (call, permissions, place, problem);
    }
}

void
thole_account_page (TholeCall *call, const TholeRecordType *type, gboolean (*shown) (TholeCall *call, gpointer record))
{
  TholeAccounts *accounts = thole_call_accounts (call);
  g_autoptr (GPtrArray) all = accounts != NULL ? thole_accounts_all (accounts, type) : NULL;
  g_autofree char *after = NULL;
  TholePage page;
  guint i;

  if (all == NULL || !thole_page_begin (&page, call, &after))
    return;
  for (i = 0; i < all->len; i++)
    {
      gpointer record = all->pdata[i];

      if (strcmp (thole_record_id (record), after) > 0 && (shown == NULL || shown (call, record))
          && !thole_page_add (&page, thole_record_id (record), thole_record_json (record)))
        break;
    }
  thole_page_end (&page, call, i < all->len);
}
