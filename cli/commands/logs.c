/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>

#include "../cli.h"
#include "../logs.h"
#include "../units.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "follow", 'f', CLI_OPTION_FLAG, NULL, NULL, N_("Go on with what is written later") },
  { "tail", 'n', CLI_OPTION_VALUE, N_("N"), NULL, N_("Only the last N lines") },
  { "since", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Only what is newer: RFC 3339, seconds since 1970, or an age (10m)") },
  { "until", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Only what is older: RFC 3339, seconds since 1970, or an age (10m)") },
  { "timestamps", 'T', CLI_OPTION_FLAG, NULL, NULL, N_("Begin each line with its time") },
  { "stream", 0, CLI_OPTION_VALUE, N_("STREAM"), "stdout|stderr", N_("Only one of stdout and stderr") },
  { NULL },
};

/* "10m" is so long ago; anything else is the daemon's to read */
static char *
point_in_time (const char *text)
{
  char buffer[THOLE_TIME_LENGTH];
  double seconds;

  if (text == NULL || *text == '\0' || strchr ("smhd", text[strlen (text) - 1]) == NULL)
    return g_strdup (text);
  seconds = cli_duration_parse (text);
  if (seconds < 0)
    return g_strdup (text);
  return g_strdup (thole_time_format (g_get_real_time () - (gint64) (seconds * G_USEC_PER_SEC), buffer));
}

static int
run (Cli *cli, GError **error)
{
  CliArguments *arguments = cli->arguments;
  g_autofree char *since = point_in_time (cli_arguments_get (arguments, "since"));
  g_autofree char *until = point_in_time (cli_arguments_get (arguments, "until"));
  CliLogs logs = {
    .follow = cli_arguments_has (arguments, "follow"),
    .timestamps = cli_arguments_has (arguments, "timestamps"),
    .raw = cli->output == CLI_OUTPUT_JSON,
    .tail = cli_arguments_get (arguments, "tail"),
    .since = since,
    .until = until,
    .stream = cli_arguments_get (arguments, "stream"),
  };
  gint64 lines;
  gboolean done;

  if (!cli_arguments_int (arguments, "tail", 0, 1000000, 0, &lines, error) || !cli_connect (cli, error))
    return CLI_FAILED;
  done = cli_logs_copy (cli, cli_arguments_word (arguments, 0), &logs, NULL, error);
  cli_logs_clear (&logs);
  return done && !logs.reader_gone ? CLI_DONE : CLI_FAILED;
}

const CliCommand cli_command_logs = {
  .name = "logs",
  .arguments = "NAME",
  .summary = N_("Print the output of a workload"),
  .doc = N_("What the program wrote to stdout comes to stdout, what it wrote to stderr to stderr. With --output json each record is a line of JSON."),
  .options = options,
  .min = 1,
  .max = 1,
  .choices = "workload",
  .run = run,
};
