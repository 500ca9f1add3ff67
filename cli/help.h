/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Help, man page and completion scripts, all made of the command table.
 */
#pragma once

#include "command.h"

/* Returns: (transfer full) */
char *cli_help_all     (void);
char *cli_help_command (const CliCommand *command);
/* roff text of tholectl(1) */
char *cli_help_man     (void);
/* @shell: bash, zsh or fish */
char *cli_completion   (const char *shell);
