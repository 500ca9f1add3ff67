/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/image-pull.h"

#include "operations/progress.h"
#include "operations/subject.h"
#include "operations/tracker.h"
#include "operations/verb.h"
#include "operations/trail.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

#define DEADLINE 3600

typedef struct
{
  TholeOperations *operations;
  TholeBackend *backend;
  char *tracker;       /* id of the operation */
  char *image;
  GVariant *credentials; /* (nullable): in memory only, never stored */
  gulong state_handler;
  guint64 token;       /* of its progress */
} Pull;

static void
pull_free (Pull *self)
{
  if (self->state_handler != 0)
    g_signal_handler_disconnect (self->backend, self->state_handler);
  g_object_unref (self->backend);
  g_clear_pointer (&self->credentials, g_variant_unref);
  g_free (self->tracker);
  g_free (self->image);
  g_free (self);
}

static void
pulled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Pull *self = user_data;
  TholeTracker *tracker = thole_tracker_find (self->operations, self->tracker);
  g_autoptr (GError) error = NULL;
  gboolean good = thole_backend_call_finish (self->backend, result, NULL, &error);

  self->operations->calls--;
  thole_progress_end (self->operations, self->token);
  /* what a shutdown cuts off is taken up at the next start */
  if (tracker != NULL && !self->operations->draining)
    thole_tracker_finish (tracker, good ? THOLE_OPERATION_STATE_SUCCEEDED
                                   : g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? THOLE_OPERATION_STATE_CANCELLED
                                   : THOLE_OPERATION_STATE_FAILED, error);
  pull_free (self);
}

static void
begin (Pull *self)
{
  TholeTracker *tracker = thole_tracker_find (self->operations, self->tracker);
  g_autoptr (GVariant) options = NULL;
  TholeSlotArgs args = { .text = self->image, .deadline = DEADLINE };
  GVariantDict dict;

  if (tracker == NULL || tracker->now->state != THOLE_OPERATION_STATE_RUNNING)
    {
      pull_free (self);
      return;
    }
  g_variant_dict_init (&dict, NULL);
  self->token = thole_progress_begin (self->operations, self->tracker);
  g_variant_dict_insert (&dict, "progress", "t", self->token);
  if (self->credentials != NULL)
    g_variant_dict_insert_value (&dict, "credentials", self->credentials);
  options = args.options = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (tracker->cancel == NULL)
    tracker->cancel = g_cancellable_new ();
  self->operations->calls++;
  thole_backend_call_async (self->backend, THOLE_SLOT_IMAGE_PULL, &args, tracker->cancel, pulled, self);
}

static void
begin_when_ready (TholeBackend *backend, gpointer user_data)
{
  Pull *self = user_data;

  if (thole_backend_get_state (backend) != THOLE_BACKEND_READY || self->operations->draining)
    return;
  g_signal_handler_disconnect (backend, self->state_handler);
  self->state_handler = 0;
  begin (self);
}

void
thole_image_pull_resume (TholeOperations *operations)
{
  for (guint i = 0; i < thole_collection_size (operations->operations); i++)
    {
      TholeTracker *tracker = thole_collection_index (operations->operations, i);
      g_autoptr (GVariant) arguments = NULL;
      TholeBackend *backend;
      Pull *self;

      if (tracker->now->state != THOLE_OPERATION_STATE_RUNNING || strcmp (tracker->now->type, "image.pull") != 0)
        continue;
      arguments = tracker->now->arguments != NULL
                  ? thole_json_parse (tracker->now->arguments, strlen (tracker->now->arguments), NULL) : NULL;
      backend = arguments != NULL
                ? thole_registry_lookup (operations->registry, thole_dict_string (arguments, "backend", "")) : NULL;
      if (backend == NULL || thole_dict_boolean (arguments, "credentials", FALSE))
        {
          g_autoptr (GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the daemon was restarted");

          thole_tracker_finish (tracker, THOLE_OPERATION_STATE_FAILED, error);
          continue;
        }
      self = g_new0 (Pull, 1);
      self->operations = operations;
      self->backend = g_object_ref (backend);
      self->tracker = g_strdup (tracker->now->id);
      self->image = g_strdup (thole_dict_string (arguments, "image", ""));
      self->state_handler = g_signal_connect (backend, "state-changed", G_CALLBACK (begin_when_ready), self);
    }
}

/* the operation ---------------------------------------------------------------------------------------- */

typedef struct
{
  Pull *pull;
  TholeOperation *record;
} PullCall;

static void
pull_call_free (gpointer data)
{
  PullCall *self = data;

  g_clear_pointer (&self->pull, pull_free);
  g_clear_pointer (&self->record, thole_record_unref);
  g_free (self);
}

static void
stored (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  PullCall *self = call->state;
  TholeTracker *tracker;

  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  tracker = thole_tracker_add (call->operations, g_steal_pointer (&self->record));
  thole_idempotency_stored (call);
  begin (g_steal_pointer (&self->pull));
  call->reply.operation = g_strdup (tracker->now->id);
  call->reply.location = g_strconcat ("/v1/operations/", tracker->now->id, NULL);
  thole_call_return (call, 202, g_bytes_ref (thole_record_json (tracker->now)));
}

static GVariant *
credentials_of (TholeCall *call)
{
  const char *user = thole_dict_string (call->body, "username", "");
  GVariantDict dict;

  if (user[0] == '\0')
    return NULL;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "username", "s", user);
  g_variant_dict_insert (&dict, "password", "s", thole_dict_string (call->body, "password", ""));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

void
thole_op_image_pull (TholeCall *call)
{
  const char *name = thole_dict_string (call->body, "backend", "");
  const char *image = thole_dict_string (call->body, "image", "");
  TholeBackend *backend = thole_call_backend (call, thole_registry_lookup (call->operations->registry, name), name, THOLE_SLOT_IMAGE_PULL);
  PullCall *self;
  GString *arguments;
  TholeTxn *txn;

  if (backend == NULL)
    return;
  self = g_new0 (PullCall, 1);
  call->state = self;
  call->state_free = pull_call_free;
  self->record = thole_tracker_record (call->operations, call->def->name, image, call->principal->name, call->request_id, "");
  self->pull = g_new0 (Pull, 1);
  self->pull->operations = call->operations;
  self->pull->backend = g_object_ref (backend);
  self->pull->tracker = g_strdup (self->record->id);
  self->pull->image = g_strdup (image);
  self->pull->credentials = credentials_of (call);
  arguments = g_string_new ("{\"image\":");
  thole_json_append_string (arguments, image);
  thole_json_member (arguments, "backend", thole_backend_get_name (backend));
  g_string_append_printf (arguments, ",\"credentials\":%s}", self->pull->credentials != NULL ? "true" : "false");
  self->record->arguments = g_string_free (arguments, FALSE);
  thole_record_set (&self->record->progress_unit, "bytes");
  txn = thole_txn_new ();
  thole_txn_insert (txn, self->record);
  thole_tracker_event (txn, self->record, self->record->created_at);
  thole_idempotency_remember (call, txn, self->record->id, self->record->id);
  thole_trail_add (call, txn, image);
  thole_db_commit (call->operations->db, txn, stored, call);
}
