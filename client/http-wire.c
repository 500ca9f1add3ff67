/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session over the connections of the library. libsoup cannot stop reading, so a reader that has enough is served by hanging up:
 * the program's output is kept where it runs. From time to time the daemon is shown that there still is a reader.
 */
#include "http.h"

#include <string.h>

#include "http-socket.h"
#include "thole-dict.h"

#define PATIENCE 60 /* s */

typedef struct
{
  TholeHttp *http;
  TholeCall *call;
} Way;

static SoupMessage *
way_message (gpointer way, const char *input, gboolean take, GError **error)
{
  Way *self = way;
  g_auto(GVariantDict) options = G_VARIANT_DICT_INIT (NULL);

  if (input != NULL)
    g_variant_dict_insert (&options, "input", "s", input);
  if (take)
    g_variant_dict_insert (&options, "take", "b", TRUE);
  g_clear_pointer (&self->call->options, g_variant_unref);
  self->call->options = g_variant_ref_sink (g_variant_dict_end (&options));
  return thole_http_message (self->http, self->call, error);
}

static GError *
way_explain (gpointer way, const TholeSocketEnd *end)
{
  GError *error = NULL;

  if (end->fault != NULL && end->status >= 400)
    g_set_error (&error, THOLE_CLIENT_ERROR, (int) thole_http_code (NULL, end->status), "the daemon answered with status %u",
                 end->status);
  else if (end->fault != NULL)
    thole_http_explain (((Way *) way)->http, end->fault, &error);
  else if (end->silent)
    g_set_error_literal (&error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE, "the daemon does not answer any more");
  else if (end->final)
    g_set_error_literal (&error, THOLE_CLIENT_ERROR, (int) thole_http_code (end->word, end->status > 0 ? end->status : 410),
                         end->detail != NULL ? end->detail : "the session has ended");
  else
    g_set_error (&error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE, "the connection to the daemon broke: %s",
                 end->detail != NULL ? end->detail : "it was closed");
  return error;
}

static void
way_free (gpointer way)
{
  Way *self = way;

  thole_call_free (self->call);
  g_free (self);
}

TholeWire *
thole_http_wire_new (TholeTransport *transport, const char *session, GVariant *options, const TholeWireEvents *events,
                     gpointer user_data)
{
  static const TholeSocketWay class = { way_message, way_explain, way_free };
  TholeHttp *http = (TholeHttp *) transport;
  const char *input = thole_dict_string (options, "input", "lease");
  const TholeSocketOptions wanted = {
    .from = thole_dict_string (options, "from", NULL),
    .take = thole_dict_boolean (options, "take", FALSE),
    .watch = strcmp (input, "none") == 0,
    .shared = strcmp (input, "shared") == 0,
    .patience = thole_dict_double (options, "patience", PATIENCE),
    .alone = thole_dict_double (options, "stop_after", 0),
  };
  Way *way = g_new0 (Way, 1);

  way->http = http;
  way->call = thole_call_new (thole_client_operation ("session.attach"), session, NULL);
  if (http->worker == NULL)
    http->worker = thole_http_session (http);
  return thole_socket_wire_new (http->worker, &class, way, &wanted, events, user_data);
}
