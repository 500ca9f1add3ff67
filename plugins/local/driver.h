/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One backend of sandboxes on this machine: what all files of this driver share.
 */
#pragma once

#include "config.h"
#include "groups.h"
#include "thole-dict.h"
#include "thole-driver.h"
#include "thole-host.h"
#include "thole-json.h"

/* Reference-counted (g_rc_box), so that what is under way may outlive `close`; then `host` is NULL. */
struct _TholeDriver
{
  TholeHost *host;       /* NULL once closed */
  const TholeHostOps *ops;
  LocalConfig *config;
  LocalGroups groups;
  gboolean ready;        /* it was once: sandboxes may be made and removed */
  GHashTable *watches;   /* id -> LocalWatch: sandboxes that run */
  GHashTable *making;    /* id of what is being created -> GPtrArray of GTask: other calls that create it */
  guint aside;           /* what is done in threads */
  GPtrArray *unsettled;  /* folders of sandboxes that may not be on the disk yet */
  GSource *settling;     /* until they are brought there */
  GTask *closing;        /* waits for that, NULL = not closed */
  GHashTable *execs;     /* exec id -> LocalExec, not owned: those of this daemon */
};

TholeDriver *local_driver_ref   (TholeDriver *self);
void         local_driver_unref (TholeDriver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeDriver, local_driver_unref)

#define local_log(self, level, ...) thole_host_log ((self)->host, (self)->ops, level, __VA_ARGS__)

/* The data of a task begins with this. */
typedef struct
{
  TholeDriver *driver;
  char *id;
} LocalJob;

/* Returns: (transfer full): a task whose data is @size bytes, zeroed, beginning with a LocalJob; @clear (nullable) frees what its
 * further members hold. NULL when @options has what is not understood: then the task has returned. */
GTask       *local_job_new (TholeDriver *self, const char *id, gsize size, GDestroyNotify clear, GVariant *options,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/* The tables of the interfaces. */
extern const TholeWorkloadOps local_workload_ops;
extern const TholeExecOps local_exec_ops;
extern const TholeAgentOps local_agent_ops;
