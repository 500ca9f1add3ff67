/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Callers: what they ask for, and what every answer must be like.
 */
#include "sim.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

SimCall *
sim_call_find (Sim *sim, const char *request)
{
  return g_hash_table_lookup (sim->calls, request);
}

void
sim_calls_lost (Sim *sim)
{
  char *request;

  /* the core's half of a call that was cut off stays where it is; only whether its COMMIT was done is still to be seen */
  while ((request = g_queue_pop_head (&sim->waiting)) != NULL)
    {
      SimCall *self = sim_call_find (sim, request);

      sim_trace (sim, "%s %s is never answered", request, self->def->name);
      self->call = NULL;
      sim->n_lost++;
    }
  sim->outstanding = 0;
}

/* answers ---------------------------------------------------------------------------------------------------- */

static void
check_success (Sim *sim, SimCall *self, TholeCall *call)
{
  const TholeReply *reply = &call->reply;
  gboolean listed = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (self->def->success); i++)
    listed |= self->def->success[i] != 0 && self->def->success[i] == reply->status;
  if (!listed)
    sim_violation (sim, "%s %s was answered with %u", self->request, self->def->name, reply->status);
  if (reply->operation != NULL && !reply->replayed && !g_hash_table_contains (sim->trackers, reply->operation)
      && !g_hash_table_contains (sim->forgotten, reply->operation))
    sim_violation (sim, "%s was answered before its operation %s was stored", self->request, reply->operation);
}

/* Returns: (transfer full): the id of the object in the body, "" = none */
static char *
body_id (TholeCall *call)
{
  gsize length = 0;
  const char *text = call->reply.body != NULL ? g_bytes_get_data (call->reply.body, &length) : NULL;
  static const char begin[] = "{\"id\":\"";

  if (text == NULL || length < sizeof begin || memcmp (text, begin, sizeof begin - 1) != 0)
    return g_strdup ("");
  return g_strndup (text + sizeof begin - 1, strcspn (text + sizeof begin - 1, "\""));
}

static void
check_workload_answer (Sim *sim, SimCall *self, TholeCall *call)
{
  g_autofree char *id = body_id (call);
  const SimRow *row = g_hash_table_lookup (sim->rows, id);
  gint64 revision = call->reply.etag != NULL ? g_ascii_strtoll (call->reply.etag, NULL, 10) : 0;
  gboolean creates = strcmp (self->def->name, "workload.create") == 0 && call->reply.status != 200 && call->reply.status != 204;

  if (row != NULL && revision > row->record->revision)
    sim_violation (sim, "%s told of revision %" G_GINT64_FORMAT " of %s, the store has %" G_GINT64_FORMAT, self->request, revision, id,
                   row->record->revision);
  if (creates && !call->reply.replayed && g_strcmp0 (self->made, id) != 0)
    sim_violation (sim, "%s was answered with %s, its COMMIT made %s", self->request, id, self->made != NULL ? self->made : "nothing");
  if (creates && row == NULL && !g_hash_table_contains (sim->gone, id))
    sim_violation (sim, "%s is lost", id);
}

static SimKeyed *
find_key (Sim *sim, const char *key)
{
  for (guint i = 0; key != NULL && i < sim->keyed->len; i++)
    {
      SimKeyed *keyed = sim->keyed->pdata[i];

      if (strcmp (keyed->key, key) == 0)
        return keyed;
    }
  return NULL;
}

