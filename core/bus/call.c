/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A method call as an operation: its options become body and query of a TholeCall, what came of it becomes the reply.
 */
#include "bus/face.h"

#include <gio/gunixfdlist.h>
#include <string.h>

#include "bus/handover.h"
#include "bus/value.h"
#include "bus/wire.h"
#include "thole-dict.h"
#include "thole-json.h"

static gboolean
may_answer (const TholeOperationDef *def, guint status)
{
  for (guint i = 0; i < G_N_ELEMENTS (def->success); i++)
    if (def->success[i] == status)
      return TRUE;
  return FALSE;
}

/* the kind of what a method makes stands in the path of a POST: /v1/workloads, /v1/workloads/{id}/sessions */
gboolean
thole_bus_creates (const TholeOperationDef *def)
{
  return strcmp (def->name, "workload.create") == 0 || strcmp (def->name, "session.create") == 0;
}

gboolean
thole_bus_begins (const TholeOperationDef *def)
{
  return may_answer (def, 202);
}

gboolean
thole_bus_streams (const TholeOperationDef *def)
{
  return def->kind == THOLE_OPERATION_STREAM;
}

/* its object has no path on the bus, so it is named */
static gboolean
takes_id (const TholeOperationDef *def)
{
  return def->target != NULL && thole_bus_kind_of (def) == THOLE_BUS_ROOT;
}

char *
thole_bus_arguments (const TholeOperationDef *def)
{
  return g_strdup (takes_id (def) ? "(sa{sv})" : "(a{sv})");
}

char *
thole_bus_results (const TholeOperationDef *def)
{
  if (thole_bus_streams (def))
    return g_strdup ("(h)");
  return g_strconcat ("(", thole_bus_creates (def) ? "o" : "", "a{sv}", thole_bus_begins (def) ? "o" : "", ")", NULL);
}

/* the answer --------------------------------------------------------------------------------------------------- */

static void
write_bytes (GByteArray *out, const TholeReply *reply)
{
  g_autoptr (GVariant) result = NULL;
  GVariantDict dict;
  gsize length;
  gconstpointer data = g_bytes_get_data (reply->body, &length);

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "type", "s", reply->type);
  g_variant_dict_insert_value (&dict, "data", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, length, 1));
  result = g_variant_ref_sink (g_variant_dict_end (&dict));
  thole_wire_value (out, result);
}

/* Returns: (transfer full): of what was made; also when an idempotency key says that it was made before. @json: (nullable) */
static char *
path_of_made (const TholeCall *call, GVariant *json)
{
  TholeBusKind kind = strcmp (call->def->name, "session.create") == 0 ? THOLE_BUS_SESSION : THOLE_BUS_WORKLOAD;
  const char *id = json != NULL ? thole_dict_string (json, "id", NULL) : NULL;

  if (call->reply.location != NULL || !call->reply.replayed || id == NULL)
    return thole_bus_path_of (call->reply.location);
  return thole_bus_path (kind, id);
}

/* Returns: (transfer full) (nullable) */
static GVariant *
json_of (const TholeReply *reply)
{
  gsize length = 0;
  const char *text = reply->kind != THOLE_REPLY_BYTES && reply->body != NULL ? g_bytes_get_data (reply->body, &length) : NULL;

  return text != NULL ? thole_json_parse (text, length, NULL) : NULL;
}

static void
answer (TholeBusCall *self, const TholeCall *call)
{
  const TholeReply *reply = &call->reply;
  g_autoptr (GVariant) json = json_of (reply);
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_autofree char *signature = thole_bus_results (call->def);

  if (thole_bus_creates (call->def))
    {
      g_autofree char *path = path_of_made (call, json);

      thole_wire_string (body, path);
    }
  if (reply->kind == THOLE_REPLY_BYTES)
    write_bytes (body, reply);
  else
    thole_wire_object (body, json);
  if (thole_bus_begins (call->def))
    {
      g_autofree char *path = reply->operation != NULL ? thole_bus_path (THOLE_BUS_OPERATION, reply->operation) : g_strdup ("/");

      thole_wire_string (body, path);
    }
  /* without its brackets */
  signature[strlen (signature) - 1] = '\0';
  thole_bus_return_wire (self, signature + 1, body);
}

static void
on_done (TholeCall *call, gpointer user_data)
{
  TholeBusCall *self = user_data;

  if (call->reply.problem != NULL)
    thole_bus_problem (self, call->reply.problem);
  else if (self->bus == NULL || self->caller->gone)
    thole_bus_fail (self, THOLE_ERROR_INTERRUPTED, "the caller has left");
  else if (thole_bus_streams (call->def) && !thole_bus_stream_room (self))
    thole_bus_fail (self, THOLE_ERROR_OVERLOADED, "too many streams");
  else if (call->reply.kind == THOLE_REPLY_LOG || call->reply.kind == THOLE_REPLY_FILE)
    thole_bus_pour (self, call);
  else if (call->reply.kind == THOLE_REPLY_VIEW)
    thole_bus_attached (self, call);
  else if (thole_bus_redirected (self))
    {
      g_autoptr (GVariant) result = json_of (&call->reply);

      thole_bus_redirect_output (self, result);
    }
  else
    answer (self, call);
  thole_call_free (call);
}

