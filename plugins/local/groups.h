/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which control groups of this machine may be used, of either kind.
 */
#pragma once

#include <glib.h>

typedef enum
{
  LOCAL_GROUP_MEMORY,
  LOCAL_GROUP_PIDS,
  LOCAL_GROUP_CPU,
  LOCAL_GROUP_CPUACCT,
  LOCAL_GROUPS
} LocalGroup;

typedef struct
{
  gboolean unified;            /* version 2: all are the same folder */
  gboolean counted;            /* the kernel counts the processes of each user namespace: a limit of the user bounds a sandbox alone */
  char *parents[LOCAL_GROUPS]; /* where folders may be made, NULL = nowhere */
} LocalGroups;

/* Looks, and makes @parent ("/thole") where it may. */
void  local_groups_find  (LocalGroups *self, const char *parent);
/* The same where @root is what /sys/fs/cgroup is. */
void  local_groups_find_in (LocalGroups *self, const char *root, const char *parent);
void  local_groups_clear (LocalGroups *self);
/* Returns: (transfer full) (nullable): the path of @file in the sandbox's folder of @group */
char *local_groups_path  (const LocalGroups *self, LocalGroup group, const char *name, const char *file);
