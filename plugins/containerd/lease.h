/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A lease keeps what is being made from the engine's garbage collection, a day at most.
 */
#pragma once

#include "call.h"

/* One of this name may be there already. */
void ctr_lease_make (GTask *task, const char *name, CtrNext next);
/* In the background. */
void ctr_lease_drop (TholeDriver *driver, const char *name);
