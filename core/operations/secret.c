/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/secret.h"

#include <string.h>

#include "access/secret-file.h"
#include "operations/account.h"
#include "thole-dict.h"

/* finding -------------------------------------------------------------------------------------------------- */

TholeSecret *
thole_secret_find (TholeOperations *self, const char *owner, const char *name)
{
  TholeAccounts *accounts = self->identity != NULL ? thole_identity_accounts (self->identity) : NULL;
  g_autoptr (GPtrArray) all = accounts != NULL ? thole_accounts_all (accounts, &thole_secret_type) : NULL;

  for (guint i = 0; all != NULL && i < all->len; i++)
    {
      TholeSecret *secret = all->pdata[i];

      if (strcmp (secret->owner, owner) == 0 && strcmp (secret->name, name) == 0)
        return secret;
    }
  return NULL;
}

static gboolean
shown (TholeCall *call, gpointer record)
{
  return thole_access_owns (call->principal, ((TholeSecret *) record)->owner);
}

/* by id, or one's own by name */
static TholeSecret *
find (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeSecret *secret = accounts != NULL ? thole_accounts_lookup (accounts, &thole_secret_type, call->target) : NULL;

  if (accounts != NULL && secret == NULL)
    secret = thole_secret_find (call->operations, call->principal->name, call->target);
  if (accounts == NULL || (secret != NULL && shown (call, secret)))
    return secret;
  thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no secret %.64s", call->target);
  return NULL;
}

void
thole_secrets_renew (TholeOperations *self)
{
  TholeAccounts *accounts = thole_identity_accounts (self->identity);
  g_autoptr (GPtrArray) all = thole_accounts_all (accounts, &thole_secret_type);
  TholeEdit *edit = NULL;

  for (guint i = 0; i < all->len; i++)
    {
      TholeSecret *secret = all->pdata[i];
      gboolean stale = FALSE;
      char *value = thole_vault_open (self->vault, secret->id, secret->sealed, &stale);

      if (value == NULL)
        g_warning ("the secret %s cannot be opened: is the key another one?", secret->id);
      else if (stale)
        {
          TholeSecret *next = thole_record_copy (secret);

          g_free (next->sealed);
          next->sealed = thole_vault_seal (self->vault, next->id, value);
          if (edit == NULL)
            edit = thole_edit_new (accounts);
          thole_edit_replace (edit, next);
          thole_record_unref (next);
        }
      thole_secret_free (value);
    }
  if (edit != NULL)
    thole_edit_commit (edit, NULL, NULL);
}

/* operations ----------------------------------------------------------------------------------------------- */

static void
set_value (TholeCall *call, TholeSecret *secret)
{
  g_free (secret->sealed);
  secret->sealed = thole_vault_seal (call->operations->vault, secret->id, thole_dict_string (call->body, "value", ""));
  secret->updated_at = thole_clock_now (call->operations->clock);
  /* what came in plain is needed no more */
  g_clear_pointer (&call->body, g_variant_unref);
}

void
thole_op_secret_create (TholeCall *call)
{
  TholeAccounts *accounts = thole_call_accounts (call);
  const char *name = thole_dict_string (call->body, "name", "");
  TholeSecret *secret;
  TholeEdit *edit;

  if (accounts == NULL)
    return;
  if (thole_secret_find (call->operations, call->principal->name, name) != NULL)
    {
      thole_call_fail (call, THOLE_ERROR_EXISTS, "there is a secret %s already", name);
      return;
    }
  secret = thole_record_new (&thole_secret_type);
  g_free (secret->id);
  secret->id = thole_id_new (call->operations->clock, thole_secret_type.prefix);
  thole_record_set (&secret->owner, call->principal->name);
  thole_record_set (&secret->name, name);
  secret->revision = 1;
  secret->created_at = thole_clock_now (call->operations->clock);
  set_value (call, secret);
  edit = thole_edit_new (accounts);
  thole_edit_add (edit, secret);
  call->reply.location = g_strconcat ("/v1/secrets/", secret->id, NULL);
  thole_call_edit (call, edit, 201, secret);
}

void
thole_op_secret_list (TholeCall *call)
{
  thole_account_page (call, &thole_secret_type, shown);
}

void
thole_op_secret_get (TholeCall *call)
{
  TholeSecret *secret = find (call);

  if (secret != NULL)
    thole_call_return (call, 200, g_bytes_ref (thole_record_json (secret)));
}

void
thole_op_secret_update (TholeCall *call)
{
  TholeSecret *secret = find (call);
  TholeSecret *next;
  TholeEdit *edit;

  if (secret == NULL || thole_call_outdated (call, secret->revision))
    return;
  next = thole_record_copy (secret);
  set_value (call, next);
  edit = thole_edit_new (thole_identity_accounts (call->operations->identity));
  thole_edit_replace (edit, next);
  thole_call_edit (call, edit, 200, next);
}

void
thole_op_secret_delete (TholeCall *call)
{
  TholeSecret *secret = find (call);
  TholeEdit *edit;

  if (secret == NULL)
    return;
  edit = thole_edit_new (thole_identity_accounts (call->operations->identity));
  thole_edit_remove (edit, secret);
  thole_call_edit (call, edit, 204, NULL);
}
