/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The numbers of the protocol between the daemon and thole-agent (agent/PROTOCOL.md says what they mean). Plain C, no library:
 * both sides include it. Numbers are never reused.
 */
#pragma once

/* the versions that this header describes; both sides name what they can, the highest common one is spoken */
#define THOLE_AGENT_PROTOCOL_MIN 1
#define THOLE_AGENT_PROTOCOL_MAX 1

/* u32be payload length, u8 type, u8 0, u16be channel */
#define THOLE_AGENT_HEADER 8
#define THOLE_AGENT_MAX_PAYLOAD 65536
/* a HELLO is no longer than this */
#define THOLE_AGENT_MAX_HELLO 1024
/* bytes of output or input in one frame; both ends split there, so that a frame with its numbers stays below the limit */
#define THOLE_AGENT_MAX_DATA 61440

#define THOLE_AGENT_MAX_SESSIONS 32
/* channels 1 .. 256 are viewers, channel 0 is the connection itself */
#define THOLE_AGENT_MAX_VIEWERS 256
#define THOLE_AGENT_MAX_ID 64
#define THOLE_AGENT_MAX_NAME 128
#define THOLE_AGENT_MAX_STRINGS 1024
/* ring bytes: of one session and of all */
#define THOLE_AGENT_MIN_RING 4096
#define THOLE_AGENT_MAX_RING (16 * 1024 * 1024)
#define THOLE_AGENT_ALL_RINGS (64 * 1024 * 1024)
#define THOLE_AGENT_DEFAULT_RING (1024 * 1024)
/* input bytes that may be on their way beyond what the program has taken */
#define THOLE_AGENT_INPUT_WINDOW (128 * 1024)
/* seconds: a peer pings when it has said nothing for so long, and is dropped when it was silent for so long */
#define THOLE_AGENT_PING_AFTER 10
#define THOLE_AGENT_SILENT_AFTER 30

enum
{
  /* both ways */
  THOLE_AGENT_PING = 0x01,
  THOLE_AGENT_PONG = 0x02,

  /* to the agent, on channel 0 */
  THOLE_AGENT_HELLO = 0x10,
  THOLE_AGENT_OPEN = 0x11,
  THOLE_AGENT_LIST = 0x12,
  THOLE_AGENT_STAT = 0x13,
  THOLE_AGENT_SIGNAL = 0x14,
  THOLE_AGENT_RESIZE = 0x15,
  THOLE_AGENT_CLOSE = 0x16,

  /* to the agent, on the channel of a viewer */
  THOLE_AGENT_ATTACH = 0x20,
  THOLE_AGENT_DETACH = 0x21,
  THOLE_AGENT_GRANT = 0x22,
  THOLE_AGENT_ACK = 0x23,
  THOLE_AGENT_INPUT = 0x24,
  THOLE_AGENT_INPUT_END = 0x25,

  /* from the agent, on channel 0 */
  THOLE_AGENT_WELCOME = 0x90,
  THOLE_AGENT_BYE = 0x91,
  THOLE_AGENT_ANSWER = 0x92,
  THOLE_AGENT_CHANGED = 0x93,

  /* from the agent, on the channel of a viewer */
  THOLE_AGENT_ATTACHED = 0xa0,
  THOLE_AGENT_DETACHED = 0xa1,
  THOLE_AGENT_OUTPUT = 0xa2,
  THOLE_AGENT_GAP = 0xa3,
  THOLE_AGENT_TAKEN = 0xa4,
  THOLE_AGENT_EXIT = 0xa5,
  THOLE_AGENT_RESIZED = 0xa6,
};

/* why not: in ANSWER, BYE and DETACHED */
enum
{
  THOLE_AGENT_OK = 0,
  THOLE_AGENT_INVALID = 1,       /* a field is missing, wrong or too long */
  THOLE_AGENT_NOT_FOUND = 2,     /* no such session */
  THOLE_AGENT_LIMIT = 3,         /* too many sessions, viewers, ring bytes */
  THOLE_AGENT_DENIED = 4,        /* the agent may not become this user, enter this folder, run this file */
  THOLE_AGENT_NO_PROGRAM = 5,
  THOLE_AGENT_NO_USER = 6,
  THOLE_AGENT_NO_FOLDER = 7,
  THOLE_AGENT_FAILED = 8,        /* the system's own words are in the text */
  THOLE_AGENT_ENDED = 9,         /* the program has ended */
  THOLE_AGENT_CLOSED = 10,       /* the session was closed, or the viewer detached */
  THOLE_AGENT_BUSY = 11,         /* a newer request for the same took its place */
  THOLE_AGENT_STALE = 12,        /* the epoch is not above the highest seen; EPOCH says that one */
  THOLE_AGENT_REPLACED = 13,     /* a connection with a higher epoch came */
  THOLE_AGENT_PROTOCOL = 14,     /* a frame that may not be */
  THOLE_AGENT_VERSION = 15,      /* no common version of the protocol */
  THOLE_AGENT_SILENT = 16,
  THOLE_AGENT_STOPPING = 17,     /* the agent ends */
};

