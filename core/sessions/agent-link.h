/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeAgentLink: the daemon's side of one agent: one connection that carries all sessions of a workload.
 *
 * A connection that breaks is made anew with a higher epoch; viewers and input go on at their byte and do not notice. When that does not
 * succeed for 60 s, when the agent was started anew, or when another daemon took over, the link is lost for good: a new one is made for whoever asks
 * next. Main thread only.
 */
#pragma once

#include "base/clock.h"
#include "sessions/agent-way.h"
#include "sessions/viewer.h"

#define THOLE_TYPE_AGENT_LINK (thole_agent_link_get_type ())
G_DECLARE_FINAL_TYPE (TholeAgentLink, thole_agent_link, THOLE, AGENT_LINK, GObject)

typedef enum
{
  THOLE_AGENT_CONNECTING, /* also again */
  THOLE_AGENT_READY,
  THOLE_AGENT_LOST,       /* for good */
} TholeAgentState;

/* Requests; @arguments of thole_agent_link_call_async() and what its finish returns. */
typedef enum
{
  /* `id` s*, `name` s, `command` as (none = the user's shell), `env` a{ss}, `working_dir` s, `user` s, `tty` b, `rows` `cols` x, `term` s,
   * `scrollback` x, `flow` s (latest, lossless), `detached` s (wait, run) -> a session, with `existed` b. Idempotent by `id`.
   * Errors: INVALID (no such program, user, folder), DENIED, LIMIT, FAILED */
  THOLE_AGENT_CALL_OPEN,
  /* -> `sessions` aa{sv} */
  THOLE_AGENT_CALL_LIST,
  /* `id` s* -> a session. Errors: NOT_FOUND */
  THOLE_AGENT_CALL_STAT,
  /* `id` s*, `signal` x*. Errors: NOT_FOUND, CONFLICT (has ended), UNAVAILABLE (the connection broke: perhaps sent) */
  THOLE_AGENT_CALL_SIGNAL,
  /* `id` s*, `rows` x*, `cols` x*. Errors: NOT_FOUND, CONFLICT (has ended), INVALID (no terminal) */
  THOLE_AGENT_CALL_RESIZE,
  /* `id` s*, `grace_ms` x. Ends it and forgets it; succeeds when there is none. */
  THOLE_AGENT_CALL_CLOSE,
} TholeAgentCall;

/* A session (a{sv}): `id` `name` s, `state` s (starting, running, ending, exited), `pid` x, `tty` b, `rows` `cols` u, `flow` `detached` s, `scrollback` x,
 * `head` `tail` x (numbers of the byte after the newest, and of the oldest that is held), `stdin_taken` `stdin_received` x, `stdin_ended` b, `viewers` u,
 * `created_at` `output_at` `input_at` x (µs since the epoch), `waiting` b (the program waits for a viewer), and when it has ended `exit_code`
 * x, `exit_signal` x (a number, 0 = it exited). */

/* @way: (transfer full). Begins to connect. */
TholeAgentLink *thole_agent_link_new       (TholeClock *clock, TholeAgentWay *way);
TholeAgentState thole_agent_link_get_state (TholeAgentLink *self);
/* What was told at the beginning: `version` s, `architecture` s, `boot` s, `pid` x; (nullable) before */
GVariant       *thole_agent_link_get_facts (TholeAgentLink *self);
guint           thole_agent_link_viewers   (TholeAgentLink *self);

/* Signals:
 *   "state-changed" (TholeAgentLink *)
 *   "session-changed" (TholeAgentLink *, GVariant *session)    its state; after "state-changed" to READY ask the list
 */

/* @deadline: µs, 0 = 30 s. Waits for a connection, too, and is repeated on a new one where that does no harm.
 * Errors: those of the call, TIMEOUT, UNAVAILABLE (lost), G_IO_ERROR_CANCELLED */
void      thole_agent_link_call_async  (TholeAgentLink *self, TholeAgentCall call, GVariant *arguments, gint64 deadline,
                                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* Returns: (transfer full): a{sv} */
GVariant *thole_agent_link_call_finish (TholeAgentLink *self, GAsyncResult *result, GError **error);

/* Returns: (transfer full): the session @id to be viewed; it need not be known yet, and does not keep the link. */
TholeSession *thole_agent_link_session (TholeAgentLink *self, const char *id, gboolean tty);
/* Closes the viewers of @id (NULL = all; then the link is lost, with this reason, and the connection closed). */
void      thole_agent_link_end         (TholeAgentLink *self, const char *id, TholeViewerEnd end, const char *detail);
