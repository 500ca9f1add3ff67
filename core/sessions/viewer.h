/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One viewer of one session: what every wire dialect is a translation of.
 *
 * A session is one stream of output bytes with numbers (one counter over stdout and stderr, in the order read). It is kept beside the
 * program, by thole-agent, which serves every viewer from its ring by itself: the daemon holds no output. A viewer grants bytes;
 * nothing comes that was not granted, so a slow one costs nobody anything, and when it falls out of the ring it is told by a gap.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeViewer TholeViewer;

typedef enum
{
  THOLE_VIEW_RESUME,   /* from `seq`: bytes already held */
  THOLE_VIEW_OLDEST,
  THOLE_VIEW_LIVE,
  THOLE_VIEW_SNAPSHOT, /* the screen as it is (terminals), then live */
  THOLE_VIEW_ASIDE,    /* as RESUME, by one where nobody sits (a recording): nothing is lost that it has not acknowledged, but whether
                        * the program waits for viewers that left is decided without it */
  THOLE_VIEW_ASIDE_OLDEST, /* the same from there */
  THOLE_VIEW_ASIDE_LIVE,
} TholeViewFrom;

#define THOLE_VIEW_IS_ASIDE(from) ((from) >= THOLE_VIEW_ASIDE)

typedef enum
{
  THOLE_CHANNEL_STDOUT = 1, /* or the terminal */
  THOLE_CHANNEL_STDERR = 2,
} TholeChannel;

/* Why a viewer was closed from this side; one table gives WebSocket close codes and JSON reasons. */
typedef enum
{
  THOLE_VIEWER_ENDED,        /* after exit: the program ended */
  THOLE_VIEWER_REMOVED,      /* the session was deleted */
  THOLE_VIEWER_WORKLOAD_GONE,/* the workload stopped, restarted or was deleted */
  THOLE_VIEWER_LOST,         /* the way to the agent broke and did not come back in time */
  THOLE_VIEWER_RESTARTING,   /* the daemon goes down: connect again and resume */
  THOLE_VIEWER_FORBIDDEN,
  THOLE_VIEWER_TOO_MANY,
  THOLE_VIEWER_PROTOCOL,     /* the viewer sent what it may not */
} TholeViewerEnd;

/* All called from the main loop, never from inside a function of the viewer. Data is borrowed during the call. */
typedef struct
{
  /* First of all: where output begins, and how many input bytes the program has taken. */
  void (*resumed) (gpointer user_data, guint64 seq, guint64 stdin_taken);
  void (*output)  (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length);
  /* Bytes of the screen as escape sequences instead of history (THOLE_VIEW_SNAPSHOT, or after a gap of a terminal, at most
   * once a second); output then goes on at @seq. They cost no grant and come at most once between two outputs. (nullable): without it
   * a snapshot begins as live does, and a gap is only told. */
  void (*screen)  (gpointer user_data, guint64 seq, const guint8 *data, gsize length);
  /* Output from @from up to, without, @to is lost for this viewer; it goes on at @to. */
  void (*gap)     (gpointer user_data, guint64 from, guint64 to);
  /* The program has taken so many input bytes in all. */
  void (*taken)   (gpointer user_data, guint64 stdin_taken);
  void (*resized) (gpointer user_data, guint rows, guint cols);
  /* After all output below @seq. @signal 0 = it exited. */
  void (*exited)  (gpointer user_data, int code, int signal, guint64 seq);
  /* The last call; the viewer is to be freed afterwards. @detail: a sentence. */
  void (*closed)  (gpointer user_data, TholeViewerEnd end, const char *detail);
  /* (nullable): input of this viewer counts from now on, or is ignored from now on. Told once after resumed(), then at each change. */
  void (*control) (gpointer user_data, gboolean held);
  /* (nullable): as gap(), but it was left out on purpose: so many lines came too fast. Without it gap() is called. */
  void (*skipped) (gpointer user_data, guint64 from, guint64 to, guint64 lines);
} TholeViewerEvents;

/* The largest grant that has any effect, bytes. */
#define THOLE_VIEWER_MAX_WINDOW (1024 * 1024)

