/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"
#include "verb.h"

struct _TholeSession
{
  TholeObject parent;
};

G_DEFINE_TYPE (TholeSession, thole_session, THOLE_TYPE_OBJECT)

/* properties ---------------------------------------------------------------------------------------------- */

const char *
thole_session_get_workload (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "workload");
}

const char *
thole_session_get_reason (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "reason");
}

gboolean
thole_session_get_tty (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), FALSE);
  return thole_object_boolean (THOLE_OBJECT (self), "tty");
}

int
thole_session_get_rows (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), 0);
  return (int) thole_object_integer (THOLE_OBJECT (self), "rows", 0);
}

int
thole_session_get_cols (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), 0);
  return (int) thole_object_integer (THOLE_OBJECT (self), "cols", 0);
}

int
thole_session_get_viewers (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), 0);
  return (int) thole_object_integer (THOLE_OBJECT (self), "viewers", 0);
}

gint64
thole_session_get_output (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), 0);
  return thole_object_integer (THOLE_OBJECT (self), "output", 0);
}

int
thole_session_get_exit_code (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), -1);
  return (int) thole_object_integer (THOLE_OBJECT (self), "exit_code", -1);
}

const char *
thole_session_get_exit_signal (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "exit_signal");
}

GDateTime *
thole_session_get_started_at (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), NULL);
  return thole_object_time (THOLE_OBJECT (self), "started_at");
}

GDateTime *
thole_session_get_ended_at (TholeSession *self)
{
  g_return_val_if_fail (THOLE_IS_SESSION (self), NULL);
  return thole_object_time (THOLE_OBJECT (self), "ended_at");
}

/* verbs --------------------------------------------------------------------------------------------------- */

THOLE_DEFINE_VERB (TholeSession, THOLE_IS_SESSION, thole_session_update, "session.update")
THOLE_DEFINE_VERB (TholeSession, THOLE_IS_SESSION, thole_session_signal, "session.signal")
THOLE_DEFINE_VERB (TholeSession, THOLE_IS_SESSION, thole_session_delete, "session.delete")
THOLE_DEFINE_PLAIN_VERB (TholeSession, THOLE_IS_SESSION, thole_session_refresh, "session.get")

/* attaching --------------------------------------------------------------------------------------------- */

GVariant *
thole_session_describe (TholeSession *self, GVariant *options)
{
  g_autoptr(GVariant) alone = thole_object_get_field (THOLE_OBJECT (self), "stop_after");

  return alone != NULL ? thole_options_with (options, "stop_after", alone) : g_variant_ref (options);
}

/* Returns: (transfer full) (nullable) */
static TholeAttachment *
make_attachment (TholeSession *self, GVariant *options, GError **error)
{
  g_autoptr(GVariant) owned = options != NULL ? g_variant_ref_sink (options) : NULL;
  const char *fallback = thole_session_get_tty (self) ? "snapshot" : "oldest";
  g_autoptr(GVariant) whole = NULL, from = NULL, described = NULL;

  if (owned != NULL && !g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "options must be of the type a{sv}");
      return NULL;
    }
  from = owned != NULL ? g_variant_lookup_value (owned, "from", G_VARIANT_TYPE_STRING) : NULL;
  whole = thole_options_with (owned, "from", from != NULL ? from : g_variant_new_string (fallback));
  described = thole_session_describe (self, whole);
  return thole_attachment_new (thole_object_client (THOLE_OBJECT (self)), thole_object_get_id (THOLE_OBJECT (self)), described, error);
}

static void
on_begun (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  if (thole_attachment_begin_finish (THOLE_ATTACHMENT (source), result, &error))
    g_task_return_pointer (task, g_object_ref (source), g_object_unref);
  else
    g_task_return_error (task, error);
}

void
thole_session_attach_async (TholeSession *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_autoptr(TholeAttachment) attachment = NULL;
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (THOLE_IS_SESSION (self));
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, thole_session_attach_async);
  attachment = make_attachment (self, options, &error);
  if (attachment != NULL)
    thole_attachment_begin_async (attachment, cancellable, on_begun, g_object_ref (task));
  else
    g_task_return_error (task, error);
}

TholeAttachment *
thole_session_attach_finish (TholeSession *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

TholeAttachment *
thole_session_attach (TholeSession *self, GVariant *options, GCancellable *cancellable, GError **error)
{
  g_autoptr(TholeAttachment) attachment = NULL;

  g_return_val_if_fail (THOLE_IS_SESSION (self), NULL);
  attachment = make_attachment (self, options, error);
  if (attachment == NULL || !thole_attachment_begin (attachment, cancellable, error))
    return NULL;
  return g_steal_pointer (&attachment);
}

/* the class ----------------------------------------------------------------------------------------------- */

static void
thole_session_class_init (TholeSessionClass *class)
{
  const TholeProperty properties[] = {
    { "workload", G_TYPE_STRING, 0, "Id of its workload" },
    { "reason", G_TYPE_STRING, 0, "Why it ended" },
    { "tty", G_TYPE_BOOLEAN, 0, "It has a terminal" },
    { "rows", G_TYPE_INT, 0, "Lines of the terminal" },
    { "cols", G_TYPE_INT, 0, "Columns of the terminal" },
    { "viewers", G_TYPE_INT, 0, "Who is attached" },
    { "output", G_TYPE_INT64, 0, "Bytes of output so far" },
    { "exit-code", G_TYPE_INT, -1, "Exit code, -1 = it has none" },
    { "exit-signal", G_TYPE_STRING, 0, "Signal that ended it" },
    { "started-at", G_TYPE_DATE_TIME, 0, "When the program began to run" },
    { "ended-at", G_TYPE_DATE_TIME, 0, "When it ended" },
  };

  thole_object_class_install (G_OBJECT_CLASS (class), properties, G_N_ELEMENTS (properties));
}

static void
thole_session_init (TholeSession *self)
{
}
