/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A suite adds its cases; most of them are rows of a table, or a row and a column.
 */
#pragma once

#include "kit.h"

typedef struct _KitCase KitCase;
typedef void (*KitRun) (Kit *kit, const KitCase *one);

struct _KitCase
{
  char *name;      /* "cancel/workload.start/at-once" */
  KitRun run;
  guint64 needs;   /* bits of TholeSlot; without one of them it is skipped */
  int row, column;
  gboolean closed; /* wants no open driver: it opens one itself */
  gboolean bare;   /* not even a driver that was loaded */
};

#define KIT_NEEDS(slot) ((guint64) 1 << THOLE_SLOT_##slot)
/* what a driver needs whose workloads can be run */
#define KIT_MANAGES (KIT_NEEDS (WORKLOAD_CREATE))

void kit_add (GPtrArray *cases, const KitCase *one, const char *format, ...) G_GNUC_PRINTF (3, 4);
void kit_case_free (gpointer one);

/* A legal call of every slot, on shared things; what it makes is given back by kit_legal_clear(). */
typedef struct
{
  TholeSlotArgs args;
  GVariant *dict;          /* what args borrows */
  char *id, *text;
  GVariant *options;
  GInputStream *tar;
  GIOStream *stream;       /* of what it works on */
  KitOutcomes outcomes;
} KitLegal;

/* @unknown (nullable): a key that is added to the options. FALSE: with a fault, or skipped with the reason. */
gboolean kit_legal (Kit *self, TholeSlot slot, const char *unknown, KitLegal *out);
void     kit_legal_clear (Kit *self, TholeSlot slot, KitLegal *legal);
/* What a slot needs to be called so, itself included. */
guint64  kit_legal_needs (TholeSlot slot);
gboolean kit_takes_options (TholeSlot slot);

typedef void (*KitSuite) (GPtrArray *cases);
/* Returns: (nullable): the name, and what it is about, until NULL */
const char *kit_suite (guint index, KitSuite *add, const char **about);

void suite_load (GPtrArray *cases);
void suite_open (GPtrArray *cases);
void suite_call (GPtrArray *cases);
void suite_cancel (GPtrArray *cases);
void suite_workload (GPtrArray *cases);
void suite_spec (GPtrArray *cases);
void suite_exec (GPtrArray *cases);
void suite_logs (GPtrArray *cases);
void suite_event (GPtrArray *cases);
void suite_goods (GPtrArray *cases);
void suite_end (GPtrArray *cases);