/* How a viewer is served: by the agent (agent-link), or by the daemon itself where the agent cannot run. The functions mean what
 * those below say. */
typedef struct
{
  void     (*grant)        (TholeViewer *self, gsize bytes);
  gboolean (*input)        (TholeViewer *self, const guint8 *data, gsize length);
  void     (*end_of_input) (TholeViewer *self);
  void     (*resize)       (TholeViewer *self, guint rows, guint cols);
  void     (*signal)       (TholeViewer *self, int signal);
  void     (*take)         (TholeViewer *self); /* (nullable) */
  void     (*input_at)     (TholeViewer *self, guint64 offset);
  void     (*free)         (TholeViewer *self);
  void     (*ack)          (TholeViewer *self, guint64 seq); /* (nullable) */
  /* of those that thole_viewer_close() ends */
  void     (*leave)        (TholeViewer *self); /* it gives up its place */
  void     (*dispose)      (TholeViewer *self); /* nobody knows it any more */
} TholeViewerClass;

struct _TholeViewer
{
  const TholeViewerClass *class;
  TholeViewerEvents events;
  gpointer user_data;
  /* of those that thole_viewer_close() ends */
  guint refs;               /* who has it, its place, a call under way */
  gboolean closed, freed;   /* told, or let go of; who has it wants to know nothing more */
  gboolean close_due;       /* to be told from the loop */
  TholeViewerEnd close_end;
  char *close_detail;
};

/* So many more output bytes may come. */
void thole_viewer_grant   (TholeViewer *self, gsize bytes);
/* Output below @seq has reached the peer for good. A viewer that never calls this acknowledges what output() was given; from the
 * first call on (also with the number that resumed() told), only this counts. In flow `lossless` nothing is lost that was not acknowledged. */
void thole_viewer_ack     (TholeViewer *self, guint64 seq);
/* Returns FALSE when more input waits than may (256 KiB): read no more from the peer until taken() comes. These bytes are kept in any
 * case. Ignored without control. */
gboolean thole_viewer_input (TholeViewer *self, const guint8 *data, gsize length);
void thole_viewer_end_of_input (TholeViewer *self);
void thole_viewer_resize  (TholeViewer *self, guint rows, guint cols);
void thole_viewer_signal  (TholeViewer *self, int signal);
/* Input bytes of this session taken when the viewer began: a client that repeats input says where it begins. */
void thole_viewer_input_at (TholeViewer *self, guint64 offset);
/* Takes control from whoever has it; nothing happens when this viewer may not type at all. */
void thole_viewer_take     (TholeViewer *self);
void thole_viewer_free    (TholeViewer *self);

/* How those who serve viewers end them ------------------------------------------------------------------- */

/* Takes its place away and tells why, once. */
void     thole_viewer_close       (TholeViewer *self, TholeViewerEnd end, const char *detail);
/* The same, where no callback may come. Returns TRUE when it is due now: call thole_viewer_close_now() from the loop. */
gboolean thole_viewer_close_later (TholeViewer *self, TholeViewerEnd end, const char *detail);
void     thole_viewer_close_now   (TholeViewer *self);
/* For `free`: takes its place away and tells nothing. */
void     thole_viewer_let_go      (TholeViewer *self);
void     thole_viewer_unref       (TholeViewer *self);

/* One session to be viewed, whoever keeps it. */
typedef struct _TholeSession TholeSession;

typedef struct
{
  /* Begins a viewer; @seq only counts for THOLE_VIEW_RESUME and ASIDE. It calls events->resumed first, or events->closed. */
  TholeViewer *(*view)  (TholeSession *self, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data);
  void         (*unref) (TholeSession *self);
} TholeSessionClass;

struct _TholeSession
{
  const TholeSessionClass *class;
  gboolean tty;
};

/* Returns: (transfer full) */
TholeViewer *thole_session_view  (TholeSession *self, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data);
void         thole_session_unref (TholeSession *self);

/* Reads where output is to begin: "oldest", "live", "snapshot", the number of a byte, or "" = snapshot for a terminal, oldest
 * for pipes. Returns FALSE (and leaves the others) when it is none of them. */
gboolean     thole_view_from_parse (const char *text, gboolean tty, TholeViewFrom *from, guint64 *seq);
