/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/server.h"

#include "thole-driver.h"
#include "thole-json.h"

static void
answer_text (TholeRequest *request, guint status, GString *text)
{
  thole_reply_json (request, status, g_string_free_to_bytes (text));
}

static void
answer_index (TholeRequest *request)
{
  GString *out = g_string_new ("{\"name\":\"thole\",\"version\":");

  thole_json_append_string (out, request->http->options.version);
  g_string_append (out, ",\"links\":{\"openapi\":\"/v1/openapi.json\",\"version\":\"/v1/version\","
                        "\"health\":\"/healthz\",\"ready\":\"/readyz\",\"metrics\":\"/metrics\"}}");
  answer_text (request, 200, out);
}

/* the web console for people, a list of links for programs */
static void
answer_root (TholeRequest *request)
{
  TholeSpan accept = request->head.values[THOLE_HEADER_ACCEPT];

  if (accept.text != NULL && thole_accepts (accept, "text/html"))
    thole_reply_asset (request, thole_asset_find ("/"));
  else
    answer_index (request);
  thole_answer_header (&request->answer, "Vary", "Accept");
}

static void
answer_version (TholeRequest *request)
{
  GString *out = g_string_new ("{\"name\":\"thole\",\"version\":");

  thole_json_append_string (out, request->http->options.version);
  g_string_append_printf (out, ",\"api\":\"v1\",\"driver_abi\":%d,\"auth_mode\":\"%s\"}", THOLE_DRIVER_ABI,
                          request->http->options.development ? "dev" : "production");
  answer_text (request, 200, out);
}

static void
answer_ready (TholeRequest *request)
{
  TholeHttpOptions *options = &request->http->options;
  g_auto(GStrv) reasons = options->ready != NULL ? options->ready (options->ready_data) : NULL;
  guint n = reasons != NULL ? g_strv_length (reasons) : 0;
  GString *out = g_string_new (NULL);

  if (request->http->draining)
    n = 0;
  g_string_append_printf (out, "{\"ready\":%s,\"reasons\":[",
                          n == 0 && !request->http->draining ? "true" : "false");
  for (guint i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      thole_json_append_string (out, reasons[i]);
    }
  if (request->http->draining)
    thole_json_append_string (out, "the daemon shuts down");
  g_string_append (out, request->http->options.development ? "],\"auth_mode\":\"dev\"}" : "]}");
  answer_text (request, n == 0 && !request->http->draining ? 200 : 503, out);
}

static void
answer_openapi (TholeRequest *request)
{
  TholeHttp *http = request->http;

  if (http->openapi == NULL)
    http->openapi = thole_openapi_render (http->options.operations, http->options.n_operations,
                                          http->options.version);
  thole_reply_json (request, 200, g_bytes_ref (http->openapi));
}

static void
answer_metrics (TholeRequest *request)
{
  if (!thole_access_decide (request->principal, "metrics.read"))
    {
      thole_reply_problem (request, thole_problem_new (THOLE_ERROR_FORBIDDEN,
                                                       "This needs the permission metrics.read"));
      return;
    }
  thole_reply_json (request, 200, thole_metrics_render (request->http->options.metrics));
  for (guint i = 0; i < request->answer.n_headers; i++)
    if (g_str_equal (request->answer.headers[i].name, "Content-Type"))
      request->answer.headers[i].value = THOLE_METRICS_TYPE;
}

void
thole_page_answer (TholeRequest *request)
{
  switch (request->route->page)
    {
    case THOLE_PAGE_INDEX:
      answer_root (request);
      break;
    case THOLE_PAGE_READY:
      answer_ready (request);
      break;
    case THOLE_PAGE_VERSION:
      answer_version (request);
      break;
    case THOLE_PAGE_OPENAPI:
      answer_openapi (request);
      break;
    case THOLE_PAGE_METRICS:
      answer_metrics (request);
      break;
    case THOLE_PAGE_ASSET:
      thole_reply_asset (request, thole_asset_find (request->path));
      break;
    case THOLE_PAGE_HEALTH:
    case THOLE_PAGE_NONE:
    default:
      answer_text (request, 200, g_string_new ("{\"status\":\"alive\"}"));
      break;
    }
}
