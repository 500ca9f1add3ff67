/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>

#include "../cli.h"
#include "../interrupt.h"
#include "../lines.h"
#include "thole-dict.h"
#include "thole-json.h"

#define LONGEST_PAUSE 10.0
#define SHORTEST_PAUSE 0.2

static const CliOption options[] = {
  { "follow", 'f', CLI_OPTION_FLAG, NULL, NULL, N_("Go on with what happens later") },
  { "after", 0, CLI_OPTION_VALUE, N_("NUMBER"), NULL, N_("Begin after the event of this number (default: the oldest kept)") },
  { "tail", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Begin after the newest event; needs -f") },
  { "type", 0, CLI_OPTION_VALUE, N_("TYPE,..."), NULL, N_("Only these types: workload.state, workload.*") },
  { "subject", 0, CLI_OPTION_VALUE, N_("ID"), NULL, N_("Only those of this object") },
  { NULL },
};

/* What is to be read, and how far it has been. */
typedef struct
{
  Cli *cli;
  gint64 after;       /* number of the last event that was printed */
  gboolean begun;     /* --after, the daemon or an event fixed the place */
  gboolean tail;      /* not begun: only what is new */
  gboolean connected; /* the daemon was there */
  gboolean quiet;     /* the lost connection was told */
  double pause;
} Reader;

static char *
make_path (Reader *reader, gboolean follow)
{
  CliArguments *arguments = reader->cli->arguments;
  g_autofree char *after = g_strdup_printf ("%" G_GINT64_FORMAT, reader->after);
  g_autoptr(GString) path = g_string_new ("/v1/events");

  if (reader->tail && !reader->begun)
    cli_query (path, "tail", "true");
  else
    cli_query (path, "after", after);
  if (!follow)
    cli_query (path, "limit", "1000");
  cli_query (path, "type", cli_arguments_get (arguments, "type"));
  cli_query (path, "subject", cli_arguments_get (arguments, "subject"));
  return g_string_free (g_steal_pointer (&path), FALSE);
}

static void
print_event (Reader *reader, GVariant *event)
{
  g_autoptr(GVariant) data = g_variant_lookup_value (event, "data", NULL);
  g_autoptr(GString) text = g_string_new (NULL);
  gint64 seq = thole_dict_int (event, "seq", 0);
  g_autofree char *safe = NULL;

  if (reader->cli->output == CLI_OUTPUT_JSON)
    {
      thole_json_append (text, event);
      g_string_append_c (text, '\n');
      cli_write (1, text->str, text->len);
      return;
    }
  if (reader->cli->output == CLI_OUTPUT_NAME)
    g_string_append_printf (text, "%lld", (long long) seq);
  else
    {
      g_string_append_printf (text, "%s %6lld  %-18s  %s  %s  ", thole_dict_string (event, "time", "-"), (long long) seq,
                              thole_dict_string (event, "type", "-"), thole_dict_string (event, "subject", "-"),
                              thole_dict_string (event, "actor", "-"));
      if (data != NULL)
        thole_json_append (text, data);
    }
  safe = cli_text_safe (text->str, FALSE);
  cli_print ("%s\n", safe);
}

/* the oldest kept number stands in the answer 410 */
static gboolean
begin_at_oldest (Reader *reader, CliReply *reply)
{
  gint64 oldest;

  if (reply == NULL || reply->status != 410 || reader->begun || reply->body == NULL)
    return FALSE;
  oldest = thole_dict_int (reply->body, "oldest", 0);
  if (oldest <= 0)
    return FALSE;
  reader->after = oldest - 1;
  reader->begun = TRUE;
  return TRUE;
}

/* pages --------------------------------------------------------------------------------------------------- */

static gboolean
print_page (Reader *reader, GVariant *page, gboolean *more)
{
  g_autoptr(GVariant) items = thole_dict_value (page, "items", "aa{sv}");
  gint64 next = thole_dict_int (page, "next_after", reader->after);
  gint64 before = reader->after;

  for (gsize i = 0; items != NULL && i < g_variant_n_children (items); i++)
    {
      g_autoptr(GVariant) event = g_variant_get_child_value (items, i);

      print_event (reader, event);
      reader->after = MAX (reader->after, thole_dict_int (event, "seq", 0));
    }
  reader->after = MAX (reader->after, next);
  reader->begun = TRUE;
  *more = reader->after > before;
  return items != NULL;
}

static int
list (Reader *reader, GError **error)
{
  gboolean more = TRUE;

  while (more)
    {
      g_autofree char *path = make_path (reader, FALSE);
      g_autoptr(CliReply) reply = cli_client_call (reader->cli->client, "GET", path, NULL, CLI_ANSWER_TIME, NULL, error);

      if (reply == NULL)
        return CLI_FAILED;
      if (begin_at_oldest (reader, reply))
        continue;
      if (!cli_reply_check (reply, error))
        return CLI_FAILED;
      if (reply->body == NULL || !print_page (reader, reply->body, &more))
        {
          g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer is not a list"));
          return CLI_FAILED;
        }
    }
  return CLI_DONE;
}

/* the daemon forgot events before they were read here */
static void
print_gap (Reader *reader, GVariant *gap)
{
  gint64 from = thole_dict_int (gap, "from", 0), to = thole_dict_int (gap, "to", 0);

  if (reader->cli->output == CLI_OUTPUT_JSON)
    cli_print ("{\"gap\":{\"from\":%lld,\"to\":%lld}}\n", (long long) from, (long long) to);
  else
    cli_print_error (_("tholectl: events %lld to %lld are no longer kept; going on"), (long long) from, (long long) to - 1);
}

/* following ----------------------------------------------------------------------------------------------- */

static void
take_event (Reader *reader, CliServerEvent *received)
{
  g_autoptr(GVariant) event = thole_json_parse (received->data->str, received->data->len, NULL);

  /* what happens from now on has a number to begin after, so that a connection lost early loses nothing */
  if (received->data->len == 0 && !reader->begun)
    {
      reader->after = received->id;
      reader->begun = TRUE;
    }
  if (event == NULL || !g_variant_is_of_type (event, G_VARIANT_TYPE_VARDICT))
    return;
  if (received->id >= 0 && reader->begun && received->id <= reader->after)
    return;
  if (g_strcmp0 (received->type, "gap") == 0)
    print_gap (reader, event);
  else
    print_event (reader, event);
  reader->pause = SHORTEST_PAUSE;
  if (received->id < 0)
    return;
  reader->after = received->id;
  reader->begun = TRUE;
}

/* FALSE with @error when the stream was refused or broke; it has no end of its own */
static gboolean
follow_once (Reader *reader, GError **error)
{
  g_autofree char *path = make_path (reader, TRUE);
  g_auto(CliStream) stream = { NULL };
  g_autoptr(CliReply) refusal = NULL;
  g_autoptr(CliLines) lines = NULL;
  g_autoptr(GError) fault = NULL;
  CliServerEvent event = { .data = NULL };
  gboolean opened;

  opened = cli_client_stream (reader->cli->client, path, "text/event-stream", reader->begun ? reader->after : -1, NULL,
                              &stream, &refusal, &fault);
  if (!opened && begin_at_oldest (reader, refusal))
    return TRUE;
  if (!opened)
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return FALSE;
    }
  if (reader->quiet)
    cli_print_error ("tholectl: %s", _("connected again"));
  reader->quiet = FALSE;
  reader->connected = TRUE;
  lines = cli_lines_new (stream.input);
  while (cli_lines_next_event (lines, &event, NULL, &fault))
    take_event (reader, &event);
  cli_server_event_clear (&event);
  if (fault != NULL)
    g_propagate_error (error, g_steal_pointer (&fault));
  else
    g_set_error (error, CLI_ERROR, CLI_UNREACHABLE, _("the connection was closed"));
  return FALSE;
}

