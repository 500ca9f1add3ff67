/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One program with its terminal or pipes, the ring of its output, and the input that it has not taken yet.
 */
#pragma once

#include "ring.h"
#include "spawn.h"
#include "thole-agent-protocol.h"
#include "watch.h"
#include "wire.h"

typedef struct Agent Agent;

typedef struct
{
  Agent *agent; /* NULL = this place is free */
  char id[THOLE_AGENT_MAX_ID + 1], name[THOLE_AGENT_MAX_NAME + 1];
  uint8_t state, flow, detached;
  bool tty;
  uint16_t rows, cols;

  int pid;
  int slave;
  Watch out, err, in, status;
  void *memory; /* ring, its tags, input */
  size_t memory_size;
  Ring ring;
  uint64_t floor;  /* output below it was acknowledged by the viewers that left */
  uint64_t aside_floor; /* the same of those that only listened, while some are missing */
  unsigned aside_missing;
  unsigned missing; /* of them left because the connection broke, and have not come back: the floor counts beside other viewers */

  uint8_t *input; /* a ring of THOLE_AGENT_INPUT_WINDOW */
  size_t input_at, input_length;
  uint64_t taken, received;
  uint64_t ended_at; /* the end of input that was done last stood there, UINT64_MAX = none */
  bool end_wanted, input_dead;
  uint8_t last_byte;

  int code, signal;
  bool reaped, closing;
  uint64_t drain_by, kill_at; /* ms, 0 = none */
  uint64_t created_at, output_at, input_at_time; /* µs since the epoch */
  uint32_t open_request, close_request; /* 0 = none */
  bool announce;
  unsigned viewers, asides; /* the second: of them, those that only listen */
} Session;

/* What a session is made from; texts are borrowed. */
typedef struct
{
  Plan plan;
  char id[THOLE_AGENT_MAX_ID + 1], name[THOLE_AGENT_MAX_NAME + 1];
  size_t ring;
  uint8_t flow, detached;
} SessionPlan;

/* Starts the program. Returns THOLE_AGENT_OK or why not, with @error an errno or 0. */
int      session_start (Session *self, Agent *agent, const SessionPlan *plan, int *error);
/* Returns THOLE_AGENT_OK or PROTOCOL when @offset leaves a hole or more comes than may. */
int      session_input (Session *self, uint64_t offset, const uint8_t *data, size_t length);
void     session_input_end (Session *self, uint64_t offset);
bool     session_has_ended_input (const Session *self);
/* Returns THOLE_AGENT_OK, ENDED, INVALID. */
int      session_signal (Session *self, int signal);
int      session_resize (Session *self, unsigned rows, unsigned cols);
/* Ends the program (SIGHUP, after @grace ms SIGKILL) and then forgets the session. */
void     session_close (Session *self, uint64_t grace);
void     session_free (Session *self);
/* The program's process has ended. */
void     session_reaped (Session *self, int status);
/* Reads on where it may; to be called when what viewers acknowledged, or the viewers, changed. */
void     session_watch (Session *self);
/* Does what is due at @now (ms). Returns when the next thing is due, 0 = nothing. */
uint64_t session_tick (Session *self, uint64_t now);
/* Whether the program is not read from because the ring is full of what must not be lost. */
bool     session_waits (const Session *self);
/* Viewers where somebody sits. */
unsigned session_seated (const Session *self);
void     session_describe (const Session *self, Buffer *out);
