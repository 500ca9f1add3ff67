/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/txn.h"

static void
limit_free (TholeLimit *limit)
{
  g_free ((char *) limit->value);
  g_free ((char *) limit->except);
  g_free (limit);
}

static void
action_clear (gpointer data)
{
  TholeAction *action = data;

  g_clear_pointer (&action->record, thole_record_unref);
  g_clear_pointer (&action->audit, thole_audit_row_free);
  g_clear_pointer (&action->bound, limit_free);
  g_free (action->value);
}

static void
add (TholeTxn *self, TholeAction action)
{
  g_array_append_val (self->actions, action);
}

TholeTxn *
thole_txn_new (void)
{
  TholeTxn *self = g_new0 (TholeTxn, 1);

  self->actions = g_array_sized_new (FALSE, TRUE, sizeof (TholeAction), 4);
  g_array_set_clear_func (self->actions, action_clear);
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_event_unref);
  return self;
}

void
thole_txn_free (TholeTxn *txn)
{
  g_array_unref (txn->actions);
  g_ptr_array_unref (txn->events);
  g_free (txn);
}

void
thole_txn_insert (TholeTxn *txn, gpointer record)
{
  add (txn, (TholeAction){ .kind = THOLE_ACTION_INSERT, .type = ((TholeRecord *) record)->type,
                           .record = thole_record_ref (record) });
}

void
thole_txn_update (TholeTxn *txn, gpointer record)
{
  add (txn, (TholeAction){ .kind = THOLE_ACTION_UPDATE, .type = ((TholeRecord *) record)->type,
                           .record = thole_record_ref (record) });
}

void
thole_txn_remove (TholeTxn *txn, const TholeRecordType *type, const char *id)
{
  add (txn, (TholeAction){ .kind = THOLE_ACTION_REMOVE, .type = type, .value = g_strdup (id) });
}

void
thole_txn_limit (TholeTxn *txn, const TholeLimit *limit)
{
  TholeLimit *bound = g_new (TholeLimit, 1);

  *bound = *limit;
  bound->column = g_intern_string (limit->column);
  bound->sum = g_intern_string (limit->sum);
  bound->value = g_strdup (limit->value);
  bound->except = g_strdup (limit->except);
  add (txn, (TholeAction){ .kind = THOLE_ACTION_LIMIT, .type = limit->type, .bound = bound });
  g_return_if_fail (thole_record_field (limit->type, limit->column) != NULL);
}

void
thole_txn_event (TholeTxn *txn, TholeEvent *event)
{
  g_ptr_array_add (txn->events, event);
  add (txn, (TholeAction){ .kind = THOLE_ACTION_EVENT, .event = event });
}

void
thole_txn_prune (TholeTxn *txn, gint64 first)
{
  add (txn, (TholeAction){ .kind = THOLE_ACTION_PRUNE, .limit = first });
}

void
thole_txn_expire (TholeTxn *txn, gint64 time, guint limit)
{
  add (txn, (TholeAction){ .kind = THOLE_ACTION_EXPIRE, .time = time, .limit = limit });
}

void
thole_txn_audit (TholeTxn *txn, TholeAuditRow *row)
{
  add (txn, (TholeAction){ .kind = THOLE_ACTION_AUDIT, .audit = row });
}

void
thole_txn_forget (TholeTxn *txn, gint64 keep, gint64 before)
{
  add (txn, (TholeAction){ .kind = THOLE_ACTION_FORGET, .limit = keep, .time = before });
}
