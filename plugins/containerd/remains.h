/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What fell apart: tasks without a container, and shims of which the engine knows nothing any more.
 */
#pragma once

#include "call.h"

/* A task of ours has no container: makes one, bare, so that it is listed and can be removed as any other. */
void ctr_remains_adopt (GTask *task, const char *container, CtrNext next);

/* Some seconds from now: shims of ours whose task the engine does not know are ended, with all that runs in their control group. */
void ctr_remains_sweep (TholeDriver *driver);
void ctr_remains_stop  (TholeDriver *driver);
