/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads one configuration file line by line, because GKeyFile cannot say on which line a key stands. The syntax is
 * GKeyFile's, and a `#` after white space begins a comment also behind a value.
 */
#pragma once

#include <glib.h>

#define THOLE_CONFIG_FILE_MAX (1024 * 1024)

/* @where: "FILE:LINE" */
typedef struct
{
  void (*section) (gpointer user_data, const char *section, const char *where);
  /* @value: as written, with its escapes */
  void (*key)     (gpointer user_data, const char *section, const char *key, const char *value, const char *where);
  void (*fault)   (gpointer user_data, const char *where, const char *what);
  gpointer user_data;
} TholeConfigReader;

void   thole_config_read_file (const char *path, const TholeConfigReader *reader);

/* Resolves \s \n \t \r \\ and \;. Returns: (transfer full) (nullable): NULL for another one */
char  *thole_config_unescape  (const char *text);
/* Splits at `;` (not at `\;`), strips white space, leaves out what is empty, and resolves escapes.
 * Returns: (transfer full) (nullable) */
char **thole_config_split     (const char *text, gboolean escapes);
