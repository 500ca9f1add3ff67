/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <signal.h>
#include <string.h>

#include "../cli.h"
#include "../interrupt.h"
#include "../logs.h"
#include "../spec.h"
#include "../wait.h"
#include "../workload-text.h"
#include "thole-dict.h"

#define BEGUN "running,paused,stopped,crashed,error,suspended"
#define ENDED "stopped,crashed,error,suspended"

static const CliOption options[] = {
  { "name", 'n', CLI_OPTION_VALUE, N_("NAME"), NULL, N_("Its name (default: made by the daemon)") },
  { "backend", 'b', CLI_OPTION_VALUE, N_("NAME"), "backend", N_("On this backend (default: the default one)") },
  { "env", 'e', CLI_OPTION_MANY, N_("NAME[=VALUE]"), NULL, N_("Add to its environment; without a value ours") },
  { "publish", 'p', CLI_OPTION_MANY, N_("[[ADDRESS:]HOST:]PORT[/PROTOCOL]"), NULL, N_("Publish a port; without HOST the engine chooses") },
  { "volume", 'v', CLI_OPTION_MANY, N_("SOURCE:TARGET[:ro]"), "file", N_("Mount a path of the machine (/PATH, ./PATH) or a volume") },
  { "workdir", 'w', CLI_OPTION_VALUE, N_("PATH"), NULL, N_("Its working directory") },
  { "user", 'u', CLI_OPTION_VALUE, N_("USER"), NULL, N_("Name, uid or uid:gid") },
  { "hostname", 0, CLI_OPTION_VALUE, N_("NAME"), NULL, N_("Its host name") },
  { "entrypoint", 0, CLI_OPTION_VALUE, N_("PROGRAM"), NULL, N_("Instead of the image's entry point") },
  { "memory", 'm', CLI_OPTION_VALUE, N_("SIZE"), NULL, N_("Memory limit: 512m, 1.5GiB") },
  { "cpu", 0, CLI_OPTION_VALUE, N_("CORES"), NULL, N_("CPU limit: 0.5 is half a core") },
  { "pids", 0, CLI_OPTION_VALUE, N_("N"), NULL, N_("Limit of processes and threads") },
  { "label", 'l', CLI_OPTION_MANY, N_("KEY[=VALUE]"), NULL, N_("Add a label") },
  { "restart", 0, CLI_OPTION_VALUE, N_("POLICY[:N]"), NULL, N_("never, on-failure or always, with at most N failures in a row") },
  { "network", 0, CLI_OPTION_VALUE, N_("NETWORK"), NULL, N_("default, none, host or the name of a network") },
  { "tty", 0, CLI_OPTION_FLAG, NULL, NULL, N_("The main process has a terminal") },
  { "stdin", 0, CLI_OPTION_FLAG, NULL, NULL, N_("The main process has an open standard input") },
  { "pull", 0, CLI_OPTION_VALUE, N_("WHEN"), "never|if-missing|always", N_("When the image is pulled") },
  { "ttl", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Removed by the daemon so long after its creation") },
  { "idle-timeout", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Stopped by the daemon when nobody used it for so long") },
  { "json", 0, CLI_OPTION_VALUE, N_("FILE"), "file", N_("Begin with the spec (or whole body) in this file, - for standard input") },
  { "rm", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Remove it at its end; not with -d") },
  { "detach", 'd', CLI_OPTION_FLAG, NULL, NULL, N_("Leave it running, print its id") },
  { "start", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Start it (this is the default)") },
  { "no-start", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Only create it; includes -d") },
  { "wait", 0, CLI_OPTION_OPTIONAL, N_("STATE,..."), CLI_STATES, N_("With -d: wait for this state (default running)") },
  { "timeout", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("How long --wait waits (default 60)") },
  { NULL },
};

/* A workload in the foreground. */
typedef struct
{
  Cli *cli;
  char *id;          /* (nullable): not yet created */
  char *name;
  char *operation;   /* (nullable): the creation */
  guint interrupted;
  gboolean stopped;  /* the daemon was asked to stop it */
  GCancellable *cancellable;
} Run;

static gboolean
check_options (CliArguments *arguments, GError **error)
{
  gboolean detached = cli_arguments_has (arguments, "detach") || cli_arguments_has (arguments, "no-start");
  const char *fault = NULL;

  if (arguments->words->len == 0 && !cli_arguments_has (arguments, "json"))
    fault = _("an image (or --json) is missing");
  else if (cli_arguments_has (arguments, "start") && cli_arguments_has (arguments, "no-start"))
    fault = _("--start and --no-start exclude each other");
  else if (detached && cli_arguments_has (arguments, "rm"))
    fault = _("--rm works in the foreground only; with -d use --ttl");
  else if (!detached && cli_arguments_has (arguments, "wait"))
    fault = _("--wait needs -d: in the foreground its end is waited for");
  else if (cli_arguments_has (arguments, "timeout") && !cli_arguments_has (arguments, "wait"))
    fault = _("--timeout needs --wait");
  if (fault != NULL)
    g_set_error_literal (error, CLI_ERROR, CLI_USAGE, fault);
  return fault == NULL;
}

/* detached ------------------------------------------------------------------------------------------------ */

static GVariant *
wait_for (Cli *cli, GVariant *created, const char *operation, GError **error)
{
  const char *wanted = cli_arguments_get (cli->arguments, "wait");
  g_autoptr(CliProgress) progress = cli_progress_new (TRUE);
  g_autofree char *states = NULL;
  g_autoptr(GVariant) workload = NULL;
  double timeout;

  if (!cli_arguments_duration (cli->arguments, "timeout", 86400, 60, &timeout, error))
    return NULL;
  if (wanted == NULL)
    return g_variant_ref (created);
  if (*wanted == '\0')
    wanted = cli_arguments_has (cli->arguments, "no-start") ? "stopped" : "running";
  states = g_strconcat (wanted, ",error,crashed", NULL);
  workload = cli_wait_state (cli, thole_dict_string (created, "id", ""), states, timeout, operation, progress, NULL, error);
  if (workload != NULL && !cli_state_among (wanted, thole_dict_string (workload, "state", "")))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s is %s: %s"), thole_dict_string (workload, "name", ""),
                   thole_dict_string (workload, "state", ""), thole_dict_string (workload, "state_reason", ""));
      return NULL;
    }
  return g_steal_pointer (&workload);
}

static int
run_detached (Cli *cli, GVariant *created, const char *operation, GError **error)
{
  g_autoptr(GVariant) workload = wait_for (cli, created, operation, error);

  /* it exists, so its id is printed even when the wait failed */
  cli_print_done (cli, workload != NULL ? workload : created, thole_dict_string (created, "id", ""));
  return workload != NULL ? CLI_DONE : CLI_FAILED;
}

/* in the foreground --------------------------------------------------------------------------------------- */

static void
on_asked (CliReply *reply, const GError *error, gpointer user_data)
{
  g_autoptr(GError) refused = NULL;

  if (error != NULL && error->domain == CLI_ERROR)
    cli_complain (NULL, error);
  else if (reply != NULL && !cli_reply_check (reply, &refused))
    cli_complain (NULL, refused);
  g_clear_pointer (&reply, cli_reply_free);
}

static void
ask_to_end (Run *run)
{
  g_autofree char *path = cli_path (run->interrupted > 1 ? "/v1/workloads/%s/kill" : "/v1/workloads/%s/stop", run->id);

  run->stopped = TRUE;
  cli_client_begin (run->cli->client, "POST", path, NULL, CLI_ANSWER_TIME, NULL, on_asked, NULL);
}

static void
on_interrupted (guint count, gpointer user_data)
{
  Run *run = user_data;

  run->interrupted = count;
  if (count > 2)
    {
      g_cancellable_cancel (run->cancellable);
      return;
    }
  if (count == 1)
    cli_print_error ("tholectl: %s", _("stopping it; Ctrl-C again kills it, once more leaves it alone"));
  if (run->id != NULL)
    ask_to_end (run);
}

/* is @workload at its end, for good? One that is still wanted to run is started again by its restart policy */
static gboolean
is_over (GVariant *workload)
{
  const char *state = thole_dict_string (workload, "state", "");

  if (strcmp (state, "error") == 0 || strcmp (state, "suspended") == 0)
    return TRUE;
  return cli_state_among (ENDED, state) && strcmp (thole_dict_string (workload, "desired_state", ""), "running") != 0;
}

/* Returns the workload, at its end or running (again) */
static GVariant *
next_state (Run *run, GError **error)
{
  while (TRUE)
    {
      g_autoptr(GError) fault = NULL;
      g_autoptr(GVariant) workload = cli_wait_state (run->cli, run->id, ENDED, 0.5, NULL, NULL, run->cancellable, &fault);

      /* not at its end in that time: then it runs, or will */
      if (workload == NULL && g_error_matches (fault, CLI_ERROR, CLI_FAILED))
        {
          g_clear_error (&fault);
          workload = cli_wait_state (run->cli, run->id, ENDED ",running,paused", -1, NULL, NULL, run->cancellable, &fault);
        }
      if (workload == NULL)
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return NULL;
        }
      if (is_over (workload) || !cli_state_among (ENDED, thole_dict_string (workload, "state", "")))
        return g_steal_pointer (&workload);
      cli_sleep (0.2, run->cancellable);
    }
}

/* copies the output of one run after the other until it is over */
static GVariant *
follow (Run *run, GError **error)
{
  CliLogs logs = { .follow = TRUE };
  g_autoptr(CliProgress) progress = cli_progress_new (TRUE);
  g_autoptr(GVariant) workload = cli_wait_state (run->cli, run->id, BEGUN, -1, run->operation, progress, run->cancellable, error);
  gint64 restarts = -1;

  cli_progress_clear (progress);
  /* one that was restarted and ended meanwhile has written once more */
  while (workload != NULL && strcmp (thole_dict_string (workload, "state", ""), "error") != 0
         && (!is_over (workload) || restarts != thole_dict_int (workload, "restarts", 0)))
    {
      gboolean copied = logs.reader_gone || cli_logs_copy (run->cli, run->id, &logs, run->cancellable, error);

      if (logs.reader_gone && !run->stopped)
        ask_to_end (run);
      restarts = thole_dict_int (workload, "restarts", 0);
      g_clear_pointer (&workload, g_variant_unref);
      if (copied)
        workload = next_state (run, error);
    }
  cli_logs_clear (&logs);
  return g_steal_pointer (&workload);
}

static void
remove_it (Run *run)
{
  g_autofree char *base = cli_path ("/v1/workloads/%s?force=true&wait=deleted&timeout=30", run->id);
  g_autoptr(GError) error = NULL;
  g_autoptr(CliReply) reply = cli_client_ask (run->cli->client, "DELETE", base, NULL, CLI_ANSWER_TIME, NULL, &error);

  if (reply == NULL && !g_error_matches (error, CLI_ERROR, CLI_NOT_FOUND))
    cli_complain (run->name, error);
}

static int
finish (Run *run, GVariant *workload, GError **error)
{
  const char *state = thole_dict_string (workload, "state", "");
  const char *reason = thole_dict_string (workload, "state_reason", "");

  if (run->cli->output == CLI_OUTPUT_JSON)
    cli_print_json (workload);
  if (strcmp (state, "error") == 0)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s is %s: %s"), run->name, state, reason);
      return CLI_FAILED;
    }
  return cli_exit_code (workload, "exit_signal", strcmp (state, "stopped") == 0 ? CLI_DONE : CLI_FAILED);
}

static int
run_in_foreground (Run *run, GVariant *created, GError **error)
{
  g_autoptr(GVariant) workload = NULL;
  int code;

  run->id = g_strdup (thole_dict_string (created, "id", ""));
  run->name = g_strdup (thole_dict_string (created, "name", ""));
  if (run->interrupted > 0)
    ask_to_end (run);
  workload = follow (run, error);
  if (workload == NULL && g_cancellable_is_cancelled (run->cancellable))
    {
      g_clear_error (error);
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s was left alone"), run->name);
      return CLI_FAILED;
    }
  code = workload != NULL ? finish (run, workload, error) : CLI_FAILED;
  if (cli_arguments_has (run->cli->arguments, "rm"))
    remove_it (run);
  return code;
}

static GVariant *
create (Run *run, GError **error)
{
  g_autoptr(GVariant) body = cli_spec_body (run->cli->arguments, error);
  g_autoptr(CliReply) reply = NULL;

  if (body == NULL || !cli_connect (run->cli, error))
    return NULL;
  reply = cli_client_ask (run->cli->client, "POST", "/v1/workloads", body, CLI_ANSWER_TIME, run->cancellable, error);
  if (reply == NULL)
    return NULL;
  if (reply->body == NULL || !g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer is not an object"));
      return NULL;
    }
  run->operation = g_strdup (reply->operation);
  return g_steal_pointer (&reply->body);
}

static int
run (Cli *cli, GError **error)
{
  CliArguments *arguments = cli->arguments;
  gboolean detached = cli_arguments_has (arguments, "detach") || cli_arguments_has (arguments, "no-start");
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Run run = { .cli = cli, .cancellable = cancellable };
  g_autoptr(GVariant) created = NULL;
  CliInterrupt interrupt;
  int code = CLI_FAILED;

  if (!check_options (arguments, error))
    return CLI_USAGE;
  if (!detached)
    {
      /* a reader of our output that goes away is noticed, not died of: the workload is to be stopped */
      signal (SIGPIPE, SIG_IGN);
      cli_interrupt_begin (&interrupt, on_interrupted, &run);
    }
  created = create (&run, error);
  if (created != NULL)
    code = detached ? run_detached (cli, created, run.operation, error) : run_in_foreground (&run, created, error);
  if (!detached)
    cli_interrupt_end (&interrupt);
  g_free (run.id);
  g_free (run.name);
  g_free (run.operation);
  return code;
}

const CliCommand cli_command_run = {
  .name = "run",
  .arguments = "[[IMAGE] [--] ARGUMENT...]",
  .summary = N_("Create a workload and follow it to its end"),
  .doc = N_("Its output comes to stdout and stderr and tholectl ends with the exit code of the program. Ctrl-C stops it, a second Ctrl-C kills it. With -d it is left running. What follows -- without an image is a program of the machine, in a sandbox."),
  .options = options,
  .max = CLI_ANY,
  .stops = TRUE,
  .choices = "image",
  .run = run,
};