/* the request -------------------------------------------------------------------------------------------------- */

gboolean
thole_bus_takes (const TholeOperationDef *def, const TholeSchema *schema, const char *name)
{
  /* a method with a stream always gives one; a folder has a method of its own */
  if (strcmp (def->name, "file.read") == 0 && strcmp (name, "list") == 0)
    return FALSE;
  for (guint i = 0; i < schema->n_fields; i++)
    if (strcmp (schema->fields[i].name, name) == 0)
      return TRUE;
  return FALSE;
}

/* what a header says over HTTP is an option here */
static gboolean
take_header (TholeCall *call, const char *key, GVariant *value)
{
  char **member = strcmp (key, "idempotency_key") == 0 ? &call->idempotency_key : strcmp (key, "if_match") == 0 ? &call->if_match : NULL;

  if (member == NULL || call->def->kind == THOLE_OPERATION_READ || !g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
      || g_variant_get_string (value, NULL)[0] == '\0')
    return FALSE;
  g_free (*member);
  *member = g_variant_dup_string (value, NULL);
  return TRUE;
}

/* a query parameter that comes several times is a list of texts */
static GVariant *
query_value (GVariant *options, const char *key, GVariant *value)
{
  g_autoptr (GVariant) texts = g_variant_lookup_value (options, key, G_VARIANT_TYPE_STRING_ARRAY);

  return texts != NULL ? g_steal_pointer (&texts) : g_variant_ref (value);
}

/* every option is of the query, of the body, or wrong: then the body's schema says so */
static void
sort_options (TholeCall *call, GVariant *options, GVariant *json)
{
  GVariantDict body, query;
  gsize n_body = 0, n_query = 0;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_dict_init (&body, NULL);
  g_variant_dict_init (&query, NULL);
  g_variant_iter_init (&iter, json);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (thole_bus_takes (call->def, call->def->query, key))
      {
        g_autoptr (GVariant) given = query_value (options, key, value);

        g_variant_dict_insert_value (&query, key, given);
        n_query++;
      }
    else if (thole_bus_takes (call->def, call->def->body, key) || !take_header (call, key, value))
      {
        g_variant_dict_insert_value (&body, key, value);
        n_body++;
      }
  call->body = g_variant_ref_sink (g_variant_dict_end (&body));
  call->query = g_variant_ref_sink (g_variant_dict_end (&query));
  if (n_body == 0)
    g_clear_pointer (&call->body, g_variant_unref);
  if (n_query == 0)
    g_clear_pointer (&call->query, g_variant_unref);
}

/* the path over HTTP: an Idempotency-Key is the same over both faces */
static char *
http_path (const TholeOperationDef *def, const char *target)
{
  const char *hole = strstr (def->path, "{id}");

  if (hole == NULL || target == NULL)
    return g_strdup (def->path);
  return g_strdup_printf ("%.*s%s%s", (int) (hole - def->path), def->path, target, hole + strlen ("{id}"));
}

static void
dispatch_with (TholeBusCall *self, GVariant *options)
{
  GVariant *arguments = g_dbus_message_get_body (self->message);
  TholeProblem *problem = NULL;
  g_autoptr (GVariant) json = thole_bus_options (options, &problem);
  TholeCall *call;

  if (json == NULL)
    {
      if (self->input != NULL)
        self->input->close (g_steal_pointer (&self->input));
      thole_bus_problem (self, problem);
      thole_problem_free (problem);
      return;
    }
  call = thole_call_new (self->def, self->principal);
  if (takes_id (self->def))
    g_variant_get_child (arguments, 0, "s", &call->target);
  else
    call->target = g_strdup (self->id);
  call->request_id = thole_id_new (self->bus->options.clock, "bus");
  call->path = http_path (self->def, call->target);
  call->address = g_strdup_printf ("bus:%u", (guint) self->caller->uid);
  call->cancellable = g_object_ref (self->cancellable);
  call->input = g_steal_pointer (&self->input);
  call->done = on_done;
  call->user_data = self;
  sort_options (call, options, json);
  thole_operations_dispatch (self->bus->operations, call);
}

static void
dispatch (TholeBusCall *self)
{
  GVariant *arguments = g_dbus_message_get_body (self->message);
  g_autoptr (GVariant) options = g_variant_get_child_value (arguments, g_variant_n_children (arguments) - 1);
  GUnixFDList *descriptors = g_dbus_message_get_unix_fd_list (self->message);
  g_autoptr (GVariant) rest = NULL;

  if (self->def->kind == THOLE_OPERATION_UPLOAD)
    {
      rest = thole_bus_intake (self, options, &self->input);
      if (rest != NULL)
        dispatch_with (self, rest);
      return;
    }
  if (descriptors != NULL && g_unix_fd_list_get_length (descriptors) > 0)
    thole_bus_redirect (self, options, dispatch_with);
  else
    dispatch_with (self, options);
}

void
thole_bus_operate (TholeBusCall *self)
{
  thole_bus_permit (self, self->def, dispatch);
}
