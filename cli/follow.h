/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A long operation that a command has begun, until it ends.
 */
#pragma once

#include "cli.h"

/* Id of the operation that @reply has begun; NULL with @error set when it names none. */
const char *cli_begun  (CliReply *reply, GError **error);
/* Shows its progress; Ctrl-C cancels it. Then prints the operation or @done. Returns: the exit code */
int         cli_follow (Cli *cli, const char *operation, const char *done, GError **error);
