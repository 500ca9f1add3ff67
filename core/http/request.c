/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/server.h"

#include <string.h>

#include "access/secret-file.h"
#include "http/date.h"
#include "http/origin.h"
#include "thole-json.h"

#define MAX_KEY 255 /* characters of an Idempotency-Key */

/* Ended requests that are kept: asking the heap for a block of this size makes it put its small
 * free blocks in order, and in a large heap that costs more than the rest of a read. Sanitizers
 * are to see each request by itself. */
#ifdef __SANITIZE_ADDRESS__
#define SPARE_MAX 0
#else
#define SPARE_MAX 64
#endif

static void
fail (TholeRequest *request, int code, const char *detail)
{
  thole_reply_problem (request, thole_problem_new (code, "%s", detail));
}

static gboolean
span_is (TholeSpan span, const char *text)
{
  return span.length == strlen (text) && g_ascii_strncasecmp (span.text, text, span.length) == 0;
}

static TholePrincipal *
bearer_principal (TholeRequest *request, TholeSpan value)
{
  static const char scheme[] = "Bearer ";
  const char *token = value.text;
  gsize length = value.length;

  if (length < sizeof scheme || g_ascii_strncasecmp (token, scheme, sizeof scheme - 1) != 0)
    return NULL;
  token += sizeof scheme - 1;
  while (*token == ' ')
    token++;
  return thole_identity_token (request->http->options.identity, token);
}

/* For development: whoever the header names. Not when a proxy, or a page with a name of its own for this machine, is between. */
static TholePrincipal *
named_principal (TholeRequest *request)
{
  const TholeSpan *values = request->head.values;
  g_autofree char *name = g_strndup (values[THOLE_HEADER_DEV_USER].text, values[THOLE_HEADER_DEV_USER].length);

  if (request->conn->wide || values[THOLE_HEADER_FORWARDED_FOR].text != NULL || !thole_host_is_local (&request->head) ||
      thole_origin_is_alien (&request->head, request->secure))
    return NULL;
  return thole_identity_named (request->http->options.identity, name);
}

/* A header wins over a cookie, and that over the peer, so that one may be less than one is. @unproven (out): see
 * thole_cookie_principal() */
static TholePrincipal *
find_principal (TholeRequest *request, gboolean *unproven)
{
  TholeSpan authorization = request->head.values[THOLE_HEADER_AUTHORIZATION];
  TholeConn *conn = request->conn;

  if (authorization.text != NULL)
    return bearer_principal (request, authorization);
  if (request->http->options.development && request->head.values[THOLE_HEADER_DEV_USER].text != NULL)
    return named_principal (request);
  if (request->head.values[THOLE_HEADER_COOKIE].text != NULL)
    {
      TholePrincipal *principal = thole_cookie_principal (request, unproven);

      if (principal != NULL || *unproven)
        return principal;
    }
  if (!conn->local)
    return NULL;
  /* what others may do can change while they are connected */
  if (conn->peer == NULL || !conn->peer->admin)
    {
      g_clear_pointer (&conn->peer, thole_principal_unref);
      conn->peer = thole_identity_peer (request->http->options.identity, conn->uid);
    }
  return thole_principal_ref (conn->peer);
}

/* the path and where the query begins; absolute targets lose their authority */
static const char *
split_uri (TholeRequest *request)
{
  const char *uri = request->conn->uri->str;
  const char *end;

  if (g_ascii_strncasecmp (uri, "http://", 7) == 0)
    uri += 7 + strcspn (uri + 7, "/?");
  end = strchrnul (uri, '?');
  request->path = memchr (uri, '%', (gsize) (end - uri)) != NULL
                    ? thole_query_decode (uri, (gsize) (end - uri), FALSE)
                    : g_strndup (uri, (gsize) (end - uri));
  return *end == '?' ? end + 1 : NULL;
}

/* whoever looks whether the daemon lives is not counted */
static gboolean
is_probe (TholeRequest *request)
{
  return request->route != NULL && (request->route->page == THOLE_PAGE_HEALTH ||
                                    request->route->page == THOLE_PAGE_READY);
}

