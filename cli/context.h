/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Named daemons: where one is, who may sign for it, and the token for it. They are kept in XDG_CONFIG_HOME/thole/contexts; tokens in
 * the keyring of the desktop, else each in a file of its own in XDG_STATE_HOME/thole/tokens, mode 0600.
 */
#pragma once

#include "command.h"

typedef struct
{
  char *name;
  char *url;
  char *authority;  /* (nullable): PEM file */
  char *credential; /* (nullable): "keyring" or "file": where its token is */
} CliContext;

/* Returns: (transfer full) */
CliContext *cli_context_new     (const char *name, const char *url, const char *authority);
void        cli_context_free    (CliContext *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliContext, cli_context_free)

/* A name of up to 64 letters, digits, and . - _ within it; CLI_USAGE otherwise. */
gboolean    cli_context_valid   (const char *name, GError **error);
/* @name: NULL = the one in use. Returns: (transfer full) (nullable): NULL without @error: none is in use */
CliContext *cli_context_load    (const char *name, GError **error);
/* Returns: (transfer full): their names */
char      **cli_context_names   (GError **error);
/* Returns: (transfer full) (nullable) */
char       *cli_context_current (void);
gboolean    cli_context_save    (const CliContext *self, GError **error);
gboolean    cli_context_use     (const char *name, GError **error);
/* With its token. */
gboolean    cli_context_remove  (CliContext *self, GError **error);

/* Keeps @token for it; to be saved afterwards. */
gboolean    cli_context_keep    (CliContext *self, const char *token, GError **error);
void        cli_context_forget  (CliContext *self);
/* Returns: (transfer full) (nullable): NULL without @error: it has none */
char       *cli_context_token   (const CliContext *self, GError **error);
