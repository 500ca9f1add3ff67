/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeAgentLink: the daemon's side of one agent: one connection that carries all sessions of a workload.
 *
 * How it is used, one link for each workload of which somebody wants a session. Main thread only.
 *
 * 1. Before workload.create: when thole_backend_has (backend, THOLE_SLOT_AGENT_INSTALL), call that slot with options {`binary` s: path
 *    of thole-agent on this machine}; merge the a{sv} that comes into the options of create. UNSUPPORTED: this workload has no agent.
 * 2. For the first session, or to adopt those of before a restart:
 *
 *        options = {`binary` s, `user` s (the workload's, may lack)}
 *        link = thole_agent_link_new (clock, thole_agent_way_backend (backend, workload_id, options));
 *
 *    It connects at once, by agent/1 connect, which starts an agent where none runs. thole_agent_link_call_async() may be called right
 *    away and waits for the connection. When agent/1 says UNSUPPORTED the link is LOST at once, with thole_agent_link_get_error() of
 *    that code: the daemon holds the stream itself then.
 * 3. CALL_OPEN with an `id` made by the daemon and stored BEFORE the call: it can be repeated after any break or crash, and says
 *    `existed`. CALL_LIST after each change to READY tells what there is: a stored session that it lacks is gone, one that is not
 *    stored is left over and to be closed. Between two lists "session-changed" tells each change of state.
 * 4. thole_agent_link_session() gives what a dialect or the console views (thole_session_view()); any number of viewers, all served
 *    by the agent from its ring. Requests about rows, signals and input may go through a viewer or through CALL_RESIZE, CALL_SIGNAL.
 *    thole_agent_link_set_frozen() while the workload is paused.
 * 5. When the workload stops, restarts or is removed: thole_agent_link_end (link, NULL, THOLE_VIEWER_WORKLOAD_GONE, reason) and unref.
 *    When one session is deleted: CALL_CLOSE, whose viewers the agent detaches (THOLE_VIEWER_REMOVED). When the daemon goes down:
 *    thole_agent_link_end (link, NULL, THOLE_VIEWER_RESTARTING, ""), which touches no session; the next daemon begins at 2. Always end
 *    before the last unref: a link that is connecting keeps itself until the backend has answered.
 *
 * What happens when the connection breaks (engine restarted, bridge killed, agent silent for 30 s): state CONNECTING, a new one with a
 * higher epoch at once, then with back-off. Viewers and input go on at their byte and do not notice; requests that had no answer are
 * sent again, but for signals (UNAVAILABLE: perhaps sent). READY again: ask LIST. When that does not succeed for 60 s, when the agent
 * was started anew (the workload was, or somebody killed it: its sessions are gone), or when another daemon took over, the link is
 * LOST for good: viewers are closed with THOLE_VIEWER_LOST, calls fail with UNAVAILABLE. Unref it; a new one is made for whoever asks next.
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
/* (nullable): why it is LOST: UNSUPPORTED (no agent can be there), CONFLICT (the workload does not run), else UNAVAILABLE */
const GError   *thole_agent_link_get_error (TholeAgentLink *self);
/* While the workload is paused its agent cannot answer: silence then breaks and loses nothing. */
void            thole_agent_link_set_frozen (TholeAgentLink *self, gboolean frozen);
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
