/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "help.h"

#include <string.h>

#include "output.h"

#define LEFT 30

/* appends @text in lines up to the terminal's width, the lines after the first indented */
static void
append_wrapped (GString *out, const char *text, guint column, guint indent)
{
  guint width = MIN (cli_output_width (), 100);
  g_auto(GStrv) words = g_strsplit (text, " ", -1);

  for (char **word = words; *word != NULL; word++)
    {
      guint one = cli_text_width (*word);

      if (column > indent && column + 1 + one > width)
        {
          g_string_append_printf (out, "\n%*s", (int) indent, "");
          column = indent;
        }
      else if (word != words)
        {
          g_string_append_c (out, ' ');
          column++;
        }
      g_string_append (out, *word);
      column += one;
    }
  g_string_append_c (out, '\n');
}

static void
append_entry (GString *out, const char *left, const char *text)
{
  guint width = cli_text_width (left) + 2;

  g_string_append_printf (out, "  %s", left);
  if (width + 2 > LEFT)
    g_string_append_printf (out, "\n%*s", LEFT, "");
  else
    g_string_append_printf (out, "%*s", (int) (LEFT - width), "");
  append_wrapped (out, text, LEFT, LEFT);
}

static char *
option_text (const CliOption *option)
{
  g_autoptr(GString) text = g_string_new (NULL);

  if (option->letter != 0)
    g_string_append_printf (text, "-%c, ", option->letter);
  else
    g_string_append (text, "    ");
  g_string_append_printf (text, "--%s", option->name);
  if (option->kind == CLI_OPTION_OPTIONAL)
    g_string_append_printf (text, "[=%s]", _(option->value));
  else if (option->kind != CLI_OPTION_FLAG)
    g_string_append_printf (text, " %s", _(option->value));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
append_options (GString *out, const char *title, const CliOption *options)
{
  if (options == NULL || options->name == NULL)
    return;
  g_string_append_printf (out, "\n%s\n", title);
  for (; options->name != NULL; options++)
    {
      g_autofree char *left = option_text (options);
      append_entry (out, left, _(options->doc));
    }
}

char *
cli_help_all (void)
{
  g_autoptr(GString) out = g_string_new (NULL);

  g_string_append_printf (out, _("Usage: %s\n\n"), "tholectl [OPTION...] COMMAND [ARGUMENT...]");
  append_wrapped (out, _("Runs and watches workloads through the Thole daemon."), 0, 0);
  g_string_append_printf (out, "\n%s\n", _("Commands:"));
  for (const CliCommand *const *command = cli_commands; *command != NULL; command++)
    append_entry (out, (*command)->name, _((*command)->summary));
  append_options (out, _("Options of every command:"), cli_options);
  g_string_append_c (out, '\n');
  append_wrapped (out, _("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 daemon or engine cannot be reached; run and exec end with the code of the program."), 0, 0);
  g_string_append_c (out, '\n');
  append_wrapped (out, _("“tholectl help COMMAND” tells more about a command."), 0, 0);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

char *
cli_help_command (const CliCommand *command)
{
  g_autoptr(GString) out = g_string_new (NULL);
  g_autofree char *usage = g_strdup_printf ("tholectl %s%s%s%s", command->name, command->options != NULL ? " [OPTION...]" : "",
                                            *command->arguments != '\0' ? " " : "", command->arguments);

  g_autofree char *line = g_strdup_printf (_("Usage: %s\n\n"), usage);

  append_wrapped (out, g_strchomp (line), 0, 7);
  g_string_append_c (out, '\n');
  append_wrapped (out, _(command->summary), 0, 0);
  if (command->doc != NULL)
    {
      g_string_append_c (out, '\n');
      append_wrapped (out, _(command->doc), 0, 0);
    }
  append_options (out, _("Options:"), command->options);
  append_options (out, _("Options of every command:"), cli_options);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* the man page ------------------------------------------------------------------------------------------ */

/* roff reads a leading dot, quotes, back-slashes and hyphens as its own */
static void
append_roff (GString *out, const char *text)
{
  for (; *text != '\0'; text++)
    {
      if (*text == '\\')
        g_string_append (out, "\\e");
      else if (*text == '-')
        g_string_append (out, "\\-");
      else if (*text == '.' && (out->len == 0 || out->str[out->len - 1] == '\n'))
        g_string_append (out, "\\&.");
      else
        g_string_append_c (out, *text);
    }
}

static void
append_line (GString *out, const char *before, const char *text, const char *after)
{
  g_string_append (out, before);
  append_roff (out, text);
  g_string_append (out, after);
}

static void
man_options (GString *out, const CliOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      g_string_append (out, ".TP\n");
      if (options->letter != 0)
        g_string_append_printf (out, "\\fB\\-%c\\fR, ", options->letter);
      append_line (out, "\\fB\\-\\-", options->name, "\\fR");
      if (options->kind == CLI_OPTION_OPTIONAL)
        append_line (out, "[=\\fI", options->value, "\\fR]");
      else if (options->kind != CLI_OPTION_FLAG)
        append_line (out, " \\fI", options->value, "\\fR");
      append_line (out, "\n", options->doc, ".\n");
    }
}

static void
man_command (GString *out, const CliCommand *command)
{
  append_line (out, ".SS tholectl ", command->name, "");
  append_line (out, command->options != NULL ? " [OPTION...] " : " ", command->arguments, "\n");
  append_line (out, "", command->summary, ".\n");
  if (command->doc != NULL)
    append_line (out, ".PP\n", command->doc, "\n");
  man_options (out, command->options);
}

char *
cli_help_man (void)
{
  g_autoptr(GString) out = g_string_new (".\\\" made by tholectl help --man; do not edit\n");

  g_string_append (out, ".TH THOLECTL 1 \"\" \"thole " THOLE_VERSION "\" \"User Commands\"\n.SH NAME\n"
                        "tholectl \\- run and watch workloads through the Thole daemon\n.SH SYNOPSIS\n"
                        ".B tholectl\n[OPTION...] COMMAND [ARGUMENT...]\n.SH DESCRIPTION\n"
                        "tholectl talks to\n.BR tholed (8)\nover its unix socket, or over TCP with a token.\n"
                        "Options may stand before or after the command; -- ends them.\n"
                        ".SH OPTIONS\n");
  man_options (out, cli_options);
  g_string_append (out, ".SH COMMANDS\n");
  for (const CliCommand *const *command = cli_commands; *command != NULL; command++)
    man_command (out, *command);
  g_string_append (out,
                   ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 the daemon or the engine cannot "
                   "be reached.\n.B run\nin the foreground and\n.B exec\nend with the exit code of the program, "
                   "128 plus the signal when a signal ended it.\n"
                   ".SH ENVIRONMENT\n.TP\n.B THOLE_URL\nWhere the daemon is: unix:PATH or http[s]://HOST:PORT.\n"
                   ".TP\n.B THOLE_CA_FILE\nPEM file of those that may sign an https daemon's certificate, instead of the system's.\n"
                   ".TP\n.B THOLE_TOKEN\nA bearer token for TCP, as \\-\\-token\\-file.\n"
                   "Both win over contexts, which win over the usual socket.\n"
                   ".TP\n.BR LC_ALL \", \" LANGUAGE\nThe language of the messages.\n"
                   ".SH FILES\n.TP\n.I $XDG_CONFIG_HOME/thole/contexts\nThe contexts, without their tokens.\n"
                   ".TP\n.I $XDG_STATE_HOME/thole/tokens/NAME\nThe token of a context, when no keyring takes it.\n"
                   ".TP\n.I /run/thole/thole.sock\nThe daemon of the system, the default of root.\n"
                   ".TP\n.I $XDG_RUNTIME_DIR/thole/thole.sock\nThe daemon of a user, the default of everybody else.\n"
                   ".SH SEE ALSO\n.BR tholed (8),\n.BR thole.conf (5)\n");
  return g_string_free (g_steal_pointer (&out), FALSE);
}
