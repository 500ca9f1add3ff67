/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a workload has of sessions: their seats, the link to its agent, and what becomes of them when it stops.
 */
#pragma once

#include "operations/seat.h"

struct _TholeRoom
{
  guint refs;
  TholeOperations *operations;
  char *workload;          /* id */
  GPtrArray *seats;        /* of TholeSeat, in the order of their creation; not owned */
  gboolean no_agent;       /* of this run of the workload it is known that none can be there */
  TholeAgentLink *link;    /* (nullable) */
  guint tries;
  GSource *retry;
  GSource *refresh;        /* asks now and then what has become of them */
  gboolean asking;
  gint64 listed_at;        /* µs monotonic: when that was answered */
};

void            thole_rooms_init    (TholeOperations *operations);
gboolean        thole_rooms_load    (TholeOperations *operations, GError **error);
/* Shutdown: viewers are sent away to come again, links are cut; programs go on. */
void            thole_rooms_drain   (TholeOperations *operations);
void            thole_rooms_free    (TholeOperations *operations);
/* Forgets the oldest ended sessions beyond the limits. */
void            thole_rooms_retain  (TholeOperations *operations);

/* Returns: (transfer none): made when there is none */
TholeRoom      *thole_room_of       (TholeOperations *operations, const char *workload);
/* Returns: (transfer none) (nullable) */
TholeSubject   *thole_room_subject  (TholeRoom *self);
/* Is there a thole-agent, and can the backend bring it in? */
gboolean        thole_room_has_agent (TholeOperations *operations, TholeBackend *backend);
/* ... and can it be in this workload, as far as is known? Else the daemon holds its sessions. */
gboolean        thole_room_uses_agent (TholeRoom *self, TholeBackend *backend);
/* Are there programs in it that go on? */
gboolean        thole_room_has_programs (TholeSubject *subject);
guint           thole_room_live     (TholeRoom *self);
/* Of all sessions of a workload. */
guint           thole_room_viewers  (TholeOperations *operations, const char *workload);
/* Is it known what its sessions did until now? Otherwise the agent is asked. */
gboolean        thole_room_is_fresh (TholeOperations *operations, const char *workload);
/* A link to the agent of a workload that runs, made when there is none. Returns: (transfer none) (nullable): it cannot be had */
TholeAgentLink *thole_room_link     (TholeRoom *self);
/* After each COMMIT of a workload. */
void            thole_room_follow   (TholeSubject *subject);
/* What the query of an attach says: who types, and where output begins; FALSE: it was answered. */
TholeInputRole  thole_call_input_role (TholeCall *call);
gboolean        thole_call_check_from (TholeCall *call, gboolean tty);
/* Tells the agent to end and forget a session. */
void            thole_room_close    (TholeRoom *self, const char *session);