/* fields: u16be tag, u16be length, bytes; numbers are 1 to 8 bytes, big-endian */
enum
{
  THOLE_AGENT_TAG_PROTOCOL_MIN = 1,
  THOLE_AGENT_TAG_PROTOCOL_MAX = 2,
  THOLE_AGENT_TAG_PROTOCOL = 3,
  THOLE_AGENT_TAG_VERSION = 4,     /* text: of the program */
  THOLE_AGENT_TAG_EPOCH = 5,
  THOLE_AGENT_TAG_INSTANCE = 6,    /* 16 bytes: another one means that the agent was started anew */
  THOLE_AGENT_TAG_BOOT = 7,        /* text: boot id of the kernel */
  THOLE_AGENT_TAG_PID = 8,
  THOLE_AGENT_TAG_TEXT = 9,        /* a sentence for people */
  THOLE_AGENT_TAG_ARCHITECTURE = 10,

  THOLE_AGENT_TAG_ID = 20,
  THOLE_AGENT_TAG_NAME = 21,
  THOLE_AGENT_TAG_ARGUMENT = 22,   /* repeated */
  THOLE_AGENT_TAG_ENV = 23,        /* repeated: NAME=VALUE */
  THOLE_AGENT_TAG_FOLDER = 24,
  THOLE_AGENT_TAG_USER = 25,
  THOLE_AGENT_TAG_TTY = 26,
  THOLE_AGENT_TAG_ROWS = 27,
  THOLE_AGENT_TAG_COLS = 28,
  THOLE_AGENT_TAG_TERM = 29,
  THOLE_AGENT_TAG_RING = 30,
  THOLE_AGENT_TAG_FLOW = 31,
  THOLE_AGENT_TAG_DETACHED = 32,
  THOLE_AGENT_TAG_SIGNAL = 33,
  THOLE_AGENT_TAG_GRACE = 34,      /* ms */

  THOLE_AGENT_TAG_STATE = 40,
  THOLE_AGENT_TAG_CODE = 41,
  THOLE_AGENT_TAG_EXIT_SIGNAL = 42,
  THOLE_AGENT_TAG_HEAD = 43,       /* output bytes in all */
  THOLE_AGENT_TAG_TAIL = 44,       /* the oldest still held */
  THOLE_AGENT_TAG_TAKEN = 45,      /* input bytes that the program has taken */
  THOLE_AGENT_TAG_RECEIVED = 46,   /* input bytes that the agent holds or gave on */
  THOLE_AGENT_TAG_VIEWERS = 47,
  THOLE_AGENT_TAG_CREATED_AT = 48, /* µs since the epoch */
  THOLE_AGENT_TAG_OUTPUT_AT = 49,
  THOLE_AGENT_TAG_INPUT_AT = 50,
  THOLE_AGENT_TAG_WAITING = 51,    /* 1: the program waits for a viewer */
  THOLE_AGENT_TAG_INPUT_ENDED = 52,
  THOLE_AGENT_TAG_EXISTED = 53,    /* 1: OPEN found it */
  THOLE_AGENT_TAG_SESSION = 54,    /* repeated in LIST: the fields of one session */

  THOLE_AGENT_TAG_FROM = 60,
  THOLE_AGENT_TAG_SEQ = 61,
  THOLE_AGENT_TAG_CREDIT = 62,
  THOLE_AGENT_TAG_ASIDE = 63,      /* 1: this viewer only listens, nobody sits there */
  THOLE_AGENT_TAG_ACKED = 64,      /* what its viewers have acknowledged of what is below SEQ */
};

enum { THOLE_AGENT_FLOW_LATEST = 0, THOLE_AGENT_FLOW_LOSSLESS = 1 };
/* lossless without a viewer: the program waits when the ring is full, or goes on */
enum { THOLE_AGENT_DETACHED_WAIT = 0, THOLE_AGENT_DETACHED_RUN = 1 };
enum { THOLE_AGENT_FROM_SEQ = 0, THOLE_AGENT_FROM_OLDEST = 1, THOLE_AGENT_FROM_LIVE = 2 };
enum
{
  THOLE_AGENT_STARTING = 0,
  THOLE_AGENT_RUNNING = 1,
  THOLE_AGENT_ENDING = 2,        /* the program has ended, its last output is still being read */
  THOLE_AGENT_EXITED = 3,
};
enum { THOLE_AGENT_STREAM_STDOUT = 1, THOLE_AGENT_STREAM_STDERR = 2 };
