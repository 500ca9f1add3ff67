/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who a session runs as, from the /etc/passwd and /etc/group that the agent sees (a workload's own). No name service: a static
 * program has none, and an image's users are in its files.
 */
#pragma once

#include <stdint.h>

#define ACCOUNT_GROUPS 64

typedef struct
{
  uint32_t uid, gid;
  uint32_t groups[ACCOUNT_GROUPS];
  int n_groups;
  char name[128], home[512], shell[512];
} Account;

/* @spec: NAME, UID, NAME:GROUP, UID:GID, or "" for who the agent itself is. Returns THOLE_AGENT_OK, NO_USER or INVALID. */
int account_find (const char *spec, Account *account);
