/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What bounds a wait: the caller's cancellable, the closing of the backend and a deadline, as one cancellable.
 */
#pragma once

#include "driver.h"

typedef struct
{
  TholeDriver *driver;
  GCancellable *inner; /* for the calls that are bounded */
  GCancellable *caller;
  gulong caller_handler, closing_handler;
  GSource *timer;
  double timeout;
  gboolean timed_out;
} DockerBound;

/* @timeout: seconds, 0 = no deadline. @caller (nullable). @self stays where it is until it is cleared. */
void    docker_bound_init   (DockerBound *self, TholeDriver *driver, double timeout, GCancellable *caller);
void    docker_bound_clear  (DockerBound *self);
/* The deadline begins anew, or is taken away. */
void    docker_bound_arm    (DockerBound *self);
void    docker_bound_disarm (DockerBound *self);

/* Why a bounded call failed: TIMEOUT, cancelled, or what the transport says. Takes @error. Returns: (transfer full) */
GError *docker_bound_error  (DockerBound *self, GError *error);
