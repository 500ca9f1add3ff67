/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "interrupt.h"

#include <glib-unix.h>
#include <signal.h>

static gboolean
on_signal (gpointer user_data)
{
  CliInterrupt *self = user_data;

  self->count++;
  self->interrupted (self->count, self->user_data);
  return G_SOURCE_CONTINUE;
}

void
cli_interrupt_begin (CliInterrupt *self, CliInterrupted interrupted, gpointer user_data)
{
  static const int signals[] = { SIGINT, SIGTERM };

  self->count = 0;
  self->interrupted = interrupted;
  self->user_data = user_data;
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      self->sources[i] = g_unix_signal_source_new (signals[i]);
      g_source_set_callback (self->sources[i], on_signal, self, NULL);
      g_source_attach (self->sources[i], NULL);
    }
}

void
cli_interrupt_end (CliInterrupt *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->sources); i++)
    {
      g_source_destroy (self->sources[i]);
      g_clear_pointer (&self->sources[i], g_source_unref);
    }
}

static gboolean
wake (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
wake_on_cancel (GCancellable *cancellable, gpointer user_data)
{
  return wake (user_data);
}

void
cli_sleep (double seconds, GCancellable *cancellable)
{
  g_autoptr(GSource) timer = g_timeout_source_new ((guint) (seconds * 1000));
  g_autoptr(GSource) cancel = cancellable != NULL ? g_cancellable_source_new (cancellable) : NULL;
  gboolean awake = FALSE;

  g_source_set_callback (timer, wake, &awake, NULL);
  g_source_attach (timer, NULL);
  if (cancel != NULL)
    {
      g_source_set_callback (cancel, G_SOURCE_FUNC (wake_on_cancel), &awake, NULL);
      g_source_attach (cancel, NULL);
    }
  while (!awake)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (timer);
  if (cancel != NULL)
    g_source_destroy (cancel);
}
