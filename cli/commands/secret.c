/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>
#include <unistd.h>

#include "../listing.h"
#include "../units.h"
#include "thole-dict.h"

#define MAX_VALUE 65536

static const CliColumn columns[] = {
  { N_("NAME"), 0, FALSE, FALSE }, { N_("OWNER"), 0, FALSE, FALSE }, { N_("AGE"), 0, FALSE, FALSE }, { N_("ID"), 0, FALSE, FALSE },
};

static void
add_row (CliTable *table, GVariant *secret)
{
  cli_table_add (table, thole_dict_string (secret, "name", ""));
  cli_table_add (table, thole_dict_string (secret, "owner", ""));
  cli_table_take (table, cli_age_text (thole_dict_string (secret, "updated_at", NULL), g_get_real_time ()));
  cli_table_add (table, thole_dict_string (secret, "id", ""));
}

static const CliListing listing = { "/v1/secrets?limit=1000", NULL, "name", columns, G_N_ELEMENTS (columns), add_row };

/* Never an argument: others see those. Returns: (transfer full) */
static char *
read_value (GError **error)
{
  g_autofree char *text = g_malloc (MAX_VALUE + 2);
  gsize length = 0;
  gssize n = 1;

  while (length <= MAX_VALUE && (n = read (STDIN_FILENO, text + length, MAX_VALUE + 1 - length)) > 0)
    length += (gsize) n;
  text[length] = '\0';
  /* what an echo or an editor puts at the end */
  if (length > 0 && text[length - 1] == '\n')
    text[--length] = '\0';
  if (n >= 0 && length > 0 && length <= MAX_VALUE && g_utf8_validate_len (text, length, NULL))
    return g_steal_pointer (&text);
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("standard input does not hold a value: UTF-8, 1 to %d bytes"), MAX_VALUE);
  return NULL;
}

static int
set (Cli *cli, const char *name, GError **error)
{
  g_autofree char *value = read_value (error);
  g_autofree char *path = cli_path ("/v1/secrets/%s", name);
  g_autoptr(GVariant) body = NULL;
  g_autoptr(CliReply) reply = NULL;
  gboolean made;
  GVariantDict dict;

  if (value == NULL || !cli_connect (cli, error))
    return CLI_FAILED;
  reply = cli_client_call (cli->client, "GET", path, NULL, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  made = reply->status == 404;
  g_clear_pointer (&reply, cli_reply_free);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "value", "s", value);
  if (made)
    g_variant_dict_insert (&dict, "name", "s", name);
  body = g_variant_ref_sink (g_variant_dict_end (&dict));
  reply = cli_client_ask (cli->client, made ? "POST" : "PATCH", made ? "/v1/secrets" : path, body, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  cli_print_done (cli, reply->body, name);
  return CLI_DONE;
}

static int
drop (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = cli_path ("/v1/secrets/%s", name);
  g_autoptr(CliReply) reply = NULL;

  if (!cli_connect (cli, error))
    return CLI_FAILED;
  reply = cli_client_ask (cli->client, "DELETE", path, NULL, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  cli_print ("%s\n", name);
  return CLI_DONE;
}

static int
run (Cli *cli, GError **error)
{
  const char *verb = cli_arguments_word (cli->arguments, 0);
  const char *name = verb != NULL ? cli_arguments_word (cli->arguments, 1) : NULL;

  if (verb == NULL)
    return cli_listing (cli, &listing, NULL, error);
  if (name != NULL && strcmp (verb, "set") == 0)
    return set (cli, name, error);
  if (name != NULL && strcmp (verb, "rm") == 0)
    return drop (cli, name, error);
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("secret: wanted is “set NAME” or “rm NAME”"));
  return CLI_USAGE;
}

const CliCommand cli_command_secret = {
  .name = "secret",
  .arguments = "[set|rm NAME]",
  .summary = N_("List secrets, set one from standard input, or delete one"),
  .doc = N_("The value is read from standard input, since others see the arguments of a command; one line feed at its end does not "
            "count. No command ever shows it. In the environment of a spec {\"secret\": \"NAME\"} stands for it."),
  .max = 2,
  .choices = "set|rm",
  .run = run,
};