/* what was done once is told again, and not done again */
static void
check_key (Sim *sim, SimCall *self, TholeCall *call)
{
  SimKeyed *keyed = find_key (sim, self->key);
  const TholeProblem *problem = call->reply.problem;
  gboolean creates = strcmp (self->def->name, "workload.create") == 0;
  /* a key is forgotten after its age */
  gboolean remembered = sim->plan.idempotency_age > 3600 * SIM_SECOND && !sim->blind;
  g_autofree char *id = NULL;

  if (keyed == NULL || (!creates && strcmp (self->def->name, "workload.exec") != 0))
    return;
  if (problem != NULL)
    {
      gboolean waits = call->query != NULL && thole_dict_string (call->query, "wait", "")[0] != '\0';

      if (keyed->done && !waits && remembered && problem->code != THOLE_ERROR_GONE && problem->code != THOLE_ERROR_INTERRUPTED)
        sim_violation (sim, "%s with the key %s was done once and is refused now: %s", self->def->name, keyed->key, problem->detail);
      return;
    }
  /* a trial makes nothing, so it is not remembered */
  if (call->query != NULL && thole_dict_boolean (call->query, "dry_run", FALSE))
    return;
  /* what is replayed may still be under way, and end otherwise */
  keyed->done |= !call->reply.replayed;
  /* who waited for its deletion is told of nothing */
  id = creates && call->reply.status != 204 ? body_id (call) : NULL;
  if (id == NULL)
    return;
  if (keyed->answered != NULL && g_strcmp0 (keyed->answered, id) != 0 && remembered)
    sim_violation (sim, "the key %s made %s and %s", keyed->key, keyed->answered, id);
  g_free (keyed->answered);
  keyed->answered = g_steal_pointer (&id);
}

static void
answered (TholeCall *call, gpointer user_data)
{
  SimCall *self = user_data;
  Sim *sim = self->sim;
  const TholeReply *reply = &call->reply;
  guint expected = self->def->kind != THOLE_OPERATION_READ;

  if (self->call == NULL)
    sim_violation (sim, "%s was answered twice", self->request);
  sim_trace (sim, "%s %s -> %u %s%s", self->request, self->def->name, reply->status,
             reply->problem != NULL ? thole_error_word (reply->problem->code) : "", reply->replayed ? " replayed" : "");
  if (self->audits != expected)
    sim_violation (sim, "%s %s has %u audit lines", self->request, self->def->name, self->audits);
  if (reply->problem != NULL && reply->problem->code == THOLE_ERROR_INTERNAL)
    sim_violation (sim, "%s %s: internal error: %s", self->request, self->def->name, reply->problem->detail);
  if (reply->problem == NULL)
    {
      check_success (sim, self, call);
      if (strcmp (self->def->name, "workload.exec") == 0 && !reply->replayed)
        sim_model_used (sim, call->target);
      if (g_str_has_prefix (self->def->name, "workload.") && reply->kind == THOLE_REPLY_JSON)
        check_workload_answer (sim, self, call);
    }
  check_key (sim, self, call);
  self->call = NULL;
  sim->outstanding--;
  g_queue_remove (&sim->waiting, self->request);
  thole_call_free (call);
}

/* requests ---------------------------------------------------------------------------------------------------- */

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = thole_json_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return value;
}

/* a deletion may be meant by id or by name */
static void
note_delete (Sim *sim, const char *target)
{
  for (guint i = 0; i < sim->ids->len; i++)
    {
      SimRow *row = g_hash_table_lookup (sim->rows, sim->ids->pdata[i]);

      if (strcmp (row->record->id, target) == 0 || strcmp (row->record->name, target) == 0)
        row->delete_asked = TRUE;
    }
}

static SimCall *
send (Sim *sim, guint op, guint owner, const char *target, const char *body, const char *query, const char *key, const char *if_match)
{
  const TholeOperationDef *def = &thole_operations[op];
  TholeCall *call = thole_call_new (def, sim->principals[owner]);
  SimCall *self = g_new0 (SimCall, 1);
  g_auto (GStrv) path = g_strsplit (def->path, "{id}", 2);

  self->sim = sim;
  self->call = call;
  self->def = def;
  self->request = g_strdup_printf ("r%" G_GUINT64_FORMAT, ++sim->requests);
  self->key = g_strdup (key);
  call->request_id = g_strdup (self->request);
  call->target = g_strdup (target);
  call->path = g_strconcat (path[0], target != NULL ? target : "", path[0] != NULL ? path[1] : NULL, NULL);
  call->body = body != NULL ? parse (body) : NULL;
  call->query = query != NULL ? parse (query) : NULL;
  call->idempotency_key = g_strdup (key);
  call->if_match = g_strdup (if_match);
  call->done = answered;
  call->user_data = self;
  g_hash_table_insert (sim->calls, self->request, self);
  g_queue_push_tail (&sim->waiting, self->request);
  sim->outstanding++;
  sim->n_operations++;
  if (strcmp (def->name, "workload.delete") == 0)
    note_delete (sim, target);
  sim_trace (sim, "%s %s %s %s %s %s%s%s%s", self->request, sim->principals[owner]->name, def->name, target != NULL ? target : "",
             body != NULL ? body : "", query != NULL ? query : "", key != NULL ? " key " : "", key != NULL ? key : "",
             if_match != NULL ? " if-match" : "");
  if (sim_chance (sim, 0.05))
    call->cancellable = g_cancellable_new ();
  thole_operations_dispatch (sim->operations, call);
  return self;
}

