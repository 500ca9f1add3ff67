/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scripts ask tholectl itself for names, and never let the shell expand what it answers.
 */
#include "help.h"

#include <string.h>

/* where the values of a kind come from; both shells with functions share it */
static const char values_function[] =
  "_tholectl_values ()\n"
  "{\n"
  "  case \"$1\" in\n"
  "    workload) tholectl ps -a -q --output name 2>/dev/null ;;\n"
  "    backend) tholectl backends --output name 2>/dev/null ;;\n"
  "    image) tholectl images --output name 2>/dev/null ;;\n"
  "    session) tholectl sessions --output name 2>/dev/null ;;\n"
  "    role) tholectl role --output name 2>/dev/null ;;\n"
  "    group) tholectl group --output name 2>/dev/null ;;\n"
  "    context) tholectl context --output name 2>/dev/null ;;\n"
  "    operation) tholectl operations --output name 2>/dev/null ;;\n"
  "    *) printf '%s' \"$1\" | tr '|' '\\n'; echo ;;\n"
  "  esac\n"
  "}\n\n";

static char *
command_names (const char *separator)
{
  g_autoptr(GString) names = g_string_new (NULL);

  for (const CliCommand *const *command = cli_commands; *command != NULL; command++)
    g_string_append_printf (names, "%s%s", names->len > 0 ? separator : "", (*command)->name);
  return g_string_free (g_steal_pointer (&names), FALSE);
}

static char *
kind_of (const char *choices)
{
  return g_strcmp0 (choices, "command") == 0 ? command_names ("|") : g_strdup (choices != NULL ? choices : "");
}

/* @text between single quotes */
static void
append_quoted (GString *out, const char *text)
{
  g_autofree char *quoted = g_shell_quote (text);

  g_string_append (out, quoted);
}

/* bash and zsh: "--name|-n) kind='...' ;;" for every option that takes a value */
static void
append_kinds (GString *out, const char *indent, const CliOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      if (options->kind == CLI_OPTION_FLAG || options->kind == CLI_OPTION_OPTIONAL)
        continue;
      g_string_append_printf (out, "%s--%s", indent, options->name);
      if (options->letter != 0)
        g_string_append_printf (out, " | -%c", options->letter);
      g_string_append_printf (out, ") kind=");
      append_quoted (out, options->choices != NULL ? options->choices : "none");
      g_string_append (out, " ;;\n");
    }
}

/* finds the command and which kind of value is wanted at the cursor; @words: the array, @first: index of its first
 * argument, @current: index of the cursor, all in the language of the shell */
static void
append_search (GString *out, const char *words, const char *first, const char *current)
{
  g_string_append_printf (out,
                          "  for (( i = %s; i < %s; i++ )); do\n"
                          "    case \"${%s[i]}\" in\n"
                          "      --url | --token-file | --context | --output | -o)\n"
                          "        [[ \"${%s[i+1]}\" == = ]] && (( i += 2 )) || (( i++ )) ;;\n"
                          "      -* | =) ;;\n"
                          "      *) command=\"${%s[i]}\"; break ;;\n"
                          "    esac\n"
                          "  done\n"
                          "  case \"$prev\" in\n",
                          first, current, words, words, words);
  append_kinds (out, "    ", cli_options);
  g_string_append (out, "  esac\n");
}

/* bash ------------------------------------------------------------------------------------------------- */

static void
bash_options (GString *out, const CliOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    g_string_append_printf (out, "|--%s", options->name);
}

static void
bash_command (GString *out, const CliCommand *command)
{
  g_autofree char *kind = kind_of (command->choices);

  g_string_append_printf (out, "    %s)\n      words=", command->name);
  append_quoted (out, kind);
  g_string_append (out, "\n      options+='");
  bash_options (out, command->options);
  g_string_append (out, "'\n");
  if (command->options != NULL)
    {
      g_string_append (out, "      case \"$prev\" in\n");
      append_kinds (out, "        ", command->options);
      g_string_append (out, "      esac\n");
    }
  g_string_append (out, "      ;;\n");
}

