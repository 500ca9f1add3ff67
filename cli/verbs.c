/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <string.h>

#include "thole-dict.h"

static const CliVerb *
find_verb (const CliVerb *verbs, const char *word)
{
  for (; verbs->word != NULL; verbs++)
    if (strcmp (verbs->word, word) == 0)
      return verbs;
  return NULL;
}

int
cli_verbs (Cli *self, const CliVerb *verbs, GError **error)
{
  GPtrArray *words = self->arguments->words;
  const CliVerb *verb = words->len > 0 ? find_verb (verbs, g_ptr_array_index (words, 0)) : verbs;

  if (verb == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("%s: “%s” is not one of %s"), self->command->name,
                   (const char *) g_ptr_array_index (words, 0), self->command->choices);
      return CLI_USAGE;
    }
  if (words->len > 0)
    g_ptr_array_remove_index (words, 0);
  if (words->len < verb->min)
    g_set_error (error, CLI_ERROR, CLI_USAGE, _("an argument is missing: %s"), self->command->arguments);
  else if (words->len > verb->max)
    g_set_error (error, CLI_ERROR, CLI_USAGE, _("an argument is too many: “%s”"), cli_arguments_word (self->arguments, verb->max));
  else
    return verb->run (self, error);
  return CLI_USAGE;
}

static gboolean
delete_one (Cli *self, const char *format, const char *name, GError **error)
{
  g_autofree char *path = cli_path (format, name);
  g_autoptr(CliReply) reply = cli_client_ask (self->client, "DELETE", path, NULL, CLI_ANSWER_TIME, NULL, error);

  if (reply == NULL)
    return FALSE;
  cli_print ("%s\n", name);
  return TRUE;
}

int
cli_delete_each (Cli *self, const char *format, GPtrArray *names, GError **error)
{
  int code = CLI_DONE;

  if (!cli_connect (self, error))
    return CLI_FAILED;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autoptr(GError) problem = NULL;

      if (!delete_one (self, format, name, &problem))
        {
          int failed = cli_complain (names->len > 1 ? name : NULL, problem);

          code = code == CLI_DONE ? failed : code;
        }
    }
  return code;
}

int
cli_send (Cli *self, const char *method, const char *path, GVariant *body, const char *fallback, GError **error)
{
  g_autoptr(GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;
  g_autoptr(CliReply) reply = NULL;

  if (!cli_connect (self, error))
    return CLI_FAILED;
  reply = cli_client_ask (self->client, method, path, owned, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  if (self->output == CLI_OUTPUT_JSON && reply->body != NULL)
    cli_print_json (reply->body);
  else if (*fallback != '\0')
    cli_print ("%s\n", fallback);
  return CLI_DONE;
}

void
cli_put_text (Cli *self, GVariantDict *body, const char *option, const char *key)
{
  const char *value = cli_arguments_get (self->arguments, option);

  if (value != NULL)
    g_variant_dict_insert (body, key, "s", value);
}

void
cli_put_list (Cli *self, GVariantDict *body, const char *option, const char *key)
{
  GPtrArray *values = cli_arguments_all (self->arguments, option);
  gboolean none = values->len == 1 && *(const char *) g_ptr_array_index (values, 0) == '\0';

  if (values->len > 0)
    g_variant_dict_insert_value (body, key, g_variant_new_strv ((const char *const *) values->pdata, none ? 0 : values->len));
}

gboolean
cli_put_int (Cli *self, GVariantDict *body, const char *option, gint64 min, gint64 max, GError **error)
{
  gint64 value;

  if (!cli_arguments_int (self->arguments, option, min, max, 0, &value, error))
    return FALSE;
  if (cli_arguments_has (self->arguments, option))
    g_variant_dict_insert (body, option, "x", value);
  return TRUE;
}

char *
cli_join (GVariant *object, const char *key)
{
  g_auto(GStrv) words = thole_dict_strv (object, key);

  return g_strjoinv (", ", words);
}
