/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

#include "thole-dict.h"

#include <string.h>

/* @own: one that can be changed */
static TholeRole *
find (TholeCall *call, gboolean own)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeRole *role = accounts != NULL ? thole_accounts_lookup (accounts, &thole_role_type, call->target) : NULL;

  if (accounts == NULL)
    return NULL;
  if (role == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no role %.64s", call->target);
  else if (own && role->builtin)
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "the role %s is always as it is", role->id);
  else if (!own || !thole_call_outdated (call, role->revision))
    return role;
  return NULL;
}

void
thole_op_role_list (TholeCall *call)
{
  thole_account_page (call, &thole_role_type, NULL);
}

void
thole_op_role_get (TholeCall *call)
{
  TholeRole *role = find (call, FALSE);

  if (role == NULL)
    return;
  call->reply.etag = g_strdup_printf ("%" G_GINT64_FORMAT, role->revision);
  thole_call_return (call, 200, g_bytes_ref (thole_record_json (role)));
}

/* what the body gives, and what the caller must have for it */
static gboolean
check (TholeCall *call)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  g_auto (GStrv) permissions = thole_dict_strv (call->body, "permissions");

  thole_check_permissions (call, permissions, "/permissions", problem);
  if (problem->n_fields == 0)
    return TRUE;
  thole_call_problem (call, g_steal_pointer (&problem));
  return FALSE;
}

void
thole_op_role_create (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  const char *name = thole_dict_string (call->body, "name", "");
  TholeRole *role;
  TholeEdit *edit;

  if (accounts == NULL || !check (call))
    return;
  if (thole_accounts_lookup (accounts, &thole_role_type, name) != NULL)
    {
      thole_call_fail (call, THOLE_ERROR_EXISTS, "there is a role %s already", name);
      return;
    }
  role = thole_record_new (&thole_role_type);
  thole_record_set (&role->id, name);
  thole_record_set (&role->doc, thole_dict_string (call->body, "doc", ""));
  thole_body_names (call, "permissions", &role->permissions);
  role->revision = 1;
  role->created_at = role->updated_at = thole_clock_now (call->operations->clock);
  edit = thole_edit_new (accounts);
  thole_edit_add (edit, role);
  call->reply.location = g_strconcat ("/v1/roles/", name, NULL);
  thole_call_edit (call, edit, 201, role);
}

void
thole_op_role_update (TholeCall *call)
{
  TholeRole *role = find (call, TRUE);
  TholeRole *next;
  TholeEdit *edit;

  if (role == NULL || !check (call))
    return;
  next = thole_record_copy (role);
  if (thole_body_has (call, "doc"))
    thole_record_set (&next->doc, thole_dict_string (call->body, "doc", ""));
  thole_body_names (call, "permissions", &next->permissions);
  next->updated_at = thole_clock_now (call->operations->clock);
  edit = thole_edit_new (thole_identity_accounts (call->operations->identity));
  thole_edit_replace (edit, next);
  thole_call_edit (call, edit, 200, next);
}

static gboolean
names_it (const char *json, const char *name)
{
  g_auto (GStrv) names = thole_names_from_json (json);

  return g_strv_contains ((const char *const *) names, name);
}

/* a name that comes back later must not give its new permissions to those who had the old */
static const char *
who_has (TholeAccounts *accounts, const char *name)
{
  g_autoptr (GPtrArray) users = thole_accounts_all (accounts, &thole_user_type);
  g_autoptr (GPtrArray) groups = thole_accounts_all (accounts, &thole_group_type);

  for (guint i = 0; i < users->len; i++)
    if (names_it (((TholeUser *) users->pdata[i])->roles, name))
      return ((TholeUser *) users->pdata[i])->email;
  for (guint i = 0; i < groups->len; i++)
    if (names_it (((TholeGroup *) groups->pdata[i])->roles, name))
      return ((TholeGroup *) groups->pdata[i])->id;
  return NULL;
}

void
thole_op_role_delete (TholeCall *call)
{
  TholeRole *role = find (call, TRUE);
  TholeAccounts *accounts;
  const char *holder;
  TholeEdit *edit;

  if (role == NULL)
    return;
  accounts = thole_identity_accounts (call->operations->identity);
  holder = who_has (accounts, role->id);
  if (holder != NULL)
    {
      thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s has this role", holder);
      return;
    }
  edit = thole_edit_new (accounts);
  thole_edit_remove (edit, role);
  thole_call_edit (call, edit, 204, NULL);
}
