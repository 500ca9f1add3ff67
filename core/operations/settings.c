/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/settings.h"

#include <string.h>

#include "operations/account.h"
#include "operations/trail.h"
#include "thole-dict.h"
#include "thole-json.h"

#define MAX_RETAIN 100 /* rows that are let go at once */

static const char *const names[THOLE_N_SETTINGS] = { "workloads", "running", "key_running", "sessions" };
static const char *const levels[] = { "system", "user", "workload" };

static TholeAccounts *
accounts_of (TholeOperations *self)
{
  return self->identity != NULL ? thole_identity_accounts (self->identity) : NULL;
}

static gint64
fallback (TholeOperations *self, TholeSettingKind setting)
{
  switch (setting)
    {
    case THOLE_SETTING_WORKLOADS:
      return self->limits.workloads;
    case THOLE_SETTING_RUNNING:
      return self->limits.running;
    case THOLE_SETTING_KEY_RUNNING:
      return self->limits.key_running;
    case THOLE_SETTING_SESSIONS:
    case THOLE_N_SETTINGS:
    default:
      return self->limits.sessions;
    }
}

/* Returns: (transfer full) (nullable): what is set at one place */
static GVariant *
values_at (TholeOperations *self, const char *id)
{
  TholeSetting *record = thole_accounts_lookup (accounts_of (self), &thole_setting_type, id);

  return record != NULL && record->choices != NULL ? thole_json_parse (record->choices, strlen (record->choices), NULL) : NULL;
}

gint64
thole_setting (TholeOperations *self, TholeSettingKind setting, const char *owner, const char *workload, const char **from)
{
  g_autofree char *user = owner != NULL ? g_strconcat ("users/", owner, NULL) : NULL;
  g_autofree char *subject = workload != NULL ? g_strconcat ("workloads/", workload, NULL) : NULL;
  const char *const places[] = { "system", user, subject };
  gint64 value = fallback (self, setting);
  const char *origin = "default";

  for (guint i = 0; accounts_of (self) != NULL && i < G_N_ELEMENTS (places); i++)
    {
      g_autoptr (GVariant) values = places[i] != NULL ? values_at (self, places[i]) : NULL;
      gint64 set = values != NULL ? thole_dict_int (values, names[setting], -1) : -1;

      if (set < 0)
        continue;
      value = set;
      origin = levels[i];
    }
  if (from != NULL)
    *from = origin;
  return value;
}

/* what runs ------------------------------------------------------------------------------------------------ */

static void
reserve (char **member, const char *column, const char *value, gint64 limit, TholeTxn *txn)
{
  thole_record_set (member, value);
  if (limit > 0)
    thole_txn_limit (txn, &thole_workload_type, column, value, limit);
}

void
thole_settings_charge (TholeCall *call, TholeWorkload *record, TholeTxn *txn)
{
  const char *credential = call->principal->credential != NULL ? call->principal->credential : "";
  TholeOperations *self = call->operations;

  if (record->desired_state != THOLE_WORKLOAD_DESIRED_STATE_RUNNING || record->charged_owner[0] != '\0')
    return;
  reserve (&record->charged_owner, "charged_owner", record->owner,
           thole_setting (self, THOLE_SETTING_RUNNING, record->owner, NULL, NULL), txn);
  if (g_str_has_prefix (credential, "key "))
    reserve (&record->charged_key, "charged_key", credential + strlen ("key "),
             thole_setting (self, THOLE_SETTING_KEY_RUNNING, call->principal->name, NULL, NULL), txn);
}

void
thole_settings_free_charge (TholeWorkload *record)
{
  thole_record_set (&record->charged_owner, "");
  thole_record_set (&record->charged_key, "");
}

void
thole_settings_retain (TholeOperations *self)
{
  g_autoptr (GPtrArray) all = accounts_of (self) != NULL ? thole_accounts_all (accounts_of (self), &thole_setting_type) : NULL;
  TholeEdit *edit = NULL;
  guint n = 0;

  for (guint i = 0; all != NULL && i < all->len && n < MAX_RETAIN && !self->draining; i++)
    {
      const char *id = thole_record_id (all->pdata[i]);

      if (!g_str_has_prefix (id, "workloads/") || thole_collection_lookup (self->workloads, id + strlen ("workloads/")) != NULL)
        continue;
      if (edit == NULL)
        edit = thole_edit_new (accounts_of (self));
      thole_edit_remove (edit, all->pdata[i]);
      n++;
    }
  if (edit != NULL)
    thole_edit_commit (edit, NULL, NULL);
}

/* operations ----------------------------------------------------------------------------------------------- */

static void
answer_place (TholeCall *call, const char *id)
{
  TholeSetting *record = thole_accounts_lookup (accounts_of (call->operations), &thole_setting_type, id);
  const char *values = record != NULL && record->choices != NULL ? record->choices : "{}";

  if (record != NULL)
    call->reply.etag = g_strdup_printf ("%" G_GINT64_FORMAT, record->revision);
  thole_call_return (call, 200, g_bytes_new (values, strlen (values)));
}

typedef struct
{
  TholeCall *call;
  char *id;
} Put;

static void
put (gpointer user_data, const GError *error)
{
  Put *self = user_data;

  if (error != NULL)
    thole_call_error (self->call, error);
  else
    answer_place (self->call, self->id);
  g_free (self->id);
  g_free (self);
}

