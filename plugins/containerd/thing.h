/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A workload's container at the engine: its name, its labels, and what it looks like to us.
 *
 * The engine keeps no state of a container without a task, so labels hold it: when it was started, and how that ended.
 */
#pragma once

#include "call.h"

#define CTR_LABEL_ID "org.thole.id"
#define CTR_LABEL_INSTANCE "org.thole.instance"
#define CTR_LABEL_ROLE "org.thole.role"
#define CTR_LABEL_NAME "org.thole.name"
#define CTR_LABEL_STDIO "org.thole.stdio"      /* words: tty, stdin */
#define CTR_LABEL_STARTED "org.thole.started"  /* µs since the epoch; "" = never */
#define CTR_LABEL_ENDED "org.thole.ended"      /* µs; "" = runs, or its end was not seen */
#define CTR_LABEL_CODE "org.thole.exit-code"
#define CTR_LABEL_REASON "org.thole.reason"    /* why it did not start */
#define CTR_LABEL_OOM "org.thole.oom"

/* A task as the engine names its states. */
enum { CTR_TASK_CREATED = 1, CTR_TASK_RUNNING, CTR_TASK_STOPPED, CTR_TASK_PAUSED, CTR_TASK_PAUSING };

/* The engine's name for @id: the same for the same arguments. Returns: (transfer full) */
char       *ctr_thing_name    (const char *instance, const char *id);
const char *ctr_label         (Ctr__Label *const *labels, gsize n, const char *key); /* "" when missing */

gboolean    ctr_thing_is_ours (TholeDriver *driver, const char *container);
/* An event of kind "workload" about @container. */
void        ctr_thing_tell    (TholeDriver *driver, const char *container, const char *action);
void        ctr_thing_note    (TholeDriver *driver, const Ctr__Container *container);
void        ctr_thing_forget  (TholeDriver *driver, const char *container);

/* Looks for the container of @id; @next gets a Ctr__Container. Errors: NOT_FOUND. */
void        ctr_thing_find    (GTask *task, const char *id, CtrNext next);
/* The same; one of this name that is not ours is EXISTS. */
void        ctr_thing_find_any (GTask *task, const char *id, CtrNext next);
/* @next gets a Ctr__TaskGot; NOT_FOUND = it has no task. */
void        ctr_task_get      (GTask *task, const char *container, CtrNext next);
/* Writes labels: pairs of key and value, ended by NULL. */
void        ctr_thing_label   (GTask *task, const char *container, const char *const *pairs, CtrNext next);

/* "workload". @process (nullable). Returns: (transfer full) */
GVariant   *ctr_thing_show    (TholeDriver *driver, const Ctr__Container *container, const Ctr__Process *process);
GVariant   *ctr_thing_gone    (TholeDriver *driver, const char *id);
gint64      ctr_time_of       (const Ctr__Timestamp *time); /* (nullable); µs */
