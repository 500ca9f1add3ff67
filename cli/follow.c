/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "follow.h"

#include <string.h>

#include "interrupt.h"
#include "wait.h"
#include "thole-dict.h"
#include "thole-error.h"

/* to be cancelled by Ctrl-C */
typedef struct
{
  Cli *cli;
  const char *operation;
  GCancellable *cancellable;
} Follow;

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
  Follow *follow = user_data;
  g_autofree char *path = cli_path ("/v1/operations/%s/cancel", follow->operation);

  /* the second time nobody wants to wait for the answer */
  if (count > 1)
    g_cancellable_cancel (follow->cancellable);
  else
    cli_client_begin (follow->cli->client, "POST", path, NULL, CLI_ANSWER_TIME, follow->cancellable, on_cancelled, NULL);
}

static guint
status_of (GVariant *problem)
{
  int code = thole_error_parse (thole_dict_string (problem, "code", ""));
  gint64 status = thole_dict_int (problem, "status", code >= 0 ? thole_error_status (code) : 500);

  return (guint) CLAMP (status, 400, 599);
}

static int
report (Cli *cli, GVariant *operation, const char *done, GError **error)
{
  const char *state = thole_dict_string (operation, "state", "");
  g_autoptr(GVariant) problem = thole_dict_value (operation, "error", "a{sv}");

  if (strcmp (state, "succeeded") == 0)
    {
      if (cli->output == CLI_OUTPUT_JSON)
        cli_print_json (operation);
      else
        cli_print ("%s\n", done);
      return CLI_DONE;
    }
  if (problem != NULL && strcmp (state, "failed") == 0)
    cli_problem_set (error, status_of (problem), problem);
  else
    g_set_error (error, CLI_ERROR, CLI_FAILED, _("the operation is %s"), state);
  return CLI_FAILED;
}

static int
follow (Cli *cli, const char *id, const char *done, GError **error)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(CliProgress) progress = cli_progress_new (FALSE);
  g_autoptr(GVariant) operation = NULL;
  Follow watched = { cli, id, cancellable };
  CliInterrupt interrupt;

  cli_interrupt_begin (&interrupt, on_interrupted, &watched);
  operation = cli_wait_operation (cli, id, progress, cancellable, error);
  cli_interrupt_end (&interrupt);
  cli_progress_clear (progress);
  return operation != NULL ? report (cli, operation, done, error) : CLI_FAILED;
}

/* Returns: (nullable): id of the operation that @reply has begun */
static const char *
begun (CliReply *reply, GError **error)
{
  const char *id = reply->operation;

  if (id == NULL && reply->body != NULL && g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    id = thole_dict_string (reply->body, "id", NULL);
  if (id == NULL)
    g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer names no operation"));
  return id;
}

int
cli_begin (Cli *cli, const char *path, GVariant *body, const char *done, GError **error)
{
  g_autoptr(GVariant) owned = g_variant_ref_sink (body);
  g_autoptr(CliReply) reply = NULL;
  const char *id;

  if (!cli_connect (cli, error))
    return CLI_FAILED;
  reply = cli_client_ask (cli->client, "POST", path, owned, CLI_ANSWER_TIME, NULL, error);
  id = reply != NULL ? begun (reply, error) : NULL;
  if (id == NULL)
    return CLI_FAILED;
  if (!cli_arguments_has (cli->arguments, "detach"))
    return follow (cli, id, done, error);
  cli_print_done (cli, reply->body, id);
  return CLI_DONE;
}
