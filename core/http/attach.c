/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection that has become a WebSocket: it has left the HTTP library, the door tells what its descriptor is ready for, and
 * it counts as a connection until it ends.
 */
#include "http/server.h"

#include "http/ws.h"
#include "thole-dict.h"

#define CLOSE_TIMEOUT 5.0

struct _TholeAttach
{
  TholeConn *conn;
  TholeWs *ws;
  TholeDialog *dialog;
  TholeStanding standing;
  GSource *reap; /* (nullable): it is over */
};

/* the wire of the dialog ---------------------------------------------------------------------------- */

static void
wire_send (gpointer wire, gboolean text, const guint8 *head, gsize head_length, const guint8 *data, gsize length)
{
  thole_ws_send (((TholeAttach *) wire)->ws, text, head, head_length, data, length);
}

static gsize
wire_queued (gpointer wire)
{
  return thole_ws_queued (((TholeAttach *) wire)->ws);
}

static void
wire_read (gpointer wire, gboolean on)
{
  thole_ws_read (((TholeAttach *) wire)->ws, on);
}

static void
wire_close (gpointer wire, guint code, const char *reason)
{
  thole_ws_close (((TholeAttach *) wire)->ws, code, reason);
}

static const TholeWire wire = { wire_send, wire_queued, wire_read, wire_close };

/* the socket ---------------------------------------------------------------------------- */

static void
on_message (gpointer user_data, gboolean text, const guint8 *data, gsize length)
{
  thole_dialog_message (((TholeAttach *) user_data)->dialog, text, data, length);
}

static void
on_drained (gpointer user_data)
{
  thole_dialog_drained (((TholeAttach *) user_data)->dialog);
}

static void
on_wants (gpointer user_data)
{
  TholeAttach *self = user_data;

  thole_door_wants (self->conn->http->door, self->conn, (guint32) thole_ws_wants (self->ws));
}

static gboolean
on_reap (gpointer user_data)
{
  thole_attach_free (user_data);
  return G_SOURCE_REMOVE;
}

/* it may come from deep inside of what is to be freed */
static void
on_over (gpointer user_data)
{
  TholeAttach *self = user_data;

  self->reap = g_idle_source_new ();
  g_source_set_priority (self->reap, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->reap, on_reap, self, NULL);
  g_source_attach (self->reap, self->conn->http->context);
}

static const TholeWsHandler handler = { on_message, on_drained, on_wants, on_over };

/* ---------------------------------------------------------------------------- */

/* a new connection object: the old one belongs to the library, which is about to let go of it */
static TholeConn *
conn_new (TholeConn *from, int fd)
{
  TholeConn *conn = g_new0 (TholeConn, 1);

  thole_door_forget (from->http->door, from);
  conn->http = from->http;
  conn->fd = fd;
  conn->local = from->local;
  conn->wide = from->wide;
  conn->uid = from->uid;
  g_strlcpy (conn->address, from->address, sizeof conn->address);
  conn->uri = g_string_new (NULL);
  thole_http_conn_added (conn->http, conn);
  thole_conn_phase (conn, THOLE_CONN_SOCKET, 0);
  return conn;
}

static void
begin (TholeAttach *self, TholeCall *call)
{
  TholeProblem *problem = call->reply.problem;
  g_autofree char *detail = NULL;

  if (problem == NULL && self->dialog->session != NULL && !self->conn->http->draining)
    {
      thole_dialog_begin (self->dialog);
      return;
    }
  if (problem == NULL)
    problem = call->reply.problem = thole_problem_new (THOLE_ERROR_INTERRUPTED, "the daemon is going down");
  /* a browser is told nothing of a refused handshake, so this one was taken and ends at once */
  detail = problem->detail != NULL ? g_utf8_make_valid (problem->detail, -1) : NULL;
  thole_dialog_refuse (self->dialog, 4000 + thole_error_status (problem->code), thole_error_word (problem->code), detail);
}

void
thole_attach_begin (TholeRequest *request, int fd, const char *extra, gsize length)
{
  TholeAttach *self = g_new0 (TholeAttach, 1);
  TholeHttp *http = request->http;
  TholeCall *call = request->call;
  TholeWsLimits limits = { http->options.max_message, http->options.ping, CLOSE_TIMEOUT };
  TholeSession *session = g_steal_pointer (&call->reply.view);
  TholeViewFrom from = THOLE_VIEW_LIVE;
  guint64 seq = 0;

  if (session != NULL && !thole_view_from_parse (thole_dict_string (call->query, "from", ""), session->tty, &from, &seq))
    call->reply.problem = thole_problem_new (THOLE_ERROR_INVALID, "from must be oldest, live, snapshot or a number");
  self->conn = conn_new (request->conn, fd);
  self->conn->attach = self;
  self->ws = thole_ws_new (fd, http->options.clock, &limits, &handler, self);
  self->dialog = thole_dialog_new (request->upgrade.codec, session, call->target != NULL ? call->target : "", &wire, self);
  thole_standing_begin (&self->standing, request);
  self->dialog->from = from;
  self->dialog->seq = seq;
  http->n_sockets++;
  on_wants (self);
  begin (self, call);
  if (length > 0)
    {
      g_autofree guint8 *copy = g_memdup2 (extra, length);

      thole_ws_feed (self->ws, copy, length);
    }
}

void
thole_attach_ready (TholeAttach *self, guint32 events)
{
  thole_ws_ready (self->ws, (GIOCondition) events & (G_IO_IN | G_IO_OUT | G_IO_HUP | G_IO_ERR));
}

/* one that may go on as somebody else comes back by itself */
static void
look_again (TholeAttach *self)
{
  g_autoptr (GError) error = thole_standing_check (&self->standing, self->conn->http);

  if (error == NULL)
    return;
  thole_standing_clear (&self->standing);
  if (error->code == THOLE_ERROR_INTERRUPTED)
    thole_dialog_refuse (self->dialog, thole_close_code (THOLE_VIEWER_LOST), thole_close_word (THOLE_VIEWER_LOST), error->message);
  else
    thole_dialog_refuse (self->dialog, 4000 + thole_error_status (error->code), thole_error_word (error->code), error->message);
}

void
thole_attach_tick (TholeAttach *self)
{
  look_again (self);
  thole_ws_tick (self->ws);
}

void
thole_attach_hurry (TholeAttach *self)
{
  thole_dialog_hurry (self->dialog);
}

void
thole_attach_free (TholeAttach *self)
{
  TholeConn *conn = self->conn;

  thole_source_clear (&self->reap);
  thole_standing_clear (&self->standing);
  conn->http->n_sockets--;
  /* the dialog may still write */
  thole_dialog_free (self->dialog);
  thole_ws_free (self->ws);
  thole_conn_free (conn);
  g_free (self);
}
