/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The OpenAPI 3.1 document, made of the same tables that route, validate and render.
 */
#include "http/server.h"

#include <string.h>

#include "records.h"
#include "thole-json.h"

static void
append_text (GString *out, const char *name, const char *text)
{
  g_string_append_printf (out, "\"%s\":", name);
  thole_json_append_string (out, text);
}

static void
append_ref (GString *out, const char *schema)
{
  g_string_append_printf (out, "{\"$ref\":\"#/components/schemas/%s\"}", schema);
}

static const TholeRecordType *
record_type (const char *name, gsize length)
{
  for (guint i = 0; thole_record_types[i] != NULL; i++)
    if (strlen (thole_record_types[i]->name) == length &&
        strncmp (thole_record_types[i]->name, name, length) == 0)
      return thole_record_types[i];
  return NULL;
}

/* records ---------------------------------------------------------------------------- */

static void
append_choices (GString *out, const TholeField *field)
{
  g_string_append (out, ",\"enum\":[");
  for (guint i = 0; field->choices[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      thole_json_append_string (out, field->choices[i]);
    }
  g_string_append_c (out, ']');
}

static const char *
json_type (TholeFieldKind kind)
{
  switch (kind)
    {
    case THOLE_FIELD_BOOL:
      return "boolean";
    case THOLE_FIELD_INT:
    case THOLE_FIELD_SIZE:
      return "integer";
    case THOLE_FIELD_NUMBER:
    case THOLE_FIELD_DURATION:
      return "number";
    case THOLE_FIELD_STRINGS:
    case THOLE_FIELD_LIST:
      return "array";
    case THOLE_FIELD_LABELS:
    case THOLE_FIELD_ENV:
    case THOLE_FIELD_OBJECT:
      return "object";
    case THOLE_FIELD_STRING:
    case THOLE_FIELD_NAME:
    case THOLE_FIELD_TIME:
    case THOLE_FIELD_ENUM:
    case THOLE_FIELD_JSON:
    default:
      return "string";
    }
}

static void
append_record_field (GString *out, const TholeField *field)
{
  g_string_append_c (out, '{');
  append_text (out, "description", field->doc);
  if (field->kind == THOLE_FIELD_JSON)
    {
      if (field->of != NULL)
        g_string_append_printf (out, ",\"$ref\":\"#/components/schemas/%s\"", field->of->name);
    }
  else if (field->flags & THOLE_FIELD_NULLABLE)
    g_string_append_printf (out, ",\"type\":[\"%s\",\"null\"]", json_type (field->kind));
  else
    g_string_append_printf (out, ",\"type\":\"%s\"", json_type (field->kind));
  if (field->kind == THOLE_FIELD_TIME)
    g_string_append (out, ",\"format\":\"date-time\"");
  if (field->kind == THOLE_FIELD_ENUM)
    append_choices (out, field);
  g_string_append_c (out, '}');
}

static void
append_record (GString *out, const TholeRecordType *type)
{
  const char *group = NULL;

  g_string_append (out, "{\"type\":\"object\",");
  append_text (out, "description", type->doc);
  g_string_append (out, ",\"properties\":{");
  for (guint i = 0; i < type->n_fields; i++)
    {
      if (type->fields[i].flags & THOLE_FIELD_HIDDEN)
        continue;
      thole_record_member (out, &type->fields[i], &group, "{\"type\":\"object\",\"properties\":{", "}}");
      append_record_field (out, &type->fields[i]);
    }
  if (group != NULL)
    g_string_append (out, "}}");
  g_string_append (out, "}}");
}

/* parameters ---------------------------------------------------------------------------- */

static void
append_query (GString *out, const TholeField *field)
{
  g_string_append (out, ",{");
  append_text (out, "name", field->name);
  g_string_append (out, ",\"in\":\"query\",");
  append_text (out, "description", field->doc);
  if (field->flags & THOLE_FIELD_REQUIRED)
    g_string_append (out, ",\"required\":true");
  if (field->flags & THOLE_FIELD_REPEATED)
    g_string_append (out, ",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}");
  else
    {
      g_string_append_printf (out, ",\"schema\":{\"type\":\"%s\"", json_type (field->kind));
      if (field->kind == THOLE_FIELD_ENUM)
        append_choices (out, field);
      if (field->has_min && field->kind != THOLE_FIELD_STRING)
        g_string_append_printf (out, ",\"minimum\":%.15g", field->min);
      if (field->has_max)
        g_string_append_printf (
          out, field->kind == THOLE_FIELD_STRING ? ",\"maxLength\":%.15g" : ",\"maximum\":%.15g",
          field->max);
      g_string_append (out, "}}");
    }
}

static void
append_header_parameter (GString *out, const char *name, const char *doc)
{
  g_string_append_printf (
    out, ",{\"name\":\"%s\",\"in\":\"header\",\"schema\":{\"type\":\"string\"},", name);
  append_text (out, "description", doc);
  g_string_append_c (out, '}');
}

static void
append_parameters (GString *out, const TholeOperationDef *def)
{
  gsize begin = out->len;

  if (strstr (def->path, "{id}") != NULL)
    g_string_append (
      out, ",{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"description\":\"id or name\","
           "\"schema\":{\"type\":\"string\"}}");
  for (guint i = 0; i < def->query->n_fields; i++)
    append_query (out, &def->query->fields[i]);
  if (strcmp (def->method, "POST") == 0)
    append_header_parameter (out, "Idempotency-Key",
                             "The same request again acts once; kept for 24 hours.");
  if (strcmp (def->name, "file.read") == 0)
    {
      append_header_parameter (out, "Range", "One range of bytes: the answer is 206, or 416 when the file is shorter.");
      append_header_parameter (out, "If-Range", "The Last-Modified of the part that is held: when it is another one the answer is 200 with all of it.");
    }
  if (strcmp (def->name, "event.list") == 0)
    append_header_parameter (out, "Last-Event-ID",
                             "Number of the last event seen; go on after it.");
  if (def->target != NULL && strcmp (def->method, "GET") == 0 && def->kind == THOLE_OPERATION_READ)
    append_header_parameter (out, "If-None-Match", "ETag that is held: 304 while it is the same.");
  if (def->target != NULL &&
      (strcmp (def->method, "PATCH") == 0 || strcmp (def->method, "DELETE") == 0))
    append_header_parameter (out, "If-Match", "ETag: act only while it is the same, else 412.");
  /* what begins with a comma becomes a list */
  if (out->len > begin)
    {
      out->str[begin] = '[';
      g_string_insert (out, (gssize) begin, ",\"parameters\":");
      g_string_append_c (out, ']');
    }
}

/* responses ---------------------------------------------------------------------------- */

static void
append_list (GString *out, const char *item)
{
  g_string_append (out,
                   "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":");
  append_ref (out, item);
  g_string_append (out, "},\"next_cursor\":{\"type\":[\"string\",\"null\"]}}}");
}

#define FILE_SCHEMA                                                                                                              \
  "{\"type\":\"object\",\"description\":\"A name that is not UTF-8 comes as name_base64, such a target as target_base64; what has "   \
  "such a name can be got within an archive of its folder.\",\"properties\":{\"name\":{\"type\":\"string\"},\"name_base64\":"         \
  "{\"type\":\"string\"},\"type\":{\"enum\":[\"file\",\"folder\",\"link\",\"other\"]},\"size\":{\"type\":[\"integer\",\"null\"],"         \
  "\"description\":\"null: a further name of a file.\"},\"mode\":{\"type\":\"integer\"},\"uid\":{\"type\":\"integer\"},"             \
  "\"gid\":{\"type\":\"integer\"},\"modified\":{\"type\":\"string\",\"format\":\"date-time\"},\"target\":{\"type\":\"string\"},"     \
  "\"target_base64\":{\"type\":\"string\"}}}"
#define FILES_SCHEMA                                                                                                             \
  "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" FILE_SCHEMA "},\"next_cursor\":{\"type\":\"null\"}}}"

/* Returns: FALSE: not of the files of a workload */
static gboolean
append_file_content (GString *out, const TholeOperationDef *def)
{
  static const char bytes[] = "{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}";

  if (!g_str_has_prefix (def->name, "file."))
    return FALSE;
  if (strcmp (def->name, "file.read") == 0)
    g_string_append_printf (out, "\"application/octet-stream\":%s,\"application/json\":{\"schema\":" FILES_SCHEMA "}", bytes);
  else if (strcmp (def->name, "file.archive") == 0)
    g_string_append_printf (out, "\"application/x-tar\":%s", bytes);
  else
    g_string_append_printf (out, "\"application/json\":{\"schema\":%s}",
                            strcmp (def->name, "file.list") == 0 ? FILES_SCHEMA : FILE_SCHEMA);
  return TRUE;
}

/* what a success holds, from the name NOUN.VERB */
static void
append_content (GString *out, const TholeOperationDef *def)
{
  const char *dot = strchr (def->name, '.');
  const TholeRecordType *type = record_type (def->name, (gsize) (dot - def->name));
  gboolean is_list = strcmp (dot, ".list") == 0;

  if (strcmp (dot, ".logs") == 0)
    {
      g_string_append (
        out,
        "\"text/plain\":{\"schema\":{\"type\":\"string\"}},\"application/x-ndjson\":{\"schema\":"
        "{\"type\":\"object\",\"description\":\"One a line.\",\"properties\":{\"time\":{\"type\":"
        "[\"string\",\"null\"],\"format\":\"date-time\"},\"stream\":{\"enum\":[\"stdout\",\"stderr\"]},"
        "\"text\":{\"type\":\"string\"},\"text_base64\":{\"type\":\"string\",\"description\":"
        "\"In place of text, when it is not UTF-8.\"}}}}");
      return;
    }
  if (strcmp (dot, ".recording") == 0)
    {
      g_string_append (out, "\"application/x-asciicast\":{\"schema\":{\"type\":\"string\",\"description\":\"asciinema, version 2: a "
                            "line of JSON for its head, then one for each event: `o` output, `r` another size, `m` something "
                            "to say, as where it ends because of limits.recording.\"}}");
      return;
    }
  if (append_file_content (out, def))
    return;
  g_string_append (out, "\"application/json\":{\"schema\":");
  if (strcmp (def->name, "event.list") == 0)
    append_list (out, "event");
  else if (strcmp (def->name, "image.pull") == 0)
    append_ref (out, "operation");
  else if (type != NULL && is_list)
    append_list (out, type->name);
  else if (type != NULL && strcmp (dot, ".stats") != 0 && strcmp (dot, ".exec") != 0)
    append_ref (out, type->name);
  else
    g_string_append (out, "{\"type\":\"object\"}");
  g_string_append_c (out, '}');
  if (strcmp (def->name, "event.list") == 0)
    g_string_append (
      out,
      ",\"text/event-stream\":{\"schema\":{\"type\":\"string\",\"description\":\"Server-sent events without an "
      "end: `id` is the number, `event` the type, `data` an `event`. A reader that falls behind what is "
      "kept gets one of the type `gap` whose `data` is a `gap` and whose `id` is the number before "
      "those that go on; who asks for numbers that are no longer kept is answered 410 with the member "
      "`oldest`.\"}}");
  else if (strcmp (dot, ".stats") == 0)
    g_string_append (out, ",\"text/event-stream\":{\"schema\":{\"type\":\"string\"}}");
}

static const char *
status_text (guint status)
{
  switch (status)
    {
    case 101:
      return "A WebSocket: thole.v1, tty, v5.channel.k8s.io, v4.channel.k8s.io or execbox.v1. What is refused after "
             "the credential is told by its close code, 4000 and the status, and a JSON reason. docs/attach.md says what goes over it. "
             "A client of thole.v1 keeps at most 256 KiB of input on its way that it was not told as taken: behind more of it its own "
             "acknowledgements of output wait for the program, and in a lossless session the program for them.";
    case 201:
      return "It was made; Location says where.";
    case 202:
      return "The work goes on; Thole-Operation names it.";
    case 204:
      return "Done.";
    case 206:
      return "The part that was asked for; Content-Range says which.";
    default:
      return "Success.";
    }
}

static void
append_responses (GString *out, const TholeOperationDef *def)
{
  g_string_append (out, ",\"responses\":{");
  for (guint i = 0; i < G_N_ELEMENTS (def->success) && def->success[i] != 0; i++)
    {
      g_string_append_printf (out, "\"%u\":{", def->success[i]);
      append_text (out, "description", status_text (def->success[i]));
      if (def->success[i] != 204 && def->success[i] != 101)
        {
          g_string_append (out, ",\"content\":{");
          append_content (out, def);
          g_string_append_c (out, '}');
        }
      g_string_append (out, "},");
    }
  g_string_append (out, "\"429\":{\"$ref\":\"#/components/responses/limited\"},"
                        "\"default\":{\"$ref\":\"#/components/responses/problem\"}}");
}

/* paths ---------------------------------------------------------------------------- */

static void
append_operation (GString *out, const TholeOperationDef *def)
{
  g_autofree char *method = g_ascii_strdown (def->method, -1);
  g_autofree char *tag = g_strndup (def->name, strcspn (def->name, "."));

  g_string_append_printf (out, "\"%s\":{\"operationId\":\"%s\",\"tags\":[\"%s\"],", method,
                          def->name, tag);
  append_text (out, "summary", def->doc);
  g_string_append_c (out, ',');
  append_text (out, "x-thole-permission", def->permission);
  if (strcmp (def->permission, THOLE_PERMISSION_PUBLIC) == 0)
    g_string_append (out, ",\"security\":[]");
  append_parameters (out, def);
  if (def->body->n_fields > 0)
    {
      const char *type =
        strcmp (def->method, "PATCH") == 0 ? "application/merge-patch+json" : "application/json";

      g_string_append_printf (out, ",\"requestBody\":{\"content\":{\"%s\":{\"schema\":", type);
      append_ref (out, def->body->name);
      g_string_append (out, "}}}");
    }
  if (def->kind == THOLE_OPERATION_UPLOAD)
    g_string_append_printf (out, ",\"requestBody\":{\"content\":{\"%s\":{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}}}",
                            strcmp (def->method, "PUT") == 0 ? "application/octet-stream" : "application/x-tar");
  append_responses (out, def);
  g_string_append_c (out, '}');
}

static gboolean
path_is_new (const TholeOperationDef *operations, guint n)
{
  for (guint i = 0; i < n; i++)
    if (g_strcmp0 (operations[i].path, operations[n].path) == 0)
      return FALSE;
  return TRUE;
}

static void
append_path (GString *out, const TholeOperationDef *operations, guint n_operations, guint first)
{
  g_string_append_printf (out, "\"%s\":{", operations[first].path);
  for (guint i = first; i < n_operations; i++)
    {
      if (g_strcmp0 (operations[i].path, operations[first].path) != 0)
        continue;
      if (i > first)
        g_string_append_c (out, ',');
      append_operation (out, &operations[i]);
    }
  g_string_append (out, "},");
}

static void
append_pages (GString *out)
{
  static const struct { const char *path, *doc, *type; gboolean is_public; } pages[] = {
    { "/healthz", "Is it alive?", "application/json", TRUE },
    { "/readyz", "Is it ready? 503 with reasons when it is not", "application/json", TRUE },
    { "/v1/version", "Its version", "application/json", TRUE },
    { "/v1/openapi.json", "This document", "application/json", TRUE },
    { "/metrics", "OpenMetrics", "application/openmetrics-text", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      g_string_append_printf (out, "%s\"%s\":{\"get\":{%s\"tags\":[\"daemon\"],", i > 0 ? "," : "",
                              pages[i].path, pages[i].is_public ? "\"security\":[]," : "");
      append_text (out, "summary", pages[i].doc);
      g_string_append_printf (
        out,
        ",\"responses\":{\"200\":{\"description\":\"Success.\",\"content\":{\"%s\":{}}},"
        "\"default\":{\"$ref\":\"#/components/responses/problem\"}}}}",
        pages[i].type);
    }
}

/* components ---------------------------------------------------------------------------- */

/* several codes may share a word */
static void
append_words (GString *out)
{
  for (int i = 0; i < THOLE_N_ERRORS; i++)
    if (thole_error_parse (thole_error_word (i)) == i)
      g_string_append_printf (out, "%s\"%s\"", i > 0 ? "," : "", thole_error_word (i));
}

static void
append_problem (GString *out)
{
  g_string_append (
    out,
    "\"problem\":{\"type\":\"object\",\"description\":\"RFC 9457.\",\"required\":[\"type\",\"title\","
    "\"status\",\"code\",\"request_id\"],\"properties\":{\"type\":{\"type\":\"string\"},\"title\":"
    "{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
    "\"request_id\":{\"type\":\"string\"},\"oldest\":{\"type\":\"integer\",\"description\":\"Of events that are "
    "gone: the oldest number that is kept.\"},\"code\":{\"enum\":[");
  append_words (out);
  g_string_append (
    out,
    "]},\"errors\":{\"type\":\"array\",\"description\":\"Every wrong field.\",\"items\":{\"type\":"
    "\"object\",\"properties\":{\"pointer\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"
    "\"detail\":{\"type\":\"string\"}}}}}},");
  g_string_append (
    out,
    "\"event\":{\"type\":\"object\",\"description\":\"One numbered record of a change.\","
    "\"properties\":{\"seq\":{\"type\":\"integer\"},\"time\":{\"type\":\"string\",\"format\":"
    "\"date-time\"},\"type\":{\"type\":\"string\"},\"subject\":{\"type\":\"string\"},\"actor\":"
    "{\"type\":\"string\"},\"data\":{\"type\":\"object\"}}},");
  g_string_append (
    out,
    "\"gap\":{\"type\":\"object\",\"description\":\"Events that are no longer kept.\",\"required\":"
    "[\"from\",\"to\"],\"properties\":{\"from\":{\"type\":\"integer\",\"description\":\"First number that is "
    "missing.\"},\"to\":{\"type\":\"integer\",\"description\":\"First number that is there again; it comes "
    "next.\"}}}");
}

static void
append_rate_headers (GString *out)
{
  static const struct { const char *name, *doc; } headers[] = {
    { "Retry-After", "Seconds until it is worth asking again." },
    { "RateLimit-Limit", "Requests a minute." },
    { "RateLimit-Remaining", "Requests that would pass now." },
    { "RateLimit-Reset", "Seconds until all of them would." },
  };

  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      g_string_append_printf (out, "%s\"%s\":{\"schema\":{\"type\":\"integer\"},", i > 0 ? "," : "",
                              headers[i].name);
      append_text (out, "description", headers[i].doc);
      g_string_append_c (out, '}');
    }
}

static void
append_components (GString *out)
{
  g_string_append (
    out,
    "\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
    "\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-thole\",\"description\":\"Of a sign-in with "
    "`cookie`; without TLS its name is `thole`. Methods that change something need the header `X-CSRF-Token` "
    "with the value that `GET /v1/me` tells.\"}},"
    "\"responses\":{\"problem\":{\"description\":\"It failed; `code` is a stable word.\",\"content\":"
    "{\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/problem\"}}}},"
    "\"limited\":{\"description\":\"Too many requests or a quota is exceeded. Whoever has a limit is told it with "
    "every answer.\",\"headers\":{");
  append_rate_headers (out);
  g_string_append (
    out,
    "},\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
    "\"#/components/schemas/problem\"}}}}},\"schemas\":{");
  append_problem (out);
  for (guint i = 0; thole_record_types[i] != NULL; i++)
    {
      /* idempotency records are never shown */
      if (strcmp (thole_record_types[i]->name, "idempotency") == 0 || strcmp (thole_record_types[i]->name, "timebase") == 0)
        continue;
      g_string_append_printf (out, ",\"%s\":", thole_record_types[i]->name);
      append_record (out, thole_record_types[i]);
    }
  for (guint i = 0; thole_schemas[i] != NULL; i++)
    {
      if (g_str_has_prefix (thole_schemas[i]->name, "query-") || thole_schemas[i]->n_fields == 0)
        continue;
      g_string_append_printf (out, ",\"%s\":", thole_schemas[i]->name);
      thole_schema_describe (thole_schemas[i], out);
    }
  g_string_append (out, "}}");
}

static void
append_errors (GString *out)
{
  g_string_append (out, ",\"x-thole-errors\":[");
  for (int i = 0; i < THOLE_N_ERRORS; i++)
    {
      g_string_append_printf (out, "%s{\"code\":\"%s\",\"status\":%u,", i > 0 ? "," : "",
                              thole_error_word (i), thole_error_status (i));
      append_text (out, "title", thole_error_title (i));
      g_string_append_c (out, '}');
    }
  g_string_append_c (out, ']');
}

GBytes *
thole_openapi_render (const TholeOperationDef *operations, guint n_operations, const char *version)
{
  GString *out = g_string_sized_new (65536);

  g_string_append (out,
                   "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Thole\",\"license\":{\"name\":"
                   "\"LGPL-2.1-or-later\",\"identifier\":\"LGPL-2.1-or-later\"},");
  append_text (out, "version", version);
  g_string_append (out, "},\"security\":[{\"bearer\":[]},{\"cookie\":[]},{}],\"paths\":{");
  for (guint i = 0; i < n_operations; i++)
    if (operations[i].path != NULL && path_is_new (operations, i))
      append_path (out, operations, n_operations, i);
  append_pages (out);
  g_string_append (out, "},");
  append_components (out);
  append_errors (out);
  g_string_append_c (out, '}');
  return g_string_free_to_bytes (out);
}
