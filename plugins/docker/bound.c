/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "bound.h"

#include "reply.h"

static void
on_outer_cancelled (GCancellable *outer, gpointer inner)
{
  g_cancellable_cancel (inner);
}

static gboolean
on_deadline (gpointer user_data)
{
  DockerBound *self = user_data;

  self->timed_out = TRUE;
  g_cancellable_cancel (self->inner);
  return G_SOURCE_REMOVE;
}

void
docker_bound_arm (DockerBound *self)
{
  thole_timer_clear (&self->timer);
  if (self->timeout > 0)
    self->timer = docker_timer (self->driver, self->timeout, on_deadline, self);
}

void
docker_bound_disarm (DockerBound *self)
{
  thole_timer_clear (&self->timer);
}

void
docker_bound_init (DockerBound *self, TholeDriver *driver, double timeout, GCancellable *caller)
{
  self->driver = docker_driver_ref (driver);
  self->inner = g_cancellable_new ();
  self->timeout = timeout;
  self->closing_handler = g_cancellable_connect (driver->closing, G_CALLBACK (on_outer_cancelled), self->inner, NULL);
  if (caller != NULL)
    {
      self->caller = g_object_ref (caller);
      self->caller_handler = g_cancellable_connect (caller, G_CALLBACK (on_outer_cancelled), self->inner, NULL);
    }
  docker_bound_arm (self);
}

void
docker_bound_clear (DockerBound *self)
{
  if (self->driver == NULL)
    return;
  thole_timer_clear (&self->timer);
  if (self->caller != NULL)
    g_cancellable_disconnect (self->caller, self->caller_handler);
  g_cancellable_disconnect (self->driver->closing, self->closing_handler);
  g_clear_object (&self->caller);
  g_clear_object (&self->inner);
  g_clear_pointer (&self->driver, docker_driver_unref);
}

GError *
docker_bound_error (DockerBound *self, GError *error)
{
  thole_timer_clear (&self->timer);
  if (!self->timed_out)
    return docker_error_from_transport (error);
  g_error_free (error);
  return g_error_new (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "the engine did not answer within %g s", self->timeout);
}