static int
follow (Reader *reader, GError **error)
{
  while (TRUE)
    {
      g_autoptr(GError) fault = NULL;

      if (follow_once (reader, &fault))
        continue;
      /* a stream that had begun is taken up again where it broke; the first refusal is an answer */
      if (!reader->connected || !g_error_matches (fault, CLI_ERROR, CLI_UNREACHABLE))
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return CLI_FAILED;
        }
      if (!reader->quiet)
        cli_print_error (_("tholectl: %s; going on after event %lld"), fault->message, (long long) reader->after);
      reader->quiet = TRUE;
      cli_sleep (reader->pause, NULL);
      reader->pause = MIN (reader->pause * 2, LONGEST_PAUSE);
    }
}

static int
run (Cli *cli, GError **error)
{
  Reader reader = { .cli = cli, .pause = SHORTEST_PAUSE, .begun = cli_arguments_has (cli->arguments, "after") };
  gboolean following = cli_arguments_has (cli->arguments, "follow");

  if (!cli_arguments_int (cli->arguments, "after", 0, G_MAXINT64, 0, &reader.after, error))
    return CLI_USAGE;
  if (cli_arguments_has (cli->arguments, "tail") && (!following || reader.begun))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, following ? _("--tail and --after exclude each other") : _("--tail needs -f"));
      return CLI_USAGE;
    }
  reader.tail = cli_arguments_has (cli->arguments, "tail");
  if (!cli_connect (cli, error))
    return CLI_FAILED;
  return following ? follow (&reader, error) : list (&reader, error);
}

const CliCommand cli_command_events = {
  .name = "events",
  .arguments = "",
  .summary = N_("Print what happened, in order"),
  .doc = N_("Each event has a number. With -f a lost connection is taken up again after the last event that was printed, so that none is lost or doubled."),
  .options = options,
  .run = run,
};