static char *
bash (void)
{
  g_autoptr(GString) out = g_string_new ("# bash completion of tholectl, made by: tholectl completion bash\n\n");
  g_autofree char *names = command_names ("|");

  g_string_append (out, values_function);
  g_string_append (out, "_tholectl_offer ()\n"
                        "{\n"
                        "  local word\n"
                        "  while IFS= read -r word; do\n"
                        "    [[ -n $word && $word == \"$cur\"* ]] && COMPREPLY+=(\"$word\")\n"
                        "  done < <(_tholectl_values \"$1\")\n"
                        "}\n\n"
                        "_tholectl ()\n"
                        "{\n"
                        "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                        "  local command= kind= words= options= i\n"
                        "  COMPREPLY=()\n"
                        "  # --output=json comes as three words\n"
                        "  if [[ $cur == = ]]; then\n"
                        "    cur=\n"
                        "  elif [[ $prev == = ]]; then\n"
                        "    prev=\"${COMP_WORDS[COMP_CWORD-2]}\"\n"
                        "  fi\n");
  g_string_append (out, "  options='--help");
  bash_options (out, cli_options);
  g_string_append (out, "'\n");
  append_search (out, "COMP_WORDS", "1", "COMP_CWORD");
  g_string_append_printf (out, "  case \"$command\" in\n    '') words='%s' ;;\n", names);
  for (const CliCommand *const *command = cli_commands; *command != NULL; command++)
    bash_command (out, *command);
  g_string_append (out, "  esac\n"
                        "  if [[ $kind == file ]]; then\n"
                        "    compopt -o filenames 2>/dev/null\n"
                        "    while IFS= read -r i; do COMPREPLY+=(\"$i\"); done < <(compgen -f -- \"$cur\")\n"
                        "  elif [[ $kind == none ]]; then\n"
                        "    return\n"
                        "  elif [[ -n $kind ]]; then\n"
                        "    _tholectl_offer \"$kind\"\n"
                        "  elif [[ $cur == -* ]]; then\n"
                        "    _tholectl_offer \"$options\"\n"
                        "  elif [[ -n $words ]]; then\n"
                        "    _tholectl_offer \"$words\"\n"
                        "  fi\n"
                        "}\n\n"
                        "complete -F _tholectl tholectl\n");
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* zsh -------------------------------------------------------------------------------------------------- */

static void
zsh_options (GString *out, const char *indent, const CliOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      g_autofree char *entry = g_strdup_printf ("--%s:%s", options->name, _(options->doc));

      g_string_append (out, indent);
      append_quoted (out, entry);
      g_string_append_c (out, '\n');
    }
}

static void
zsh_command (GString *out, const CliCommand *command)
{
  g_autofree char *kind = kind_of (command->choices);

  g_string_append_printf (out, "    %s)\n      arguments=", command->name);
  append_quoted (out, kind);
  if (command->options != NULL)
    {
      g_string_append (out, "\n      options+=(\n");
      zsh_options (out, "        ", command->options);
      g_string_append (out, "      )\n      case \"$prev\" in\n");
      append_kinds (out, "        ", command->options);
      g_string_append (out, "      esac");
    }
  g_string_append (out, "\n      ;;\n");
}

