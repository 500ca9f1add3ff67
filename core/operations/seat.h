/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session in memory: its committed record, its viewers, and the changes that wait for the one before. All sessions of one
 * workload are in a room, which has the link to the agent.
 */
#pragma once

#include "access/identity.h"
#include "operations/context.h"
#include "operations/subject.h"
#include "sessions/agent-link.h"
#include "sessions/desk.h"
#include "sessions/hold.h"
#include "sessions/recording.h"

typedef struct _TholeSeat TholeSeat;
typedef struct _TholeRoom TholeRoom;

/* One change of a record, one transaction. */
typedef struct
{
  /* Edits the next state. Returns FALSE when there is nothing to change any more. */
  gboolean (*edit) (TholeSeat *seat, TholeSessionRecord *next, gpointer user_data);
  /* (nullable): it is committed or not needed any more (@error NULL), or it failed */
  void (*done) (TholeSeat *seat, gpointer user_data, const GError *error);
  gpointer user_data;
  const char *event;   /* static: "session.ended" */
  const char *actor;   /* a principal, "engine", "policy" or "daemon" */
  const char *request; /* (nullable): id of the request that asked for it */
  const char *reason;  /* (nullable): for the event of a removal */
  gboolean remove;     /* the row goes away */
  gboolean insist;     /* stored again until it is done: nobody else comes back to it */
} TholeSeatChange;

struct _TholeSeat
{
  guint refs;
  TholeOperations *operations;
  TholeRoom *room;
  TholeSessionRecord *now; /* as committed */
  TholeDesk *desk;
  TholeRecording *recording; /* (nullable) */
  GQueue changes;
  gboolean busy;           /* a commit is under way */
  gboolean gone;           /* its row is removed */
  gboolean opening;        /* its program is being started */
  gboolean closing;        /* and this one, being ended */
  gboolean stop_due;       /* nobody looks at it any more: it is stopped as soon as its program can be reached */
  gint64 output, active_at; /* as the agent told last */
  TholeDeadline deadline;
  GSource *again;          /* for a change that could not be stored */

  /* of one that the daemon holds, seat-hold.h */
  TholeHold *hold;         /* (nullable) */
  GIOStream *stream;       /* (nullable): until it is stored that it runs */
  char *exec;              /* (nullable): the engine's name of its program */
  guint resize_rows, resize_cols; /* as asked for last */
  GSource *parting;        /* (nullable): until it is let go of, because the workload stopped */
  GSource *reaper;
  guint reaps;
};

/* @record: (transfer full). Takes a place in @room. Returns: (transfer full) */
TholeSeat  *thole_seat_new     (TholeRoom *room, TholeSessionRecord *record);
TholeSeat  *thole_seat_ref     (TholeSeat *self);
void        thole_seat_unref   (TholeSeat *self);
/* Gives up its place; viewers are closed. */
void        thole_seat_leave   (TholeSeat *self, TholeViewerEnd end, const char *detail);
gboolean    thole_seat_is_live (TholeSeat *self);

void        thole_seat_change  (TholeSeat *self, const TholeSeatChange *change);
/* Stores that it has ended. @reason: a word, and perhaps a colon and text. @end: why its viewers are closed; THOLE_VIEWER_ENDED leaves
 * them alone, since they see the end themselves. */
void        thole_seat_end     (TholeSeat *self, const char *actor, const char *reason, int code, int signal, TholeViewerEnd end);
/* Ends its program for want of viewers, one that is being started as soon as that runs. */
void        thole_seat_stop    (TholeSeat *self);
/* What the agent tells of it. */
void        thole_seat_note    (TholeSeat *self, GVariant *told);
/* Somebody uses the workload by this session. */
void        thole_seat_touch   (TholeSeat *self);
/* Shutdown: nothing is stored again. */
void        thole_seat_drain   (TholeSeat *self);
void        thole_seat_arm     (TholeSeat *self);
/* Sees to it that its output is recorded, where that was asked for; to be called when its agent can be had, any number of times. */
void        thole_seat_listen  (TholeSeat *self);

/* Can its output be had now? And Returns: (transfer full) (nullable): whoever keeps it */
gboolean    thole_seat_has_source (TholeSeat *self);
TholeSession *thole_seat_source (TholeSeat *self);
/* Returns: (transfer full): a copy of its record with what is not stored: viewers, output, size */
TholeSessionRecord *thole_seat_record (TholeSeat *self);
/* Returns: (transfer full): the object as it is now */
GBytes     *thole_seat_json    (TholeSeat *self);
/* By id, or by name when only one of the live ones that @principal may see has it. Returns: (transfer none) (nullable) */
TholeSeat  *thole_seat_find    (TholeOperations *operations, const char *id_or_name, const TholePrincipal *principal);
/* The session that the call names; otherwise answers not_found and returns NULL. */
TholeSeat  *thole_call_seat    (TholeCall *call);
void        thole_reply_seat   (TholeCall *call, TholeSeat *seat, guint status);
