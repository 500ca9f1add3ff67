/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/server.h"

#include <string.h>

#include "http/date.h"
#include "thole-dict.h"
#include "thole-json.h"

/* of the web console: scripts only from here and never inline; the terminal makes style sheets of its own */
#define CONSOLE_POLICY \
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; " \
  "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

void
thole_answer_header (TholeAnswer *answer, const char *name, const char *value)
{
  g_return_if_fail (answer->n_headers < THOLE_ANSWER_HEADERS);
  answer->headers[answer->n_headers].name = name;
  answer->headers[answer->n_headers++].value = value;
}

/* no line ends or other controls in what is sent as a header */
static gboolean
is_clean (const char *text)
{
  for (; *text != '\0'; text++)
    if ((guchar) *text < 0x20 || (guchar) *text >= 0x7f)
      return FALSE;
  return TRUE;
}

void
thole_answer_copy (TholeAnswer *answer, const char *name, const char *before, const char *value,
                   const char *after)
{
  gsize a = strlen (before), b = strlen (value), c = strlen (after);
  char *text = answer->text + answer->used;

  /* a header that does not fit is left out: none of those that are copied is needed to understand
   * the body */
  if (a + b + c + 1 > sizeof answer->text - answer->used || !is_clean (value))
    return;
  memcpy (text, before, a);
  memcpy (text + a, value, b);
  memcpy (text + a + b, after, c + 1);
  answer->used += a + b + c + 1;
  thole_answer_header (answer, name, text);
}

static void
add_number (TholeAnswer *answer, const char *name, gint64 value)
{
  char buffer[32];

  g_snprintf (buffer, sizeof buffer, "%" G_GINT64_FORMAT, value);
  thole_answer_copy (answer, name, "", buffer, "");
}

/* rounded up: who comes back a moment too early is refused again */
static gint64
whole_seconds (double seconds)
{
  gint64 whole = (gint64) seconds;

  return whole + (seconds > (double) whole);
}

/* what every answer has; @cache: how long it may be held, @policy: what a browser may do with it */
static void
answer_begin_as (TholeRequest *request, guint status, const char *type, const char *cache, const char *policy)
{
  TholeAnswer *answer = &request->answer;

  answer->status = status;
  request->answered = TRUE;
  thole_answer_header (answer, "X-Request-Id", request->id);
  if (type != NULL)
    thole_answer_header (answer, "Content-Type", type);
  thole_answer_header (answer, "Cache-Control", cache);
  thole_answer_header (answer, "X-Content-Type-Options", "nosniff");
  thole_answer_header (answer, "Content-Security-Policy", policy);
  thole_answer_header (answer, "Referrer-Policy", "no-referrer");
  if (request->secure)
    thole_answer_header (answer, "Strict-Transport-Security", "max-age=31536000");
  thole_cors_answer (request);
  if (request->rated)
    {
      add_number (answer, "RateLimit-Limit", request->rate.limit);
      add_number (answer, "RateLimit-Remaining", request->rate.remaining);
      add_number (answer, "RateLimit-Reset", whole_seconds (request->rate.reset));
    }
  if (request->http->draining)
    answer->close = TRUE;
  thole_http_measure (request->http, request->def, status, request->begun);
}

static void
answer_begin (TholeRequest *request, guint status, const char *type)
{
  answer_begin_as (request, status, type, "no-store", "default-src 'none'; frame-ancestors 'none'");
}

void
thole_reply_json (TholeRequest *request, guint status, GBytes *body)
{
  answer_begin (request, status, "application/json");
  request->answer.body = body;
}

void
thole_reply_status (TholeRequest *request, guint status)
{
  answer_begin (request, status, NULL);
}

GBytes *
thole_reply_render (const TholeProblem *problem, const char *request_id)
{
  GString *out = g_string_sized_new (256);

  g_string_append_c (out, '{');
  thole_problem_render (problem, out);
  g_string_append (out, ",\"request_id\":");
  thole_json_append_string (out, request_id);
  g_string_append_c (out, '}');
  return g_string_free_to_bytes (out);
}

