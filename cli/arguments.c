/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"

#include <string.h>

#include "units.h"

CliArguments *
cli_arguments_new (void)
{
  CliArguments *self = g_new0 (CliArguments, 1);

  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_ptr_array_unref);
  self->words = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
cli_arguments_free (CliArguments *self)
{
  g_hash_table_unref (self->values);
  g_ptr_array_unref (self->words);
  g_free (self);
}

/* the C locale says nothing about bytes above 127, so UTF-8 is taken as it is in any locale */
static char *
to_utf8 (const char *text, GError **error)
{
  g_autofree char *converted = NULL;

  if (g_utf8_validate (text, -1, NULL))
    return g_strdup (text);
  converted = g_locale_to_utf8 (text, -1, NULL, NULL, NULL);
  if (converted == NULL || !g_utf8_validate (converted, -1, NULL))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("an argument is not text in the encoding of the locale"));
      return NULL;
    }
  return g_steal_pointer (&converted);
}

static const CliOption *
find_option (const CliOption *const *tables, const char *name, gsize length, char letter)
{
  for (; *tables != NULL; tables++)
    for (const CliOption *option = *tables; option->name != NULL; option++)
      {
        if (letter != 0 && option->letter == letter)
          return option;
        if (name != NULL && strlen (option->name) == length && strncmp (option->name, name, length) == 0)
          return option;
      }
  return NULL;
}

static gboolean
is_choice (const CliOption *option, const char *value)
{
  g_auto(GStrv) choices = NULL, words = NULL;

  if (option->choices == NULL || strchr (option->choices, '|') == NULL)
    return TRUE;
  choices = g_strsplit (option->choices, "|", -1);
  words = g_strsplit (value, g_str_has_suffix (option->value, ",...") ? "," : "|", -1);
  for (char **word = words; *word != NULL; word++)
    if (!g_strv_contains ((const char *const *) choices, *word))
      return FALSE;
  return *words != NULL;
}

static gboolean
add_value (CliArguments *self, const CliOption *option, const char *text, GError **error)
{
  GPtrArray *all = g_hash_table_lookup (self->values, option->name);
  g_autofree char *value = to_utf8 (text, error);

  if (value == NULL)
    return FALSE;
  if ((*value != '\0' || option->kind == CLI_OPTION_VALUE) && !is_choice (option, value))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--%s: “%s” is not one of %s"), option->name, value, option->choices);
      return FALSE;
    }
  if (all == NULL)
    {
      all = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (self->values, (gpointer) option->name, all);
    }
  if (option->kind != CLI_OPTION_MANY)
    g_ptr_array_set_size (all, 0);
  g_ptr_array_add (all, g_steal_pointer (&value));
  return TRUE;
}

static gboolean
no_value (const CliOption *option, GError **error)
{
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("option --%s needs a value: %s"), option->name, _(option->value));
  return FALSE;
}

/* @argv: at the option. Returns how many members were taken, 0 on error. */
static guint
parse_long (CliArguments *self, const CliOption *const *tables, char **argv, GError **error)
{
  const char *name = argv[0] + 2, *equals = strchr (name, '=');
  gsize length = equals != NULL ? (gsize) (equals - name) : strlen (name);
  const CliOption *option = find_option (tables, name, length, 0);

  if (option == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("unknown option --%.*s"), (int) length, name);
      return 0;
    }
  if (option->kind == CLI_OPTION_FLAG && equals != NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("option --%s takes no value"), option->name);
      return 0;
    }
  if (equals != NULL)
    return add_value (self, option, equals + 1, error) ? 1 : 0;
  if (option->kind == CLI_OPTION_FLAG || option->kind == CLI_OPTION_OPTIONAL)
    return add_value (self, option, "", error) ? 1 : 0;
  if (argv[1] == NULL)
    return no_value (option, error), 0;
  return add_value (self, option, argv[1], error) ? 2 : 0;
}

/* a cluster of letters: -af, -n5 or -n 5 */
static guint
parse_short (CliArguments *self, const CliOption *const *tables, char **argv, GError **error)
{
  for (const char *letter = argv[0] + 1; *letter != '\0'; letter++)
    {
      const CliOption *option = find_option (tables, NULL, 0, *letter);

      if (option == NULL)
        {
          g_set_error (error, CLI_ERROR, CLI_USAGE, _("unknown option -%c"), *letter);
          return 0;
        }
      if (option->kind == CLI_OPTION_FLAG || option->kind == CLI_OPTION_OPTIONAL)
        {
          if (!add_value (self, option, "", error))
            return 0;
          continue;
        }
      if (letter[1] != '\0')
        return add_value (self, option, letter + 1, error) ? 1 : 0;
      if (argv[1] == NULL)
        return no_value (option, error), 0;
      return add_value (self, option, argv[1], error) ? 2 : 0;
    }
  return 1;
}

gboolean
cli_arguments_parse (CliArguments *self, const CliOption *const *tables, gboolean stops, char **argv, GError **error)
{
  gboolean options = TRUE;

  self->bare = FALSE;
  while (*argv != NULL)
    {
      guint taken;

      if (options && strcmp (*argv, "--") == 0)
        {
          options = FALSE;
          self->bare = self->words->len == 0;
          argv++;
          continue;
        }
      if (options && argv[0][0] == '-' && argv[0][1] != '\0')
        {
          taken = argv[0][1] == '-' ? parse_long (self, tables, argv, error) : parse_short (self, tables, argv, error);
          if (taken == 0)
            return FALSE;
          argv += taken;
          continue;
        }
      char *word = to_utf8 (*argv++, error);
      if (word == NULL)
        return FALSE;
      g_ptr_array_add (self->words, word);
      if (stops)
        options = FALSE;
    }
  return TRUE;
}

GPtrArray *
cli_arguments_all (CliArguments *self, const char *name)
{
  GPtrArray *all = g_hash_table_lookup (self->values, name);

  if (all == NULL)
    {
      all = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (self->values, (gpointer) name, all);
    }
  return all;
}

const char *
cli_arguments_get (CliArguments *self, const char *name)
{
  GPtrArray *all = g_hash_table_lookup (self->values, name);

  return all != NULL && all->len > 0 ? g_ptr_array_index (all, all->len - 1) : NULL;
}

gboolean
cli_arguments_has (CliArguments *self, const char *name)
{
  return cli_arguments_get (self, name) != NULL;
}

const char *
cli_arguments_word (CliArguments *self, guint index)
{
  return index < self->words->len ? g_ptr_array_index (self->words, index) : NULL;
}

gboolean
cli_arguments_int (CliArguments *self, const char *name, gint64 min, gint64 max, gint64 fallback, gint64 *value,
                   GError **error)
{
  const char *text = cli_arguments_get (self, name);

  if (text == NULL)
    {
      *value = fallback;
      return TRUE;
    }
  if (!g_ascii_string_to_signed (text, 10, min, max, value, NULL))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE,
                   _("--%s: “%s” is not a number from %lld to %lld"), name, text, (long long) min, (long long) max);
      return FALSE;
    }
  return TRUE;
}

gboolean
cli_arguments_duration (CliArguments *self, const char *name, double max, double fallback, double *value, GError **error)
{
  const char *text = cli_arguments_get (self, name);
  double seconds;

  if (text == NULL)
    {
      *value = fallback;
      return TRUE;
    }
  seconds = cli_duration_parse (text);
  if (seconds < 0 || seconds > max)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--%s: “%s” is not a duration up to %.0f seconds (90, 1.5, 10m, 2h)"),
                   name, text, max);
      return FALSE;
    }
  *value = seconds;
  return TRUE;
}
