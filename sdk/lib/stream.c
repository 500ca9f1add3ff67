/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A GIOStream of two halves. Unlike GIOStream's own, its asynchronous close uses no thread: streams of
 * a client library belong to the main context.
 */
#include "thole-dict.h"

#define PAIR_TYPE (pair_get_type ())
G_DECLARE_FINAL_TYPE (TholeStreamPair, pair, THOLE, STREAM_PAIR, GIOStream)

struct _TholeStreamPair
{
  GIOStream parent;
  GInputStream *input;
  GOutputStream *output;
};

G_DEFINE_FINAL_TYPE (TholeStreamPair, pair, G_TYPE_IO_STREAM)

static GInputStream *
pair_input (GIOStream *stream)
{
  return THOLE_STREAM_PAIR (stream)->input;
}

static GOutputStream *
pair_output (GIOStream *stream)
{
  return THOLE_STREAM_PAIR (stream)->output;
}

static void
input_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *first = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;

  g_input_stream_close_finish (G_INPUT_STREAM (source), result, &error);
  if (first != NULL)
    g_task_return_error (task, g_error_copy (first));
  else if (error != NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_boolean (task, TRUE);
}

static void
output_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  TholeStreamPair *self = g_task_get_source_object (task);
  GError *error = NULL;

  if (!g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error))
    g_task_set_task_data (task, error, (GDestroyNotify) g_error_free);
  g_input_stream_close_async (self->input, g_task_get_priority (task), g_task_get_cancellable (task), input_closed, task);
}

static void
pair_close_async (GIOStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  TholeStreamPair *self = THOLE_STREAM_PAIR (stream);
  GTask *task = g_task_new (stream, cancellable, callback, user_data);

  g_task_set_priority (task, priority);
  g_output_stream_close_async (self->output, priority, cancellable, output_closed, task);
}

static gboolean
pair_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
pair_finalize (GObject *object)
{
  TholeStreamPair *self = THOLE_STREAM_PAIR (object);

  g_object_unref (self->input);
  g_object_unref (self->output);
  G_OBJECT_CLASS (pair_parent_class)->finalize (object);
}

static void
pair_class_init (TholeStreamPairClass *class)
{
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = pair_finalize;
  stream_class->get_input_stream = pair_input;
  stream_class->get_output_stream = pair_output;
  stream_class->close_async = pair_close_async;
  stream_class->close_finish = pair_close_finish;
}

static void
pair_init (TholeStreamPair *self)
{
}

GIOStream *
thole_stream_new (GInputStream *input, GOutputStream *output)
{
  TholeStreamPair *self = g_object_new (PAIR_TYPE, NULL);

  self->input = input != NULL ? g_object_ref (input) : g_memory_input_stream_new ();
  self->output = output != NULL ? g_object_ref (output) : g_memory_output_stream_new (NULL, 0, NULL, NULL);
  return G_IO_STREAM (self);
}
