/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/accounts.h"

#include <string.h>

#include "thole-json.h"

#define CARE_PAUSE (60 * G_USEC_PER_SEC)
#define MAX_CARE 1000 /* rows that are let go at once */

typedef struct
{
  const TholeRecordType *type;
  GHashTable *records; /* id -> record */
} Table;

enum { USERS, KEYS, REVOKED, ROLES, GROUPS, SECRETS, SETTINGS, N_TABLES };

struct _TholeAccounts
{
  TholeDb *db;
  TholeClock *clock;
  TholePasswords *passwords;
  Table tables[N_TABLES];
  GHashTable *emails;  /* -> TholeUser, borrowed as the next two */
  GHashTable *uids;
  GHashTable *digests; /* -> TholeKey */
  GSource *care;
  void (*changed) (gpointer user_data);
  gpointer user_data;
};

typedef enum { ADD, REPLACE, REMOVE } Act;

typedef struct
{
  Act act;
  gpointer record;
} Change;

struct _TholeEdit
{
  TholeAccounts *accounts;
  TholeTxn *txn;
  GArray *changes; /* of Change */
  gboolean quiet;
  TholeCommitFunc done;
  gpointer user_data;
};

static Table *
table_of (TholeAccounts *self, const TholeRecordType *type)
{
  for (guint i = 0; i < N_TABLES; i++)
    if (self->tables[i].type == type)
      return &self->tables[i];
  g_return_val_if_reached (NULL);
}

/* what else finds a record */

static void
index_add (TholeAccounts *self, gpointer record)
{
  const TholeRecordType *type = ((TholeRecord *) record)->type;
  TholeUser *user = record;

  if (type == &thole_key_type)
    g_hash_table_replace (self->digests, ((TholeKey *) record)->digest, record);
  if (type != &thole_user_type)
    return;
  g_hash_table_replace (self->emails, user->email, user);
  if (user->uid >= 0)
    g_hash_table_replace (self->uids, &user->uid, user);
}

static void
index_remove (TholeAccounts *self, gpointer record)
{
  const TholeRecordType *type = ((TholeRecord *) record)->type;
  TholeUser *user = record;

  if (type == &thole_key_type)
    g_hash_table_remove (self->digests, ((TholeKey *) record)->digest);
  if (type != &thole_user_type)
    return;
  g_hash_table_remove (self->emails, user->email);
  if (user->uid >= 0)
    g_hash_table_remove (self->uids, &user->uid);
}

static void
forget (TholeAccounts *self, Table *table, const char *id)
{
  gpointer record = g_hash_table_lookup (table->records, id);

  if (record == NULL)
    return;
  index_remove (self, record);
  g_hash_table_remove (table->records, id);
}

static void
remember (TholeAccounts *self, Table *table, gpointer record)
{
  forget (self, table, thole_record_id (record));
  g_hash_table_replace (table->records, (gpointer) thole_record_id (record), thole_record_ref (record));
  index_add (self, record);
}

/* tokens that have ended by themselves need not be remembered as taken back */
static gboolean
care (gpointer user_data)
{
  TholeAccounts *self = user_data;
  gint64 now = thole_clock_now (self->clock);
  TholeEdit *edit = NULL;
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, self->tables[REVOKED].records);
  while (n < MAX_CARE && g_hash_table_iter_next (&iter, NULL, &value))
    {
      if (((TholeRevoked *) value)->expires_at > now)
        continue;
      if (edit == NULL)
        edit = thole_edit_new (self);
      thole_edit_remove (edit, value);
      n++;
    }
  if (edit != NULL)
    {
      thole_edit_quiet (edit);
      thole_edit_commit (edit, NULL, NULL);
    }
  return G_SOURCE_CONTINUE;
}

/* as if they were stored */
static void
add_builtin (TholeAccounts *self)
{
  for (const TholeBuiltinRole *builtin = thole_builtin_roles; builtin->name != NULL; builtin++)
    {
      TholeRole *role = thole_record_new (&thole_role_type);

      thole_record_set (&role->id, builtin->name);
      thole_record_set (&role->doc, builtin->doc);
      role->permissions = thole_names_to_json ((char **) builtin->permissions);
      role->builtin = TRUE;
      remember (self, &self->tables[ROLES], role);
      thole_record_unref (role);
    }
}

