/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The agents of a backend's workloads (calls-agent.c).
 */
#pragma once

#include "driver.h"

/* Forgets them when the backend closes; ends them when its engine does not outlive it. */
void mem_agents_leave (TholeDriver *self);
