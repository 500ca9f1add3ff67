/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

#include "operations/trail.h"

#include "access/secret-file.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

/* API keys: made, listed, taken back. */

static gboolean
shown (TholeCall *call, gpointer record)
{
  return thole_access_owns (call->principal, ((TholeKey *) record)->owner);
}

static TholeKey *
find (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeKey *key = accounts != NULL ? thole_accounts_lookup (accounts, &thole_key_type, call->target) : NULL;

  if (accounts == NULL || (key != NULL && shown (call, key)))
    return key;
  thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no API key %.64s", call->target);
  return NULL;
}

void
thole_op_key_list (TholeCall *call)
{
  thole_account_page (call, &thole_key_type, shown);
}

void
thole_op_key_get (TholeCall *call)
{
  TholeKey *key = find (call);

  if (key != NULL)
    thole_call_return (call, 200, g_bytes_ref (thole_record_json (key)));
}

void
thole_op_key_delete (TholeCall *call)
{
  TholeKey *key = find (call);
  TholeEdit *edit;

  if (key == NULL)
    return;
  edit = thole_edit_new (thole_identity_accounts (call->operations->identity));
  thole_edit_remove (edit, key);
  thole_call_edit (call, edit, 204, NULL);
}

/* making ------------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeKey *record;
  char *text;
} Making;

static void
making_free (gpointer data)
{
  Making *self = data;

  thole_record_unref (self->record);
  thole_secret_free (self->text);
  g_free (self);
}

/* the one answer that has it */
static void
made (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  Making *self = call->state;
  GString *json;
  gsize length;
  const char *object;

  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  object = g_bytes_get_data (thole_record_json (self->record), &length);
  json = g_string_new_len (object, (gssize) length - 1);
  thole_json_member (json, "key", self->text);
  g_string_append_c (json, '}');
  call->reply.location = g_strconcat ("/v1/api-keys/", self->record->id, NULL);
  thole_call_return (call, 201, g_string_free_to_bytes (json));
}

static TholeUser *
owner_of (TholeCall *call, TholeAccounts *accounts)
{
  const char *name = thole_dict_string (call->body, "user", "");
  TholeUser *user = thole_accounts_user (accounts, name[0] != '\0' ? name : call->principal->name);

  if (user == NULL && name[0] == '\0')
    thole_call_fail (call, THOLE_ERROR_INVALID, "%s is not a user: say in `user` whose key it is to be", call->principal->name);
  else if (user == NULL || !thole_access_owns (call->principal, user->id))
    {
      thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no user %.128s", name);
      return NULL;
    }
  return user;
}

/* a key for somebody else must not give what the caller has not */
static gboolean
may_make (TholeCall *call, TholeUser *user, char **scopes, TholeProblem *problem)
{
  g_auto (GStrv) grants = thole_accounts_grants (thole_identity_accounts (call->operations->identity), user);
  gboolean own = strcmp (user->id, call->principal->name) == 0;

  for (guint i = 0; scopes[i] != NULL; i++)
    {
      g_autofree char *pointer = g_strdup_printf ("/scopes/%u", i);

      if (!thole_permission_valid (scopes[i]))
        thole_problem_add (problem, pointer, "format", "must be NOUN.VERB, NOUN.*, *.VERB or *");
      else if (call->principal->scopes != NULL && !thole_access_decide (call->principal, scopes[i]))
        thole_problem_add (problem, pointer, "choice", "your own key does not have it");
    }
  if (call->principal->scopes != NULL && scopes[0] == NULL)
    thole_problem_add (problem, "/scopes", "missing", "a key with scopes makes keys with scopes only");
  for (guint i = 0; !own && grants[i] != NULL; i++)
    if (!thole_access_decide (call->principal, grants[i]))
      {
        thole_problem_add (problem, "/user", "choice", "this user has the permission %s, which you do not have", grants[i]);
        break;
      }
  return problem->n_fields == 0;
}

void
thole_op_key_create (TholeCall *call)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  g_auto (GStrv) scopes = thole_dict_strv (call->body, "scopes");
  double life = thole_dict_double (call->body, "expires_in", 0);
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeUser *user = accounts != NULL ? owner_of (call, accounts) : NULL;
  TholeKey *record;
  TholeEdit *edit;
  Making *self;

  if (user == NULL)
    return;
  if (!may_make (call, user, scopes, problem))
    {
      thole_call_problem (call, g_steal_pointer (&problem));
      return;
    }
  self = g_new0 (Making, 1);
  call->state = self;
  call->state_free = making_free;
  record = self->record = thole_record_new (&thole_key_type);
  g_free (record->id);
  record->id = thole_id_new (call->operations->clock, thole_key_type.prefix);
  thole_record_set (&record->owner, user->id);
  thole_record_set (&record->name, thole_dict_string (call->body, "name", ""));
  record->scopes = thole_names_to_json (scopes);
  record->revision = 1;
  record->created_at = thole_clock_now (call->operations->clock);
  record->expires_at = life > 0 ? record->created_at + (gint64) (life * G_USEC_PER_SEC) : 0;
  self->text = thole_identity_make_key (call->operations->identity, record);
  edit = thole_edit_new (accounts);
  thole_edit_add (edit, record);
  thole_trail_add (call, thole_edit_txn (edit), record->id);
  thole_edit_commit (edit, made, call);
}
