/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a backend's bridge has to itself: a subnet, and the rules by which its containers reach other machines.
 */
#pragma once

#include "call.h"

/* The subnet, chosen at the first time and remembered. Lives as long as the driver. */
const char *ctr_net_subnet (TholeDriver *driver);
/* Adds the rules that are missing, at each start: a firewall that is loaded anew forgets them. Where they cannot be made the containers reach this machine alone: that is logged, and no
 * error. */
void        ctr_net_rules  (GTask *task, CtrNext next);
