/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/settings.h"

#include <string.h>

#include "operations/account.h"
#include "operations/trail.h"
#include "thole-dict.h"
#include "thole-json.h"

#define MAX_RETAIN 100 /* rows that are let go at once */

static const struct
{
  const char *name;
  TholeSettingUnit unit;
} settings[THOLE_N_SETTINGS] = {
  [THOLE_SETTING_WORKLOADS] = { "workloads", THOLE_UNIT_COUNT },
  [THOLE_SETTING_RUNNING] = { "running", THOLE_UNIT_COUNT },
  [THOLE_SETTING_KEY_RUNNING] = { "key_running", THOLE_UNIT_COUNT },
  [THOLE_SETTING_CPU] = { "cpu", THOLE_UNIT_CORES },
  [THOLE_SETTING_MEMORY] = { "memory", THOLE_UNIT_BYTES },
  [THOLE_SETTING_STORAGE] = { "storage", THOLE_UNIT_BYTES },
  [THOLE_SETTING_SESSIONS] = { "sessions", THOLE_UNIT_COUNT },
};
static const char *const levels[] = { "system", "user", "workload" };

static TholeAccounts *
accounts_of (TholeOperations *self)
{
  return self->identity != NULL ? thole_identity_accounts (self->identity) : NULL;
}

const char *
thole_setting_name (TholeSettingKind setting)
{
  return settings[setting].name;
}

TholeSettingUnit
thole_setting_unit (TholeSettingKind setting)
{
  return settings[setting].unit;
}

void
thole_setting_append (GString *json, TholeSettingKind setting, gint64 value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (settings[setting].unit == THOLE_UNIT_CORES)
    g_string_append (json, g_ascii_formatd (text, sizeof text, "%.15g", (double) value / THOLE_CORE));
  else
    g_string_append_printf (json, "%" G_GINT64_FORMAT, value);
}

static gint64
fallback (TholeOperations *self, TholeSettingKind setting)
{
  const TholeLimits *limits = &self->limits;
  const gint64 values[THOLE_N_SETTINGS] = {
    [THOLE_SETTING_WORKLOADS] = limits->workloads,
    [THOLE_SETTING_RUNNING] = limits->running,
    [THOLE_SETTING_KEY_RUNNING] = limits->key_running,
    [THOLE_SETTING_CPU] = thole_setting_cores (limits->owner_cpu),
    [THOLE_SETTING_MEMORY] = limits->owner_memory,
    [THOLE_SETTING_STORAGE] = limits->owner_storage,
    [THOLE_SETTING_SESSIONS] = limits->sessions,
  };

  return values[setting];
}

gint64
thole_setting_cores (double cores)
{
  return (gint64) (cores * THOLE_CORE + 0.5);
}

/* Returns: (transfer full) (nullable): what is set at one place */
static GVariant *
values_at (TholeOperations *self, const char *id)
{
  TholeSetting *record = thole_accounts_lookup (accounts_of (self), &thole_setting_type, id);

  return record != NULL && record->choices != NULL ? thole_json_parse (record->choices, strlen (record->choices), NULL) : NULL;
}

/* negative: it says nothing */
static gint64
value_of (GVariant *values, TholeSettingKind setting)
{
  if (settings[setting].unit != THOLE_UNIT_CORES)
    return thole_dict_int (values, settings[setting].name, -1);
  return thole_setting_cores (thole_dict_double (values, settings[setting].name, -1));
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
      gint64 set = values != NULL ? value_of (values, setting) : -1;

      if (set < 0)
        continue;
      value = set;
      origin = levels[i];
    }
  if (from != NULL)
    *from = origin;
  return value;
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
place_of (TholeCall *call)
{
  TholeSubject *subject;
  TholeUser *user;

  if (thole_call_accounts (call) == NULL)
    return NULL;
  if (call->def->target == NULL)
    return g_strdup ("system");
  if (strcmp (call->def->target, "user") == 0)
    {
      user = thole_call_user (call);
      return user != NULL ? g_strconcat ("users/", user->id, NULL) : NULL;
    }
  subject = thole_call_subject (call);
  return subject != NULL ? g_strconcat ("workloads/", subject->now->id, NULL) : NULL;
}

static void
read_one (TholeCall *call)
{
  g_autofree char *place = place_of (call);

  if (place != NULL)
    answer_place (call, place);
}

static void
set_one (TholeCall *call)
{
  g_autofree char *place = place_of (call);

  if (place != NULL)
    put_place (call, place, call->def->target == NULL ? place : NULL);
}

void
thole_op_setting_get (TholeCall *call)
{
  read_one (call);
}

void
thole_op_setting_update (TholeCall *call)
{
  set_one (call);
}

void
thole_op_user_settings (TholeCall *call)
{
  read_one (call);
}

void
thole_op_user_limit (TholeCall *call)
{
  set_one (call);
}

void
thole_op_workload_settings (TholeCall *call)
{
  read_one (call);
}

void
thole_op_workload_limit (TholeCall *call)
{
  set_one (call);
}

gboolean
thole_settings_asked (TholeCall *call, const char **owner, const char **workload)
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

  if (!thole_settings_asked (call, &owner, &workload))
    return;
  json = g_string_new ("{");
  for (TholeSettingKind i = 0; i < THOLE_N_SETTINGS; i++)
    {
      gint64 value = thole_setting (call->operations, i, owner, workload, &from);

      g_string_append_printf (json, "%s\"%s\":{\"value\":", i > 0 ? "," : "", settings[i].name);
      thole_setting_append (json, i, value);
      g_string_append_printf (json, ",\"from\":\"%s\"}", from);
    }
  g_string_append_c (json, '}');
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}
