/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

#include "thole-dict.h"

/* @hash: (nullable) (transfer full): of a new password */
static void
update (TholeCall *call, char *hash)
{
  TholeUser *user = thole_call_user (call);
  TholeUser *next;
  TholeEdit *edit;

  if (user == NULL || thole_call_outdated (call, user->revision))
    {
      g_free (hash);
      return;
    }
  next = thole_record_copy (user);
  if (thole_body_has (call, "email"))
    {
      g_free (next->email);
      next->email = g_ascii_strdown (thole_dict_string (call->body, "email", ""), -1);
    }
  if (thole_body_has (call, "name"))
    thole_record_set (&next->name, thole_dict_string (call->body, "name", ""));
  thole_body_names (call, "roles", &next->roles);
  thole_body_names (call, "groups", &next->groups);
  if (thole_body_has (call, "uid"))
    next->uid = thole_dict_int (call->body, "uid", -1) < 0 ? THOLE_RECORD_NULL : thole_dict_int (call->body, "uid", -1);
  if (thole_body_has (call, "disabled"))
    next->disabled = thole_dict_boolean (call->body, "disabled", FALSE);
  if (hash != NULL)
    {
      g_free (next->password);
      next->password = hash;
    }
  if (hash != NULL || (next->disabled && !user->disabled))
    next->epoch++;
  next->updated_at = thole_clock_now (call->operations->clock);
  edit = thole_edit_new (thole_identity_accounts (call->operations->identity));
  thole_edit_replace (edit, next);
  thole_call_edit (call, edit, 200, next);
}

/* nobody changes somebody who may do more */
static gboolean
may_change (TholeCall *call, TholeUser *user)
{
  g_auto (GStrv) grants = thole_accounts_grants (thole_identity_accounts (call->operations->identity), user);

  for (guint i = 0; grants[i] != NULL; i++)
    if (!thole_access_decide (call->principal, grants[i]))
      {
        thole_call_fail (call, THOLE_ERROR_FORBIDDEN, "this user has the permission %s, which you do not have", grants[i]);
        return FALSE;
      }
  return TRUE;
}

void
thole_op_user_update (TholeCall *call)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  g_auto (GStrv) roles = call->body != NULL ? thole_dict_strv (call->body, "roles") : NULL;
  g_auto (GStrv) groups = call->body != NULL ? thole_dict_strv (call->body, "groups") : NULL;
  TholeUser *user = thole_call_user (call);

  if (user == NULL || !may_change (call, user))
    return;
  thole_check_roles (call, roles, "/roles", problem);
  thole_check_groups (call, groups, "/groups", problem);
  if (problem->n_fields > 0)
    thole_call_problem (call, g_steal_pointer (&problem));
  else if (thole_body_has (call, "password"))
    thole_call_hash (call, thole_dict_string (call->body, "password", ""), update);
  else
    update (call, NULL);
}

/* what it owns stays and is an administrator's to deal with; its keys go with it */
void
thole_op_user_delete (TholeCall *call)
{
  TholeUser *user = thole_call_user (call);
  g_autoptr (GPtrArray) keys = NULL;
  TholeAccounts *accounts;
  TholeEdit *edit;

  if (user == NULL || !may_change (call, user) || thole_call_outdated (call, user->revision))
    return;
  accounts = thole_identity_accounts (call->operations->identity);
  edit = thole_edit_new (accounts);
  keys = thole_accounts_all (accounts, &thole_key_type);
  for (guint i = 0; i < keys->len; i++)
    if (g_str_equal (((TholeKey *) keys->pdata[i])->owner, user->id))
      thole_edit_remove (edit, keys->pdata[i]);
  thole_edit_remove (edit, user);
  thole_call_edit (call, edit, 204, NULL);
}
