/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The streams of a program as one of records (schema.md).
 */
#pragma once

#include "thole-program.h"

/* Returns: (transfer full) */
GIOStream *thole_program_session_new (TholeProgram *program);
