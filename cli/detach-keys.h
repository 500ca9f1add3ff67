/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The keys that leave a terminal, found among what is typed.
 */
#pragma once

#include <gio/gio.h>

#define CLI_DETACH_MAX 8

typedef struct
{
  guint8 keys[CLI_DETACH_MAX];
  guint n_keys; /* 0 = none leaves */
  guint seen;   /* of them, held back at the end of what was typed */
} CliDetachKeys;

/* @text: "ctrl-p,ctrl-q", "ctrl-],d", "none". Fails with CLI_USAGE. */
gboolean cli_detach_keys_parse (CliDetachKeys *self, const char *text, GError **error);
/* Appends to @out what belongs to the program. TRUE: the keys were typed, and the rest was not looked at. */
gboolean cli_detach_keys_feed  (CliDetachKeys *self, const guint8 *typed, gsize length, GByteArray *out);
