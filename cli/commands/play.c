/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>
#include <unistd.h>

#include "../cli.h"
#include "../interrupt.h"
#include "../lines.h"
#include "../raw.h"
#include "thole-dict.h"
#include "thole-json.h"

#define MAX_LINE (16 * 1024 * 1024)
#define MAX_SPEED 1000.0

static const CliOption options[] = {
  { "speed", 's', CLI_OPTION_VALUE, N_("FACTOR"), NULL, N_("So many times as fast (default 1)") },
  { "idle", 'i', CLI_OPTION_VALUE, N_("TIME"), NULL, N_("No pause is longer than this") },
  { "follow", 'f', CLI_OPTION_FLAG, NULL, NULL, N_("Of a session: go on with what is still recorded") },
  { NULL },
};

typedef struct
{
  const char *name;
  GDataInputStream *lines; /* of a file */
  CliLines *told;          /* of the daemon */
  guint64 number;   /* of the line */
  double speed;
  double idle;      /* seconds, 0 = any */
  double at;        /* time of the recording that was played */
  gint64 due;       /* when that was, µs of the monotonic clock */
  GCancellable *cancellable;
} Player;

static gboolean
wrong (Player *self, const char *why, GError **error)
{
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, self->number);

  g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s: line %s: %s"), self->name, number, why);
  return FALSE;
}

/* NUL, which a terminal passes over and no text of ours can hold */
static void
drop_zeros (char *line, gsize *length)
{
  gsize to = 0;

  for (gsize at = 0; at < *length;)
    {
      gsize step = line[at] == '\\' && at + 1 < *length ? 2 : 1;

      if (step == 2 && *length - at >= 6 && strncmp (line + at, "\\u0000", 6) == 0)
        {
          at += 6;
          continue;
        }
      memmove (line + to, line + at, step);
      to += step;
      at += step;
    }
  line[to] = '\0';
  *length = to;
}

/* Returns: (transfer full) (nullable) */
static char *
next_line (Player *self, gsize *length, GError **error)
{
  char *line;
  const char *told;

  if (self->lines != NULL)
    line = g_data_input_stream_read_line (self->lines, length, NULL, error);
  else
    {
      told = cli_lines_next (self->told, length, self->cancellable, error);
      line = told != NULL ? g_memdup2 (told, *length + 1) : NULL;
    }
  if (line != NULL)
    drop_zeros (line, length);
  return line;
}

