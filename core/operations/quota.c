/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/quota.h"

#include <string.h>

#include "operations/room.h"
#include "thole-dict.h"
#include "thole-json.h"

/* What a workload takes as long as it is there, running or not. */
static const struct
{
  TholeSettingKind setting;
  const char *column;
  gsize offset;
  const char *pointer;
} shares[] = {
  { THOLE_SETTING_CPU, "charged_cpu", G_STRUCT_OFFSET (TholeWorkload, charged_cpu), "/spec/resources/cpu" },
  { THOLE_SETTING_MEMORY, "charged_memory", G_STRUCT_OFFSET (TholeWorkload, charged_memory), "/spec/resources/memory" },
  { THOLE_SETTING_STORAGE, "charged_storage", G_STRUCT_OFFSET (TholeWorkload, charged_storage), "/spec/resources/disk" },
};

static gint64 *
share_of (const TholeWorkload *record, guint i)
{
  return (gint64 *) G_STRUCT_MEMBER_P (record, shares[i].offset);
}

/* text ----------------------------------------------------------------------------------------------------- */

static char *
bytes_text (gint64 bytes)
{
  static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  guint unit = 0;

  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < G_N_ELEMENTS (units))
    {
      bytes /= 1024;
      unit++;
    }
  return g_strdup_printf ("%" G_GINT64_FORMAT " %s", bytes, units[unit]);
}

static char *
amount_text (TholeSettingKind setting, gint64 value)
{
  GString *text;

  if (thole_setting_unit (setting) == THOLE_UNIT_BYTES)
    return bytes_text (value);
  text = g_string_new (NULL);
  thole_setting_append (text, setting, value);
  return g_string_free (text, FALSE);
}

char *
thole_quota_text (TholeSettingKind setting, gint64 used, gint64 limit, gint64 asked)
{
  static const char *const words[THOLE_N_SETTINGS] = {
    [THOLE_SETTING_WORKLOADS] = "workloads",
    [THOLE_SETTING_RUNNING] = "running workloads",
    [THOLE_SETTING_KEY_RUNNING] = "running workloads of this API key",
    [THOLE_SETTING_CPU] = "CPU cores of all workloads",
    [THOLE_SETTING_MEMORY] = "memory of all workloads",
    [THOLE_SETTING_STORAGE] = "storage of all workloads",
    [THOLE_SETTING_SESSIONS] = "live sessions of this workload",
  };
  g_autofree char *have = amount_text (setting, used);
  g_autofree char *most = amount_text (setting, limit);
  g_autofree char *more = amount_text (setting, asked);

  return g_strdup_printf ("%s: %s of %s used, %s more asked for", words[setting], have, most, more);
}

static char *
tell (const TholeLimit *limit, gint64 used)
{
  return thole_quota_text (limit->kind, used, limit->limit, limit->asked);
}

/* charging ------------------------------------------------------------------------------------------------- */

static void
limit_rows (const char *column, const char *value, TholeSettingKind setting, gint64 most, TholeTxn *txn)
{
  TholeLimit limit = { .type = &thole_workload_type, .column = column, .value = value, .asked = 1, .limit = most,
                       .kind = setting, .tell = tell };

  if (most > 0)
    thole_txn_limit (txn, &limit);
}

static void
charge_run (TholeCall *call, TholeWorkload *record, TholeTxn *txn)
{
  const char *credential = call->principal->credential != NULL ? call->principal->credential : "";
  TholeOperations *self = call->operations;

  if (record->desired_state != THOLE_WORKLOAD_DESIRED_STATE_RUNNING || record->charged_owner[0] != '\0')
    return;
  thole_record_set (&record->charged_owner, record->owner);
  limit_rows ("charged_owner", record->owner, THOLE_SETTING_RUNNING,
              thole_setting (self, THOLE_SETTING_RUNNING, record->owner, NULL, NULL), txn);
  if (!g_str_has_prefix (credential, "key "))
    return;
  thole_record_set (&record->charged_key, credential + strlen ("key "));
  limit_rows ("charged_key", record->charged_key, THOLE_SETTING_KEY_RUNNING,
              thole_setting (self, THOLE_SETTING_KEY_RUNNING, call->principal->name, NULL, NULL), txn);
}

/* as it goes to the driver: with the defaults of the daemon */
static void
measure (TholeOperations *self, TholeWorkload *record)
{
  g_autoptr (GVariant) spec = thole_json_parse (record->spec, strlen (record->spec), NULL);
  g_autoptr (GVariant) resources = spec != NULL ? thole_dict_value (spec, "resources", "a{sv}") : NULL;
  double cpu = resources != NULL ? thole_dict_double (resources, "cpu", 0) : 0;
  gint64 memory = resources != NULL ? thole_dict_int (resources, "memory", 0) : 0;

  record->charged_cpu = thole_setting_cores (cpu > 0 ? cpu : self->limits.cpu);
  record->charged_memory = memory > 0 ? memory : self->limits.memory;
  record->charged_storage = resources != NULL ? thole_dict_int (resources, "disk", 0) : 0;
}

