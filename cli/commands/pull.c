/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>
#include <unistd.h>

#include "../cli.h"
#include "../follow.h"

#define MAX_PASSWORD 4096

static const CliOption options[] = {
  { "backend", 'b', CLI_OPTION_VALUE, N_("NAME"), "backend", N_("Into this backend (default: the default one)") },
  { "username", 0, CLI_OPTION_VALUE, N_("NAME"), NULL, N_("For the registry") },
  { "password-stdin", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Read the password for the registry from standard input") },
  { "detach", 'd', CLI_OPTION_FLAG, NULL, NULL, N_("Do not wait, print the id of the operation") },
  { NULL },
};

static gboolean
add_password (CliArguments *arguments, GVariantDict *body, GError **error)
{
  char text[MAX_PASSWORD + 2];
  gsize length = 0;
  gssize got;

  if (!cli_arguments_has (arguments, "password-stdin"))
    return TRUE;
  while (length < sizeof text - 1 && (got = read (STDIN_FILENO, text + length, sizeof text - 1 - length)) > 0)
    length += (gsize) got;
  text[length] = '\0';
  text[strcspn (text, "\r\n")] = '\0';
  if (*text == '\0' || length > MAX_PASSWORD || !g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--password-stdin: the standard input does not hold a password"));
      return FALSE;
    }
  g_variant_dict_insert (body, "password", "s", text);
  return TRUE;
}

/* Returns: (transfer floating) (nullable) */
static GVariant *
make_body (CliArguments *arguments, GError **error)
{
  const char *backend = cli_arguments_get (arguments, "backend"), *user = cli_arguments_get (arguments, "username");
  g_auto(GVariantDict) body = { 0 };

  g_variant_dict_init (&body, NULL);
  g_variant_dict_insert (&body, "image", "s", cli_arguments_word (arguments, 0));
  if (backend != NULL)
    g_variant_dict_insert (&body, "backend", "s", backend);
  if (user != NULL)
    g_variant_dict_insert (&body, "username", "s", user);
  if (!add_password (arguments, &body, error))
    return NULL;
  return g_variant_dict_end (&body);
}

static int
run (Cli *cli, GError **error)
{
  GVariant *body = make_body (cli->arguments, error);

  return body != NULL ? cli_begin (cli, "/v1/images/pull", body, cli_arguments_word (cli->arguments, 0), error) : CLI_FAILED;
}

const CliCommand cli_command_pull = {
  .name = "pull",
  .arguments = "IMAGE",
  .summary = N_("Pull an image into a backend"),
  .doc = N_("Shows its progress on stderr and the image on stdout when it is there. Ctrl-C cancels the pull."),
  .options = options,
  .min = 1,
  .max = 1,
  .choices = "image",
  .run = run,
};
