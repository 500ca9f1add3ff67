/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include <string.h>
#include <unistd.h>

#include "output.h"
#include "thole-dict.h"
#include "units.h"

#define BAR 24
#define LINE_PAUSE (5 * G_USEC_PER_SEC)

struct _CliProgress
{
  gboolean bar;   /* stderr is a terminal */
  gboolean quiet;
  gboolean shown;
  char *line;     /* (nullable): the last plain one */
  gint64 at;      /* when it was printed */
};

CliProgress *
cli_progress_new (gboolean quiet)
{
  CliProgress *self = g_new0 (CliProgress, 1);

  self->bar = cli_error_is_terminal ();
  self->quiet = quiet;
  return self;
}

void
cli_progress_free (CliProgress *self)
{
  cli_progress_clear (self);
  g_free (self->line);
  g_free (self);
}

gboolean
cli_progress_is_bar (CliProgress *self)
{
  return self->bar;
}

void
cli_progress_clear (CliProgress *self)
{
  if (self->shown)
    cli_write (STDERR_FILENO, "\r\033[K", 4);
  self->shown = FALSE;
}

static void
append_amount (GString *text, gint64 done, gint64 total, const char *unit)
{
  gboolean bytes = strcmp (unit, "bytes") == 0;
  g_autofree char *have = bytes ? cli_size_text (done) : g_strdup_printf ("%lld", (long long) done);
  g_autofree char *all = bytes ? cli_size_text (total) : g_strdup_printf ("%lld", (long long) total);

  if (total > 0)
    g_string_append_printf (text, " %s / %s", have, all);
  else if (done > 0)
    g_string_append_printf (text, " %s", have);
  if (!bytes && (total > 0 || done > 0))
    g_string_append_printf (text, " %s", unit);
}

void
cli_progress_read (GVariant *operation, gint64 *done, gint64 *total, const char **unit)
{
  g_autoptr(GVariant) progress = g_variant_lookup_value (operation, "progress", G_VARIANT_TYPE_VARDICT);

  *done = thole_dict_int (operation, "progress_done", 0);
  *total = thole_dict_int (operation, "progress_total", 0);
  *unit = thole_dict_string (operation, "progress_unit", "");
  if (progress == NULL)
    return;
  *done = thole_dict_int (progress, "done", 0);
  *total = thole_dict_int (progress, "total", 0);
  *unit = thole_dict_string (progress, "unit", "");
}

static char *
make_line (GVariant *operation, gboolean with_bar, guint width)
{
  g_autofree char *message = cli_text_safe (thole_dict_string (operation, "message", ""), FALSE);
  g_autoptr(GString) text = g_string_new (NULL), tail = g_string_new (NULL);
  const char *unit;
  gint64 done, total;
  double part;

  cli_progress_read (operation, &done, &total, &unit);
  part = total > 0 ? CLAMP ((double) done / (double) total, 0, 1) : 0;
  if (total > 0 && with_bar)
    {
      g_string_append (tail, " [");
      for (guint i = 0; i < BAR; i++)
        g_string_append_c (tail, i < part * BAR ? '#' : '.');
      g_string_append_c (tail, ']');
    }
  if (total > 0)
    g_string_append_printf (tail, " %3.0f%%", part * 100);
  append_amount (tail, done, total, unit);
  g_string_append (text, message);
  if (*message == '\0')
    {
      g_autofree char *target = cli_text_safe (thole_dict_string (operation, "target", ""), FALSE);
      g_string_append_printf (text, "%s %s", thole_dict_string (operation, "type", ""), target);
    }
  /* the numbers are worth more than a long message */
  if (with_bar && cli_text_width (text->str) + tail->len > width && tail->len < width)
    {
      const char *end = g_utf8_offset_to_pointer (text->str, MIN (g_utf8_strlen (text->str, -1), (glong) (width - tail->len) / 2));
      g_string_truncate (text, (gsize) (end - text->str));
    }
  g_string_append (text, tail->str);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
cli_progress_show (CliProgress *self, GVariant *operation)
{
  g_autofree char *line = make_line (operation, self->bar, cli_output_width () - 1);
  gint64 now = g_get_monotonic_time ();

  if (self->bar)
    {
      g_autofree char *shown = g_strconcat ("\r", line, "\033[K", NULL);

      cli_write (STDERR_FILENO, shown, strlen (shown));
      self->shown = TRUE;
      return;
    }
  if (self->quiet || g_strcmp0 (line, self->line) == 0 || (self->line != NULL && now - self->at < LINE_PAUSE))
    return;
  cli_print_error ("%s", line);
  g_free (self->line);
  self->line = g_steal_pointer (&line);
  self->at = now;
}