void
sim_call_force_delete (Sim *sim, const char *id)
{
  const SimRow *row = g_hash_table_lookup (sim->rows, id);

  if (row->record->protected)
    send (sim, THOLE_OP_WORKLOAD_UPDATE, 0, id, "{\"protected\":false}", NULL, NULL, NULL);
  else
    send (sim, THOLE_OP_WORKLOAD_DELETE, 0, id, NULL, "{\"force\":\"true\"}", NULL, NULL);
}

static void
remember_key (Sim *sim, guint op, guint owner, const char *target, const char *body, const char *key)
{
  SimKeyed *keyed = g_new0 (SimKeyed, 1);

  *keyed = (SimKeyed) { .op = op, .owner = owner, .target = g_strdup (target), .body = g_strdup (body), .key = g_strdup (key) };
  if (sim->keyed->len >= 24)
    g_ptr_array_remove_index (sim->keyed, 0);
  g_ptr_array_add (sim->keyed, keyed);
}

static char *
random_query (Sim *sim, guint op)
{
  static const char *const waits[] = { "running", "stopped", "running,stopped,error", "deleted", "paused", "crashed,stopped" };

  if (op == THOLE_OP_WORKLOAD_DELETE)
    return g_strdup_printf ("{\"force\":\"%s\"%s}", sim_chance (sim, 0.5) ? "true" : "false",
                            sim_chance (sim, 0.2) ? ",\"wait\":\"deleted\",\"timeout\":\"30\"" : "");
  if (op == THOLE_OP_BACKEND_RECONCILE)
    return g_strdup (sim_chance (sim, 0.3) ? "{\"dry_run\":\"true\"}" : "{}");
  if (op == THOLE_OP_OPERATION_GET)
    return g_strdup ("{\"wait\":\"succeeded,failed,cancelled\",\"timeout\":\"20\"}");
  if (op == THOLE_OP_WORKLOAD_CREATE && sim_chance (sim, 0.03))
    return g_strdup ("{\"dry_run\":\"true\"}");
  if (thole_operations[op].query != &thole_schema_query_wait && op != THOLE_OP_WORKLOAD_CREATE)
    return NULL;
  if (sim_chance (sim, 0.75))
    return NULL;
  return g_strdup_printf ("{\"wait\":\"%s\",\"timeout\":\"%d\"}", waits[sim_random (sim, G_N_ELEMENTS (waits))],
                          (int) sim_between (sim, 0, 40));
}

