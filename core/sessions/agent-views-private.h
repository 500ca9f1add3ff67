/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shared by the parts of agent-views: what is kept, what is sent, what comes.
 */
#pragma once

#include "sessions/agent-frames.h"
#include "sessions/agent-views.h"

#define SIGNALS 16

typedef enum
{
  CHANNEL_NONE,   /* nothing on this connection */
  CHANNEL_ASKED,  /* ATTACH was sent */
  CHANNEL_OPEN,
  CHANNEL_LEFT,   /* DETACH was sent */
} ChannelState;

typedef struct
{
  TholeSession session;
  guint refs; /* handles, and viewers with a channel */
  TholeAgentViews *views;
  char *id;
  GPtrArray *viewers;

  GByteArray *input;     /* the bytes from @input_base on */
  guint64 input_base;    /* taken by the program: never needed again */
  guint64 input_sent;    /* on this connection */
  gboolean input_known;  /* the two above are, from the first ATTACHED on */
  gboolean input_synced; /* on this connection */
  guint64 claim;         /* before they are known: where a client says that what waits begins, G_MAXUINT64 = nowhere */
  gboolean end_wanted, end_sent;
  guint64 end_at;
  guint rows, cols;      /* wanted, 0 = none */
  int signals[SIGNALS];
  guint n_signals;
} AgentSession;

typedef struct
{
  TholeViewer viewer;
  AgentSession *session;
  guint16 channel; /* 0 = none (any more) */
  ChannelState state;
  TholeViewFrom from;
  guint64 seq;          /* all output below has come */
  guint64 acked, acked_sent, ack_after;
  guint64 window, window_sent; /* granted and not used up; of it, what the agent knows */
  guint64 input_at;     /* G_MAXUINT64 = where the session stands */
  gsize input_skip;
  gboolean told, acks, exited;
  guint lingers;        /* ticks since it was closed with input still on its way */
} AgentViewer;

struct _TholeAgentViews
{
  guint refs; /* the owner and sessions */
  void (*wake) (gpointer user_data);
  gpointer user_data;
  gboolean standing; /* a connection is there */
  gboolean ended;
  TholeViewerEnd end;
  char *end_detail;
  GHashTable *sessions; /* id -> AgentSession, not owned */
  AgentViewer *channels[THOLE_AGENT_MAX_VIEWERS + 1];
  GPtrArray *closing;   /* viewers (owned) to be told from the loop that they are closed */
  GSource *later;
};

void    thole_agent_views_wake     (TholeAgentViews *self);
void    thole_agent_views_unref    (TholeAgentViews *self);
/* Its channel is free for another one. */
void    thole_agent_viewer_release (AgentViewer *self);
/* What a client repeats, from where it says on, and the session has already is to be passed over. */
void    thole_agent_place_input    (AgentViewer *self);
guint64 thole_agent_input_end      (const AgentSession *self);
