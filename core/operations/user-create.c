/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

#include "thole-dict.h"

static void
hashed (TholeCall *call, char *hash)
{
  TholeUser *user = thole_record_new (&thole_user_type);
  TholeEdit *edit = thole_edit_new (thole_identity_accounts (call->operations->identity));

  g_free (user->id);
  user->id = thole_id_new (call->operations->clock, thole_user_type.prefix);
  g_free (user->email);
  user->email = g_ascii_strdown (thole_dict_string (call->body, "email", ""), -1);
  thole_record_set (&user->name, thole_dict_string (call->body, "name", ""));
  thole_record_set (&user->roles, "[]");
  thole_record_set (&user->groups, "[]");
  thole_body_names (call, "roles", &user->roles);
  thole_body_names (call, "groups", &user->groups);
  user->uid = thole_dict_int (call->body, "uid", THOLE_RECORD_NULL);
  g_free (user->password);
  user->password = hash;
  user->revision = 1;
  user->created_at = user->updated_at = thole_clock_now (call->operations->clock);
  thole_edit_add (edit, user);
  call->reply.location = g_strconcat ("/v1/users/", user->id, NULL);
  thole_call_edit (call, edit, 201, user);
}

void
thole_op_user_create (TholeCall *call)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  g_auto (GStrv) roles = thole_dict_strv (call->body, "roles");
  g_auto (GStrv) groups = thole_dict_strv (call->body, "groups");

  if (thole_call_accounts (call) == NULL)
    return;
  thole_check_roles (call, roles, "/roles", problem);
  thole_check_groups (call, groups, "/groups", problem);
  if (problem->n_fields > 0)
    thole_call_problem (call, g_steal_pointer (&problem));
  else
    thole_call_hash (call, thole_dict_string (call->body, "password", ""), hashed);
}
