/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "operations/verb.h"

/* The edit of every verb that stops: takes signal and grace of the body. */
gboolean thole_stop_edit (TholeCall *call, TholeChange *change, TholeProblem **problem);