TholeAccounts *
thole_accounts_new (TholeDb *db, TholeClock *clock, GError **error)
{
  static const TholeRecordType *const types[N_TABLES] = { &thole_user_type, &thole_key_type, &thole_revoked_type,
                                                         &thole_role_type, &thole_group_type, &thole_secret_type, &thole_setting_type };
  TholeAccounts *self = g_new0 (TholeAccounts, 1);

  self->db = db;
  self->clock = clock;
  self->passwords = thole_passwords_new ();
  self->emails = g_hash_table_new (g_str_hash, g_str_equal);
  self->uids = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->digests = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < N_TABLES; i++)
    {
      g_autoptr (GPtrArray) rows = thole_db_load (db, types[i], error);

      self->tables[i] = (Table) { types[i], g_hash_table_new_full (g_str_hash, g_str_equal, NULL, thole_record_unref) };
      if (rows == NULL)
        {
          thole_accounts_free (self);
          return NULL;
        }
      for (guint j = 0; j < rows->len; j++)
        remember (self, &self->tables[i], rows->pdata[j]);
    }
  add_builtin (self);
  self->care = thole_clock_timer (clock, CARE_PAUSE, care, self);
  return self;
}

void
thole_accounts_free (TholeAccounts *self)
{
  thole_source_clear (&self->care);
  thole_passwords_free (self->passwords);
  g_hash_table_unref (self->emails);
  g_hash_table_unref (self->uids);
  g_hash_table_unref (self->digests);
  for (guint i = 0; i < N_TABLES; i++)
    g_clear_pointer (&self->tables[i].records, g_hash_table_unref);
  g_free (self);
}

TholePasswords *
thole_accounts_passwords (TholeAccounts *self)
{
  return self->passwords;
}

void
thole_accounts_listen (TholeAccounts *self, void (*changed) (gpointer user_data), gpointer user_data)
{
  self->changed = changed;
  self->user_data = user_data;
}

/* finding ------------------------------------------------------------------------------------------------ */

guint
thole_accounts_count (TholeAccounts *self, const TholeRecordType *type)
{
  return g_hash_table_size (table_of (self, type)->records);
}

gpointer
thole_accounts_lookup (TholeAccounts *self, const TholeRecordType *type, const char *id)
{
  return g_hash_table_lookup (table_of (self, type)->records, id);
}

TholeUser *
thole_accounts_user (TholeAccounts *self, const char *id_or_email)
{
  TholeUser *user = g_hash_table_lookup (self->tables[USERS].records, id_or_email);
  g_autofree char *email = NULL;

  if (user != NULL)
    return user;
  email = g_ascii_strdown (id_or_email, -1);
  return g_hash_table_lookup (self->emails, email);
}

TholeUser *
thole_accounts_by_uid (TholeAccounts *self, uid_t uid)
{
  gint64 key = uid;

  return g_hash_table_lookup (self->uids, &key);
}

TholeKey *
thole_accounts_by_digest (TholeAccounts *self, const char *digest)
{
  return g_hash_table_lookup (self->digests, digest);
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  return strcmp (thole_record_id (*(gconstpointer const *) a), thole_record_id (*(gconstpointer const *) b));
}

GPtrArray *
thole_accounts_all (TholeAccounts *self, const TholeRecordType *type)
{
  GPtrArray *all = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer record;

  g_hash_table_iter_init (&iter, table_of (self, type)->records);
  while (g_hash_table_iter_next (&iter, NULL, &record))
    g_ptr_array_add (all, record);
  g_ptr_array_sort (all, compare_ids);
  return all;
}

/* who may do what ---------------------------------------------------------------------------------------- */

static void
add_role (TholeAccounts *self, const char *name, GStrvBuilder *grants)
{
  TholeRole *role = g_hash_table_lookup (self->tables[ROLES].records, name);
  g_auto (GStrv) permissions = role != NULL ? thole_names_from_json (role->permissions) : NULL;

  if (permissions != NULL)
    g_strv_builder_addv (grants, (const char **) permissions);
}

char **
thole_accounts_grants (TholeAccounts *self, TholeUser *user)
{
  g_auto (GStrv) roles = thole_names_from_json (user->roles);
  g_auto (GStrv) groups = thole_names_from_json (user->groups);
  g_autoptr (GStrvBuilder) grants = g_strv_builder_new ();

  for (guint i = 0; roles[i] != NULL; i++)
    add_role (self, roles[i], grants);
  for (guint i = 0; groups[i] != NULL; i++)
    {
      TholeGroup *group = g_hash_table_lookup (self->tables[GROUPS].records, groups[i]);
      g_auto (GStrv) given = group != NULL ? thole_names_from_json (group->roles) : NULL;

      for (guint j = 0; given != NULL && given[j] != NULL; j++)
        add_role (self, given[j], grants);
    }
  return g_strv_builder_end (grants);
}

