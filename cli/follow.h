/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A long operation that a command has begun, until it ends.
 */
#pragma once

#include "cli.h"

/* POSTs @body (transfer floating) to @path, which begins one. Prints its id with --detach; else shows its progress, which Ctrl-C
 * cancels, and prints the operation or @done. Returns: the exit code */
int cli_begin (Cli *cli, const char *path, GVariant *body, const char *done, GError **error);