static void
problem_answer (TholeRequest *request, const TholeProblem *problem)
{
  TholeAnswer *answer = &request->answer;
  guint status = thole_error_status (problem->code);

  answer_begin (request, status, "application/problem+json");
  answer->body = thole_reply_render (problem, request->id);
  if (status == 401)
    thole_answer_header (answer, "WWW-Authenticate", "Bearer");
  if (problem->retry_after > 0)
    add_number (answer, "Retry-After", whole_seconds (problem->retry_after));
  if (status == 426)
    {
      thole_answer_header (answer, "Upgrade", "websocket");
      thole_answer_header (answer, "Sec-WebSocket-Version", "13");
    }
  if (status == 405 && request->route != NULL)
    thole_answer_header (answer, "Allow", request->route->allow);
}

void
thole_reply_problem (TholeRequest *request, TholeProblem *problem)
{
  problem_answer (request, problem);
  thole_problem_free (problem);
}

static void
on_wake (gpointer user_data)
{
  TholeRequest *request = user_data;

  if (request->http != NULL && request->suspended)
    thole_listener_resume (request->http->listener, request);
}

/* a query parameter that decides about the form; dispatch may have put the normal form in place of
 * the text */
static gboolean
query_flag (const TholeCall *call, const char *name)
{
  g_autoptr (GVariant) value =
    call->query != NULL ? g_variant_lookup_value (call->query, name, NULL) : NULL;

  if (value == NULL)
    return FALSE;
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    return g_variant_get_boolean (value);
  return g_variant_is_of_type (value, G_VARIANT_TYPE_STRING) &&
         strcmp (g_variant_get_string (value, NULL), "true") == 0;
}

/* what is told of a file before its bytes */
static void
file_headers (TholeRequest *request)
{
  TholeAnswer *answer = &request->answer;
  const TholeReply *reply = &request->call->reply;
  char date[THOLE_DATE_LENGTH];

  if (!reply->sized)
    return;
  answer->sized = TRUE;
  answer->size = reply->size;
  thole_answer_header (answer, "Accept-Ranges", "bytes");
  if (reply->modified > 0 && thole_date_format (reply->modified, date))
    thole_answer_copy (answer, "Last-Modified", "", date, "");
  if (reply->range != NULL)
    thole_answer_copy (answer, "Content-Range", "", reply->range, "");
}

static void
stream_answer (TholeRequest *request)
{
  TholeReply *reply = &request->call->reply;
  TholeStream *stream = g_steal_pointer (&reply->stream);
  TholeFlowForm form = THOLE_FLOW_EVENTS;
  const char *type = "text/event-stream";

  if (reply->kind == THOLE_REPLY_LOG)
    {
      form = request->accept_lines ? THOLE_FLOW_LINES
             : query_flag (request->call, "timestamps") ? THOLE_FLOW_TEXT_TIMES : THOLE_FLOW_TEXT;
      type = request->accept_lines ? "application/x-ndjson" : "text/plain; charset=utf-8";
      request->bounded = !query_flag (request->call, "follow");
    }
  else if (reply->kind == THOLE_REPLY_FILE)
    {
      form = THOLE_FLOW_TEXT;
      type = reply->type;
      request->bounded = !query_flag (request->call, "follow");
    }
  answer_begin (request, reply->range != NULL ? 206 : 200, type);
  thole_answer_header (&request->answer, "X-Accel-Buffering", "no");
  file_headers (request);
  if (strcmp (request->method, "HEAD") == 0)
    stream->close (stream);
  else
    {
      request->flow = thole_flow_new (stream, form, on_wake, request);
      thole_standing_begin (&request->standing, request);
      request->http->n_streams++;
    }
}

