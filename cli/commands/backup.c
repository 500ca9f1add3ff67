/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "../follow.h"

static const CliOption options[] = {
  { "replace", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Also when the file is there already") },
  { "detach", 'd', CLI_OPTION_FLAG, NULL, NULL, N_("Do not wait, print the id of the operation") },
  { NULL },
};

static int
run (Cli *cli, GError **error)
{
  /* the daemon has another working folder */
  g_autofree char *path = g_canonicalize_filename (cli_arguments_word (cli->arguments, 0), NULL);
  GVariantDict dict;

  if (!g_utf8_validate (path, -1, NULL))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("the name of the file is not UTF-8"));
      return CLI_FAILED;
    }
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "path", "s", path);
  g_variant_dict_insert (&dict, "replace", "b", cli_arguments_has (cli->arguments, "replace"));
  return cli_begin (cli, "/v1/admin/backup", g_variant_dict_end (&dict), path, error);
}

const CliCommand cli_command_backup = {
  .name = "backup",
  .arguments = "FILE",
  .summary = N_("Copy the daemon's store to a file while it is in use"),
  .doc = N_("The daemon writes FILE where it runs, readable for its own user alone, and checks it; it appears whole or not at "
            "all. Ctrl-C cancels the copy. tholed --restore FILE begins with it as its store."),
  .options = options,
  .min = 1,
  .max = 1,
  .choices = "file",
  .run = run,
};
