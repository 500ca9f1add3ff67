/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is inside a transaction, for those who carry it out.
 */
#pragma once

#include "store/db.h"

typedef enum
{
  THOLE_ACTION_INSERT, /* record */
  THOLE_ACTION_UPDATE, /* record */
  THOLE_ACTION_REMOVE, /* type, id */
  THOLE_ACTION_LIMIT,  /* bound */
  THOLE_ACTION_EVENT,  /* event */
  THOLE_ACTION_PRUNE,  /* limit: first number that stays */
  THOLE_ACTION_EXPIRE, /* time, limit */
  THOLE_ACTION_AUDIT,  /* audit */
  THOLE_ACTION_FORGET, /* of the audit: limit: newest that are kept, time: and those from before */
} TholeActionKind;

typedef struct
{
  TholeActionKind kind;
  const TholeRecordType *type;
  gpointer record;
  TholeEvent *event;
  TholeAuditRow *audit;
  char *value; /* the id */
  TholeLimit *bound;
  gint64 limit;
  gint64 time;
} TholeAction;

struct _TholeTxn
{
  GArray *actions;   /* TholeAction */
  GPtrArray *events; /* TholeEvent, those of the actions in their order */
};
