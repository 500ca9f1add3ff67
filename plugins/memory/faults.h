/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Faults on demand, in a small language of rules (README.md).
 */
#pragma once

#include <gio/gio.h>

typedef enum
{
  MEM_FAULT_NONE,        /* only a delay */
  MEM_FAULT_FAIL,        /* answers `code`, does nothing */
  MEM_FAULT_LOSE_ANSWER, /* does it, then answers `code`, or nothing at all when that is -1 */
  MEM_FAULT_REPEAT,      /* does it twice */
  MEM_FAULT_HANG,        /* does nothing and answers nothing until cancelled */
  MEM_FAULT_CRASH,       /* ends this process before the work, or after it (`code` 1) */
  MEM_FAULT_LATE,        /* hangs until cancelled, then does it and answers `late` µs later */
  MEM_FAULT_STALE,       /* does it, and answers `late` µs later what was true then */
} MemFaultAction;

typedef struct
{
  char *text;            /* the rule as it was given */
  char *slot;            /* a pattern: workload.start, workload.*, * */
  char *id;              /* (nullable) */
  MemFaultAction action;
  int code;
  gint64 delay;          /* µs */
  gint64 late;           /* µs */
  guint after;           /* calls that are let through first */
  guint times;           /* 0 = for ever */
  double probability;
  guint used;
} MemFault;

typedef struct _MemFaults MemFaults;

MemFaults      *mem_faults_new    (guint64 seed);
void            mem_faults_free   (MemFaults *self);
/* Adds the rules of @text, for @id when it is given. @crashes: how often each rule has crashed this engine's users.
 * Errors: INVALID (names the wrong part); then none was added. */
gboolean        mem_faults_add    (MemFaults *self, const char *text, const char *id, GHashTable *crashes, GError **error);
/* Of @id, or all when it is NULL. */
void            mem_faults_remove (MemFaults *self, const char *id);
gboolean        mem_faults_has    (MemFaults *self, const char *id);
/* The first rule that is to act on this call. Returns: (transfer none) (nullable): valid until the next change of the rules */
const MemFault *mem_faults_match  (MemFaults *self, const char *slot, const char *id);
/* A number below @bound, from the seed. */
guint64         mem_faults_random (MemFaults *self, guint64 bound);
