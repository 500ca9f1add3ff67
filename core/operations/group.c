/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

#include "thole-dict.h"

#include <string.h>

static TholeGroup *
find (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeGroup *group = accounts != NULL ? thole_accounts_lookup (accounts, &thole_group_type, call->target) : NULL;

  if (accounts != NULL && group == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no group %.64s", call->target);
  return group;
}

void
thole_op_group_list (TholeCall *call)
{
  thole_account_page (call, &thole_group_type, NULL);
}

void
thole_op_group_get (TholeCall *call)
{
  TholeGroup *group = find (call);

  if (group == NULL)
    return;
  call->reply.etag = g_strdup_printf ("%" G_GINT64_FORMAT, group->revision);
  thole_call_return (call, 200, g_bytes_ref (thole_record_json (group)));
}

static gboolean
check (TholeCall *call)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  g_auto (GStrv) roles = thole_dict_strv (call->body, "roles");

  thole_check_roles (call, roles, "/roles", problem);
  if (thole_dict_boolean (call->body, "shared", FALSE) && !thole_access_owns_all (call->principal))
    thole_problem_add (problem, "/shared", "choice", "it gives the objects of its members, which you do not have");
  if (problem->n_fields == 0)
    return TRUE;
  thole_call_problem (call, g_steal_pointer (&problem));
  return FALSE;
}

void
thole_op_group_create (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  const char *name = thole_dict_string (call->body, "name", "");
  TholeGroup *group;
  TholeEdit *edit;

  if (accounts == NULL || !check (call))
    return;
  if (thole_accounts_lookup (accounts, &thole_group_type, name) != NULL)
    {
      thole_call_fail (call, THOLE_ERROR_EXISTS, "there is a group %s already", name);
      return;
    }
  group = thole_record_new (&thole_group_type);
  thole_record_set (&group->id, name);
  thole_record_set (&group->doc, thole_dict_string (call->body, "doc", ""));
  thole_record_set (&group->roles, "[]");
  thole_body_names (call, "roles", &group->roles);
  group->shared = thole_dict_boolean (call->body, "shared", FALSE);
  group->revision = 1;
  group->created_at = group->updated_at = thole_clock_now (call->operations->clock);
  edit = thole_edit_new (accounts);
  thole_edit_add (edit, group);
  call->reply.location = g_strconcat ("/v1/groups/", name, NULL);
  thole_call_edit (call, edit, 201, group);
}

void
thole_op_group_update (TholeCall *call)
{
  TholeGroup *group = find (call);
  TholeGroup *next;
  TholeEdit *edit;

  if (group == NULL || thole_call_outdated (call, group->revision) || !check (call))
    return;
  next = thole_record_copy (group);
  if (thole_body_has (call, "doc"))
    thole_record_set (&next->doc, thole_dict_string (call->body, "doc", ""));
  thole_body_names (call, "roles", &next->roles);
  next->shared = thole_dict_boolean (call->body, "shared", next->shared);
  next->updated_at = thole_clock_now (call->operations->clock);
  edit = thole_edit_new (thole_identity_accounts (call->operations->identity));
  thole_edit_replace (edit, next);
  thole_call_edit (call, edit, 200, next);
}

void
thole_op_group_delete (TholeCall *call)
{
  TholeGroup *group = find (call);
  g_autoptr (GPtrArray) users = NULL;
  TholeAccounts *accounts;
  TholeEdit *edit;

  if (group == NULL || thole_call_outdated (call, group->revision))
    return;
  accounts = thole_identity_accounts (call->operations->identity);
  users = thole_accounts_all (accounts, &thole_user_type);
  for (guint i = 0; i < users->len; i++)
    {
      TholeUser *user = users->pdata[i];
      g_auto (GStrv) names = thole_names_from_json (user->groups);

      if (g_strv_contains ((const char *const *) names, group->id))
        {
          thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is in this group", user->email);
          return;
        }
    }
  edit = thole_edit_new (accounts);
  thole_edit_remove (edit, group);
  thole_call_edit (call, edit, 204, NULL);
}
