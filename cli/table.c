/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <string.h>

#include "command.h"
#include "output.h"

#define GAP 2
#define HARD_LEAST 4

struct _CliTable
{
  const CliColumn *columns;
  guint n_columns;
  GPtrArray *cells;
};

CliTable *
cli_table_new (const CliColumn *columns, guint n_columns)
{
  CliTable *self = g_new0 (CliTable, 1);

  self->columns = columns;
  self->n_columns = n_columns;
  self->cells = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
cli_table_free (CliTable *self)
{
  g_ptr_array_unref (self->cells);
  g_free (self);
}

void
cli_table_add (CliTable *self, const char *text)
{
  g_ptr_array_add (self->cells, cli_text_safe (text != NULL ? text : "", FALSE));
}

void
cli_table_take (CliTable *self, char *text)
{
  g_autofree char *owned = text;

  cli_table_add (self, owned);
}

static const char *
cell (CliTable *self, guint row, guint column)
{
  return g_ptr_array_index (self->cells, row * self->n_columns + column);
}

/* 0 = the column is left out */
static void
measure (CliTable *self, guint rows, guint *widths)
{
  for (guint column = 0; column < self->n_columns; column++)
    {
      guint widest = 0;

      for (guint row = 0; row < rows; row++)
        widest = MAX (widest, cli_text_width (cell (self, row, column)));
      if (widest == 0 && self->columns[column].optional)
        widths[column] = 0;
      else
        widths[column] = MAX (widest, cli_text_width (_(self->columns[column].title)));
    }
}

static guint
least_width (CliTable *self, guint column, gboolean hard)
{
  guint least = self->columns[column].least;

  if (hard)
    return column == 0 ? G_MAXUINT : HARD_LEAST;
  return least > 0 ? least : G_MAXUINT;
}

/* the widest column that may still give; n_columns when there is none */
static guint
widest_column (CliTable *self, const guint *widths, gboolean hard)
{
  guint widest = self->n_columns;

  for (guint column = 0; column < self->n_columns; column++)
    if (widths[column] > least_width (self, column, hard)
        && (widest == self->n_columns || widths[column] > widths[widest]))
      widest = column;
  return widest;
}

/* first those that may shrink give, then, on a very narrow terminal, all but the first */
static void
shrink (CliTable *self, guint *widths, guint available)
{
  guint total = 0;

  for (guint column = 0; column < self->n_columns; column++)
    total += widths[column] > 0 ? widths[column] + GAP : 0;
  for (gboolean hard = FALSE; hard <= TRUE; hard++)
    while (total > available + GAP)
      {
        guint widest = widest_column (self, widths, hard);

        if (widest == self->n_columns)
          break;
        widths[widest]--;
        total--;
      }
}

static void
append_cut (GString *line, const char *text, guint width)
{
  const char *ellipsis = cli_ellipsis ();
  guint room = width - MIN (width, cli_text_width (ellipsis)), used = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar character = g_utf8_get_char (text);
      guint one = g_unichar_iszerowidth (character) ? 0 : g_unichar_iswide (character) ? 2 : 1;

      if (used + one > room)
        break;
      g_string_append_unichar (line, character);
      used += one;
    }
  g_string_append (line, ellipsis);
  g_string_append_printf (line, "%*s", (int) (room - used), "");
}

static void
append_cell (GString *line, const CliColumn *column, const char *text, guint width)
{
  guint wide = cli_text_width (text);

  if (width == 0)
    return;
  if (wide > width)
    append_cut (line, text, width);
  else if (column->right)
    g_string_append_printf (line, "%*s%s", (int) (width - wide), "", text);
  else
    g_string_append_printf (line, "%s%*s", text, (int) (width - wide), "");
  g_string_append_printf (line, "%*s", GAP, "");
}

static void
end_line (GString *out)
{
  while (out->len > 0 && out->str[out->len - 1] == ' ')
    g_string_truncate (out, out->len - 1);
  g_string_append_c (out, '\n');
}

char *
cli_table_text (CliTable *self, guint rows)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);
  g_autoptr(GString) out = g_string_new (NULL);
  guint all = self->cells->len / self->n_columns;

  rows = rows == 0 ? all : MIN (rows, all);
  measure (self, rows, widths);
  if (cli_output_is_terminal ())
    shrink (self, widths, cli_output_width ());
  for (guint column = 0; column < self->n_columns; column++)
    append_cell (out, &self->columns[column], _(self->columns[column].title), widths[column]);
  end_line (out);
  for (guint row = 0; row < rows; row++)
    {
      for (guint column = 0; column < self->n_columns; column++)
        append_cell (out, &self->columns[column], cell (self, row, column), widths[column]);
      end_line (out);
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

void
cli_table_print (CliTable *self)
{
  g_autofree char *text = cli_table_text (self, 0);

  cli_print ("%s", text);
}
