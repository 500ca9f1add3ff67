/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One subscription to the engine's events. They are not kept by the engine, so each new subscription ends in a `resync`; that it
 * stands is known by an event of our own that comes back.
 */
#pragma once

#include "call.h"

CtrEvents *ctr_events_new     (TholeDriver *driver);
void       ctr_events_free    (CtrEvents *self);
/* Nothing is told any more. */
void       ctr_events_stop    (TholeDriver *driver);
/* Makes sure that there is a subscription. */
void       ctr_events_connect (GTask *task, CtrNext next);