static gboolean
check_rate (TholeRequest *request)
{
  TholeHttpOptions *options = &request->http->options;
  TholeProblem *problem;

  if (options->rates == NULL || is_probe (request) ||
      !thole_rates_request (options->rates, request->principal,
                            request->address[0] != '\0' ? request->address : NULL, &request->rate))
    return TRUE;
  request->rated = TRUE;
  if (request->rate.retry_after <= 0)
    return TRUE;
  problem =
    thole_problem_new (THOLE_ERROR_RATE_LIMITED,
                       "Too many requests; the limit is %" G_GINT64_FORMAT " a minute",
                       request->rate.limit);
  problem->retry_after = request->rate.retry_after;
  thole_reply_problem (request, problem);
  return FALSE;
}

/* a ticket in the query, which is taken out of it: @query becomes the rest */
static TholePrincipal *
ticket_principal (TholeRequest *request, GVariant **query)
{
  TholeTickets *tickets = request->http->options.tickets;
  g_autoptr(TholePrincipal) made_by = NULL;
  g_autofree char *ticket = NULL;
  GVariantDict rest;

  if (tickets == NULL || *query == NULL || request->path == NULL || strcmp (request->method, "GET") != 0 ||
      !g_variant_lookup (*query, "ticket", "s", &ticket))
    return NULL;
  g_variant_dict_init (&rest, *query);
  g_variant_dict_remove (&rest, "ticket");
  g_variant_unref (*query);
  *query = g_variant_ref_sink (g_variant_dict_end (&rest));
  made_by = thole_tickets_take (tickets, ticket, request->path);
  return made_by != NULL ? thole_identity_renew (request->http->options.identity, made_by) : NULL;
}

/* a credential was shown and is not good, or a page that is not ours showed one */
static void
tell_stranger (TholeRequest *request)
{
  const TholeHttpOptions *options = &request->http->options;

  if (options->stranger != NULL)
    options->stranger (options->dispatch_data, request->address, request->id);
}

/* Who is it? Nothing else is looked at before. */
static gboolean
authenticate (TholeRequest *request, gboolean secret, GVariant **query)
{
  gboolean unproven = FALSE;

  if (secret)
    {
      fail (
        request, THOLE_ERROR_MALFORMED,
        "A credential does not belong in a query: it ends up in logs. Send `Authorization: Bearer`");
      return FALSE;
    }
  request->principal = ticket_principal (request, query);
  if (request->principal == NULL)
    request->principal = find_principal (request, &unproven);
  if (request->principal == NULL && request->route != NULL && request->route->is_public)
    request->principal = thole_identity_anonymous (request->http->options.identity);
  if (!check_rate (request))
    return FALSE;
  if (request->principal != NULL)
    return TRUE;
  if (unproven)
    {
      tell_stranger (request);
      fail (request, THOLE_ERROR_FORBIDDEN, "With a cookie this needs the header X-CSRF-Token, or of a WebSocket the Origin of a page "
                                            "of ours; GET /v1/me tells the token");
      return FALSE;
    }
  if (request->head.values[THOLE_HEADER_AUTHORIZATION].text != NULL)
    tell_stranger (request);
  fail (request, THOLE_ERROR_UNAUTHENTICATED,
        request->head.values[THOLE_HEADER_AUTHORIZATION].text != NULL
          ? "The credential is not valid" : "Send a credential: `Authorization: Bearer TOKEN`");
  return FALSE;
}

static gboolean
find_operation (TholeRequest *request)
{
  const TholeRoute *route = request->route;
  gboolean read = strcmp (request->method, "GET") == 0 || strcmp (request->method, "HEAD") == 0;

  if (route == NULL)
    {
      fail (request, THOLE_ERROR_NOT_FOUND, "No such path");
      return FALSE;
    }
  if (strcmp (request->method, "OPTIONS") == 0)
    {
      thole_reply_status (request, 204);
      thole_answer_header (&request->answer, "Allow", route->allow);
      return FALSE;
    }
  request->def = thole_route_method (route, request->method);
  if (request->def != NULL || (route->page != THOLE_PAGE_NONE && read))
    return TRUE;
  fail (request, THOLE_ERROR_METHOD_NOT_ALLOWED, "This path does not take this method");
  return FALSE;
}

