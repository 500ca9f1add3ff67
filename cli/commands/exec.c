/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../attach.h"
#include "../cli.h"
#include "../raw.h"
#include "../workload-text.h"
#include "thole-dict.h"

#define MAX_STDIN (1024 * 1024)
#define MAX_TIME 86400.0

static const CliOption options[] = {
  { "interactive", 'i', CLI_OPTION_FLAG, NULL, NULL, N_("Stay attached and send our standard input as it comes") },
  { "tty", 't', CLI_OPTION_FLAG, NULL, NULL, N_("Run it in a terminal, and stay attached") },
  { "detach-keys", 0, CLI_OPTION_VALUE, N_("KEYS"), NULL, N_("What leaves a terminal (default ctrl-p,ctrl-q; none: nothing does)") },
  { "shared", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Go on typing beside others who take control") },
  { "record", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Record its output (with -i or -t): tholectl play SESSION") },
  { "env", 'e', CLI_OPTION_MANY, N_("NAME[=VALUE]"), NULL, N_("Add to its environment; without a value ours") },
  { "workdir", 'w', CLI_OPTION_VALUE, N_("PATH"), NULL, N_("Its working directory") },
  { "user", 'u', CLI_OPTION_VALUE, N_("USER"), NULL, N_("Name, uid or uid:gid") },
  { "timeout", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Time until it is killed (default 60, 0 = the daemon's limit)") },
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

/* interactive ------------------------------------------------------------------------------------------- */

static GVariant *
make_session (Cli *cli)
{
  CliArguments *arguments = cli->arguments;
  const char *workdir = cli_arguments_get (arguments, "workdir"), *user = cli_arguments_get (arguments, "user");
  const char *term = g_getenv ("TERM");
  gboolean tty = cli_arguments_has (arguments, "tty");
  GVariantDict body;
  guint rows, cols;

  g_variant_dict_init (&body, NULL);
  g_variant_dict_insert_value (&body, "command",
                               g_variant_new_strv ((const char *const *) arguments->words->pdata + 1,
                                                   arguments->words->len - 1));
  g_variant_dict_insert (&body, "tty", "b", tty);
  if (tty && term != NULL && *term != '\0' && strcmp (term, "dumb") != 0)
    g_variant_dict_insert (&body, "term", "s", term);
  if (tty && cli_raw_size (&rows, &cols))
    {
      g_variant_dict_insert (&body, "rows", "x", (gint64) MIN (rows, 500));
      g_variant_dict_insert (&body, "cols", "x", (gint64) MIN (cols, 1000));
    }
  if (workdir != NULL)
    g_variant_dict_insert (&body, "working_dir", "s", workdir);
  if (user != NULL)
    g_variant_dict_insert (&body, "user", "s", user);
  /* should we never come back */
  g_variant_dict_insert (&body, "on_detach", "s", "stop-after");
  if (cli_arguments_has (arguments, "record"))
    g_variant_dict_insert (&body, "record", "b", TRUE);
  add_environment (arguments, &body);
  return g_variant_ref_sink (g_variant_dict_end (&body));
}

/* the recording goes with its session: that one stays, its program does not */
static void
keep_record (Cli *cli, const char *id, CliAttachEnd end)
{
  g_autofree char *path = cli_path ("/v1/sessions/%s/signal", id);
  g_autoptr(CliReply) reply = NULL;
  GVariantDict body;

  if (end == CLI_ATTACH_INTERRUPTED)
    {
      g_variant_dict_init (&body, NULL);
      g_variant_dict_insert (&body, "signal", "s", "SIGHUP");
      reply = cli_client_ask (cli->client, "POST", path, g_variant_dict_end (&body), CLI_ANSWER_TIME, NULL, NULL);
    }
  cli_print_error (_("recorded: tholectl play %s"), id);
}

/* what becomes of it without us */
static void
dispose_session (Cli *cli, const char *id, CliAttachEnd end)
{
  g_autofree char *path = cli_path ("/v1/sessions/%s", id);
  g_autoptr(CliReply) reply = NULL;
  GVariantDict keep;

  if (end == CLI_ATTACH_LEFT)
    {
      g_variant_dict_init (&keep, NULL);
      g_variant_dict_insert (&keep, "on_detach", "s", "keep");
      reply = cli_client_ask (cli->client, "PATCH", path, g_variant_dict_end (&keep), CLI_ANSWER_TIME, NULL, NULL);
      if (reply != NULL)
        cli_print_error (_("left; it goes on: tholectl attach %s"), id);
      else
        cli_print_error (_("left; it is stopped five minutes after the daemon is back: tholectl attach %s"), id);
    }
  else if (end == CLI_ATTACH_HUNG_UP)
    return;
  else if (cli_arguments_has (cli->arguments, "record"))
    keep_record (cli, id, end);
  else
    reply = cli_client_ask (cli->client, "DELETE", path, NULL, CLI_ANSWER_TIME, NULL, NULL);
}

static int
run_attached (Cli *cli, GError **error)
{
  CliArguments *arguments = cli->arguments;
  g_autofree char *path = cli_path ("/v1/workloads/%s/sessions", cli_arguments_word (arguments, 0));
  const char *keys = cli_arguments_get (arguments, "detach-keys");
  CliAttach attach = { .from = "oldest", .patience = CLI_PATIENCE, .detach_keys = keys != NULL ? keys : CLI_DETACH_KEYS };
  g_autoptr(GVariant) body = NULL;
  g_autoptr(CliReply) reply = NULL;
  g_autoptr(GError) fault = NULL;
  CliAttachEnd end = CLI_ATTACH_ENDED;
  int code;

  attach.tty = cli_arguments_has (arguments, "tty");
  attach.shared = cli_arguments_has (arguments, "shared");
  attach.take_keys = CLI_TAKE_KEYS;
  attach.input = cli_arguments_has (arguments, "interactive") && !cli_arguments_has (arguments, "no-stdin");
  if (cli_arguments_has (arguments, "timeout"))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--timeout is not for -i and -t"));
      return CLI_FAILED;
    }
  body = make_session (cli);
  if (!cli_connect (cli, error))
    return CLI_FAILED;
  reply = cli_client_ask (cli->client, "POST", path, body, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  attach.session = reply->body != NULL ? thole_dict_string (reply->body, "id", "") : "";
  code = cli_attach (cli, &attach, &end, &fault);
  if (fault != NULL)
    g_propagate_error (error, g_steal_pointer (&fault));
  else
    dispose_session (cli, attach.session, end);
  return code;
}

/* to its end -------------------------------------------------------------------------------------------- */

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
run_to_end (Cli *cli, GError **error)
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

static int
run (Cli *cli, GError **error)
{
  if (cli_arguments_has (cli->arguments, "interactive") || cli_arguments_has (cli->arguments, "tty"))
    return run_attached (cli, error);
  if (cli_arguments_has (cli->arguments, "record") || cli_arguments_has (cli->arguments, "shared"))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--record and --shared need -i or -t"));
      return CLI_FAILED;
    }
  return run_to_end (cli, error);
}

const CliCommand cli_command_exec = {
  .name = "exec",
  .arguments = "NAME COMMAND [ARGUMENT...]",
  .summary = N_("Run one command inside a workload"),
  .doc = N_("A pipe or a file at our standard input is sent along (at most 1 MiB). Ends with the exit code "
            "of the command, 128 plus the signal when a signal ended it. With -i or -t it becomes a session:"
            " input of any length, a terminal, and it outlives a broken connection and the daemon; Ctrl-P "
            "Ctrl-Q leaves it, see attach. A session whose tholectl was killed is stopped after five "
            "minutes."),
  .options = options,
  .min = 2,
  .max = CLI_ANY,
  .stops = TRUE,
  .choices = "workload",
  .run = run,
};
