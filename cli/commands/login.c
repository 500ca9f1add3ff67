/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>

#include "../cli.h"
#include "../password.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "password-stdin", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Read the password from standard input instead of asking") },
  { "ca-file", 0, CLI_OPTION_VALUE, N_("FILE"), "file", N_("PEM file of those that may sign for the daemon") },
  { NULL },
};

static char *
sign_in (CliClient *client, const char *email, const char *password, GError **error)
{
  GVariantDict dict;
  g_autoptr(GVariant) body = NULL;
  g_autoptr(CliReply) reply = NULL;
  const char *token;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "email", "s", email);
  g_variant_dict_insert (&dict, "password", "s", password);
  body = g_variant_ref_sink (g_variant_dict_end (&dict));
  reply = cli_client_ask (client, "POST", "/v1/auth/login", body, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return NULL;
  token = reply->body != NULL ? thole_dict_string (reply->body, "token", NULL) : NULL;
  if (token == NULL)
    g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer is not an object"));
  return g_strdup (token);
}

/* the context of that name, else the one that the place came from, else a new one: never silently one of another daemon */
static CliContext *
context_for (Cli *cli, const CliPlace *place, const char *url, const char *authority, GError **error)
{
  const char *named = cli_arguments_get (cli->arguments, "context");
  const char *name = named != NULL ? named : place->context != NULL ? place->context->name : "default";
  g_autoptr(CliContext) before = cli_context_load (name, NULL);

  if (named != NULL || before == NULL || strcmp (before->url, url) == 0)
    return cli_context_new (name, url, authority);
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("the context “%s” is the daemon at %s: name another one with --context"), name, before->url);
  return NULL;
}

static gboolean
keep (Cli *cli, CliContext *context, const char *token, const char *email, GError **error)
{
  if (!cli_context_keep (context, token, error) || !cli_context_save (context, error) || !cli_context_use (context->name, error))
    return FALSE;
  cli_print_error (g_strcmp0 (context->credential, "keyring") == 0 ? _("The token of the context “%s” is in the keyring.")
                                                                   : _("The token of the context “%s” is in a file that only you can read."),
                   context->name);
  cli_print ("%s\n", email);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  const char *given = cli_arguments_word (cli->arguments, 0), *file = cli_arguments_get (cli->arguments, "ca-file");
  const char *named = cli_arguments_get (cli->arguments, "context");
  gboolean piped = cli_arguments_has (cli->arguments, "password-stdin");
  g_auto(CliPlace) place = { 0 };
  g_autoptr(CliClient) client = NULL;
  g_autoptr(CliContext) context = NULL;
  g_autofree char *email = NULL;
  char *password = NULL, *token = NULL;
  gboolean done;

  if ((named != NULL && !cli_context_valid (named, error)) || !cli_place (cli, &place, error))
    return CLI_FAILED;
  client = cli_client_new (place.url, NULL, file != NULL ? file : place.authority, error);
  email = client == NULL ? NULL : given != NULL ? g_strdup (given) : cli_ask (_("E-mail address: "), error);
  if (email == NULL)
    return CLI_FAILED;
  context = context_for (cli, &place, cli_client_url (client), file != NULL ? file : place.authority, error);
  if (context == NULL)
    return CLI_FAILED;
  password = piped ? cli_stdin_secret (error) : cli_ask_secret (_("Password: "), error);
  token = password != NULL ? sign_in (client, email, password, error) : NULL;
  cli_secret_free (password);
  done = token != NULL && keep (cli, context, token, email, error);
  cli_secret_free (token);
  return done ? CLI_DONE : CLI_FAILED;
}

const CliCommand cli_command_login = {
  .name = "login",
  .arguments = "[E-MAIL]",
  .summary = N_("Sign in, and keep the token for later commands"),
  .doc = N_("The password is asked for. The token is kept in the keyring of the desktop when one is open, else in a file that only you can "
            "read, in the context that --context names, the one in use, or the one called default, which is then in use."),
  .options = options,
  .max = 1,
  .run = run,
};