static gboolean
is_json (TholeRequest *request)
{
  TholeSpan type = request->head.values[THOLE_HEADER_CONTENT_TYPE];
  const char *semicolon = type.text != NULL ? memchr (type.text, ';', type.length) : NULL;

  if (semicolon != NULL)
    type.length = (gsize) (semicolon - type.text);
  while (type.length > 0 && type.text[type.length - 1] == ' ')
    type.length--;
  if (type.text == NULL)
    return FALSE;
  return span_is (type, "application/json") ||
         (strcmp (request->method, "PATCH") == 0 && span_is (type, "application/merge-patch+json"));
}

/* what can be said of a body before it comes */
static gboolean
check_body (TholeRequest *request)
{
  TholeHttp *http = request->http;
  TholeSpan length = request->head.values[THOLE_HEADER_CONTENT_LENGTH];
  guint64 size = length.text != NULL ? g_ascii_strtoull (length.text, NULL, 10) : 0;

  /* of an upload nothing is known before it is read, and little of it is ever held */
  if (!request->has_body || (request->def != NULL && request->def->kind == THOLE_OPERATION_UPLOAD))
    return TRUE;
  if (!is_json (request))
    {
      fail (request, THOLE_ERROR_UNSUPPORTED_MEDIA_TYPE, "The body must be application/json");
      return FALSE;
    }
  if (size > http->options.max_body)
    {
      thole_reply_problem (request,
                           thole_problem_new (THOLE_ERROR_TOO_LARGE,
                                              "The body may have %" G_GSIZE_FORMAT " bytes",
                                              http->options.max_body));
      return FALSE;
    }
  if (http->body_bytes + size > http->body_budget)
    {
      TholeProblem *problem =
        thole_problem_new (THOLE_ERROR_OVERLOADED, "Too many large requests at once");

      problem->retry_after = 1;
      thole_reply_problem (request, problem);
      return FALSE;
    }
  http->body_bytes += size;
  request->reserved = size;
  return TRUE;
}

/* An operation that answers 101 is for WebSockets. Whether the caller may do it is still decided first. */
static void
check_upgrade (TholeRequest *request)
{
  const TholeHttpOptions *options = &request->http->options;
  const TholeCodec *fallback = g_str_has_suffix (request->def->path, "/tty/ws") ? &thole_codec_tty : NULL;

  if (request->def->success[0] != 101)
    return;
  request->obstacle = thole_upgrade_check (&request->head, request->method, options->origins, fallback, &request->upgrade);
  request->upgrades = request->obstacle == NULL;
}

static char *
span_dup (TholeSpan span)
{
  return span.text != NULL ? g_strndup (span.text, span.length) : NULL;
}

/* the headers that an operation looks at */
static gboolean
take_headers (TholeRequest *request, TholeCall *call)
{
  const TholeSpan *values = request->head.values;
  TholeSpan key = values[THOLE_HEADER_IDEMPOTENCY_KEY];
  TholeSpan event = values[THOLE_HEADER_LAST_EVENT_ID];

  call->last_event_id = -1;
  if (event.text != NULL &&
      !g_ascii_string_to_signed (event.text, 10, 0, G_MAXINT64, &call->last_event_id, NULL))
    {
      fail (request, THOLE_ERROR_MALFORMED, "Last-Event-ID is not the number of an event");
      return FALSE;
    }
  if (key.text != NULL && (key.length == 0 || key.length > MAX_KEY || !g_str_is_ascii (key.text)))
    {
      fail (request, THOLE_ERROR_MALFORMED, "Idempotency-Key must have 1 to 255 ASCII characters");
      return FALSE;
    }
  call->idempotency_key = span_dup (key);
  /* RFC 9110: a part only of what the caller has the rest of; tags of files there are none */
  if (values[THOLE_HEADER_IF_RANGE].text == NULL || thole_date_parse (values[THOLE_HEADER_IF_RANGE], &call->range_of))
    call->range = span_dup (values[THOLE_HEADER_RANGE]);
  if (values[THOLE_HEADER_IF_MATCH].text != NULL)
    call->if_match = thole_tags_bare (values[THOLE_HEADER_IF_MATCH], FALSE);
  if (values[THOLE_HEADER_IF_NONE_MATCH].text != NULL)
    call->if_none_match = thole_tags_bare (values[THOLE_HEADER_IF_NONE_MATCH], TRUE);
  return TRUE;
}

