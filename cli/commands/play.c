/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>
#include <unistd.h>

#include "../cli.h"
#include "../interrupt.h"
#include "../raw.h"
#include "thole-dict.h"
#include "thole-json.h"

#define MAX_LINE (16 * 1024 * 1024)
#define MAX_SPEED 1000.0

static const CliOption options[] = {
  { "speed", 's', CLI_OPTION_VALUE, N_("FACTOR"), NULL, N_("So many times as fast (default 1)") },
  { "idle", 'i', CLI_OPTION_VALUE, N_("TIME"), NULL, N_("No pause is longer than this") },
  { NULL },
};

typedef struct
{
  const char *name;
  GDataInputStream *lines;
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

/* Returns: (transfer full) (nullable): NULL at the end, or with @error set */
static GVariant *
read_line (Player *self, GError **error)
{
  gsize length = 0;
  g_autoptr(GError) fault = NULL;
  g_autofree char *line = g_data_input_stream_read_line (self->lines, &length, NULL, &fault);
  GVariant *value;

  self->number++;
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
run (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);
  g_autoptr(GFile) file = g_file_new_for_commandline_arg (name);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) fault = NULL;
  g_autoptr(GFileInputStream) stream = NULL;
  g_autoptr(GDataInputStream) lines = NULL;
  Player player = { .name = name, .cancellable = cancellable };
  CliInterrupt interrupt;
  gboolean played;

  if (!get_speed (cli, &player.speed, error) || !cli_arguments_duration (cli->arguments, "idle", 86400, 0, &player.idle, error))
    return CLI_FAILED;
  stream = g_file_read (file, NULL, &fault);
  if (stream == NULL)
    {
      g_set_error_literal (error, CLI_ERROR, CLI_NOT_FOUND, fault->message);
      return CLI_FAILED;
    }
  player.lines = lines = g_data_input_stream_new (G_INPUT_STREAM (stream));
  played = read_head (&player, error);
  player.due = g_get_monotonic_time ();
  cli_interrupt_begin (&interrupt, on_interrupted, cancellable);
  while (played && play_next (&player, &fault))
    continue;
  cli_interrupt_end (&interrupt);
  if (played)
    cli_raw_reset ();
  if (fault != NULL)
    g_propagate_error (error, g_steal_pointer (&fault));
  return g_cancellable_is_cancelled (cancellable) ? 130 : CLI_DONE;
}

const CliCommand cli_command_play = {
  .name = "play",
  .arguments = "FILE",
  .summary = N_("Play the recording of a terminal"),
  .doc = N_("FILE is a recording as asciinema, version 2, writes it. Ctrl-C ends it."),
  .options = options,
  .min = 1,
  .max = 1,
  .choices = "file",
  .run = run,
};