/* takes the place of all that is set there; what is left out comes from the level before */
static void
put_place (TholeCall *call, const char *id, const char *target)
{
  TholeAccounts *accounts = accounts_of (call->operations);
  TholeSetting *record = thole_accounts_lookup (accounts, &thole_setting_type, id);
  TholeSetting *next;
  TholeEdit *edit;
  Put *self;

  if (thole_call_outdated (call, record != NULL ? record->revision : 0))
    return;
  next = record != NULL ? thole_record_copy (record) : thole_record_new (&thole_setting_type);
  thole_record_set (&next->id, id);
  g_free (next->choices);
  next->choices = call->body != NULL ? thole_json_to_string (call->body) : g_strdup ("{}");
  next->updated_at = thole_clock_now (call->operations->clock);
  edit = thole_edit_new (accounts);
  if (record != NULL)
    thole_edit_replace (edit, next);
  else
    {
      next->revision = 1;
      thole_edit_add (edit, next);
    }
  thole_record_unref (next);
  self = g_new (Put, 1);
  *self = (Put) { call, g_strdup (id) };
  thole_trail_add (call, thole_edit_txn (edit), target);
  thole_edit_commit (edit, put, self);
}

/* Returns: (transfer full) (nullable): the place that the call names; NULL when it has been answered */
static char *
user_place (TholeCall *call)
{
  TholeUser *user = thole_call_user (call);

  return user != NULL ? g_strconcat ("users/", user->id, NULL) : NULL;
}

static char *
workload_place (TholeCall *call)
{
  TholeSubject *subject = thole_call_accounts (call) != NULL ? thole_call_subject (call) : NULL;

  return subject != NULL ? g_strconcat ("workloads/", subject->now->id, NULL) : NULL;
}

void
thole_op_setting_get (TholeCall *call)
{
  if (thole_call_accounts (call) != NULL)
    answer_place (call, "system");
}

void
thole_op_setting_update (TholeCall *call)
{
  if (thole_call_accounts (call) != NULL)
    put_place (call, "system", "system");
}

void
thole_op_user_settings (TholeCall *call)
{
  g_autofree char *place = user_place (call);

  if (place != NULL)
    answer_place (call, place);
}

void
thole_op_user_limit (TholeCall *call)
{
  g_autofree char *place = user_place (call);

  if (place != NULL)
    put_place (call, place, NULL);
}

void
thole_op_workload_settings (TholeCall *call)
{
  g_autofree char *place = workload_place (call);

  if (place != NULL)
    answer_place (call, place);
}

void
thole_op_workload_limit (TholeCall *call)
{
  g_autofree char *place = workload_place (call);

  if (place != NULL)
    put_place (call, place, NULL);
}

/* whose settings are asked for; FALSE when it has been answered */
static gboolean
find_place (TholeCall *call, const char **owner, const char **workload)
{
  const char *user = thole_query_string (call, "user");
  const char *name = thole_query_string (call, "workload");
  TholeAccounts *accounts = thole_call_accounts (call);
  TholeUser *found = accounts != NULL && user[0] != '\0' ? thole_accounts_user (accounts, user) : NULL;
  TholeSubject *subject = accounts != NULL && name[0] != '\0' ? thole_subject_find (call->operations, name, call->principal) : NULL;

  *owner = subject != NULL ? subject->now->owner : found != NULL ? found->id : call->principal->name;
  *workload = subject != NULL ? subject->now->id : NULL;
  if (accounts == NULL)
    return FALSE;
  if (name[0] != '\0' && subject == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no workload %.128s", name);
  else if (user[0] != '\0' && (found == NULL || !thole_access_owns (call->principal, found->id)))
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no user %.128s", user);
  else
    return TRUE;
  return FALSE;
}

void
thole_op_setting_effective (TholeCall *call)
{
  const char *owner, *workload, *from;
  GString *json;

  if (!find_place (call, &owner, &workload))
    return;
  json = g_string_new ("{");
  for (TholeSettingKind i = 0; i < THOLE_N_SETTINGS; i++)
    {
      gint64 value = thole_setting (call->operations, i, owner, workload, &from);

      g_string_append_printf (json, "%s\"%s\":{\"value\":%" G_GINT64_FORMAT ",\"from\":\"%s\"}", i > 0 ? "," : "", names[i], value, from);
    }
  g_string_append_c (json, '}');
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

/* what is used of it */
void
thole_op_quota_get (TholeCall *call)
{
  const char *credential = call->principal->credential != NULL ? call->principal->credential : "";
  const char *key = g_str_has_prefix (credential, "key ") ? credential + strlen ("key ") : NULL;
  const char *owner, *workload;
  gint64 used[THOLE_SETTING_SESSIONS] = { 0 };
  GString *json;

  if (!find_place (call, &owner, &workload))
    return;
  for (guint i = 0; i < thole_collection_size (call->operations->workloads); i++)
    {
      const TholeWorkload *now = ((TholeSubject *) thole_collection_index (call->operations->workloads, i))->now;

      used[THOLE_SETTING_WORKLOADS] += strcmp (now->owner, owner) == 0;
      used[THOLE_SETTING_RUNNING] += strcmp (now->charged_owner, owner) == 0;
      used[THOLE_SETTING_KEY_RUNNING] += key != NULL && strcmp (now->charged_key, key) == 0;
    }
  json = g_string_new ("{");
  for (TholeSettingKind i = 0; i < THOLE_SETTING_SESSIONS; i++)
    g_string_append_printf (json, "%s\"%s\":{\"used\":%" G_GINT64_FORMAT ",\"limit\":%" G_GINT64_FORMAT "}", i > 0 ? "," : "", names[i],
                            used[i], thole_setting (call->operations, i, owner, workload, NULL));
  g_string_append_c (json, '}');
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}
