/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Everything that the holding process has, all of it of fixed size, and what its parts call of each other.
 */
#pragma once

#include "session.h"

/* bytes that are read from one program before its viewers are served */
#define READ_MOST (128 * 1024)
/* connections that have not said who they are */
#define DOORS 8
#define PEER_IN (2 * (THOLE_AGENT_HEADER + THOLE_AGENT_MAX_PAYLOAD))
/* one round of output; what of it the connection does not take at once is copied behind what waits */
#define BATCH (128 * 1024)
#define BATCH_FRAMES 96
/* no output is added while more than this waits, and no request is read when not even its answer would have room */
#define OUT_BEFORE_BATCH (64 * 1024)
#define PEER_OUT (OUT_BEFORE_BATCH + BATCH + 2 * (THOLE_AGENT_HEADER + THOLE_AGENT_MAX_PAYLOAD))
#define OUT_BEFORE_ANSWER (PEER_OUT - THOLE_AGENT_HEADER - THOLE_AGENT_MAX_PAYLOAD)

typedef struct
{
  Session *session; /* NULL = this channel is free */
  uint64_t next;    /* the number of the byte that is sent next */
  uint64_t acked;
  uint64_t credit;
  bool began, exit_told, taken_due, size_due;
  bool aside;       /* nobody sits there: that it is there tells nothing of whether the program has a viewer */
} Viewer;

/* a connection before its HELLO */
typedef struct
{
  Watch watch;
  uint8_t bytes[THOLE_AGENT_HEADER + THOLE_AGENT_MAX_HELLO];
  size_t length;
  uint64_t close_by;
} Door;

/* the one connection */
typedef struct
{
  Watch watch;
  size_t in_length;
  uint64_t heard_at;
  bool blocked; /* it takes no more bytes */
  Buffer out;
  uint8_t in[PEER_IN], out_bytes[PEER_OUT];
} Peer;

struct Agent
{
  int epoll, lock, folder;
  Watch listener, signals;
  char work_folder[4096]; /* where it was started: sessions begin there unless told otherwise */
  char user[256];         /* who sessions run as unless told otherwise */
  uint8_t instance[16];
  char boot[40];
  uint64_t epoch;         /* the highest seen */
  uint64_t hold_until;    /* ms: acknowledgements of viewers that the break of a connection took count until then */
  uint64_t idle_since, idle_after;
  bool stopping;
  uint64_t stop_by;
  unsigned turn;          /* the viewer that is served first */
  unsigned viewers_end;
  Door doors[DOORS];
  Peer peer;
  Session sessions[THOLE_AGENT_MAX_SESSIONS];
  Viewer viewers[THOLE_AGENT_MAX_VIEWERS];
  uint8_t dropped[65536];
  char strings[2 * THOLE_AGENT_MAX_PAYLOAD]; /* of the session that is being opened */
};

/* agent.c: the loop */
uint64_t agent_now (void);  /* ms, monotonic */
uint64_t agent_time (void); /* µs since the epoch */
bool     agent_init (Agent *self);
/* Until it is told to stop, or was idle for so long as it may. */
int      agent_run (Agent *self);
/* One round of it: waits at most @most ms for what happens; then does what follows, and says when the next thing is due (ms, 0 =
 * never) or that it is over. */
void     agent_step (Agent *self, int most);
bool     agent_settle (Agent *self, uint64_t *due);
const char *agent_architecture (void);
Session *agent_find (Agent *self, const char *id);
/* Answers who opened or closed it; the second frees it. */
void     agent_answer_start (Session *session, int code, int error);
void     agent_forget (Session *session);

/* door.c: new connections */
void     door_listen (Agent *self);
void     door_tick (Agent *self, Door *door, uint64_t now);

/* peer.c: the connection */
bool     peer_is_open (const Agent *self);
/* Takes over @fd. */
void     peer_open (Agent *self, int fd, uint64_t protocol);
void     peer_close (Agent *self, int code, const char *text);
/* Sends what is there as far as the connection takes it. */
void     peer_flush (Agent *self);
/* An answer without fields; request 0 wants none. */
void     peer_answer (Agent *self, uint32_t request, int code, const char *text);
size_t   peer_answer_begin (Agent *self, uint32_t request, int code);

/* request.c: frames on channel 0. False: the peer broke the protocol. */
bool     request_serve (Agent *self, uint8_t type, const uint8_t *data, size_t length);

/* open.c */
void     open_serve (Agent *self, uint32_t request, Fields fields);

/* viewer.c: frames on the channels of viewers */
typedef struct Batch Batch;
bool     viewer_serve (Agent *self, uint16_t channel, uint8_t type, const uint8_t *data, size_t length);
/* Adds the next frame of a viewer; false when it has none. */
bool     viewer_fill (Agent *self, Viewer *viewer, Batch *batch);
void     viewers_drop (Agent *self);
void     viewers_forget (Agent *self, const Session *session);
void     viewers_resized (Agent *self, const Session *session);
void     viewers_input_taken (Agent *self, const Session *session);
/* What all viewers of a session where somebody sits, or all that only listen, have acknowledged, UINT64_MAX without any. */
uint64_t viewers_acked (const Agent *self, const Session *session, bool aside);

/* batch.c: frames that are sent from where they lie */
struct Batch
{
  struct iovec pieces[1 + 3 * BATCH_FRAMES]; /* the first is what waited before */
  int count, frames;
  size_t bytes;
  uint8_t heads[BATCH_FRAMES][32];
};

bool     batch_has_room (const Batch *self);
/* A frame of at most 24 bytes. */
void     batch_add (Batch *self, uint8_t type, uint16_t channel, const void *data, size_t length);
void     batch_add_output (Batch *self, uint16_t channel, uint64_t seq, const struct iovec *pieces, int count, bool is_stderr);