static char *
random_body (Sim *sim, guint op)
{
  static const char *const commands[] = { "\"print\",\"hi\"", "\"sleep\",\"2\"", "\"exit\",\"3\"", "\"forever\"", "\"nonsense\"" };
  static const char *const signals[] = { "SIGKILL", "SIGKILL", "SIGTERM", "SIGUSR1", "SIGINT" };
  static const char *const updates[] = {
    "{\"labels\":{\"n\":\"1\"}}", "{\"labels\":{\"n\":null}}", "{\"spec\":{\"resources\":{\"memory\":100000000}}}",
    "{\"spec\":{\"resources\":{\"cpu\":0.5}}}", "{\"protected\":true}", "{\"protected\":false}", "{\"protected\":false}",
    "{\"spec\":{\"ttl\":300}}", "{\"spec\":{\"ttl\":0}}", "{\"spec\":{\"restart\":{\"policy\":\"on-failure\",\"backoff\":5}}}",
    "{\"spec\":{\"restart\":{\"policy\":\"never\"}}}", "{\"spec\":{\"idle_timeout\":40}}", "{\"spec\":{\"idle_timeout\":0}}",
  };

  switch (op)
    {
    case THOLE_OP_WORKLOAD_CREATE:
      return sim_random_body (sim);
    case THOLE_OP_WORKLOAD_STOP:
    case THOLE_OP_WORKLOAD_RESTART:
    case THOLE_OP_WORKLOAD_SUSPEND:
      return sim_chance (sim, 0.7) ? NULL : g_strdup_printf ("{\"grace\":%d}", (int) sim_between (sim, 0, 10));
    case THOLE_OP_WORKLOAD_KILL:
      return g_strdup_printf ("{\"signal\":\"%s\"}", signals[sim_random (sim, G_N_ELEMENTS (signals))]);
    case THOLE_OP_WORKLOAD_EXEC:
      return g_strdup_printf ("{\"command\":[%s],\"timeout\":%d}", commands[sim_random (sim, G_N_ELEMENTS (commands))],
                              (int) sim_between (sim, 1, 30));
    case THOLE_OP_WORKLOAD_UPDATE:
      if (sim_chance (sim, 0.15))
        return g_strdup_printf ("{\"name\":\"w%u\"}", (guint) sim_random (sim, sim->plan.workloads + 2));
      return g_strdup (updates[sim_random (sim, G_N_ELEMENTS (updates))]);
    case THOLE_OP_IMAGE_PULL:
      return g_strdup_printf ("{\"image\":\"%s\"}", sim_chance (sim, 0.5) ? "other" : sim_chance (sim, 0.5) ? "slow/y" : "missing/y");
    default:
      return NULL;
    }
}

/* a workload by id or by name, perhaps one that is gone or never was */
static char *
random_workload (Sim *sim)
{
  const SimRow *row;

  if (sim->ids->len == 0 || sim_chance (sim, 0.02))
    return g_strdup (sim_chance (sim, 0.5) ? "wl-00000000000000000000" : "w0");
  row = g_hash_table_lookup (sim->rows, sim->ids->pdata[sim_random (sim, sim->ids->len)]);
  return g_strdup (sim_chance (sim, 0.9) ? row->record->id : row->record->name);
}

/* one that is stopped unless it is used, NULL = there is none */
static char *
random_idle (Sim *sim)
{
  for (guint i = 0, first = (guint) sim_random (sim, MAX (1, sim->ids->len)); i < sim->ids->len; i++)
    {
      const SimRow *row = g_hash_table_lookup (sim->rows, sim->ids->pdata[(first + i) % sim->ids->len]);

      if (sim_idle_timeout (row->record) > 0 && row->record->state == THOLE_WORKLOAD_STATE_RUNNING)
        return g_strdup (row->record->id);
    }
  return NULL;
}

static char *
random_member (Sim *sim, TholeCollection *all, const char *(*id_of) (gconstpointer object))
{
  guint size = thole_collection_size (all);

  return g_strdup (size > 0 ? id_of (thole_collection_index (all, (guint) sim_random (sim, size))) : "nothing");
}

static const char *
tracker_id (gconstpointer object)
{
  return ((const TholeTracker *) object)->now->id;
}

static char *
random_target (Sim *sim, guint op)
{
  const char *kind = thole_operations[op].target;
  char *idle = op == THOLE_OP_WORKLOAD_EXEC && sim_chance (sim, 0.7) ? random_idle (sim) : NULL;

  if (idle != NULL)
    return idle;
  if (g_strcmp0 (kind, "workload") == 0)
    return random_workload (sim);
  if (g_strcmp0 (kind, "operation") == 0)
    return random_member (sim, sim->operations->operations, tracker_id);
  if (g_strcmp0 (kind, "orphan") == 0)
    return random_member (sim, sim->operations->orphans, thole_record_id);
  return kind != NULL ? g_strdup ("sim") : NULL;
}

