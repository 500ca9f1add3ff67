/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>

#include "../attach.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "read-only", 'r', CLI_OPTION_FLAG, NULL, NULL, N_("Only watch") },
  { "take", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Take control from whoever types there") },
  { "from", 0, CLI_OPTION_VALUE, N_("PLACE"), "oldest|live|snapshot",
    N_("Begin with the oldest output that is kept, with what comes, or with the screen (default)") },
  { "detach-keys", 0, CLI_OPTION_VALUE, N_("KEYS"), NULL, N_("What leaves (default ctrl-p,ctrl-q; none: nothing does)") },
  { "patience", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Time without the daemon until it gives up (default 10m)") },
  { NULL },
};

/* The only session of a workload that runs. */
static GVariant *
session_of_workload (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = cli_path ("/v1/workloads/%s/sessions?state=starting,running", name);
  g_autoptr(GPtrArray) items = cli_get_all (cli, path, error);
  g_autoptr(GString) names = g_string_new (NULL);

  if (items == NULL)
    return NULL;
  if (items->len == 1)
    return g_variant_ref (g_ptr_array_index (items, 0));
  if (items->len == 0)
    {
      g_set_error (error, CLI_ERROR, CLI_NOT_FOUND, _("%s has no session; begin one: tholectl exec -it %s sh"), name, name);
      return NULL;
    }
  for (guint i = 0; i < items->len; i++)
    g_string_append_printf (names, "\n  %s", thole_dict_string (g_ptr_array_index (items, i), "name", ""));
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("%s has several sessions; name one:%s"), name, names->str);
  return NULL;
}

static GVariant *
find_session (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = cli_path ("/v1/sessions/%s", name);
  g_autoptr(GError) missing = NULL;
  GVariant *session = cli_get (cli, path, &missing);

  if (session != NULL)
    return session;
  if (g_error_matches (missing, CLI_ERROR, CLI_NOT_FOUND))
    {
      g_autoptr(GError) other = NULL;

      session = session_of_workload (cli, name, &other);
      /* it is neither: that there is no such session says it best */
      if (session == NULL && other->code != CLI_NOT_FOUND)
        g_propagate_error (error, g_steal_pointer (&other));
      else if (session == NULL)
        g_propagate_error (error, g_str_has_prefix (name, "se-") ? g_steal_pointer (&missing) : g_steal_pointer (&other));
    }
  else
    g_propagate_error (error, g_steal_pointer (&missing));
  return session;
}

static int
run (Cli *cli, GError **error)
{
  CliArguments *arguments = cli->arguments;
  const char *from = cli_arguments_get (arguments, "from"), *keys = cli_arguments_get (arguments, "detach-keys");
  CliAttach attach = { .input = TRUE, .detach_keys = keys != NULL ? keys : CLI_DETACH_KEYS };
  g_autoptr(GVariant) session = NULL;
  CliAttachEnd end = CLI_ATTACH_ENDED;
  int code;

  attach.watch = cli_arguments_has (arguments, "read-only");
  attach.take = cli_arguments_has (arguments, "take");
  if (attach.watch && attach.take)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--read-only and --take exclude each other"));
      return CLI_FAILED;
    }
  if (from != NULL && strcmp (from, "oldest") != 0 && strcmp (from, "live") != 0 && strcmp (from, "snapshot") != 0)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--from: “%s” is not oldest, live or snapshot"), from);
      return CLI_FAILED;
    }
  if (!cli_arguments_duration (arguments, "patience", 86400, CLI_PATIENCE, &attach.patience, error) || !cli_connect (cli, error))
    return CLI_FAILED;
  session = find_session (cli, cli_arguments_word (arguments, 0), error);
  if (session == NULL)
    return CLI_FAILED;
  attach.session = thole_dict_string (session, "id", "");
  attach.tty = thole_dict_boolean (session, "tty", FALSE);
  attach.from = from != NULL ? from : attach.tty ? "snapshot" : "oldest";
  code = cli_attach (cli, &attach, &end, error);
  if (end == CLI_ATTACH_LEFT)
    cli_print_error (_("left; it goes on: tholectl attach %s"), attach.session);
  return code;
}

const CliCommand cli_command_attach = {
  .name = "attach",
  .arguments = "SESSION",
  .summary = N_("Sit down at a terminal or program inside a workload"),
  .doc = N_("SESSION is the name or id of a session, or a workload that has only one. When the connection "
            "breaks, or the daemon begins anew, tholectl connects again by itself and goes on at the byte. "
            "Ctrl-P Ctrl-Q leaves, and the program goes on. Ends with the exit code of the program."),
  .options = options,
  .min = 1,
  .max = 1,
  .choices = "session",
  .run = run,
};
