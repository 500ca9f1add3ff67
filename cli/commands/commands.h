/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The commands, one file each.
 */
#pragma once

#include "../command.h"

extern const CliCommand cli_command_run;
extern const CliCommand cli_command_ps;
extern const CliCommand cli_command_show;
extern const CliCommand cli_command_start;
extern const CliCommand cli_command_stop;
extern const CliCommand cli_command_restart;
extern const CliCommand cli_command_kill;
extern const CliCommand cli_command_pause;
extern const CliCommand cli_command_unpause;
extern const CliCommand cli_command_suspend;
extern const CliCommand cli_command_unsuspend;
extern const CliCommand cli_command_rm;
extern const CliCommand cli_command_logs;
extern const CliCommand cli_command_cp;
extern const CliCommand cli_command_exec;
extern const CliCommand cli_command_attach;
extern const CliCommand cli_command_sessions;
extern const CliCommand cli_command_play;
extern const CliCommand cli_command_top;
extern const CliCommand cli_command_events;
extern const CliCommand cli_command_drivers;
extern const CliCommand cli_command_backends;
extern const CliCommand cli_command_images;
extern const CliCommand cli_command_pull;
extern const CliCommand cli_command_rmi;
extern const CliCommand cli_command_operations;
extern const CliCommand cli_command_cancel;
extern const CliCommand cli_command_backup;
extern const CliCommand cli_command_audit;
extern const CliCommand cli_command_secret;
extern const CliCommand cli_command_whoami;
extern const CliCommand cli_command_login;
extern const CliCommand cli_command_logout;
extern const CliCommand cli_command_context;
extern const CliCommand cli_command_user;
extern const CliCommand cli_command_role;
extern const CliCommand cli_command_group;
extern const CliCommand cli_command_key;
extern const CliCommand cli_command_settings;
extern const CliCommand cli_command_quota;
extern const CliCommand cli_command_why;
extern const CliCommand cli_command_reconcile;
extern const CliCommand cli_command_orphans;
extern const CliCommand cli_command_version;
extern const CliCommand cli_command_completion;
extern const CliCommand cli_command_help;
