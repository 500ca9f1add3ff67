/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon's side of a driver, which looks at how it is used.
 */
#pragma once

#include "kit.h"

TholeHost *kit_host_new   (Kit *kit);
/* What the driver does with it from here on is a fault. */
void       kit_host_close (TholeHost *self);
const TholeHostOps *kit_host_ops (void);