static guint
random_op (Sim *sim)
{
  static const struct { guint op, weight; } ops[] = {
    { THOLE_OP_WORKLOAD_START, 14 },  { THOLE_OP_WORKLOAD_STOP, 10 },     { THOLE_OP_WORKLOAD_RESTART, 8 },
    { THOLE_OP_WORKLOAD_KILL, 9 },    { THOLE_OP_WORKLOAD_PAUSE, 6 },     { THOLE_OP_WORKLOAD_UNPAUSE, 6 },
    { THOLE_OP_WORKLOAD_SUSPEND, 4 }, { THOLE_OP_WORKLOAD_UNSUSPEND, 6 }, { THOLE_OP_WORKLOAD_DELETE, 9 },
    { THOLE_OP_WORKLOAD_UPDATE, 9 },  { THOLE_OP_WORKLOAD_EXEC, 8 },      { THOLE_OP_WORKLOAD_GET, 5 },
    { THOLE_OP_WORKLOAD_LIST, 1 },    { THOLE_OP_WORKLOAD_WHY, 1 },       { THOLE_OP_BACKEND_RECONCILE, 2 },
    { THOLE_OP_IMAGE_PULL, 1 },       { THOLE_OP_ORPHAN_LIST, 1 },        { THOLE_OP_ORPHAN_DELETE, 1 },
    { THOLE_OP_OPERATION_GET, 2 },    { THOLE_OP_OPERATION_CANCEL, 1 },   { THOLE_OP_EVENT_LIST, 1 },
    { THOLE_OP_WORKLOAD_STATS, 1 },
  };
  guint total = 0, pick;
  double full = (double) sim->ids->len / sim->plan.workloads;

  if (sim_chance (sim, full < 0.5 ? 0.4 : full < 1 ? 0.15 : 0.06))
    return THOLE_OP_WORKLOAD_CREATE;
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    total += ops[i].weight;
  pick = (guint) sim_random (sim, total);
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    {
      if (pick < ops[i].weight)
        return ops[i].op;
      pick -= ops[i].weight;
    }
  return THOLE_OP_WORKLOAD_START;
}

/* a caller that did not hear an answer asks once more, with the same key */
static gboolean
send_again (Sim *sim)
{
  const SimKeyed *keyed;

  if (sim->keyed->len == 0 || !sim_chance (sim, 0.06))
    return FALSE;
  keyed = sim->keyed->pdata[sim_random (sim, sim->keyed->len)];
  send (sim, keyed->op, keyed->owner, keyed->target, keyed->body, NULL, keyed->key, NULL);
  return TRUE;
}

static char *
random_if_match (Sim *sim, const char *target)
{
  const SimRow *row = target != NULL ? g_hash_table_lookup (sim->rows, target) : NULL;

  if (row == NULL || !sim_chance (sim, 0.1))
    return NULL;
  return g_strdup_printf ("%" G_GINT64_FORMAT, row->record->revision - (sim_chance (sim, 0.2) ? 1 : 0));
}

/* a caller that waits hangs up */
static void
hang_up (Sim *sim)
{
  for (const GList *link = sim->waiting.head; link != NULL; link = link->next)
    {
      const SimCall *self = sim_call_find (sim, link->data);

      if (self->call->cancellable == NULL || g_cancellable_is_cancelled (self->call->cancellable))
        continue;
      sim_trace (sim, "%s hangs up", self->request);
      g_cancellable_cancel (self->call->cancellable);
      return;
    }
}

void
sim_call_random (Sim *sim)
{
  guint op, owner = (guint) sim_random (sim, sim->plan.owners);
  g_autofree char *target = NULL, *body = NULL, *query = NULL, *key = NULL, *if_match = NULL;

  if (sim_chance (sim, 0.03))
    hang_up (sim);
  if (send_again (sim))
    return;
  op = random_op (sim);
  target = random_target (sim, op);
  body = random_body (sim, op);
  query = random_query (sim, op);
  if_match = random_if_match (sim, target);
  if (strcmp (thole_operations[op].method, "POST") == 0 && thole_operations[op].kind != THOLE_OPERATION_READ && sim_chance (sim, 0.2))
    {
      key = g_strdup_printf ("key-%" G_GUINT64_FORMAT, sim->requests);
      remember_key (sim, op, owner, target, body, key);
    }
  send (sim, op, owner, target, body, query, key, if_match);
}
