/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the local driver, thole-sandbox (one supervisor a sandbox) and its first process inside say to each other: messages of
 * a SOCK_SEQPACKET socket, each a head and a payload, with at most THOLE_SANDBOX_FDS descriptors. Plain C, no library. All are on one
 * machine, so numbers are in its own order; they are never reused, for a supervisor may be older than the driver.
 *
 * Programs have numbers: 0 is the main one, further ones are counted by the supervisor.
 */
#pragma once

#include <stdint.h>

#define THOLE_SANDBOX_VERSION 1
#define THOLE_SANDBOX_MESSAGE 131072
#define THOLE_SANDBOX_FDS 3
#define THOLE_SANDBOX_STRINGS 2048
/* further programs at once */
#define THOLE_SANDBOX_PROGRAMS 256

/* bounds of a plan: words of bwrap, and bytes */
#define THOLE_SANDBOX_PLAN_WORDS 4000
#define THOLE_SANDBOX_PLAN_BYTES (1024 * 1024)

/* in the folder of a sandbox */
#define THOLE_SANDBOX_PLAN "plan"
#define THOLE_SANDBOX_STATE "state"
/* how the last run ended, while the next one begins: without it and without a state it never ran */
#define THOLE_SANDBOX_STATE_BEFORE "state.before"
#define THOLE_SANDBOX_LOCK "lock"       /* locked as long as it is supervised */
#define THOLE_SANDBOX_SOCKET "control"
#define THOLE_SANDBOX_LOG "log"

/* within the sandbox */
#define THOLE_SANDBOX_INSIDE "/.thole"
#define THOLE_SANDBOX_INIT THOLE_SANDBOX_INSIDE "/sandbox"
#define THOLE_SANDBOX_AGENT_SOCKET THOLE_SANDBOX_INSIDE "/run/agent.sock"
/* the descriptor on which the first process speaks with the supervisor */
#define THOLE_SANDBOX_LINK 3

enum
{
  /* to the supervisor, and on to the first process */
  THOLE_SANDBOX_OPEN = 1,      /* value: flags; extra: rows << 16 | columns; payload: a TholeSandboxOpen and its strings */
  THOLE_SANDBOX_SIGNAL = 2,    /* number, value: the signal. SIGKILL goes to all that came of the program */
  THOLE_SANDBOX_RESIZE = 3,    /* number, extra; of the main program alone */
  THOLE_SANDBOX_ATTACH = 4,    /* answered by DONE with a descriptor of the main program's input, when that is open */
  THOLE_SANDBOX_END_INPUT = 5, /* of the main program */
  THOLE_SANDBOX_KILL = 6,      /* the whole sandbox, at once */
  THOLE_SANDBOX_FREEZE = 7,    /* value: 1 stop all, 0 go on */
  THOLE_SANDBOX_CONNECT = 8,   /* answered by DONE with a descriptor: of a connection with thole-agent; else NOT_FOUND */

  /* from there */
  THOLE_SANDBOX_READY = 16,    /* of the first process: its credentials say who it is */
  THOLE_SANDBOX_STARTED = 17,  /* number, value: pid inside; descriptors: of its terminal, or output, errors and input */
  THOLE_SANDBOX_FAILED = 18,   /* value: THOLE_AGENT_NO_PROGRAM and so on, extra: an errno */
  THOLE_SANDBOX_EXITED = 19,   /* number, value: code (128 + signal), extra: the signal */
  THOLE_SANDBOX_DONE = 20,
};

/* flags of OPEN */
enum { THOLE_SANDBOX_TTY = 1, THOLE_SANDBOX_STDIN = 2 };

typedef struct
{
  uint16_t version, type;
  uint32_t number;
  int32_t value;
  uint32_t extra;
} TholeSandboxHead;

/* then: the folder ("" = home), the arguments, the variables (NAME=VALUE; beside or in place of the main program's), each ended by NUL */
typedef struct
{
  uint32_t n_arguments, n_variables;
} TholeSandboxOpen;
