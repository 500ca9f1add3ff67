/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>

#include "../attach.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "console", 'c', CLI_OPTION_FLAG, NULL, NULL, N_("The main program of a workload, not one of its sessions") },
  { "read-only", 'r', CLI_OPTION_FLAG, NULL, NULL, N_("Only watch") },
  { "take", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Take control from whoever types there") },
  { "shared", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Type beside whoever has control") },
  { "from", 0, CLI_OPTION_VALUE, N_("PLACE"), "oldest|live|snapshot",
    N_("Begin with the oldest output that is kept, with what comes, or with the screen (default)") },
  { "detach-keys", 0, CLI_OPTION_VALUE, N_("KEYS"), NULL, N_("What leaves (default ctrl-p,ctrl-q; none: nothing does)") },
  { "take-keys", 0, CLI_OPTION_VALUE, N_("KEYS"), NULL, N_("What takes control while somebody else has it (default ctrl-p,ctrl-t; none: nothing does)") },
  { "patience", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Time without the daemon until it gives up (default 10m)") },
  { NULL },
};

/* The only session of a workload that runs; @none: (out): there is the workload, but no session. */
static GVariant *
session_of_workload (Cli *cli, const char *name, gboolean *none, GError **error)
{
  g_autofree char *path = cli_path ("/v1/workloads/%s/sessions?state=starting,running", name);
  g_autoptr(GPtrArray) items = cli_get_all (cli, path, error);
  g_autoptr(GString) names = g_string_new (NULL);

  *none = items != NULL && items->len == 0;
  if (items == NULL || items->len == 0)
    return NULL;
  if (items->len == 1)
    return g_variant_ref (g_ptr_array_index (items, 0));
  for (guint i = 0; i < items->len; i++)
    g_string_append_printf (names, "\n  %s", thole_dict_string (g_ptr_array_index (items, i), "name", ""));
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("%s has several sessions; name one, or its main program by --console:%s"), name,
               names->str);
  return NULL;
}

/* A session by its name or id, or of a workload; @console: (out): the workload has none. */
static GVariant *
find_session (Cli *cli, const char *name, gboolean *console, GError **error)
{
  g_autofree char *path = cli_path ("/v1/sessions/%s", name);
  g_autoptr(GError) missing = NULL, other = NULL;
  GVariant *session = cli_get (cli, path, &missing);

  if (session != NULL)
    return session;
  if (g_error_matches (missing, CLI_ERROR, CLI_NOT_FOUND))
    session = session_of_workload (cli, name, console, &other);
  if (session != NULL || *console)
    return session;
  /* it is neither: that there is no such session says it best */
  g_propagate_error (error, other != NULL && other->code != CLI_NOT_FOUND ? g_steal_pointer (&other) : g_steal_pointer (&missing));
  return NULL;
}

static void
sit_at_session (CliAttach *attach, GVariant *session, const char *from)
{
  attach->session = thole_dict_string (session, "id", "");
  attach->tty = thole_dict_boolean (session, "tty", FALSE);
  attach->from = from != NULL ? from : attach->tty ? "snapshot" : "oldest";
}

/* what came before is in its log */
static void
sit_at_console (CliAttach *attach, GVariant *workload, const char *from)
{
  g_autoptr(GVariant) spec = thole_dict_value (workload, "spec", "a{sv}");

  attach->console = TRUE;
  attach->session = thole_dict_string (workload, "id", "");
  attach->tty = spec != NULL && thole_dict_boolean (spec, "tty", FALSE);
  attach->input = spec != NULL && thole_dict_boolean (spec, "stdin", FALSE);
  attach->watch |= !attach->input;
  attach->from = from != NULL ? from : attach->tty ? "snapshot" : "live";
}

/* Returns: (transfer full) (nullable): what @attach points into */
static GVariant *
sit_down (Cli *cli, CliAttach *attach, const char *from, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);
  gboolean console = cli_arguments_has (cli->arguments, "console");
  g_autofree char *path = cli_path ("/v1/workloads/%s", name);
  GVariant *found = console ? NULL : find_session (cli, name, &console, error);

  if (found != NULL)
    sit_at_session (attach, found, from);
  else if (console)
    {
      found = cli_get (cli, path, error);
      if (found != NULL)
        sit_at_console (attach, found, from);
    }
  return found;
}

static int
run (Cli *cli, GError **error)
{
  CliArguments *arguments = cli->arguments;
  const char *from = cli_arguments_get (arguments, "from"), *keys = cli_arguments_get (arguments, "detach-keys");
  const char *keys_to_take = cli_arguments_get (arguments, "take-keys");
  CliAttach attach = { .input = TRUE, .detach_keys = keys != NULL ? keys : CLI_DETACH_KEYS };
  g_autoptr(GVariant) place = NULL;
  CliAttachEnd end = CLI_ATTACH_ENDED;
  int code;

  attach.watch = cli_arguments_has (arguments, "read-only");
  attach.take = cli_arguments_has (arguments, "take");
  attach.shared = cli_arguments_has (arguments, "shared");
  attach.take_keys = keys_to_take != NULL ? keys_to_take : CLI_TAKE_KEYS;
  if (attach.watch + attach.take + attach.shared > 1)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--read-only, --take and --shared exclude each other"));
      return CLI_FAILED;
    }
  if (from != NULL && strcmp (from, "oldest") != 0 && strcmp (from, "live") != 0 && strcmp (from, "snapshot") != 0)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--from: “%s” is not oldest, live or snapshot"), from);
      return CLI_FAILED;
    }
  if (!cli_arguments_duration (arguments, "patience", 86400, CLI_PATIENCE, &attach.patience, error) || !cli_connect (cli, error))
    return CLI_FAILED;
  place = sit_down (cli, &attach, from, error);
  if (place == NULL)
    return CLI_FAILED;
  code = cli_attach (cli, &attach, &end, error);
  if (end == CLI_ATTACH_LEFT && attach.console)
    cli_print_error (_("left; it goes on: tholectl attach --console %s"), cli_arguments_word (arguments, 0));
  else if (end == CLI_ATTACH_LEFT)
    cli_print_error (_("left; it goes on: tholectl attach %s"), attach.session);
  return code;
}

const CliCommand cli_command_attach = {
  .name = "attach",
  .arguments = "SESSION",
  .summary = N_("Sit down at a terminal or program inside a workload"),
  .doc = N_("SESSION is the name or id of a session, or a workload that has only one. Of a workload without "
            "sessions, or with --console, it is the main program; what it takes as input depends on its spec "
            "(stdin), and of output that comes faster than 200 lines in a second some is skipped. When the connection "
            "breaks, or the daemon begins anew, tholectl connects again by itself and goes on at the byte, at a main "
            "program by the end of its log, as far as the engine keeps it. "
            "Ctrl-P Ctrl-Q leaves, and the program goes on. Ends with the exit code of the program."),
  .options = options,
  .min = 1,
  .max = 1,
  .choices = "session",
  .run = run,
};
