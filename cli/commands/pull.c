/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>
#include <unistd.h>

#include "../cli.h"
#include "../interrupt.h"
#include "../wait.h"
#include "thole-dict.h"
#include "thole-error.h"

#define MAX_PASSWORD 4096

static const CliOption options[] = {
  { "backend", 'b', CLI_OPTION_VALUE, N_("NAME"), "backend", N_("Into this backend (default: the default one)") },
  { "username", 0, CLI_OPTION_VALUE, N_("NAME"), NULL, N_("For the registry") },
  { "password-stdin", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Read the password for the registry from standard input") },
  { "detach", 'd', CLI_OPTION_FLAG, NULL, NULL, N_("Do not wait, print the id of the operation") },
  { NULL },
};

/* A pull on its way, to be cancelled by Ctrl-C. */
typedef struct
{
  Cli *cli;
  const char *operation;
  GCancellable *cancellable;
} Pull;

static void
on_cancelled (CliReply *reply, const GError *error, gpointer user_data)
{
  g_autoptr(GError) refused = NULL;

  if (error != NULL && error->domain == CLI_ERROR)
    cli_complain (NULL, error);
  else if (reply != NULL && !cli_reply_check (reply, &refused))
    cli_complain (NULL, refused);
  g_clear_pointer (&reply, cli_reply_free);
}

static void
on_interrupted (guint count, gpointer user_data)
{
  Pull *pull = user_data;
  g_autofree char *path = cli_path ("/v1/operations/%s/cancel", pull->operation);

  /* the second time nobody wants to wait for the answer */
  if (count > 1)
    g_cancellable_cancel (pull->cancellable);
  else
    cli_client_begin (pull->cli->client, "POST", path, NULL, CLI_ANSWER_TIME, pull->cancellable, on_cancelled, NULL);
}

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
  return g_variant_ref_sink (g_variant_dict_end (&body));
}

static guint
status_of (GVariant *problem)
{
  int code = thole_error_parse (thole_dict_string (problem, "code", ""));
  gint64 status = thole_dict_int (problem, "status", code >= 0 ? thole_error_status (code) : 500);

  return (guint) CLAMP (status, 400, 599);
}

static int
report (Cli *cli, GVariant *operation, GError **error)
{
  const char *state = thole_dict_string (operation, "state", "");
  g_autoptr(GVariant) problem = thole_dict_value (operation, "error", "a{sv}");

  if (strcmp (state, "succeeded") == 0)
    {
      if (cli->output == CLI_OUTPUT_JSON)
        cli_print_json (operation);
      else
        cli_print ("%s\n", cli_arguments_word (cli->arguments, 0));
      return CLI_DONE;
    }
  if (problem != NULL && strcmp (state, "failed") == 0)
    cli_problem_set (error, status_of (problem), problem);
  else
    g_set_error (error, CLI_ERROR, CLI_FAILED, _("the pull is %s"), state);
  return CLI_FAILED;
}

static int
follow (Cli *cli, const char *id, GError **error)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(CliProgress) progress = cli_progress_new (FALSE);
  g_autoptr(GVariant) operation = NULL;
  Pull pull = { cli, id, cancellable };
  CliInterrupt interrupt;

  cli_interrupt_begin (&interrupt, on_interrupted, &pull);
  operation = cli_wait_operation (cli, id, progress, cancellable, error);
  cli_interrupt_end (&interrupt);
  cli_progress_clear (progress);
  return operation != NULL ? report (cli, operation, error) : CLI_FAILED;
}

static int
run (Cli *cli, GError **error)
{
  g_autoptr(GVariant) body = make_body (cli->arguments, error);
  g_autoptr(CliReply) reply = NULL;
  const char *id;

  if (body == NULL || !cli_connect (cli, error))
    return CLI_FAILED;
  reply = cli_client_ask (cli->client, "POST", "/v1/images/pull", body, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  id = reply->operation;
  if (id == NULL && reply->body != NULL && g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    id = thole_dict_string (reply->body, "id", NULL);
  if (id == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer names no operation"));
      return CLI_FAILED;
    }
  if (!cli_arguments_has (cli->arguments, "detach"))
    return follow (cli, id, error);
  cli_print_done (cli, reply->body, id);
  return CLI_DONE;
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
