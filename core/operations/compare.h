/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "operations/subject.h"

/* What the comparison of store and engine found of one object, each with exactly one thing that is done. */
typedef struct
{
  const char *name;    /* "missing" */
  const char *action;  /* what is done, for people */
} TholeRule;

/* Compares everything that the engine of @backend has of ours with the store, and lets each difference be dealt with, unless
 * @dry_run. @done (nullable) gets the JSON array of differences {"id","rule","action","recorded","found"}, or an error.
 * What does not carry our label and instance is never in the list and never touched. */
typedef void (*TholeCompared) (gpointer user_data, GString *differences, const GError *error);
void thole_compare (TholeOperations *operations, TholeBackend *backend, gboolean dry_run, TholeCompared done, gpointer user_data);
