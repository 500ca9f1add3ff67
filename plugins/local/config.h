/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What `open` was given.
 */
#pragma once

#include <glib.h>

typedef struct
{
  char *instance;
  char *runtime_dir, *state_dir;
  char *runner;          /* thole-sandbox */
  char **roots;          /* folders that may be root file systems, or hold such */
  gint64 uid, gid;       /* of `run_as`, who sandboxes are on this machine; -1 = who this is */
  gint64 scratch;        /* bytes that a sandbox may write when it does not say */
  gint64 log_max_size;
  char *cgroup_parent;
} LocalConfig;

/* Returns: (transfer full): NULL with THOLE_ERROR_INVALID, which names every wrong key */
LocalConfig *local_config_new  (GVariant *config, GError **error);
void         local_config_free (LocalConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LocalConfig, local_config_free)
