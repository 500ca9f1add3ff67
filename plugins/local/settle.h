/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Brings folders of sandboxes to the disk a moment after they were made: a start does not wait for that. What a machine that goes off
 * meanwhile leaves of them is known by its seal.
 */
#pragma once

#include "driver.h"

void local_settle_later (TholeDriver *driver, const char *id);
/* At once, in a thread; before the driver closes. */
void local_settle_now   (TholeDriver *driver);
