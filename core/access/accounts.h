/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Users, roles, groups, API keys and tokens that were taken back, held in memory as they are committed. Main thread only.
 */
#pragma once

#include "access/password.h"
#include "access/permission.h"
#include "records.h"
#include "store/db.h"

typedef struct _TholeAccounts TholeAccounts;

/* Loads all. Returns: (transfer full) */
TholeAccounts *thole_accounts_new   (TholeDb *db, TholeClock *clock, GError **error);
void           thole_accounts_free  (TholeAccounts *self);
TholePasswords *thole_accounts_passwords (TholeAccounts *self);

/* Called after each change that is not a mere note of use: what was derived of the former state is to be forgotten. */
void           thole_accounts_listen (TholeAccounts *self, void (*changed) (gpointer user_data), gpointer user_data);

guint          thole_accounts_count   (TholeAccounts *self, const TholeRecordType *type);
/* Returns: (transfer none) (nullable): the record of this type and id */
gpointer       thole_accounts_lookup  (TholeAccounts *self, const TholeRecordType *type, const char *id);
/* By id or e-mail address. */
TholeUser     *thole_accounts_user    (TholeAccounts *self, const char *id_or_email);
TholeUser     *thole_accounts_by_uid  (TholeAccounts *self, uid_t uid);
TholeKey      *thole_accounts_by_digest (TholeAccounts *self, const char *digest);
/* Returns: (transfer container): all records of @type in the order of their ids */
GPtrArray     *thole_accounts_all     (TholeAccounts *self, const TholeRecordType *type);

/* Returns: (transfer full): what the roles of @user and of its groups give */
char         **thole_accounts_grants  (TholeAccounts *self, TholeUser *user);
/* Returns: (transfer full) (nullable): ids of the users with whom @user is in a shared group */
GHashTable    *thole_accounts_mates   (TholeAccounts *self, TholeUser *user);

/* Returns: (transfer full): an array of names as JSON, without doubles */
char          *thole_names_to_json    (char **names);
/* Returns: (transfer full): never NULL */
char         **thole_names_from_json  (const char *json);

/* Several changes that are stored together or not at all; memory follows after COMMIT. */
typedef struct _TholeEdit TholeEdit;

TholeEdit     *thole_edit_new     (TholeAccounts *accounts);
void           thole_edit_free    (TholeEdit *edit);
/* What else is to happen in the transaction. */
TholeTxn      *thole_edit_txn     (TholeEdit *edit);
void           thole_edit_add     (TholeEdit *edit, gpointer record);
/* @record: a changed copy; its revision is counted up here. */
void           thole_edit_replace (TholeEdit *edit, gpointer record);
void           thole_edit_remove  (TholeEdit *edit, gpointer record);
/* @edit: (transfer full). @done: (nullable) */
void           thole_edit_commit  (TholeEdit *edit, TholeCommitFunc done, gpointer user_data);
/* It is not worth dropping what was derived: a use was noted. */
void           thole_edit_quiet   (TholeEdit *edit);
