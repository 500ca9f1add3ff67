/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/watch.h"

#include "backend/backend-class.h"

/* calls that are over, of which a driver may still call back a second time */
#define MAX_PAST 256
#define GRACE (2 * G_USEC_PER_SEC)

static void
clear_sources (TholeWatch *self)
{
  thole_source_clear (&self->outer);
  thole_source_clear (&self->deadline);
  thole_source_clear (&self->grace);
}

static gboolean
on_grace_over (gpointer user_data)
{
  TholeWatch *self = user_data;

  clear_sources (self);
  self->stuck = TRUE;
  /* the watch stays: the driver still holds it as its user data */
  self->end (self, NULL);
  self->news (self, FALSE);
  return G_SOURCE_REMOVE;
}

void
thole_watch_cancel (TholeWatch *self)
{
  if (self->cancelled)
    return;
  self->cancelled = TRUE;
  thole_source_clear (&self->outer);
  thole_source_clear (&self->deadline);
  self->grace = thole_clock_timer (self->clock, GRACE, on_grace_over, self);
  /* last: the driver may call back from inside */
  g_cancellable_cancel (self->cancellable);
}

static gboolean
on_deadline (gpointer user_data)
{
  TholeWatch *self = user_data;

  self->expired = TRUE;
  thole_watch_cancel (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_outer_cancelled (GCancellable *cancellable, gpointer user_data)
{
  thole_watch_cancel (user_data);
  return G_SOURCE_REMOVE;
}

TholeWatch *
thole_watch_begin (const TholeWatch *template, GCancellable *outer)
{
  TholeWatch *self = g_memdup2 (template, sizeof *template);

  self->link = (GList) { .data = self };
  g_object_ref (self->backend);
  self->cancellable = g_cancellable_new ();
  self->starting = TRUE;
  self->deadline = thole_clock_timer (self->clock, (gint64) (self->seconds * G_USEC_PER_SEC), on_deadline, self);
  if (outer != NULL)
    {
      /* a source and not the signal: the caller's cancel must not end the call from inside itself */
      self->outer = g_cancellable_source_new (outer);
      g_source_set_callback (self->outer, G_SOURCE_FUNC (on_outer_cancelled), self, NULL);
      g_source_attach (self->outer, g_main_context_get_thread_default ());
    }
  g_queue_push_tail_link (self->list, &self->link);
  return self;
}

gboolean
thole_watch_late (const TholeWatch *self)
{
  return self->stuck;
}

/* The driver has had the watch as its user data: what it does with it once more must hurt nobody. */
static void
put_by (TholeWatch *self)
{
  GQueue *past = &thole_backend_private (self->backend)->past;

  self->back = TRUE;
  g_queue_push_tail_link (past, &self->link);
  while (past->length > MAX_PAST)
    {
      TholeWatch *oldest = past->head->data;

      g_queue_unlink (past, &oldest->link);
      g_free (oldest);
    }
}

void
thole_watch_back (GObject *source, GAsyncResult *result, gpointer watch)
{
  TholeWatch *self = watch;
  TholeBackend *backend = self->backend;

  if (self->back)
    {
      g_warning ("a driver called back twice from %s; the second answer is dropped", self->name);
      return;
    }
  if (self->starting)
    {
      g_warning ("backend %s: its driver called back from inside %s", thole_backend_get_name (backend), self->name);
      g_set_object (&self->early, result);
      return;
    }
  clear_sources (self);
  g_queue_unlink (self->list, &self->link);
  self->end (self, result);
  self->news (self, TRUE);
  g_clear_object (&self->task);
  g_clear_object (&self->early);
  g_clear_object (&self->cancellable);
  put_by (self);
  g_object_unref (backend);
}

void
thole_watch_begun (TholeWatch *self)
{
  self->starting = FALSE;
  if (self->early != NULL)
    thole_watch_back (NULL, self->early, self);
}
