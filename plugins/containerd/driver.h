/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One containerd backend: what all files of this driver share.
 */
#pragma once

#include "channel.h"
#include "config.h"
#include "thole-dict.h"
#include "thole-driver.h"
#include "thole-host.h"
#include "thole-json.h"

typedef struct _CtrEvents CtrEvents;
typedef struct _CtrRemains CtrRemains;

/* How a task ended, as an event told. */
typedef struct
{
  guint code;
  gint64 time; /* µs */
} CtrEnd;

/* Whose container it is. */
typedef struct
{
  char *id;
  char *role;
} CtrName;

/* Reference-counted (g_rc_box), so that what is under way may outlive `close`; then `host` is NULL. */
struct _TholeDriver
{
  TholeHost *host;       /* NULL once closed */
  const TholeHostOps *ops;
  CtrConfig *config;
  CtrChannel *channel;
  CtrEvents *events;
  CtrRemains *remains;   /* (nullable) */
  struct _CtrNets *nets; /* networks that were given out */
  char *subnet;          /* of the bridge, once it is known */
  gboolean unruled;      /* the rules of the bridge could not be made the last time */
  GPtrArray *ruling;     /* (nullable): GTask that wait for them */
  GHashTable *reaping;   /* container -> GPtrArray of GTask that wait for its end to be written down */
  GHashTable *starting;  /* containers that are being started */
  GHashTable *creating;  /* container -> GPtrArray of GTask that wait for another create of the same */
  GHashTable *ends;      /* container -> CtrEnd, told and not yet written down */
  GHashTable *oom;       /* containers that were told to want memory */
  GHashTable *health;    /* container -> CtrHealth, of those that run and are checked */
  GHashTable *execs;     /* ids of the further programs that are ours */
  GHashTable *names;     /* container -> CtrName, of all that were seen */
  GHashTable *roots;     /* container -> CtrRoot, of snapshots that are mounted here */
  GPtrArray *inside;     /* of CtrRoot, of programs that ran when they were opened */
  GPtrArray *transfers;  /* of CtrTransfer, under way */
  guint copies;          /* of volumes, under way */
  guint serial;          /* for names of what lives shortly */
};

TholeDriver *ctr_driver_ref   (TholeDriver *self);
void         ctr_driver_unref (TholeDriver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeDriver, ctr_driver_unref)

/* The host's functions; they do nothing after `close`. */
#define ctr_log(self, level, ...) thole_host_log ((self)->host, (self)->ops, level, __VA_ARGS__)
#define ctr_event(self, event) thole_host_event ((self)->host, (self)->ops, event)
#define ctr_now(self) thole_host_now ((self)->host, (self)->ops)
#define ctr_timer(self, seconds, function, user_data) \
  thole_host_timer ((self)->host, (self)->ops, seconds, function, user_data)

/* A new task of a slot whose data has a reference to the driver as its first member: see CtrJob. */
typedef struct
{
  TholeDriver *driver;
} CtrJob;

/* Returns: (transfer full): a task whose data is @size bytes, zeroed, beginning with a CtrJob. @free (nullable) frees what the
 * members hold, not the data itself. NULL when @options has what is not understood: then the task has returned. */
GTask       *ctr_job_new (TholeDriver *self, gsize size, GDestroyNotify clear, GVariant *options, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);

/* The tables of the interfaces. */
extern const TholeWorkloadOps ctr_workload_ops;
extern const TholeExecOps ctr_exec_ops;
extern const TholeAgentOps ctr_agent_ops;
extern const TholeFilesOps ctr_files_ops;
extern const TholeImageOps ctr_image_ops;
extern const TholeVolumeOps ctr_volume_ops;
