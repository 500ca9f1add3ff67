/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One backend of this driver, and the way that every call takes: options, faults, delay, work, answer.
 */
#pragma once

#include "thole-host.h"

#include "faults.h"
#include "world.h"

struct _TholeDriver
{
  TholeHost *host;
  const TholeHostOps *ops;
  char *instance;
  char *name;
  char *state_file;      /* (nullable) */
  char *engine;          /* (nullable) */
  gint64 delay, jitter;  /* µs */
  gint64 pull_time;      /* µs */
  gsize log_bytes;
  guint64 max_workloads; /* 0 = no limit */
  guint64 seed;
  gboolean durable;
  gboolean agent;        /* a workload may have a thole-agent: commands in sessions really run on this machine */
  char *runtime_dir;     /* (nullable) */
  GHashTable *agents;    /* (nullable): workload id -> its agent */
  char *faults_text;
  char **images;
  MemFaults *faults;
  MemWorld *world;       /* NULL before the first probe */
  MemWatcher watcher;
  GSource *timer;        /* (nullable): of what is due in the world */
  gboolean advancing;
  GQueue calls;          /* of MemCall.link: not answered yet */
  GQueue sessions;       /* of MemSession.link */
  GQueue log_readers;    /* those that follow */
};

typedef struct _MemCall MemCall;
typedef void (*MemWork) (MemCall *call);

struct _MemCall
{
  TholeDriver *driver;
  GTask *task;
  const char *slot;          /* static */
  char *id;                  /* workload or volume; "" = none */
  char *text;                /* signal, path, reference, snapshot, exec id */
  char *signal;              /* (nullable): for an exec */
  GVariant *dict;            /* (nullable): spec, changes, command */
  GVariant *options;
  GInputStream *tar;
  guint rows, cols;
  MemWork work;
  gpointer data;             /* of the work, freed with `data_free` */
  GDestroyNotify data_free;
  gboolean unruly;           /* works while the engine is down, no faults: control */
  gboolean *gone;            /* (nullable): set when the call is freed */
  MemFaultAction action;
  int code;
  gint64 late;
  gpointer kept;             /* (nullable): an answer that is given later */
  GDestroyNotify kept_free;
  guint runs;                /* how often the work has been begun */
  gboolean waiting;          /* for being cancelled: nothing is done meanwhile */
  GSource *delay;            /* (nullable) */
  GSource *cancelled;        /* (nullable) */
  GList link;
};

/* For the slots: make a call, fill in its arguments, begin it. All strings and values are copied or referenced. */
MemCall *mem_call_new    (TholeDriver *driver, const char *slot, const char *id, const char *text, GVariant *dict,
                          GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
void     mem_call_begin  (MemCall *call, MemWork work);

/* For the work: exactly one of these, at once or later. The call is gone afterwards. */
void     mem_call_return (MemCall *call, gpointer value, GDestroyNotify free_value);
void     mem_call_done   (MemCall *call);
void     mem_call_value  (MemCall *call, GVariant *value);
void     mem_call_fail   (MemCall *call, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);
void     mem_call_error  (MemCall *call, GError *error);
/* The workload of the call when it is there and ours; else the call has failed with NOT_FOUND. */
MemWorkload *mem_call_workload (MemCall *call);
/* Fails every call that is not answered. */
void     mem_calls_fail  (TholeDriver *driver, int code, const char *reason);

gint64   mem_now         (TholeDriver *driver);
GSource *mem_timer       (TholeDriver *driver, gint64 delay, GSourceFunc function, gpointer data);

gpointer mem_finish_pointer (GAsyncResult *result, GError **error);

extern const TholeWorkloadOps mem_workload_ops;
extern const TholeExecOps mem_exec_ops;
extern const TholeAgentOps mem_agent_ops;
extern const TholeFilesOps mem_files_ops;
extern const TholeImageOps mem_image_ops;
extern const TholeVolumeOps mem_volume_ops;