static gboolean
share (TholeAccounts *self, char **groups, TholeUser *other)
{
  g_auto (GStrv) others = thole_names_from_json (other->groups);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      TholeGroup *group = g_hash_table_lookup (self->tables[GROUPS].records, groups[i]);

      if (group != NULL && group->shared && g_strv_contains ((const char *const *) others, group->id))
        return TRUE;
    }
  return FALSE;
}

GHashTable *
thole_accounts_mates (TholeAccounts *self, TholeUser *user)
{
  g_auto (GStrv) groups = thole_names_from_json (user->groups);
  GHashTable *mates = NULL;
  GHashTableIter iter;
  gpointer other;

  g_hash_table_iter_init (&iter, self->tables[USERS].records);
  while (groups[0] != NULL && g_hash_table_iter_next (&iter, NULL, &other))
    if (other != user && share (self, groups, other))
      {
        if (mates == NULL)
          mates = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_add (mates, g_strdup (((TholeUser *) other)->id));
      }
  return mates;
}

/* lists of names ----------------------------------------------------------------------------------------- */

char *
thole_names_to_json (char **names)
{
  GString *json = g_string_new ("[");

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      gboolean again = FALSE;

      for (guint j = 0; j < i; j++)
        again |= strcmp (names[i], names[j]) == 0;
      if (again)
        continue;
      g_string_append (json, json->len > 1 ? "," : "");
      thole_json_append_string (json, names[i]);
    }
  g_string_append_c (json, ']');
  return g_string_free (json, FALSE);
}

char **
thole_names_from_json (const char *json)
{
  g_autoptr (GVariant) value = json != NULL ? thole_json_parse (json, strlen (json), NULL) : NULL;
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (gsize i = 0; value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE ("av")) && i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (value, i);
      g_autoptr (GVariant) name = g_variant_get_variant (boxed);

      if (g_variant_is_of_type (name, G_VARIANT_TYPE_STRING))
        g_strv_builder_add (names, g_variant_get_string (name, NULL));
    }
  return g_strv_builder_end (names);
}

/* changing ----------------------------------------------------------------------------------------------- */

static void
change_clear (gpointer data)
{
  thole_record_unref (((Change *) data)->record);
}

TholeEdit *
thole_edit_new (TholeAccounts *accounts)
{
  TholeEdit *edit = g_new0 (TholeEdit, 1);

  edit->accounts = accounts;
  edit->txn = thole_txn_new ();
  edit->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (edit->changes, change_clear);
  return edit;
}

void
thole_edit_free (TholeEdit *edit)
{
  g_clear_pointer (&edit->txn, thole_txn_free);
  g_array_unref (edit->changes);
  g_free (edit);
}

TholeTxn *
thole_edit_txn (TholeEdit *edit)
{
  return edit->txn;
}

static void
note (TholeEdit *edit, Act act, gpointer record)
{
  Change change = { act, thole_record_ref (record) };

  g_array_append_val (edit->changes, change);
}

void
thole_edit_add (TholeEdit *edit, gpointer record)
{
  thole_txn_insert (edit->txn, record);
  note (edit, ADD, record);
}

void
thole_edit_replace (TholeEdit *edit, gpointer record)
{
  const TholeField *revision = thole_record_field (((TholeRecord *) record)->type, "revision");

  if (revision != NULL)
    ++*(gint64 *) ((char *) record + revision->offset);
  thole_txn_update (edit->txn, record);
  note (edit, REPLACE, record);
}

void
thole_edit_remove (TholeEdit *edit, gpointer record)
{
  thole_txn_remove (edit->txn, ((TholeRecord *) record)->type, thole_record_id (record));
  note (edit, REMOVE, record);
}

void
thole_edit_quiet (TholeEdit *edit)
{
  edit->quiet = TRUE;
}

static void
committed (gpointer user_data, const GError *error)
{
  TholeEdit *edit = user_data;
  TholeAccounts *self = edit->accounts;

  for (guint i = 0; error == NULL && i < edit->changes->len; i++)
    {
      Change *change = &g_array_index (edit->changes, Change, i);
      Table *table = table_of (self, ((TholeRecord *) change->record)->type);

      if (change->act == REMOVE)
        forget (self, table, thole_record_id (change->record));
      else
        remember (self, table, change->record);
    }
  if (error == NULL && !edit->quiet && self->changed != NULL)
    self->changed (self->user_data);
  if (edit->done != NULL)
    edit->done (edit->user_data, error);
  thole_edit_free (edit);
}

void
thole_edit_commit (TholeEdit *edit, TholeCommitFunc done, gpointer user_data)
{
  edit->done = done;
  edit->user_data = user_data;
  thole_db_commit (edit->accounts->db, g_steal_pointer (&edit->txn), committed, edit);
}
