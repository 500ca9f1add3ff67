/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libintl.h>
#include <locale.h>
#include <string.h>

#include "cli.h"
#include "help.h"

static int
usage_error (const CliCommand *command, const GError *error)
{
  int code = cli_complain (command != NULL ? command->name : NULL, error);

  if (command != NULL)
    cli_print_error (_("“tholectl help %s” tells how it is used."), command->name);
  else
    cli_print_error (_("“tholectl help” tells how it is used."));
  return code;
}

static gboolean
check_words (const CliCommand *command, CliArguments *arguments, GError **error)
{
  guint count = arguments->words->len;

  if (count < command->min)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("an argument is missing: %s"), command->arguments);
      return FALSE;
    }
  if (count > command->max)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("an argument is too many: “%s”"),
                   cli_arguments_word (arguments, command->max));
      return FALSE;
    }
  for (guint i = 0; i < (command->stops ? MIN (count, command->min) : count); i++)
    if (*cli_arguments_word (arguments, i) == '\0')
      {
        g_set_error (error, CLI_ERROR, CLI_USAGE, _("an argument is empty"));
        return FALSE;
      }
  return TRUE;
}

static CliOutput
wanted_output (CliArguments *arguments)
{
  const char *output = cli_arguments_get (arguments, "output");

  if (g_strcmp0 (output, "json") == 0)
    return CLI_OUTPUT_JSON;
  return g_strcmp0 (output, "name") == 0 ? CLI_OUTPUT_NAME : CLI_OUTPUT_TABLE;
}

static int
run_command (const CliCommand *command, CliArguments *arguments)
{
  Cli cli = { .command = command, .arguments = arguments, .output = wanted_output (arguments) };
  g_autoptr(GError) error = NULL;
  int code = command->run (&cli, &error);

  g_clear_pointer (&cli.client, cli_client_free);
  if (error == NULL)
    return code;
  if (g_error_matches (error, CLI_ERROR, CLI_USAGE))
    return usage_error (command, error);
  return cli_complain (NULL, error);
}

static int
show_help (const CliCommand *command)
{
  g_autofree char *text = command != NULL ? cli_help_command (command) : cli_help_all ();

  cli_print ("%s", text);
  return CLI_DONE;
}

static int
dispatch (char **argv)
{
  g_autoptr(CliArguments) front = cli_arguments_new ();
  const CliOption *tables[] = { cli_options, NULL, NULL };
  g_autoptr(GPtrArray) rest = g_ptr_array_new ();
  const CliCommand *command;
  g_autoptr(GError) error = NULL;

  if (!cli_arguments_parse (front, tables, TRUE, argv + 1, &error))
    return usage_error (NULL, error);
  if (cli_arguments_has (front, "version"))
    {
      cli_print ("tholectl %s\n", THOLE_VERSION);
      return CLI_DONE;
    }
  if (front->words->len == 0)
    {
      if (cli_arguments_has (front, "help"))
        return show_help (NULL);
      g_set_error (&error, CLI_ERROR, CLI_USAGE, _("a command is missing"));
      return usage_error (NULL, error);
    }
  command = cli_command_find (cli_arguments_word (front, 0));
  if (command == NULL)
    {
      g_set_error (&error, CLI_ERROR, CLI_USAGE, _("unknown command “%s”"), cli_arguments_word (front, 0));
      return usage_error (NULL, error);
    }
  for (guint i = 1; i < front->words->len; i++)
    g_ptr_array_add (rest, g_strdup (g_ptr_array_index (front->words, i)));
  g_ptr_array_add (rest, NULL);
  g_ptr_array_set_free_func (rest, g_free);
  g_ptr_array_set_size (front->words, 0);
  tables[1] = command->options;
  if (!cli_arguments_parse (front, tables, command->stops, (char **) rest->pdata, &error))
    return usage_error (command, error);
  if (cli_arguments_has (front, "help"))
    return show_help (command);
  /* a program may be set apart: exec NAME -- PROGRAM */
  if (command->stops && g_strcmp0 (cli_arguments_word (front, 1), "--") == 0)
    g_ptr_array_remove_index (front->words, 1);
  if (!check_words (command, front, &error))
    return usage_error (command, error);
  return run_command (command, front);
}

int
main (int argc, char **argv)
{
  const char *locale_dir = g_getenv ("THOLE_LOCALE_DIR");

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, locale_dir != NULL ? locale_dir : LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  return dispatch (argv);
}
