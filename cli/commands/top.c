/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <glib-unix.h>

#include "../cli.h"
#include "../interrupt.h"
#include "../table.h"
#include "../units.h"
#include "../workload-text.h"
#include "thole-dict.h"

#define MAX_ROWS 200
#define SAMPLE_TIME 10

static const CliOption options[] = {
  { "once", '1', CLI_OPTION_FLAG, NULL, NULL, N_("Print the table once") },
  { "interval", 'i', CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Time between two looks (default 1)") },
  { "sort", 's', CLI_OPTION_VALUE, N_("COLUMN"), "name|cpu|memory", N_("Order of the rows (default name)") },
  { "backend", 'b', CLI_OPTION_VALUE, N_("NAME"), "backend", N_("Only those of this backend") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("NAME"), 8, FALSE, FALSE },    { N_("STATE"), 7, FALSE, FALSE },   { N_("CPU"), 0, TRUE, FALSE },
  { N_("MEMORY"), 0, TRUE, FALSE },   { N_("LIMIT"), 0, TRUE, FALSE },    { N_("PIDS"), 0, TRUE, FALSE },
  { N_("NET IN"), 0, TRUE, FALSE },   { N_("NET OUT"), 0, TRUE, FALSE },  { N_("DISK IN"), 0, TRUE, FALSE },
  { N_("DISK OUT"), 0, TRUE, FALSE },
};

typedef struct _Top Top;

typedef struct
{
  Top *top;
  char *id;
  GVariant *workload;
  GVariant *sample;      /* (nullable) */
  double cpu;            /* cores in use; below 0 = not known */
  double cpu_seconds;    /* of the sample before */
  gint64 sampled_at;     /* µs, 0 = no sample before */
} Row;

struct _Top
{
  Cli *cli;
  GPtrArray *rows;
  guint pending;         /* samples on their way */
  gboolean quit;
  guint hidden;          /* running workloads beyond MAX_ROWS */
  GCancellable *cancellable;
};

static void
row_free (gpointer data)
{
  Row *row = data;

  g_free (row->id);
  g_clear_pointer (&row->workload, g_variant_unref);
  g_clear_pointer (&row->sample, g_variant_unref);
  g_free (row);
}

static Row *
find_row (GPtrArray *rows, const char *id)
{
  for (guint i = 0; i < rows->len; i++)
    if (strcmp (((Row *) g_ptr_array_index (rows, i))->id, id) == 0)
      return g_ptr_array_index (rows, i);
  return NULL;
}

/* takes over what the last look knew of each workload, for the CPU between two looks */
static gboolean
list_workloads (Top *top, GError **error)
{
  g_autoptr(GString) path = g_string_new ("/v1/workloads?limit=1000&state=running,paused");
  g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func (row_free);
  g_autoptr(GPtrArray) workloads = NULL;

  cli_query (path, "backend", cli_arguments_get (top->cli->arguments, "backend"));
  workloads = cli_get_all (top->cli, path->str, error);
  if (workloads == NULL)
    return FALSE;
  top->hidden = workloads->len > MAX_ROWS ? workloads->len - MAX_ROWS : 0;
  for (guint i = 0; i < MIN (workloads->len, MAX_ROWS); i++)
    {
      GVariant *workload = g_ptr_array_index (workloads, i);
      Row *row = g_new0 (Row, 1), *old;

      row->top = top;
      row->id = g_strdup (thole_dict_string (workload, "id", ""));
      row->workload = g_variant_ref (workload);
      row->cpu = -1;
      old = top->rows != NULL ? find_row (top->rows, row->id) : NULL;
      if (old != NULL)
        {
          row->cpu_seconds = old->cpu_seconds;
          row->sampled_at = old->sampled_at;
        }
      g_ptr_array_add (rows, row);
    }
  g_clear_pointer (&top->rows, g_ptr_array_unref);
  top->rows = g_steal_pointer (&rows);
  return TRUE;
}

static void
take_sample (Row *row, GVariant *sample)
{
  double used = thole_dict_double (sample, "cpu_seconds", -1);
  gint64 now = g_get_monotonic_time ();

  row->sample = g_variant_ref (sample);
  row->cpu = thole_dict_double (sample, "cpu", -1);
  if (row->cpu < 0 && used >= 0 && row->sampled_at > 0 && now > row->sampled_at)
    row->cpu = MAX (used - row->cpu_seconds, 0) / ((double) (now - row->sampled_at) / G_USEC_PER_SEC);
  row->cpu_seconds = used;
  row->sampled_at = used >= 0 ? now : 0;
}

static void
on_sampled (CliReply *reply, const GError *error, gpointer user_data)
{
  Row *row = user_data;

  row->top->pending--;
  if (reply != NULL && reply->status == 200 && reply->body != NULL
      && g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    take_sample (row, reply->body);
  g_clear_pointer (&reply, cli_reply_free);
}

static void
sample_all (Top *top)
{
  for (guint i = 0; i < top->rows->len; i++)
    {
      Row *row = g_ptr_array_index (top->rows, i);
      g_autofree char *path = cli_path ("/v1/workloads/%s/stats", row->id);

      top->pending++;
      cli_client_begin (top->cli->client, "GET", path, NULL, SAMPLE_TIME, top->cancellable, on_sampled, row);
    }
  while (top->pending > 0)
    g_main_context_iteration (NULL, TRUE);
}

/* drawing ------------------------------------------------------------------------------------------------- */

static int
compare_rows (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Row *left = *(Row *const *) a, *right = *(Row *const *) b;
  const char *sort = user_data;
  double difference = 0;

  if (g_strcmp0 (sort, "cpu") == 0)
    difference = right->cpu - left->cpu;
  else if (g_strcmp0 (sort, "memory") == 0)
    difference = (right->sample != NULL ? (double) thole_dict_int (right->sample, "memory", 0) : -1)
                 - (left->sample != NULL ? (double) thole_dict_int (left->sample, "memory", 0) : -1);
  if (difference != 0)
    return difference > 0 ? 1 : -1;
  return strcmp (thole_dict_string (left->workload, "name", ""), thole_dict_string (right->workload, "name", ""));
}

static void
add_size (CliTable *table, GVariant *sample, const char *key)
{
  gint64 bytes = sample != NULL ? thole_dict_int (sample, key, -1) : -1;

  cli_table_take (table, bytes >= 0 ? cli_size_text (bytes) : g_strdup ("-"));
}

static void
add_row (CliTable *table, Row *row)
{
  gint64 pids = row->sample != NULL ? thole_dict_int (row->sample, "pids", -1) : -1;
  gint64 limit = row->sample != NULL ? thole_dict_int (row->sample, "memory_limit", 0) : 0;

  cli_table_add (table, thole_dict_string (row->workload, "name", ""));
  cli_table_take (table, cli_workload_state (row->workload));
  cli_table_take (table, row->cpu >= 0 ? g_strdup_printf ("%.1f%%", row->cpu * 100) : g_strdup ("-"));
  add_size (table, row->sample, "memory");
  cli_table_take (table, limit > 0 ? cli_size_text (limit) : g_strdup ("-"));
  cli_table_take (table, pids >= 0 ? g_strdup_printf ("%d", (int) pids) : g_strdup ("-"));
  add_size (table, row->sample, "net_rx");
  add_size (table, row->sample, "net_tx");
  add_size (table, row->sample, "disk_read");
  add_size (table, row->sample, "disk_write");
}

static char *
draw (Top *top, guint rows)
{
  g_autoptr(CliTable) table = cli_table_new (columns, G_N_ELEMENTS (columns));

  g_ptr_array_sort_with_data (top->rows, compare_rows, (gpointer) cli_arguments_get (top->cli->arguments, "sort"));
  for (guint i = 0; i < top->rows->len; i++)
    add_row (table, g_ptr_array_index (top->rows, i));
  return cli_table_text (table, rows);
}

/* everything that is drawn stays on the page: a line that wraps or scrolls would smear it */
static void
draw_page (Top *top)
{
  guint height = cli_output_height (), room = height > 4 ? height - 4 : 1;
  guint count, hidden = top->hidden + (top->rows->len > room ? top->rows->len - room : 0);
  g_autofree char *text = draw (top, room);
  g_autoptr(GString) page = g_string_new ("\033[H");
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);

  count = top->rows->len + top->hidden;
  g_string_append_printf (page, ngettext ("%u workload; q quits", "%u workloads; q quits", count), count);
  g_string_append (page, "\033[K\n\033[K\n");
  for (char **line = lines; *line != NULL && **line != '\0'; line++)
    g_string_append_printf (page, "%s\033[K\n", *line);
  if (hidden > 0)
    g_string_append_printf (page, _("and %u more"), hidden);
  g_string_append (page, "\033[J");
  cli_print ("%s", page->str);
}

/* JSON: each sample with the name of its workload */
static void
print_samples (Top *top)
{
  GVariantBuilder builder;
  g_autoptr(GVariant) all = NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < top->rows->len; i++)
    {
      Row *row = g_ptr_array_index (top->rows, i);
      GVariantDict dict;

      g_variant_dict_init (&dict, row->sample);
      g_variant_dict_insert (&dict, "id", "s", row->id);
      g_variant_dict_insert (&dict, "name", "s", thole_dict_string (row->workload, "name", ""));
      g_variant_builder_add (&builder, "v", g_variant_dict_end (&dict));
    }
  all = g_variant_ref_sink (g_variant_builder_end (&builder));
  cli_print_json (all);
}