static char *
zsh (void)
{
  g_autoptr(GString) out = g_string_new ("#compdef tholectl\n# made by: tholectl completion zsh\n\n");

  g_string_append (out, values_function);
  g_string_append (out, "_tholectl ()\n"
                        "{\n"
                        "  local cur=\"${words[CURRENT]}\" prev=\"${words[CURRENT-1]}\" command= kind= arguments= i\n"
                        "  local -a options commands\n"
                        "  commands=(\n");
  for (const CliCommand *const *command = cli_commands; *command != NULL; command++)
    {
      g_autofree char *entry = g_strdup_printf ("%s:%s", (*command)->name, _((*command)->summary));

      g_string_append (out, "    ");
      append_quoted (out, entry);
      g_string_append_c (out, '\n');
    }
  g_string_append (out, "  )\n  options=(\n");
  zsh_options (out, "    ", cli_options);
  g_string_append (out, "  )\n");
  append_search (out, "words", "2", "CURRENT");
  g_string_append (out, "  case \"$command\" in\n");
  for (const CliCommand *const *command = cli_commands; *command != NULL; command++)
    zsh_command (out, *command);
  g_string_append (out, "  esac\n"
                        "  if [[ $kind == file ]]; then\n"
                        "    _files\n"
                        "  elif [[ $kind == none ]]; then\n"
                        "    return 1\n"
                        "  elif [[ -n $kind ]]; then\n"
                        "    compadd -- ${(f)\"$(_tholectl_values \"$kind\")\"}\n"
                        "  elif [[ $cur == -* ]]; then\n"
                        "    _describe -o option options\n"
                        "  elif [[ -z $command ]]; then\n"
                        "    _describe command commands\n"
                        "  elif [[ -n $arguments ]]; then\n"
                        "    compadd -- ${(f)\"$(_tholectl_values \"$arguments\")\"}\n"
                        "  fi\n"
                        "}\n\n"
                        "if [[ ${funcstack[1]} == _tholectl ]]; then\n"
                        "  _tholectl \"$@\"\n"
                        "else\n"
                        "  compdef _tholectl tholectl\n"
                        "fi\n");
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* fish ------------------------------------------------------------------------------------------------- */

static char *
fish_source (const char *choices)
{
  static const char *const sources[][2] = {
    { "workload", "(tholectl ps -a -q --output name 2>/dev/null)" },
    { "backend", "(tholectl backends --output name 2>/dev/null)" },
    { "image", "(tholectl images --output name 2>/dev/null)" },
    { "session", "(tholectl sessions --output name 2>/dev/null)" },
    { "role", "(tholectl role --output name 2>/dev/null)" },
    { "group", "(tholectl group --output name 2>/dev/null)" },
    { "context", "(tholectl context --output name 2>/dev/null)" },
    { "operation", "(tholectl operations --output name 2>/dev/null)" },
  };
  g_autofree char *kind = kind_of (choices);

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (strcmp (kind, sources[i][0]) == 0)
      return g_strdup (sources[i][1]);
  return g_strdelimit (g_steal_pointer (&kind), "|", ' ');
}

/* fish's single quotes know \' and \\ */
static void
append_fish_quoted (GString *out, const char *text)
{
  g_string_append_c (out, '\'');
  for (; *text != '\0'; text++)
    {
      if (*text == '\'' || *text == '\\')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *text);
    }
  g_string_append_c (out, '\'');
}

static void
fish_options (GString *out, const char *condition, const CliOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      gboolean value = options->kind == CLI_OPTION_VALUE || options->kind == CLI_OPTION_MANY;

      g_string_append_printf (out, "complete -c tholectl%s -l %s", condition, options->name);
      if (options->letter != 0)
        g_string_append_printf (out, " -s %c", options->letter);
      if (value && g_strcmp0 (options->choices, "file") == 0)
        g_string_append (out, " -r -F");
      else if (value)
        g_string_append (out, " -x");
      if (value && options->choices != NULL && strcmp (options->choices, "file") != 0)
        {
          g_autofree char *source = fish_source (options->choices);
          g_string_append (out, " -a ");
          append_fish_quoted (out, source);
        }
      g_string_append (out, " -d ");
      append_fish_quoted (out, _(options->doc));
      g_string_append_c (out, '\n');
    }
}

static char *
fish (void)
{
  g_autoptr(GString) out = g_string_new ("# fish completion of tholectl, made by: tholectl completion fish\n\n"
                                         "complete -c tholectl -f\n");

  fish_options (out, "", cli_options);
  for (const CliCommand *const *at = cli_commands; *at != NULL; at++)
    {
      const CliCommand *command = *at;
      g_autofree char *condition = g_strdup_printf (" -n '__fish_seen_subcommand_from %s'", command->name);

      g_string_append_printf (out, "complete -c tholectl -n __fish_use_subcommand -a %s -d ", command->name);
      append_fish_quoted (out, _(command->summary));
      g_string_append_c (out, '\n');
      if (command->choices != NULL)
        {
          g_autofree char *source = fish_source (command->choices);
          g_string_append_printf (out, "complete -c tholectl%s -a ", condition);
          append_fish_quoted (out, source);
          g_string_append_c (out, '\n');
        }
      fish_options (out, condition, command->options);
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

char *
cli_completion (const char *shell)
{
  if (strcmp (shell, "bash") == 0)
    return bash ();
  return strcmp (shell, "zsh") == 0 ? zsh () : fish ();
}
