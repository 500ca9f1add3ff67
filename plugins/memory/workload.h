/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What can happen to a workload of the engine. Each tells the world's watchers and its journal.
 */
#pragma once

#include "tree.h"
#include "world.h"

/* Errors: IMAGE_NOT_FOUND, INVALID, EXISTS, NOT_FOUND (a volume). Takes over what is there and has the same instance. */
MemWorkload *mem_workload_create  (MemWorld *world, const char *instance, const char *id, GVariant *spec, GVariant *secrets,
                                   gint64 now, gboolean *adopted, GError **error);
gboolean     mem_workload_start   (MemWorkload *self, gint64 now, GError **error);
void         mem_workload_signal  (MemWorkload *self, int signal, gint64 now);
/* Sends @signal and kills it @grace µs later. */
void         mem_workload_stop    (MemWorkload *self, int signal, gint64 grace, gint64 now);
void         mem_workload_end     (MemWorkload *self, const MemProgramEnd *end, const char *reason, gint64 now);
void         mem_workload_pause   (MemWorkload *self, gint64 now);
void         mem_workload_unpause (MemWorkload *self, gint64 now);
void         mem_workload_update  (MemWorkload *self, GVariant *changes);
/* Ends it if it runs. @silent: no event */
void         mem_workload_remove  (MemWorkload *self, gboolean silent, gint64 now);
void         mem_workload_set_health (MemWorkload *self, const char *state);
void         mem_workload_free    (MemWorkload *self);

gboolean     mem_workload_is_alive (MemWorkload *self);
/* (nullable) */
const char  *mem_workload_variable (MemWorkload *self, const char *name);
const char  *mem_workload_health   (MemWorkload *self);
/* Advances its program and plans what comes next; after input, a signal, a new size or room for output. */
void         mem_workload_go_on   (MemWorkload *self, gint64 now);
void         mem_workload_wait    (MemWorkload *self, MemWaiter *waiter);
void         mem_workload_unwait  (MemWorkload *self, MemWaiter *waiter);

/* For the journal: begins the program of a loaded workload again, so that it stands where it stood. */
void         mem_workload_resume  (MemWorkload *self);
MemWorkload *mem_workload_restore (MemWorld *world, const char *instance, const char *id, guint64 serial, GVariant *spec,
                                   gint64 created_at);

/* The tree that @path lies in, its own or that of a volume, and the path in there.
 * Returns: (transfer none); @inside is (transfer full) */
MemTree     *mem_workload_tree    (MemWorkload *self, const char *path, char **inside);
/* Reads and writes as a program of it does. */
GBytes      *mem_workload_read    (MemWorkload *self, const char *path);
gboolean     mem_workload_write   (MemWorkload *self, const char *path, GBytes *content, guint mode, gint64 time,
                                   GError **error);
gboolean     mem_workload_put     (MemWorkload *self, const char *path, MemNode *node /* transfer full */, GError **error);
