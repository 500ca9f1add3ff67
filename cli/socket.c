/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "socket.h"

#include "command.h"
#include "problem.h"

#define FAREWELL 500 /* ms */

typedef struct
{
  CliClient *client;
  char *path;
} Way;

static SoupMessage *
way_message (gpointer way, const char *input, gboolean take, GError **error)
{
  Way *self = way;
  g_autoptr(GString) path = g_string_new (self->path);

  cli_query (path, "input", input);
  cli_query (path, "take", take ? "true" : NULL);
  return cli_client_message (self->client, "GET", path->str, NULL, error);
}

static GError *
way_explain (gpointer way, const TholeSocketEnd *end)
{
  GError *error = NULL;

  if (end->fault != NULL && end->status >= 400 && end->final)
    cli_problem_set (&error, end->status, NULL);
  else if (end->fault != NULL && end->status >= 400)
    g_set_error (&error, CLI_ERROR, CLI_UNREACHABLE, _("the daemon answered with status %u"), end->status);
  else if (end->fault != NULL)
    cli_client_explain (((Way *) way)->client, end->fault, &error);
  else if (end->silent)
    g_set_error (&error, CLI_ERROR, CLI_UNREACHABLE, _("the daemon does not answer any more"));
  else if (end->final)
    g_set_error (&error, CLI_ERROR, end->status > 0 ? cli_exit_for_status (end->status) : CLI_FAILED, "%s",
                 end->detail != NULL ? end->detail : _("the session has ended"));
  else
    g_set_error (&error, CLI_ERROR, CLI_UNREACHABLE, _("the connection to the daemon broke: %s"),
                 end->detail != NULL ? end->detail : _("it was closed"));
  return error;
}

static void
way_free (gpointer way)
{
  Way *self = way;

  g_free (self->path);
  g_free (self);
}

TholeWire *
cli_socket_new (CliClient *client, const char *session, const TholeSocketOptions *options, const TholeWireEvents *events,
                gpointer user_data)
{
  static const TholeSocketWay class = { way_message, way_explain, way_free };
  Way *way = g_new0 (Way, 1);

  way->client = client;
  way->path = cli_path (options->console ? "/v1/workloads/%s/console" : "/v1/sessions/%s/attach", session);
  return thole_socket_wire_new (cli_client_session (client), &class, way, options, events, user_data);
}

static gboolean
on_late (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

void
cli_socket_free (TholeWire *self)
{
  g_autoptr(SoupWebsocketConnection) connection = thole_socket_wire_part (self);
  g_autoptr(GSource) timer = g_timeout_source_new (FAREWELL);
  gboolean late = FALSE;

  g_source_set_callback (timer, on_late, &late, NULL);
  g_source_attach (timer, NULL);
  while (!late && connection != NULL && soup_websocket_connection_get_state (connection) != SOUP_WEBSOCKET_STATE_CLOSED)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (timer);
  self->class->free (self);
}
