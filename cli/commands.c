/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands/commands.h"

#include <string.h>

const CliCommand *const cli_commands[] = {
  &cli_command_run,      &cli_command_ps,         &cli_command_show,     &cli_command_start,
  &cli_command_stop,     &cli_command_restart,    &cli_command_kill,     &cli_command_pause,
  &cli_command_unpause,  &cli_command_suspend,    &cli_command_unsuspend, &cli_command_rm,
  &cli_command_logs,     &cli_command_cp,         &cli_command_exec,       &cli_command_attach,
  &cli_command_sessions, &cli_command_play,       &cli_command_top,      &cli_command_events,
  &cli_command_drivers,  &cli_command_backends,   &cli_command_images,   &cli_command_pull,
  &cli_command_rmi,      &cli_command_operations, &cli_command_cancel,   &cli_command_why,
  &cli_command_reconcile, &cli_command_orphans,   &cli_command_backup,   &cli_command_audit,
  &cli_command_login,    &cli_command_logout,     &cli_command_whoami,   &cli_command_context,
  &cli_command_user,     &cli_command_role,       &cli_command_group,    &cli_command_key,
  &cli_command_settings, &cli_command_quota,      &cli_command_secret,   &cli_command_version,
  &cli_command_completion, &cli_command_help,      NULL,
};

const CliOption cli_options[] = {
  { "url", 0, CLI_OPTION_VALUE, N_("URL"), NULL, N_("Where the daemon is: unix:PATH or http[s]://HOST:PORT (default THOLE_URL)") },
  { "token-file", 0, CLI_OPTION_VALUE, N_("FILE"), "file", N_("File that holds the token for TCP (default THOLE_TOKEN)") },
  { "context", 0, CLI_OPTION_VALUE, N_("NAME"), "context", N_("The daemon of this name (default: the one in use)") },
  { "output", 'o', CLI_OPTION_VALUE, N_("FORMAT"), "table|json|name", N_("Print a table, JSON or only names") },
  { "help", 'h', CLI_OPTION_FLAG, NULL, NULL, N_("Show help") },
  { "version", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Show the version of tholectl") },
  { NULL },
};

const CliCommand *
cli_command_find (const char *name)
{
  for (const CliCommand *const *command = cli_commands; *command != NULL; command++)
    if (strcmp ((*command)->name, name) == 0)
      return *command;
  return NULL;
}