static void
on_done (TholeCall *call, gpointer user_data)
{
  TholeRequest *request = user_data;
  TholeHttp *http = request->http;

  request->waiting = FALSE;
  if (http != NULL && !request->dispatching && g_hash_table_remove (http->waiting, request))
    http->n_waiting--;
  if (http == NULL || request->conn == NULL)
    {
      request->conn = NULL;
      thole_request_end (request);
      if (http != NULL)
        thole_http_settle (http);
      return;
    }
  thole_reply_call (request);
  if (request->upload != NULL && !request->dispatching && !thole_body_is_whole (request->upload))
    thole_listener_answer (request);
  if (request->suspended)
    thole_listener_resume (http->listener, request);
}

/* cheap reads end inside dispatch, so nobody can leave meanwhile */
static gboolean
may_wait (const TholeCall *call)
{
  return call->def->kind != THOLE_OPERATION_READ || call->query != NULL;
}

static void
begin_upload (TholeRequest *request, TholeCall *call)
{
  TholeSpan length = request->head.values[THOLE_HEADER_CONTENT_LENGTH];

  request->upload = thole_body_new (request);
  call->input = thole_body_stream (request->upload);
  if (!request->has_body)
    thole_body_end (request->upload);
  else if (length.text != NULL)
    call->input_size = (gint64) g_ascii_strtoull (length.text, NULL, 10);
}

static void
make_call (TholeRequest *request, TholeSpan target, GVariant *query)
{
  TholeCall *call = thole_call_new (request->def, request->principal);

  request->call = call;
  call->request_id = g_strdup (request->id);
  call->path = g_strdup (request->path);
  call->address = g_strdup (request->address);
  call->target = span_dup (target);
  call->query = query != NULL ? g_variant_ref (query) : NULL;
  call->want = request->accept_events ? THOLE_WANT_EVENTS : THOLE_WANT_JSON;
  call->operations = request->http->options.dispatch_data;
  call->done = on_done;
  call->user_data = request;
  if (may_wait (call))
    call->cancellable = g_cancellable_new ();
  if (request->def->kind == THOLE_OPERATION_UPLOAD)
    begin_upload (request, call);
}

TholeRequest *
thole_request_new (TholeConn *conn, const char *method)
{
  GPtrArray *spare = conn->http->spare;
  TholeRequest *request = spare->len > 0 ? g_ptr_array_steal_index_fast (spare, spare->len - 1)
                                         : g_new (TholeRequest, 1);

  memset (request, 0, sizeof *request);
  request->http = conn->http;
  request->conn = conn;
  request->begun = thole_clock_monotonic (conn->http->options.clock);
  thole_http_request_id (conn->http, request->id, sizeof request->id);
  g_strlcpy (request->method, method, sizeof request->method);
  conn->request = request;
  return request;
}

