/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The commands that move workloads from state to state: what is asked for is their name.
 */
#include "commands.h"

#include <string.h>

#include "../wait.h"
#include "thole-dict.h"

#define GRACE_MOST 86400

static const struct { const CliCommand *command; const char *goal; } goals[] = {
  { &cli_command_start, "running" },   { &cli_command_stop, "stopped" },      { &cli_command_restart, "running" },
  { &cli_command_kill, "stopped" },    { &cli_command_pause, "paused" },      { &cli_command_unpause, "running" },
  { &cli_command_suspend, "suspended" }, { &cli_command_unsuspend, "stopped" },
};

static const char *
goal_of (const CliCommand *command)
{
  for (guint i = 0; i < G_N_ELEMENTS (goals); i++)
    if (goals[i].command == command)
      return goals[i].goal;
  g_assert_not_reached ();
}

static GVariant *
make_body (Cli *cli, GError **error)
{
  const char *signal = cli_arguments_get (cli->arguments, "signal");
  double grace;
  GVariantDict dict;

  if (!cli_arguments_duration (cli->arguments, "grace", GRACE_MOST, -1, &grace, error))
    return NULL;
  g_variant_dict_init (&dict, NULL);
  if (signal != NULL)
    g_variant_dict_insert (&dict, "signal", "s", signal);
  if (grace >= 0)
    g_variant_dict_insert (&dict, "grace", "d", grace);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static gboolean
move (Cli *cli, const char *name, GError **error)
{
  const char *goal = goal_of (cli->command), *state, *wait = cli_arguments_get (cli->arguments, "wait");
  g_autofree char *base = cli_path ("/v1/workloads/%s/", name);
  g_autoptr(GString) path = g_string_new (base);
  g_autoptr(CliReply) reply = NULL;
  g_autoptr(GVariant) body = make_body (cli, error);
  double time;

  g_string_append (path, cli->command->name);
  if (body == NULL || !cli_wait_query (cli, path, goal, ",error,crashed", &time, error))
    return FALSE;
  reply = cli_client_ask (cli->client, "POST", path->str, body, time, NULL, error);
  if (reply == NULL)
    return FALSE;
  state = reply->body != NULL ? thole_dict_string (reply->body, "state", "") : "";
  if (wait != NULL && !cli_state_among (*wait != '\0' ? wait : goal, state))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("it is %s: %s"), state,
                   reply->body != NULL ? thole_dict_string (reply->body, "state_reason", "") : "");
      return FALSE;
    }
  cli_print_done (cli, reply->body, name);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  return cli_connect (cli, error) ? cli_for_each (cli, move) : CLI_FAILED;
}

#define WAIT_OPTIONS                                                                                                             \
  { "wait", 0, CLI_OPTION_OPTIONAL, N_("STATE,..."), CLI_STATES, N_("Wait until it is reached (default: the goal of the command)") }, \
  { "timeout", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("How long --wait waits (default 60)") },                                \
  { NULL }

static const CliOption plain[] = { WAIT_OPTIONS };

static const CliOption killing[] = {
  { "signal", 's', CLI_OPTION_VALUE, N_("SIGNAL"), NULL, N_("Signal to send (default SIGKILL)") },
  WAIT_OPTIONS,
};

static const CliOption stopping[] = {
  { "signal", 's', CLI_OPTION_VALUE, N_("SIGNAL"), NULL, N_("Signal sent first, instead of the workload's own") },
  { "grace", 't', CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Time until it is killed, instead of the workload's own") },
  WAIT_OPTIONS,
};

#define COMMAND(word, text, its_options)                                                                                         \
  const CliCommand cli_command_##word = { .name = #word, .arguments = "NAME...", .summary = text, .options = its_options,        \
                                          .min = 1, .max = CLI_ANY, .choices = "workload", .run = run }

COMMAND (start, N_("Start workloads"), plain);
COMMAND (stop, N_("Stop workloads: signal, time of grace, kill"), stopping);
COMMAND (restart, N_("Stop workloads, then start them again"), stopping);
COMMAND (kill, N_("Send a signal to the main process of workloads"), killing);
COMMAND (pause, N_("Freeze the processes of workloads"), plain);
COMMAND (unpause, N_("Thaw the processes of workloads"), plain);
COMMAND (suspend, N_("Stop workloads and lock them"), stopping);
COMMAND (unsuspend, N_("Unlock suspended workloads"), plain);
