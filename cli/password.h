/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What nobody else is to see: asked for on the terminal without an echo, or read from standard input. Never an argument, since
 * others see those.
 */
#pragma once

#include "command.h"

#define CLI_SECRET_MAX 65536

/* All of standard input but one line feed at its end. Returns: (transfer full) (nullable): 1 to CLI_SECRET_MAX bytes of UTF-8 */
char *cli_stdin_secret (GError **error);
/* Asks on the terminal. Returns: (transfer full) (nullable): there is no terminal, or it was interrupted */
char *cli_ask_secret   (const char *prompt, GError **error);
/* The same with an echo. */
char *cli_ask          (const char *prompt, GError **error);
/* A new password: asked for twice, or from standard input when @from_stdin. Returns: (transfer full) (nullable) */
char *cli_new_password (gboolean from_stdin, GError **error);
/* Wipes and frees; @text is (nullable). */
void  cli_secret_free  (char *text);
