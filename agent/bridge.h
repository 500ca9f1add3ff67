/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "hold.h"

/* Joins standard input and output to the socket in the folder; starts one who holds there when nobody does. Ends when either side
 * does. Returns a status for exit(). */
int bridge (const HoldOptions *options);
