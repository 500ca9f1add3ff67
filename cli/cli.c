/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <string.h>

#include "password.h"
#include "thole-dict.h"

#define MAX_TOKEN 16384
#define MAX_ITEMS 1000000

static gboolean
read_token_file (const char *path, char **token, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) fault = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &text, &length, &fault))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, "--token-file: %s", fault->message);
      return FALSE;
    }
  g_strstrip (text);
  if (*text == '\0' || length > MAX_TOKEN || strpbrk (text, " \r\n") != NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--token-file: %s does not hold one token"), path);
      return FALSE;
    }
  *token = g_steal_pointer (&text);
  return TRUE;
}

/* Returns: (nullable): not empty */
static const char *
variable (const char *name)
{
  const char *value = g_getenv (name);

  return value != NULL && *value != '\0' ? value : NULL;
}

/* Returns: (nullable) */
static const char *
given_url (Cli *self)
{
  const char *given = cli_arguments_get (self->arguments, "url");

  return given != NULL ? given : variable ("THOLE_URL");
}

/* what is given by hand wins over variables, and these over contexts */
gboolean
cli_place (Cli *self, CliPlace *place, GError **error)
{
  const char *named = cli_arguments_get (self->arguments, "context");
  const char *url = given_url (self);
  g_autoptr(GError) wrong = NULL;

  *place = (CliPlace) { 0 };
  place->context = cli_context_load (named, &wrong);
  /* where a daemon was named otherwise contexts do not matter */
  if (wrong != NULL && url == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&wrong));
      return FALSE;
    }
  if (place->context != NULL && url != NULL && strcmp (url, place->context->url) != 0)
    g_clear_pointer (&place->context, cli_context_free);
  place->url = g_strdup (url != NULL ? url : place->context != NULL ? place->context->url : NULL);
  place->authority = g_strdup (variable ("THOLE_CA_FILE") != NULL ? variable ("THOLE_CA_FILE")
                               : place->context != NULL ? place->context->authority : NULL);
  return TRUE;
}

gboolean
cli_place_token (Cli *self, CliPlace *place, GError **error)
{
  const char *path = cli_arguments_get (self->arguments, "token-file");
  g_autoptr(GError) wrong = NULL;

  if (path != NULL)
    return read_token_file (path, &place->token, error);
  place->token = g_strdup (variable ("THOLE_TOKEN"));
  if (place->token != NULL || place->context == NULL)
    return TRUE;
  /* a token is never shown to another daemon than its own */
  place->token = cli_context_token (place->context, &wrong);
  if (wrong == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&wrong));
  return FALSE;
}

void
cli_place_clear (CliPlace *place)
{
  g_clear_pointer (&place->context, cli_context_free);
  g_clear_pointer (&place->url, g_free);
  g_clear_pointer (&place->authority, g_free);
  g_clear_pointer (&place->token, cli_secret_free);
}

gboolean
cli_connect (Cli *self, GError **error)
{
  g_auto(CliPlace) place = { 0 };

  if (self->client != NULL)
    return TRUE;
  if (cli_arguments_has (self->arguments, "context") && given_url (self) != NULL)
    cli_print_error (_("tholectl: %s wins over --context"), cli_arguments_has (self->arguments, "url") ? "--url" : "THOLE_URL");
  if (!cli_place (self, &place, error) || !cli_place_token (self, &place, error))
    return FALSE;
  self->client = cli_client_new (place.url, place.token, place.authority, error);
  return self->client != NULL;
}

GVariant *
cli_get (Cli *self, const char *path, GError **error)
{
  g_autoptr(CliReply) reply = NULL;

  if (!cli_connect (self, error))
    return NULL;
  reply = cli_client_ask (self->client, "GET", path, NULL, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return NULL;
  if (reply->body == NULL || !g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer is not an object"));
      return NULL;
    }
  return g_steal_pointer (&reply->body);
}

static gboolean
take_page (GVariant *page, GPtrArray *items, GError **error)
{
  g_autoptr(GVariant) list = g_variant_lookup_value (page, "items", G_VARIANT_TYPE ("av"));

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) boxed = g_variant_get_child_value (list, i);
      g_autoptr(GVariant) item = g_variant_get_variant (boxed);

      if (g_variant_is_of_type (item, G_VARIANT_TYPE_VARDICT))
        g_ptr_array_add (items, g_steal_pointer (&item));
    }
  if (list != NULL && items->len <= MAX_ITEMS)
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_FAILED, list == NULL ? _("the daemon's answer is not a list") : _("the list is too long"));
  return FALSE;
}

GPtrArray *
cli_get_all (Cli *self, const char *path, GError **error)
{
  g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autofree char *cursor = NULL;

  do
    {
      g_autoptr(GString) page_path = g_string_new (path);
      g_autoptr(GVariant) page = NULL;

      cli_query (page_path, "cursor", cursor);
      page = cli_get (self, page_path->str, error);
      if (page == NULL || !take_page (page, items, error))
        return NULL;
      g_free (cursor);
      cursor = g_strdup (thole_dict_string (page, "next_cursor", NULL));
    }
  while (cursor != NULL && *cursor != '\0');
  return g_steal_pointer (&items);
}

int
cli_for_each (Cli *self, CliEach each)
{
  GPtrArray *words = self->arguments->words;
  int code = CLI_DONE;

  for (guint i = 0; i < words->len; i++)
    {
      const char *name = g_ptr_array_index (words, i);
      g_autoptr(GError) error = NULL;
      int failed;

      if (each (self, name, &error))
        continue;
      failed = cli_complain (words->len > 1 ? name : NULL, error);
      if (code == CLI_DONE)
        code = failed;
      /* the others would fail in the same way */
      if (failed == CLI_UNREACHABLE && self->client == NULL)
        break;
    }
  return code;
}

static void
print_array (GPtrArray *items)
{
  g_autoptr(GVariantBuilder) builder = g_variant_builder_new (G_VARIANT_TYPE ("av"));
  g_autoptr(GVariant) array = NULL;

  for (guint i = 0; i < items->len; i++)
    g_variant_builder_add (builder, "v", g_ptr_array_index (items, i));
  array = g_variant_ref_sink (g_variant_builder_end (builder));
  cli_print_json (array);
}

gboolean
cli_print_list (Cli *self, GPtrArray *items, const char *key)
{
  g_autoptr(GString) out = g_string_new (NULL);

  if (self->output == CLI_OUTPUT_JSON)
    print_array (items);
  if (self->output != CLI_OUTPUT_NAME)
    return self->output == CLI_OUTPUT_JSON;
  for (guint i = 0; i < items->len; i++)
    {
      g_autofree char *safe = cli_text_safe (thole_dict_string (g_ptr_array_index (items, i), key, ""), FALSE);
      g_string_append_printf (out, "%s\n", safe);
    }
  cli_print ("%s", out->str);
  return TRUE;
}

void
cli_print_done (Cli *self, GVariant *object, const char *fallback)
{
  const char *name = object != NULL ? thole_dict_string (object, "name", fallback) : fallback;

  if (self->output == CLI_OUTPUT_JSON && object != NULL)
    cli_print_json (object);
  else
    cli_print ("%s\n", self->output == CLI_OUTPUT_NAME ? name : fallback);
}
