/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A program with streams: a session of pipes and the one attachment to it, which takes the session away with its end.
 */
#include "private.h"

#include "thole-dict.h"

#define ALONE 60 /* seconds that it goes on when nobody is attached any more */

/* Data of the task until it is returned: then a session that comes is not wanted any more. */
typedef struct
{
  GTask *task;        /* (nullable) */
  GSource *cancelled; /* (nullable) */
} Spawn;

static GVariant *
with_default (GVariant *options, const char *name, GVariant *value)
{
  g_autoptr(GVariant) owned = options, given = g_variant_lookup_value (options, name, NULL), fallback = g_variant_ref_sink (value);

  return given != NULL ? g_steal_pointer (&owned) : thole_options_with (owned, name, fallback);
}

/* Returns: (transfer full) */
static GVariant *
complete (const char *const *command, GVariant *options)
{
  g_autoptr(GVariant) owned = options != NULL ? g_variant_ref_sink (options) : NULL;
  GVariant *whole;

  /* what is no dictionary is refused further down */
  if (owned != NULL && !g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    return g_steal_pointer (&owned);
  whole = thole_options_with (owned, "command", g_variant_new_strv (command, -1));
  whole = with_default (whole, "tty", g_variant_new_boolean (FALSE));
  whole = with_default (whole, "on_detach", g_variant_new_string ("stop-after"));
  return with_default (whole, "stop_after", g_variant_new_int64 (ALONE));
}

/* The one attachment, from the first byte on. */
static TholeAttachment *
make_attachment (TholeSession *session, GCancellable *cancellable, GError **error)
{
  g_autoptr(GVariant) first = thole_options_with (NULL, "from", g_variant_new_string ("oldest"));
  g_autoptr(GVariant) options = thole_session_describe (session, first);
  TholeAttachment *self = thole_attachment_new (thole_object_client (THOLE_OBJECT (session)), thole_object_get_id (THOLE_OBJECT (session)),
                                                options, error);

  if (self != NULL)
    thole_attachment_own (self, session, cancellable);
  return self;
}

/* blocking ---------------------------------------------------------------------------------------------- */

TholeAttachment *
thole_workload_spawn (TholeWorkload *self, const char *const *command, GVariant *options, GCancellable *cancellable, GError **error)
{
  g_autoptr(TholeAttachment) attachment = NULL;
  g_autoptr(TholeSession) session = NULL;
  g_autoptr(GVariant) whole = NULL;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self) && command != NULL, NULL);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  whole = complete (command, options);
  /* not cancelled: of a program that runs one wants to know, to end it */
  session = thole_workload_create_session (self, whole, NULL, error);
  attachment = session != NULL ? make_attachment (session, cancellable, error) : NULL;
  if (attachment != NULL && thole_attachment_begin (attachment, cancellable, error))
    return g_steal_pointer (&attachment);
  if (session != NULL)
    thole_session_delete (session, NULL, NULL, NULL);
  return NULL;
}

/* not blocking ------------------------------------------------------------------------------------------ */

static void
spawn_free (Spawn *spawn)
{
  if (spawn->cancelled != NULL)
    g_source_destroy (spawn->cancelled);
  g_clear_pointer (&spawn->cancelled, g_source_unref);
  g_clear_object (&spawn->task);
  g_free (spawn);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Spawn, spawn_free)

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Spawn *spawn = user_data;
  g_autoptr(GTask) task = g_steal_pointer (&spawn->task);

  g_clear_pointer (&spawn->cancelled, g_source_unref);
  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

static void
on_begun (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeSession *session = g_task_get_task_data (task);
  GError *error = NULL;

  if (thole_attachment_begin_finish (THOLE_ATTACHMENT (source), result, &error))
    {
      g_task_return_pointer (task, g_object_ref (source), g_object_unref);
      return;
    }
  thole_session_delete_async (session, NULL, NULL, NULL, NULL);
  g_task_return_error (task, error);
}

static void
on_created (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(Spawn) spawn = user_data;
  g_autoptr(TholeAttachment) attachment = NULL;
  GError *error = NULL;
  g_autoptr(TholeSession) session = thole_workload_create_session_finish (THOLE_WORKLOAD (source), result, &error);
  g_autoptr(GTask) task = g_steal_pointer (&spawn->task);

  if (task != NULL && session != NULL)
    attachment = make_attachment (session, g_task_get_cancellable (task), &error);
  if (attachment != NULL)
    {
      g_task_set_task_data (task, g_object_ref (session), g_object_unref);
      thole_attachment_begin_async (attachment, g_task_get_cancellable (task), on_begun, g_object_ref (task));
      return;
    }
  if (session != NULL)
    thole_session_delete_async (session, NULL, NULL, NULL, NULL);
  if (task != NULL)
    g_task_return_error (task, error);
  else
    g_clear_error (&error);
}

void
thole_workload_spawn_async (TholeWorkload *self, const char *const *command, GVariant *options, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GVariant) whole = NULL;
  g_autoptr(GTask) task = NULL;
  Spawn *spawn;

  g_return_if_fail (THOLE_IS_WORKLOAD (self) && command != NULL);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, thole_workload_spawn_async);
  /* a program that has begun is handed out, to be ended by the same cancellable */
  g_task_set_check_cancellable (task, FALSE);
  whole = complete (command, options);
  if (g_cancellable_is_cancelled (cancellable))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
      return;
    }
  spawn = g_new0 (Spawn, 1);
  spawn->task = g_object_ref (task);
  if (cancellable != NULL)
    {
      spawn->cancelled = g_cancellable_source_new (cancellable);
      g_source_set_callback (spawn->cancelled, G_SOURCE_FUNC (on_cancelled), spawn, NULL);
      g_source_attach (spawn->cancelled, g_task_get_context (task));
    }
  thole_workload_create_session_async (self, whole, NULL, on_created, spawn);
}

TholeAttachment *
thole_workload_spawn_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, thole_workload_spawn_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
