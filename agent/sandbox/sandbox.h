/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole-sandbox: one supervisor a sandbox, which outlives the daemon, and the first process inside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Goes into the background and supervises the sandbox whose plan is in @folder. Says on its standard output, which stays
 * open until all of it has ended, one line: `ok PID`, `busy` (another one does) or `error CODE TEXT` (THOLE_AGENT_...). */
int sandbox_supervise (const char *folder);
/* The first process. @words: first SANDBOX_AT DEVICE:INODE:PATH, what must be there, else it ends with a line on its standard error; then
 * NUMBER:VALUE, of setrlimit(): set here, so that they count what is inside alone. */
int sandbox_init (char **words);
#define SANDBOX_AT "at="

#define PLAN_STRINGS 4096
#define PLAN_GROUPS 16
#define PLAN_LIMITS 16

/* What the driver wrote: strings KEY=VALUE, each ended by NUL. */
typedef struct
{
  char *bytes;
  const char *groups[PLAN_GROUPS];      /* cgroup=: folders of control groups that are made, joined and removed again */
  const char *settings[2 * PLAN_GROUPS]; /* set=PATH=VALUE: written there before anything is started */
  const char *engine[PLAN_STRINGS];     /* b=WORD, f=PATH (a place), m=PATH (one without links), d=PATH (a descriptor from which it is read): for bwrap */
  const char *arguments[PLAN_STRINGS];  /* arg= */
  const char *variables[PLAN_STRINGS];  /* env= */
  const char *limits[PLAN_LIMITS];              /* rlimit=NUMBER:VALUE, of what is inside */
  const char *folder;                   /* folder= */
  const char *seccomp;                  /* seccomp=PATH */
  const char *oom;                      /* oom=PATH: a file with a line `oom_kill N` */
  int n_groups, n_settings, n_engine, n_arguments, n_variables, n_limits;
  long uid, gid;                        /* uid=, gid=: who starts bwrap; -1 = who this is */
  int64_t log_max;
  bool tty, input;
} SandboxPlan;

/* False with errno. */
bool plan_read (SandboxPlan *plan, const char *path);

/* Control groups. */
bool groups_make (const SandboxPlan *plan, char *problem, unsigned size);
bool groups_join (const SandboxPlan *plan);
/* As fork(). @joined: the child is in them from its beginning. */
pid_t groups_fork (const SandboxPlan *plan, bool *joined);
void groups_remove (const SandboxPlan *plan);
/* How often the kernel ended something in there for want of memory. */
long groups_oom (const SandboxPlan *plan);

/* state.c */
typedef struct
{
  bool exited, paused;
  pid_t pid;              /* of the first process, on this machine */
  unsigned long long began; /* when that began, in ticks since the machine did */
  int64_t started, finished; /* µs since the epoch */
  int code, signal;
  bool oom;
} SandboxState;

/* Replaces the file; @durable: also when the machine is switched off the next moment. */
bool state_write (const SandboxState *state, bool durable);
unsigned long long state_began (pid_t pid);
int64_t state_now (void);
/* ms, of a clock that nobody sets */
int64_t state_clock (void);

/* enter.c: becomes bwrap; returns only when it cannot. @joined: it is in its control groups. */
void enter (const SandboxPlan *plan, int link, bool joined);