void
thole_request_begin (TholeRequest *request, gboolean http11)
{
  TholeHead *head = &request->head;
  TholeSpan accept = head->values[THOLE_HEADER_ACCEPT];
  TholeSpan target = { NULL, 0 };
  g_autoptr(TholeProblem) problem = NULL;
  g_autoptr(GVariant) query = NULL;
  gboolean secret = FALSE;
  const char *text;

  thole_head_finish (head, http11);
  request->has_body = head->values[THOLE_HEADER_TRANSFER_ENCODING].text != NULL ||
                      (head->values[THOLE_HEADER_CONTENT_LENGTH].text != NULL &&
                       !span_is (head->values[THOLE_HEADER_CONTENT_LENGTH], "0"));
  /* a later head was not seen in the raw: with a name that we do not know it may have been folded
   */
  if (request->conn->wide || (request->conn->later && head->unknown))
    request->answer.close = TRUE;
  request->conn->later = TRUE;
  if (head->fault != NULL)
    {
      fail (request, THOLE_ERROR_MALFORMED, head->fault);
      request->answer.close = TRUE;
      return;
    }
  text = split_uri (request);
  query = thole_query_parse (text, &secret, &problem);
  if (request->path != NULL)
    request->route = thole_routes_find (request->http->routes, request->path, &target);
  thole_request_from (request);
  if (thole_cors_is_preflight (request))
    {
      if (check_rate (request))
        thole_cors_preflight (request);
      return;
    }
  if (!authenticate (request, secret, &query))
    return;
  if (request->path == NULL)
    fail (request, THOLE_ERROR_MALFORMED,
          "The path is not percent-encoded UTF-8 without control characters");
  if (request->path == NULL || !find_operation (request))
    return;
  if (problem != NULL)
    {
      thole_reply_problem (request, g_steal_pointer (&problem));
      return;
    }
  if (accept.text != NULL)
    {
      request->accept_events = thole_accepts (accept, "text/event-stream");
      request->accept_lines = thole_accepts (accept, "application/x-ndjson");
    }
  if (!check_body (request) || request->def == NULL)
    return;
  check_upgrade (request);
  make_call (request, target, query);
  take_headers (request, request->call);
}

static void
release_body (TholeRequest *request)
{
  g_clear_pointer (&request->body, g_byte_array_unref);
  if (request->http != NULL)
    request->http->body_bytes -= request->reserved;
  request->reserved = 0;
}

/* room for @size bytes in all; a body without a length takes it as it comes */
static gboolean
reserve (TholeRequest *request, gsize size)
{
  TholeHttp *http = request->http;

  if (size > http->options.max_body)
    return FALSE;
  if (size <= request->reserved)
    return TRUE;
  if (http->body_bytes + size - request->reserved > http->body_budget)
    return FALSE;
  http->body_bytes += size - request->reserved;
  request->reserved = size;
  return TRUE;
}

gboolean
thole_request_body (TholeRequest *request, const char *data, gsize length)
{
  gsize max = request->http->options.max_body;

  if (request->answered)
    {
      /* what is too large is read on for a while, so that the answer finds somebody who listens */
      request->discarded += length;
      return request->discarded <= max;
    }
  if (request->body == NULL)
    request->body = g_byte_array_sized_new ((guint) MAX (request->reserved, length));
  if (reserve (request, request->body->len + length))
    {
      g_byte_array_append (request->body, (const guint8 *) data, (guint) length);
      return TRUE;
    }
  release_body (request);
  thole_reply_problem (
    request,
    thole_problem_new (THOLE_ERROR_TOO_LARGE, "The body may have %" G_GSIZE_FORMAT " bytes", max));
  request->answer.close = TRUE;
  return TRUE;
}

gsize
thole_request_upload (TholeRequest *request, const char *data, gsize length)
{
  g_autoptr (GError) error = NULL;

  if (request->answered)
    return thole_request_body (request, data, length) ? length : 0;
  error = thole_standing_check (&request->standing, request->http);
  if (error != NULL)
    thole_body_fail (request->upload, error);
  return thole_body_feed (request->upload, data, length);
}

static gboolean
parse_body (TholeRequest *request)
{
  g_autoptr(GVariant) value = NULL;
  g_autoptr(GError) error = NULL;
  TholeProblem *problem;

  if (request->body == NULL || request->body->len == 0)
    return TRUE;
  value = thole_json_parse ((const char *) request->body->data, request->body->len, &error);
  release_body (request);
  if (value == NULL)
    {
      fail (request, THOLE_ERROR_MALFORMED, error->message);
      return FALSE;
    }
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    {
      problem = thole_problem_new (THOLE_ERROR_INVALID, "The body is not valid");
      thole_problem_add (problem, "", "type", "must be an object");
      thole_reply_problem (request, problem);
      return FALSE;
    }
  request->call->body = g_steal_pointer (&value);
  return TRUE;
}

