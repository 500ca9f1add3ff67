/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the daemon offers to one backend's driver: log, events, time and secrets (TholeHostOps).
 */
#pragma once

#include "base/clock.h"

#include "thole-driver.h"

/* Takes one event, a{sv} with a `kind`; from the main loop, never from inside the driver's call. */
typedef void (*TholeHostDeliver) (gpointer owner, GVariant *event);

/* @secrets: (nullable) (transfer none): name -> GBytes */
TholeHost *thole_host_new   (const char *backend, TholeClock *clock, GHashTable *secrets,
                             TholeHostDeliver deliver, gpointer owner);
/* No event is delivered any more. */
void       thole_host_close (TholeHost *self);
void       thole_host_free  (TholeHost *self);

const TholeHostOps *thole_host_ops (void);
