/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The folder of a sandbox: the record of what it is, the plan that its supervisor follows, and the state that this one writes.
 */
#pragma once

#include "driver.h"

/* in its folder */
#define LOCAL_BOX_RECORD "record"

typedef enum
{
  LOCAL_CREATED,
  LOCAL_STARTING,
  LOCAL_RUNNING,
  LOCAL_PAUSED,
  LOCAL_EXITED
} LocalPhase;

typedef struct
{
  LocalPhase phase;
  gboolean lost;             /* nobody saw its end */
  gint64 pid;                /* of its first process */
  gint64 started, finished;
  gint64 before;             /* while it starts: `started` of the run before, 0 = none */
  gint64 code;
  int signal;
  gboolean oom;
} LocalState;

/* A name of folders and control groups for @id. Returns: (transfer full) */
char      *local_box_name   (TholeDriver *driver, const char *id);
/* Returns: (transfer full): the path of @part (nullable) in the folder of @id */
char      *local_box_path   (TholeDriver *driver, const char *id, const char *part);
/* Its record: id, instance, role, name, image, env, agent. Returns: (transfer full) (nullable): NULL with NOT_FOUND */
GVariant  *local_box_record (TholeDriver *driver, const char *id, GError **error);
/* What its supervisor says. */
void       local_box_state  (TholeDriver *driver, const char *id, LocalState *state);
gboolean   local_box_runs   (TholeDriver *driver, const char *id);
/* @path: of its lock. In any thread. */
gboolean   local_box_is_locked (const char *path);
/* Returns: (transfer full): a "workload" dictionary */
GVariant  *local_box_show   (TholeDriver *driver, GVariant *record);
/* The records of all. Returns: (transfer full) (element-type GVariant) */
GPtrArray *local_box_list   (TholeDriver *driver);
/* What is to be made, or removed: nothing of it belongs to one thread. box-write.c */
typedef struct _LocalBox LocalBox;
/* @plan: bytes; @files: those beside it, name -> GBytes */
LocalBox  *local_box_new    (TholeDriver *driver, const char *id, GVariant *record, GByteArray *plan, GHashTable *files);
/* To be removed. */
LocalBox  *local_box_old    (TholeDriver *driver, const char *id);
void       local_box_free   (gpointer self);
/* All of it appears at once, or nothing, in place of what nobody understands. That it stays when the machine goes off is for settle.h. */
gboolean   local_box_make   (gpointer self, GError **error);
gboolean   local_box_remove (gpointer self, GError **error);
/* Tells the daemon that something happened to it. @role: NULL = of its record */
void       local_box_tell   (TholeDriver *driver, const char *id, const char *role, const char *action);

/* What others left behind: control groups without a sandbox, and, when @hidden, folders that were being made or removed, or are not whole:
 * not while this daemon does such things. `run` is for a thread. */
typedef struct _LocalSweep LocalSweep;
LocalSweep *local_sweep_new  (TholeDriver *driver, gboolean hidden);
void        local_sweep_run  (LocalSweep *self);
/* Names of those that were not whole, and are gone now. Returns: (transfer none) (element-type utf8) */
const GPtrArray *local_sweep_broken (LocalSweep *self);
void        local_sweep_free (LocalSweep *self);