/* a body may take its time: whoever was signed out meanwhile, or lost rights, is asked again */
static gboolean
renew_principal (TholeRequest *request)
{
  TholePrincipal *now;

  if (request->body == NULL)
    return TRUE;
  now = thole_identity_renew (request->http->options.identity, request->principal);
  if (now == NULL)
    {
      fail (request, THOLE_ERROR_UNAUTHENTICATED, "the credential was taken back");
      return FALSE;
    }
  thole_principal_unref (request->call->principal);
  request->call->principal = thole_principal_ref (now);
  thole_principal_unref (request->principal);
  request->principal = now;
  return TRUE;
}

void
thole_request_run (TholeRequest *request)
{
  TholeHttp *http = request->http;

  if (request->call == NULL)
    {
      thole_page_answer (request);
      return;
    }
  if (!renew_principal (request) || !parse_body (request))
    return;
  if (request->upload != NULL)
    thole_standing_begin (&request->standing, request);
  request->waiting = TRUE;
  request->dispatching = TRUE;
  http->options.dispatch (http->options.dispatch_data, request->call);
  request->dispatching = FALSE;
  if (!request->waiting)
    return;
  http->n_waiting++;
  g_hash_table_add (http->waiting, request);
}

void
thole_request_gone (TholeRequest *request, gboolean wholly)
{
  if (request->waiting && request->call->cancellable != NULL)
    g_cancellable_cancel (request->call->cancellable);
  /* who has only closed one side may still read what soon ends */
  if (request->flow != NULL && (wholly || !request->bounded))
    thole_request_hurry (request);
}

void
thole_request_look_again (TholeRequest *request)
{
  g_autoptr (GError) error = request->http != NULL && request->flow != NULL ? thole_standing_check (&request->standing, request->http) : NULL;

  if (error == NULL)
    return;
  thole_standing_clear (&request->standing);
  thole_flow_refuse (request->flow, error);
  if (request->suspended)
    thole_listener_resume (request->http->listener, request);
}

void
thole_request_hurry (TholeRequest *request)
{
  g_autoptr (GError) error = g_error_new (THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the daemon is going down");

  if (request->waiting && request->call->cancellable != NULL)
    {
      g_autoptr (GCancellable) cancellable = g_object_ref (request->call->cancellable);

      /* either may answer it at once */
      if (request->upload != NULL)
        thole_body_fail (request->upload, error);
      g_cancellable_cancel (cancellable);
    }
  if (request->flow == NULL)
    return;
  /* half a file must not look like a whole one */
  if (request->call->reply.kind == THOLE_REPLY_FILE && request->bounded)
    thole_flow_refuse (request->flow, error);
  else
    thole_flow_stop (request->flow);
  if (request->suspended)
    thole_listener_resume (request->http->listener, request);
}

void
thole_request_orphan (TholeRequest *request)
{
  request->http = NULL;
  request->conn = NULL;
  request->reserved = 0;
}

void
thole_request_end (TholeRequest *request)
{
  if (request->conn != NULL)
    request->conn->request = NULL;
  request->conn = NULL;
  release_body (request);
  if (request->flow != NULL && request->http != NULL)
    request->http->n_streams--;
  g_clear_pointer (&request->flow, thole_flow_free);
  thole_standing_clear (&request->standing);
  if (request->waiting)
    {
      /* the call comes back to on_done(), which frees the rest; that may be at once. An upload that is complete goes on */
      TholeBody *upload = g_steal_pointer (&request->upload);
      g_autoptr(GCancellable) cancellable = request->call->cancellable != NULL
                                              ? g_object_ref (request->call->cancellable) : NULL;

      if (upload != NULL)
        thole_body_free (upload);
      if (cancellable != NULL)
        g_cancellable_cancel (cancellable);
      return;
    }
  g_clear_pointer (&request->upload, thole_body_free);
  g_clear_pointer (&request->answer.body, g_bytes_unref);
  g_clear_pointer (&request->call, thole_call_free);
  g_clear_pointer (&request->obstacle, thole_problem_free);
  g_clear_pointer (&request->principal, thole_principal_unref);
  thole_secret_free (request->answer.cookie);
  g_free (request->path);
  if (request->http != NULL && (gint) request->http->spare->len < SPARE_MAX)
    g_ptr_array_add (request->http->spare, request);
  else
    g_free (request);
}