static void
add_unlimited (TholeProblem **problem, guint i, gint64 most)
{
  g_autofree char *text = amount_text (shares[i].setting, most);

  if (*problem == NULL)
    *problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  thole_problem_add (*problem, shares[i].pointer, "missing", "all workloads of its owner together may have %s, so each needs a limit",
                     text);
}

/* whoever gives something back need not fit in */
static TholeProblem *
charge_shares (TholeOperations *self, const TholeWorkload *before, TholeWorkload *record, TholeTxn *txn)
{
  TholeProblem *problem = NULL;

  if (before != NULL && strcmp (before->spec, record->spec) == 0)
    return NULL;
  measure (self, record);
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      TholeLimit limit = { .type = &thole_workload_type, .column = "owner", .value = record->owner, .sum = shares[i].column,
                           .except = record->id, .asked = *share_of (record, i), .kind = shares[i].setting, .tell = tell };
      gint64 had = before != NULL ? *share_of (before, i) : -1;

      limit.limit = thole_setting (self, shares[i].setting, record->owner, NULL, NULL);
      if (limit.limit <= 0 || limit.asked == had)
        continue;
      if (limit.asked == 0)
        add_unlimited (&problem, i, limit.limit);
      else if (limit.asked > had)
        thole_txn_limit (txn, &limit);
    }
  return problem;
}

TholeProblem *
thole_quota_charge (TholeCall *call, const TholeWorkload *before, TholeWorkload *record, TholeTxn *txn)
{
  TholeProblem *problem = charge_shares (call->operations, before, record, txn);

  if (problem != NULL)
    return problem;
  if (before == NULL)
    limit_rows ("owner", record->owner, THOLE_SETTING_WORKLOADS,
                thole_setting (call->operations, THOLE_SETTING_WORKLOADS, record->owner, NULL, NULL), txn);
  charge_run (call, record, txn);
  return NULL;
}

void
thole_quota_release (TholeWorkload *record)
{
  thole_record_set (&record->charged_owner, "");
  thole_record_set (&record->charged_key, "");
}

/* what is used --------------------------------------------------------------------------------------------- */

static void
add_up (const TholeWorkload *now, const char *owner, const char *key, gint64 used[THOLE_N_SETTINGS])
{
  used[THOLE_SETTING_RUNNING] += strcmp (now->charged_owner, owner) == 0;
  used[THOLE_SETTING_KEY_RUNNING] += key != NULL && strcmp (now->charged_key, key) == 0;
  if (strcmp (now->owner, owner) != 0)
    return;
  used[THOLE_SETTING_WORKLOADS]++;
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    used[shares[i].setting] += MIN (*share_of (now, i), G_MAXINT64 - used[shares[i].setting]);
}

static void
append_quota (GString *json, TholeCall *call, TholeSettingKind setting, gint64 used, const char *owner, const char *workload)
{
  const char *from;
  gint64 limit = thole_setting (call->operations, setting, owner, workload, &from);

  g_string_append_printf (json, "%s\"%s\":{\"used\":", json->len > 1 ? "," : "", thole_setting_name (setting));
  thole_setting_append (json, setting, used);
  g_string_append (json, ",\"limit\":");
  thole_setting_append (json, setting, limit);
  g_string_append_printf (json, ",\"from\":\"%s\"}", from);
}

static gint64
live_sessions (TholeOperations *self, const char *workload)
{
  TholeRoom *room = g_hash_table_lookup (self->rooms, workload);

  return room != NULL ? thole_room_live (room) : 0;
}

/* live sessions are those of one workload, so they are told when one is named */
void
thole_op_quota_get (TholeCall *call)
{
  const char *credential = call->principal->credential != NULL ? call->principal->credential : "";
  const char *key = g_str_has_prefix (credential, "key ") ? credential + strlen ("key ") : NULL;
  TholeCollection *workloads = call->operations->workloads;
  gint64 used[THOLE_N_SETTINGS] = { 0 };
  const char *owner, *workload;
  GString *json;

  if (!thole_settings_asked (call, &owner, &workload))
    return;
  for (guint i = 0; i < thole_collection_size (workloads); i++)
    add_up (((TholeSubject *) thole_collection_index (workloads, i))->now, owner, key, used);
  json = g_string_new ("{");
  for (TholeSettingKind i = 0; i < THOLE_SETTING_SESSIONS; i++)
    append_quota (json, call, i, used[i], owner, workload);
  if (workload != NULL)
    append_quota (json, call, THOLE_SETTING_SESSIONS, live_sessions (call->operations, workload), owner, workload);
  g_string_append_c (json, '}');
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}
