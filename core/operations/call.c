/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/audit.h"
#include "access/secret-file.h"
#include "operations/idempotency.h"
#include "operations/operation.h"
#include "operations/trail.h"

#include <string.h>

TholeCall *
thole_call_new (const TholeOperationDef *def, TholePrincipal *principal)
{
  TholeCall *self = g_new0 (TholeCall, 1);

  self->def = def;
  self->principal = thole_principal_ref (principal);
  self->last_event_id = -1;
  self->input_size = -1;
  return self;
}

void
thole_call_free (TholeCall *call)
{
  TholeReply *reply = &call->reply;

  if (call->state_free != NULL)
    call->state_free (call->state);
  if (call->key_free != NULL)
    call->key_free (call->key);
  g_clear_pointer (&reply->body, g_bytes_unref);
  g_free (reply->etag);
  g_free (reply->location);
  g_free (reply->operation);
  thole_secret_free (reply->cookie);
  if (reply->stream != NULL)
    reply->stream->close (reply->stream);
  g_free (reply->range);
  g_clear_pointer (&reply->view, thole_session_unref);
  g_clear_pointer (&reply->problem, thole_problem_free);
  if (call->input != NULL)
    call->input->close (call->input);
  g_free (call->range);
  g_clear_pointer (&call->principal, thole_principal_unref);
  g_clear_pointer (&call->body, g_variant_unref);
  g_clear_pointer (&call->query, g_variant_unref);
  g_clear_object (&call->cancellable);
  g_free (call->request_id);
  g_free (call->path);
  g_free (call->address);
  g_free (call->target);
  g_free (call->idempotency_key);
  g_free (call->if_match);
  g_free (call->if_none_match);
  g_free (call);
}

static void
answer (TholeCall *call)
{
  if (call->key != NULL)
    thole_idempotency_leave (call);
  call->done (call, call->user_data);
}

/* the one end of every call: audit, those who wait for its key, the face */
static void
finish (TholeCall *call)
{
  if (call->def->kind != THOLE_OPERATION_READ)
    thole_audit (call->principal->name, call->def->name, call->target != NULL ? call->target : "",
                 call->reply.problem != NULL ? thole_error_word (call->reply.problem->code) : "done",
                 call->request_id != NULL ? call->request_id : "");
  if (!call->dispatched || thole_trail_end (call, answer))
    answer (call);
}

void
thole_call_return (TholeCall *call, guint status, GBytes *body)
{
  call->reply.status = status;
  call->reply.kind = THOLE_REPLY_JSON;
  call->reply.body = body;
  finish (call);
}

void
thole_call_stream (TholeCall *call, TholeReplyKind kind, TholeStream *stream)
{
  call->reply.status = 200;
  call->reply.kind = kind;
  call->reply.stream = stream;
  finish (call);
}

void
thole_call_bytes (TholeCall *call, const char *type, GBytes *body)
{
  call->reply.status = 200;
  call->reply.kind = THOLE_REPLY_BYTES;
  call->reply.type = type;
  call->reply.body = body;
  finish (call);
}

void
thole_call_view (TholeCall *call, TholeSession *view)
{
  call->reply.status = 200;
  call->reply.kind = THOLE_REPLY_VIEW;
  call->reply.view = view;
  finish (call);
}

void
thole_call_problem (TholeCall *call, TholeProblem *problem)
{
  call->reply.status = thole_error_status (problem->code);
  call->reply.problem = problem;
  finish (call);
}

void
thole_call_fail (TholeCall *call, int code, const char *format, ...)
{
  g_autofree char *detail = NULL;
  va_list arguments;

  va_start (arguments, format);
  detail = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  thole_call_problem (call, thole_problem_new (code, "%s", detail));
}

void
thole_call_error (TholeCall *call, const GError *error)
{
  thole_call_problem (call, thole_problem_from_error (error));
}

/* the hot path: a read without a query has none, and its operation knows the defaults */
#define OPTIONAL (1u << 16)

static gboolean
is_bare (const TholeSchema *schema, GVariant *input, guint flags)
{
  return input == NULL && (schema->n_fields == 0 || (flags & OPTIONAL));
}

static GVariant *
validated (const TholeSchema *schema, GVariant *input, guint flags, TholeProblem *problem)
{
  if (is_bare (schema, input, flags))
    return NULL;
  return thole_schema_validate (schema, input, flags & ~OPTIONAL, "", problem);
}

/* every wrong field of body and query, at once */
static gboolean
validate (TholeCall *call)
{
  g_autoptr (TholeProblem) problem = NULL;
  guint query_flags = THOLE_VALIDATE_TEXT | (call->def->kind == THOLE_OPERATION_READ ? OPTIONAL : 0);
  gboolean patch = g_strcmp0 (call->def->method, "PATCH") == 0;
  GVariant *body, *query;

  if (is_bare (call->def->body, call->body, 0) && is_bare (call->def->query, call->query, query_flags))
    return TRUE;
  problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  body = validated (call->def->body, call->body, patch ? THOLE_VALIDATE_PARTIAL : THOLE_VALIDATE_DEFAULTS, problem);
  query = validated (call->def->query, call->query, query_flags, problem);

  g_clear_pointer (&call->body, g_variant_unref);
  g_clear_pointer (&call->query, g_variant_unref);
  call->body = body;
  call->query = query;
  if (problem->n_fields == 0)
    return TRUE;
  thole_call_problem (call, g_steal_pointer (&problem));
  return FALSE;
}

static void
handle (TholeCall *call)
{
  call->def->handle (call);
}

void
thole_operations_handle (TholeCall *call)
{
  if (thole_trail_first (call))
    thole_trail_begin (call, handle);
  else
    handle (call);
}

void
thole_operations_dispatch (TholeOperations *self, TholeCall *call)
{
  call->operations = self;
  call->dispatched = TRUE;
  if (!thole_access_decide (call->principal, call->def->permission))
    thole_call_fail (call, THOLE_ERROR_FORBIDDEN, "this needs the permission %s", call->def->permission);
  else if (self->draining && call->def->kind != THOLE_OPERATION_READ)
    thole_call_fail (call, THOLE_ERROR_INTERRUPTED, "the daemon is going down");
  else if (validate (call) && thole_idempotency_enter (call))
    thole_operations_handle (call);
}
