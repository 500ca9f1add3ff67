/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/strangers.h"

#define MINUTE (60 * G_USEC_PER_SEC)
#define OTHERS "others"

struct _TholeStrangers
{
  GHashTable *counts; /* address -> guint64: how many after the first */
  GSource *timer;     /* ends the minute */
};

static void
write_row (TholeOperations *self, const char *address, const char *reason, const char *request_id)
{
  const char *texts[THOLE_AUDIT_N_TEXTS] = {
    [THOLE_AUDIT_ACTOR] = "anonymous",
    [THOLE_AUDIT_ADDRESS] = address,
    [THOLE_AUDIT_ACTION] = "auth.credential",
    [THOLE_AUDIT_DECISION] = "denied",
    [THOLE_AUDIT_REASON] = reason,
    [THOLE_AUDIT_RESULT] = thole_error_word (THOLE_ERROR_UNAUTHENTICATED),
    [THOLE_AUDIT_REQUEST] = request_id,
  };
  TholeTxn *txn = thole_txn_new ();

  thole_txn_audit (txn, thole_audit_row_new (thole_clock_now (self->clock), texts));
  thole_db_commit (self->db, txn, NULL, NULL);
}

void
thole_strangers_flush (TholeOperations *self)
{
  TholeStrangers *strangers = self->strangers;
  GHashTableIter iter;
  gpointer address, count;

  if (strangers == NULL)
    return;
  g_hash_table_iter_init (&iter, strangers->counts);
  while (g_hash_table_iter_next (&iter, &address, &count))
    {
      guint64 more = *(guint64 *) count;
      g_autofree char *reason = g_strdup_printf ("no valid credential, %" G_GUINT64_FORMAT " more times within a minute", more);

      if (more > 0)
        write_row (self, address, reason, NULL);
    }
  g_hash_table_remove_all (strangers->counts);
  thole_source_clear (&strangers->timer);
}

static gboolean
minute_over (gpointer user_data)
{
  thole_strangers_flush (user_data);
  return G_SOURCE_REMOVE;
}

static TholeStrangers *
strangers_of (TholeOperations *self)
{
  if (self->strangers == NULL)
    {
      self->strangers = g_new0 (TholeStrangers, 1);
      self->strangers->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    }
  return self->strangers;
}

void
thole_strangers_note (TholeOperations *self, const char *address, const char *request_id)
{
  TholeStrangers *strangers = strangers_of (self);
  const char *name = address != NULL && address[0] != '\0' ? address : OTHERS;
  guint64 *more = g_hash_table_lookup (strangers->counts, name);

  if (self->draining)
    return;
  if (more == NULL && g_hash_table_size (strangers->counts) >= THOLE_STRANGERS_MAX)
    {
      name = OTHERS;
      more = g_hash_table_lookup (strangers->counts, name);
    }
  if (more != NULL)
    {
      (*more)++;
      return;
    }
  g_hash_table_insert (strangers->counts, g_strdup (name), g_new0 (guint64, 1));
  if (strangers->timer == NULL)
    strangers->timer = thole_clock_timer (self->clock, MINUTE, minute_over, self);
  write_row (self, name, "no valid credential", request_id);
}

void
thole_strangers_free (TholeOperations *self)
{
  if (self->strangers == NULL)
    return;
  thole_source_clear (&self->strangers->timer);
  g_hash_table_unref (self->strangers->counts);
  g_clear_pointer (&self->strangers, g_free);
}