/* Returns: (transfer full) (nullable): NULL at the end, or with @error set */
static GVariant *
read_line (Player *self, GError **error)
{
  gsize length = 0;
  g_autoptr(GError) fault = NULL;
  g_autofree char *line = next_line (self, &length, &fault);
  GVariant *value;

  self->number++;
  if (g_error_matches (fault, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return NULL;
  if (line == NULL)
    {
      if (fault != NULL)
        wrong (self, fault->message, error);
      return NULL;
    }
  value = length <= MAX_LINE ? thole_json_parse (line, length, &fault) : NULL;
  if (value == NULL)
    wrong (self, fault != NULL ? fault->message : _("it is too long"), error);
  return value;
}

static gboolean
read_head (Player *self, GError **error)
{
  g_autoptr(GError) fault = NULL;
  g_autoptr(GVariant) head = read_line (self, &fault);

  if (fault != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return FALSE;
    }
  if (head == NULL || !g_variant_is_of_type (head, G_VARIANT_TYPE_VARDICT) || thole_dict_int (head, "version", 0) != 2)
    return wrong (self, _("this is no recording of asciinema, version 2"), error);
  return TRUE;
}

/* [time, kind, text]; FALSE when it is none */
static gboolean
read_event (GVariant *event, double *time, GVariant **kind, GVariant **text)
{
  g_autoptr(GVariant) boxed = NULL, number = NULL, second = NULL, third = NULL;

  if (!g_variant_is_of_type (event, G_VARIANT_TYPE ("av")) || g_variant_n_children (event) != 3)
    return FALSE;
  boxed = g_variant_get_child_value (event, 0);
  number = g_variant_get_variant (boxed);
  second = g_variant_get_child_value (event, 1);
  third = g_variant_get_child_value (event, 2);
  *kind = g_variant_get_variant (second);
  *text = g_variant_get_variant (third);
  if (g_variant_is_of_type (number, G_VARIANT_TYPE_DOUBLE))
    *time = g_variant_get_double (number);
  else if (g_variant_is_of_type (number, G_VARIANT_TYPE_INT64))
    *time = (double) g_variant_get_int64 (number);
  else
    return FALSE;
  return g_variant_is_of_type (*kind, G_VARIANT_TYPE_STRING) && g_variant_is_of_type (*text, G_VARIANT_TYPE_STRING);
}

/* waits until @time of the recording, counted from when it began, so that small pauses do not add up */
static void
wait_until (Player *self, double time)
{
  double pause = MAX (0, time - self->at);
  gint64 now = g_get_monotonic_time ();

  if (self->idle > 0)
    pause = MIN (pause, self->idle);
  self->at = MAX (self->at, time);
  self->due += (gint64) (MIN (pause / self->speed, 86400.0) * G_USEC_PER_SEC);
  if (self->due > now)
    cli_sleep ((double) (self->due - now) / G_USEC_PER_SEC, self->cancellable);
}

/* Returns FALSE at the end, or with @error set. */
static gboolean
play_next (Player *self, GError **error)
{
  g_autoptr(GVariant) event = read_line (self, error);
  g_autoptr(GVariant) kind = NULL, text = NULL;
  double time;

  if (event == NULL)
    return FALSE;
  if (!read_event (event, &time, &kind, &text))
    return wrong (self, _("this is no event"), error);
  if (strcmp (g_variant_get_string (kind, NULL), "o") != 0)
    return TRUE;
  wait_until (self, time);
  return !g_cancellable_is_cancelled (self->cancellable)
         && cli_write (STDOUT_FILENO, g_variant_get_string (text, NULL), strlen (g_variant_get_string (text, NULL)));
}

static void
on_interrupted (guint count, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

static gboolean
get_speed (Cli *cli, double *speed, GError **error)
{
  const char *text = cli_arguments_get (cli->arguments, "speed");
  char *end = NULL;

  *speed = text != NULL ? g_ascii_strtod (text, &end) : 1;
  if (text == NULL || (end != text && *end == '\0' && *speed > 0 && *speed <= MAX_SPEED))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("--speed: “%s” is not a number above 0 and up to 1000"), text);
  return FALSE;
}

static int
play (Cli *cli, Player *player, GError **error)
{
  g_autoptr(GError) fault = NULL;
  CliInterrupt interrupt;
  gboolean played;

  cli_interrupt_begin (&interrupt, on_interrupted, player->cancellable);
  played = read_head (player, error);
  player->due = g_get_monotonic_time ();
  while (played && play_next (player, &fault))
    continue;
  cli_interrupt_end (&interrupt);
  if (played)
    cli_raw_reset ();
  if (g_cancellable_is_cancelled (player->cancellable))
    {
      g_clear_error (error);
      return 130;
    }
  if (fault != NULL)
    g_propagate_error (error, g_steal_pointer (&fault));
  return CLI_DONE;
}

static int
play_file (Cli *cli, Player *player, GError **error)
{
  g_autoptr(GFile) file = g_file_new_for_commandline_arg (player->name);
  g_autoptr(GError) fault = NULL;
  g_autoptr(GFileInputStream) stream = g_file_read (file, NULL, &fault);
  g_autoptr(GDataInputStream) lines = NULL;

  if (stream == NULL)
    {
      g_set_error_literal (error, CLI_ERROR, CLI_NOT_FOUND, fault->message);
      return CLI_FAILED;
    }
  player->lines = lines = g_data_input_stream_new (G_INPUT_STREAM (stream));
  return play (cli, player, error);
}

static int
play_session (Cli *cli, Player *player, GError **error)
{
  g_autofree char *path = cli_path ("/v1/sessions/%s/recording", player->name);
  g_autoptr(GString) whole = g_string_new (path);
  g_auto(CliStream) stream = { 0 };
  g_autoptr(CliLines) lines = NULL;

  cli_query (whole, "follow", cli_arguments_has (cli->arguments, "follow") ? "true" : NULL);
  if (!cli_connect (cli, error) || !cli_client_stream (cli->client, whole->str, "application/x-asciicast", -1, NULL, &stream, NULL, error))
    return CLI_FAILED;
  player->told = lines = cli_lines_new (stream.input);
  return play (cli, player, error);
}

/* a path, or what is there, is a file */
static gboolean
is_file (const char *name)
{
  return strchr (name, '/') != NULL || g_str_has_suffix (name, ".cast") || g_file_test (name, G_FILE_TEST_EXISTS);
}

static int
run (Cli *cli, GError **error)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Player player = { .name = cli_arguments_word (cli->arguments, 0), .cancellable = cancellable };

  if (!get_speed (cli, &player.speed, error) || !cli_arguments_duration (cli->arguments, "idle", 86400, 0, &player.idle, error))
    return CLI_FAILED;
  return is_file (player.name) ? play_file (cli, &player, error) : play_session (cli, &player, error);
}

const CliCommand cli_command_play = {
  .name = "play",
  .arguments = "SESSION|FILE",
  .summary = N_("Play the recording of a terminal"),
  .doc = N_("SESSION is a session that was recorded, also one that still runs; FILE a recording as asciinema, version 2, "
            "writes it. Ctrl-C ends it."),
  .options = options,
  .min = 1,
  .max = 1,
  .choices = "file",
  .run = run,
};