/* is @etag among @tags ("5", "5,6" or "*")? */
static gboolean
tag_matches (const char *tags, const char *etag)
{
  gsize length = strlen (etag);

  for (const char *tag = tags; *tag != '\0';)
    {
      const char *end = strchrnul (tag, ',');

      if (((gsize) (end - tag) == length && memcmp (tag, etag, length) == 0) ||
          (end - tag == 1 && *tag == '*'))
        return TRUE;
      tag = *end == ',' ? end + 1 : end;
    }
  return FALSE;
}

void
thole_reply_asset (TholeRequest *request, const TholeAsset *asset)
{
  TholeSpan held = request->head.values[THOLE_HEADER_IF_NONE_MATCH];
  g_autofree char *tags = held.text != NULL ? thole_tags_bare (held, TRUE) : NULL;
  gboolean same = tags != NULL && tag_matches (tags, asset->etag);

  answer_begin_as (request, same ? 304 : 200, same ? NULL : asset->type, "no-cache", CONSOLE_POLICY);
  thole_answer_header (&request->answer, "X-Frame-Options", "DENY");
  thole_answer_header (&request->answer, "Cross-Origin-Opener-Policy", "same-origin");
  thole_answer_header (&request->answer, "Cross-Origin-Resource-Policy", "same-origin");
  thole_answer_copy (&request->answer, "ETag", "\"", asset->etag, "\"");
  if (!same)
    request->answer.body = g_bytes_new_static (asset->data, asset->length);
}

static void
body_answer (TholeRequest *request)
{
  TholeCall *call = request->call;
  TholeReply *reply = &call->reply;

  if (reply->etag != NULL && call->if_none_match != NULL && reply->status == 200 &&
      strcmp (call->def->method, "GET") == 0 && tag_matches (call->if_none_match, reply->etag))
    thole_reply_status (request, 304);
  else if (reply->body != NULL)
    {
      answer_begin (request, reply->status, reply->kind == THOLE_REPLY_BYTES ? reply->type : "application/json");
      request->answer.body = g_steal_pointer (&reply->body);
    }
  else
    thole_reply_status (request, reply->status);
}

/* Also when it is refused: the socket is then closed with the reason, for nothing else reaches the page of a browser. */
static void
upgrade_answer (TholeRequest *request)
{
  TholeAnswer *answer = &request->answer;

  answer->status = 101;
  request->answered = TRUE;
  thole_answer_header (answer, "X-Request-Id", request->id);
  thole_answer_header (answer, "Upgrade", "websocket");
  thole_answer_header (answer, "Sec-WebSocket-Accept", request->upgrade.accept);
  if (request->upgrade.offered)
    thole_answer_header (answer, "Sec-WebSocket-Protocol", request->upgrade.codec->name);
  thole_http_measure (request->http, request->def,
                      request->call->reply.problem != NULL ? thole_error_status (request->call->reply.problem->code) : 101,
                      request->begun);
}

void
thole_reply_call (TholeRequest *request)
{
  TholeReply *reply = &request->call->reply;
  TholeAnswer *answer = &request->answer;

  if (request->upgrades)
    upgrade_answer (request);
  else if (reply->problem != NULL)
    problem_answer (request, reply->problem);
  else if (reply->kind == THOLE_REPLY_VIEW)
    thole_reply_problem (request, request->obstacle != NULL
                                    ? g_steal_pointer (&request->obstacle)
                                    : thole_problem_new (THOLE_ERROR_UNSUPPORTED, "This path is for a WebSocket"));
  else if (reply->stream != NULL)
    stream_answer (request);
  else
    body_answer (request);
  if (reply->etag != NULL)
    thole_answer_copy (answer, "ETag", "\"", reply->etag, "\"");
  if (reply->location != NULL)
    thole_answer_copy (answer, "Location", "", reply->location, "");
  if (reply->operation != NULL)
    thole_answer_copy (answer, "Thole-Operation", "", reply->operation, "");
  if (reply->replayed)
    thole_answer_header (answer, "Idempotency-Replayed", "true");
  if (reply->cookie != NULL && reply->problem == NULL)
    thole_cookie_answer (request);
}
