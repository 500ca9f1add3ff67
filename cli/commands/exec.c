/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cli.h"
#include "../workload-text.h"
#include "thole-dict.h"

#define MAX_STDIN (1024 * 1024)
#define MAX_TIME 86400.0

static const CliOption options[] = {
  { "env", 'e', CLI_OPTION_MANY, N_("NAME[=VALUE]"), NULL, N_("Add to its environment; without a value ours") },
  { "workdir", 'w', CLI_OPTION_VALUE, N_("PATH"), NULL, N_("Its working directory") },
  { "user", 'u', CLI_OPTION_VALUE, N_("USER"), NULL, N_("Name, uid or uid:gid") },
  { "timeout", 't', CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Time until it is killed (default 60, 0 = the daemon's limit)") },
  { "no-stdin", 'n', CLI_OPTION_FLAG, NULL, NULL, N_("Leave our standard input alone") },
  { NULL },
};

/* a pipe or a file is sent, a terminal or a device is not */
static gboolean
has_input (void)
{
  struct stat info;

  return fstat (STDIN_FILENO, &info) == 0 && (S_ISFIFO (info.st_mode) || S_ISREG (info.st_mode) || S_ISSOCK (info.st_mode));
}

static gboolean
add_stdin (GVariantDict *body, GError **error)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  guint8 piece[65536];
  gssize got;

  while ((got = read (STDIN_FILENO, piece, sizeof piece)) > 0)
    {
      if (bytes->len + (gsize) got > MAX_STDIN)
        {
          g_set_error (error, CLI_ERROR, CLI_USAGE, _("the standard input is larger than 1 MiB"));
          return FALSE;
        }
      g_byte_array_append (bytes, piece, (guint) got);
    }
  if (bytes->len > 0 && g_utf8_validate_len ((const char *) bytes->data, bytes->len, NULL))
    {
      g_autofree char *text = g_strndup ((const char *) bytes->data, bytes->len);
      g_variant_dict_insert (body, "stdin", "s", text);
    }
  else if (bytes->len > 0)
    {
      g_autofree char *encoded = g_base64_encode (bytes->data, bytes->len);
      g_variant_dict_insert (body, "stdin_base64", "s", encoded);
    }
  return TRUE;
}

static void
add_environment (CliArguments *arguments, GVariantDict *body)
{
  GPtrArray *pairs = cli_arguments_all (arguments, "env");
  GVariantDict dict;

  if (pairs->len == 0)
    return;
  g_variant_dict_init (&dict, NULL);
  for (guint i = 0; i < pairs->len; i++)
    {
      const char *pair = g_ptr_array_index (pairs, i), *equals = strchr (pair, '=');
      g_autofree char *name = equals != NULL ? g_strndup (pair, (gsize) (equals - pair)) : g_strdup (pair);
      const char *value = equals != NULL ? equals + 1 : g_getenv (name);

      if (value != NULL && g_utf8_validate (value, -1, NULL))
        g_variant_dict_insert (&dict, name, "s", value);
    }
  g_variant_dict_insert_value (body, "env", g_variant_dict_end (&dict));
}

static GVariant *
make_body (Cli *cli, double *timeout, GError **error)
{
  CliArguments *arguments = cli->arguments;
  const char *workdir = cli_arguments_get (arguments, "workdir"), *user = cli_arguments_get (arguments, "user");
  g_auto(GVariantDict) body = { 0 };

  if (!cli_arguments_duration (arguments, "timeout", MAX_TIME, 60, timeout, error))
    return NULL;
  g_variant_dict_init (&body, NULL);
  g_variant_dict_insert_value (&body, "command",
                               g_variant_new_strv ((const char *const *) arguments->words->pdata + 1,
                                                   arguments->words->len - 1));
  g_variant_dict_insert (&body, "timeout", "d", *timeout);
  if (workdir != NULL)
    g_variant_dict_insert (&body, "working_dir", "s", workdir);
  if (user != NULL)
    g_variant_dict_insert (&body, "user", "s", user);
  add_environment (arguments, &body);
  if (!cli_arguments_has (arguments, "no-stdin") && has_input () && !add_stdin (&body, error))
    return NULL;
  return g_variant_ref_sink (g_variant_dict_end (&body));
}

static void
print_stream (GVariant *result, const char *key, int fd)
{
  g_autofree char *encoded_key = g_strconcat (key, "_base64", NULL);
  const char *encoded = thole_dict_string (result, encoded_key, NULL);
  const char *text = thole_dict_string (result, key, "");
  g_autofree guchar *decoded = NULL;
  gsize length = strlen (text);

  if (encoded != NULL)
    decoded = g_base64_decode (encoded, &length);
  cli_write (fd, decoded != NULL ? (const void *) decoded : text, length);
}

static int
run (Cli *cli, GError **error)
{
  g_autofree char *path = cli_path ("/v1/workloads/%s/exec", cli_arguments_word (cli->arguments, 0));
  double timeout = 0;
  g_autoptr(GVariant) body = make_body (cli, &timeout, error);
  g_autoptr(CliReply) reply = NULL;

  if (body == NULL || !cli_connect (cli, error))
    return CLI_FAILED;
  reply = cli_client_ask (cli->client, "POST", path, body, timeout > 0 ? timeout + CLI_ANSWER_TIME : 0, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  if (reply->body == NULL || !g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer is not an object"));
      return CLI_FAILED;
    }
  if (cli->output == CLI_OUTPUT_JSON)
    {
      cli_print_json (reply->body);
      return cli_exit_code (reply->body, "signal", CLI_FAILED);
    }
  print_stream (reply->body, "stdout", STDOUT_FILENO);
  print_stream (reply->body, "stderr", STDERR_FILENO);
  if (thole_dict_boolean (reply->body, "truncated", FALSE))
    cli_print_error ("tholectl: %s", _("the output was longer than 1 MiB, the rest is lost"));
  return cli_exit_code (reply->body, "signal", CLI_FAILED);
}

const CliCommand cli_command_exec = {
  .name = "exec",
  .arguments = "NAME COMMAND [ARGUMENT...]",
  .summary = N_("Run one command inside a workload to its end"),
  .doc = N_("A pipe or a file at our standard input is sent along (at most 1 MiB). Ends with the exit code of the command, 128 plus the signal when a signal ended it."),
  .options = options,
  .min = 2,
  .max = CLI_ANY,
  .stops = TRUE,
  .choices = "workload",
  .run = run,
};
