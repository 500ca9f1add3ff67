/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Starts the program of a session: on a terminal of its own or on three pipes, in a process session of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "account.h"

typedef struct
{
  char *const *argv;
  char *const *env;
  const char *folder;
  const Account *account;
  bool tty;
  unsigned rows, cols;
} Plan;

/* Descriptors do not block and are not inherited; -1 = none. */
typedef struct
{
  int pid;
  int out;    /* what the program writes; of a terminal also what it reads */
  int err, in;
  int slave;  /* of a terminal: held so that its end is the program's, not that of the last who had it open */
  int status; /* end of file: the program runs; else a Failure */
} Spawned;

/* What the child says when it cannot become the program. */
typedef struct
{
  int32_t code; /* THOLE_AGENT_... */
  int32_t error;
} Failure;

/* Returns 0 or an errno. */
int spawn (const Plan *plan, Spawned *spawned);
/* Kills every process of the process session that @pid, @reaped or not, began. */
void spawn_kill_all (int pid, bool reaped);