static int
run_once (Top *top, GError **error)
{
  g_autofree char *text = NULL;

  if (!list_workloads (top, error))
    return CLI_FAILED;
  sample_all (top);
  if (top->cli->output == CLI_OUTPUT_JSON)
    {
      print_samples (top);
      return CLI_DONE;
    }
  text = draw (top, 0);
  cli_print ("%s", text);
  if (top->hidden > 0)
    cli_print_error (_("and %u more"), top->hidden);
  return CLI_DONE;
}

/* live ---------------------------------------------------------------------------------------------------- */

static gboolean
on_key (int fd, GIOCondition condition, gpointer user_data)
{
  Top *top = user_data;
  char key = 0;

  if (read (fd, &key, 1) > 0 && key != 'q' && key != 'Q' && key != 4)
    return G_SOURCE_CONTINUE;
  top->quit = TRUE;
  g_cancellable_cancel (top->cancellable);
  return G_SOURCE_REMOVE;
}

static void
on_interrupted (guint count, gpointer user_data)
{
  Top *top = user_data;

  top->quit = TRUE;
  g_cancellable_cancel (top->cancellable);
}

static int
run_live (Top *top, double interval, GError **error)
{
  struct termios before, raw;
  gboolean keys = tcgetattr (STDIN_FILENO, &before) == 0;
  g_autoptr(GSource) source = g_unix_fd_source_new (STDIN_FILENO, G_IO_IN | G_IO_HUP);
  CliInterrupt interrupt;
  int code = CLI_DONE;

  if (keys)
    {
      raw = before;
      raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
      tcsetattr (STDIN_FILENO, TCSANOW, &raw);
      g_source_set_callback (source, G_SOURCE_FUNC (on_key), top, NULL);
      g_source_attach (source, NULL);
    }
  cli_interrupt_begin (&interrupt, on_interrupted, top);
  cli_print ("\033[?1049h\033[?25l\033[2J");
  while (!top->quit)
    {
      if (!list_workloads (top, error))
        {
          code = CLI_FAILED;
          break;
        }
      sample_all (top);
      if (!top->quit)
        draw_page (top);
      cli_sleep (interval, top->cancellable);
    }
  cli_print ("\033[?25h\033[?1049l");
  cli_interrupt_end (&interrupt);
  g_source_destroy (source);
  if (keys)
    tcsetattr (STDIN_FILENO, TCSANOW, &before);
  return code;
}

static int
run (Cli *cli, GError **error)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Top top = { .cli = cli, .cancellable = cancellable };
  gboolean live = cli_output_is_terminal () && !cli_arguments_has (cli->arguments, "once")
                  && cli->output == CLI_OUTPUT_TABLE;
  double interval;
  int code;

  if (!cli_arguments_duration (cli->arguments, "interval", 3600, 1, &interval, error) || !cli_connect (cli, error))
    return CLI_FAILED;
  code = live ? run_live (&top, MAX (interval, 0.1), error) : run_once (&top, error);
  g_clear_pointer (&top.rows, g_ptr_array_unref);
  return code;
}

const CliCommand cli_command_top = {
  .name = "top",
  .arguments = "",
  .summary = N_("Watch what running workloads use"),
  .doc = N_("On a terminal the table is renewed every second until q is pressed; elsewhere it is printed once."),
  .options = options,
  .run = run,
};
