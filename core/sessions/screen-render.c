/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A screen for people and programs that are no terminal: JSON, text, SVG. */
#include <string.h>

#include "sessions/screen-private.h"
#include "thole-json.h"

/* of one cell in SVG, and where the text stands in it */
#define CELL_WIDTH 8.4
#define CELL_HEIGHT 18
#define BASELINE 13.5
#define FOREGROUND "#d8d8d8"
#define BACKGROUND "#16181d"

typedef struct
{
  char foreground[8], background[8]; /* "" = the default */
} Colors;

static void
name_color (TholeScreen *self, VTermColor color, gboolean background, char name[8])
{
  name[0] = '\0';
  if (background ? VTERM_COLOR_IS_DEFAULT_BG (&color) : VTERM_COLOR_IS_DEFAULT_FG (&color))
    return;
  vterm_screen_convert_color_to_rgb (self->cells, &color);
  g_snprintf (name, 8, "#%02x%02x%02x", color.rgb.red, color.rgb.green, color.rgb.blue);
}

static Colors
colors_of (TholeScreen *self, const VTermScreenCell *cell)
{
  Colors colors;

  name_color (self, cell->fg, FALSE, colors.foreground);
  name_color (self, cell->bg, TRUE, colors.background);
  return colors;
}

/* the column after the run that begins at @col: cells that look alike */
static guint
run_end (TholeScreen *self, guint row, guint col, guint width)
{
  VTermScreenCell first, cell;

  thole_screen_cell (self, row, col, &first);
  for (col++; col < width; col++)
    if (thole_screen_cell (self, row, col, &cell) && !thole_cell_alike (&first, &cell))
      break;
  return col;
}

static void
append_text (TholeScreen *self, guint row, guint from, guint to, GString *out)
{
  VTermScreenCell cell;

  for (guint col = from; col < to; col++)
    if (thole_screen_cell (self, row, col, &cell))
      thole_cell_append (out, &cell);
}

/* JSON ------------------------------------------------------------------------------------------------------ */

static void
append_run (TholeScreen *self, const VTermScreenCell *cell, guint from, guint to, GString *out)
{
  static const char *const underlines[] = { NULL, "single", "double", "curly" };
  Colors colors = colors_of (self, cell);

  if (out->str[out->len - 1] != '[')
    g_string_append_c (out, ',');
  g_string_append_printf (out, "{\"from\":%u,\"to\":%u", from, to);
  if (colors.foreground[0] != '\0')
    g_string_append_printf (out, ",\"foreground\":\"%s\"", colors.foreground);
  if (colors.background[0] != '\0')
    g_string_append_printf (out, ",\"background\":\"%s\"", colors.background);
  if (cell->attrs.underline)
    g_string_append_printf (out, ",\"underline\":\"%s\"", underlines[cell->attrs.underline]);
  g_string_append (out, cell->attrs.bold ? ",\"bold\":true" : "");
  g_string_append (out, cell->attrs.italic ? ",\"italic\":true" : "");
  g_string_append (out, cell->attrs.blink ? ",\"blink\":true" : "");
  g_string_append (out, cell->attrs.reverse ? ",\"reverse\":true" : "");
  g_string_append (out, cell->attrs.strike ? ",\"strike\":true" : "");
  g_string_append_c (out, '}');
}

static void
append_line (TholeScreen *self, guint row, GString *out)
{
  guint width = thole_screen_width (self, row);
  g_autoptr (GString) text = g_string_new (NULL);

  append_text (self, row, 0, width, text);
  g_string_append (out, "{\"text\":");
  thole_json_append_string_len (out, text->str, text->len);
  g_string_append (out, ",\"runs\":[");
  for (guint col = 0, end; col < width; col = end)
    {
      VTermScreenCell cell;

      thole_screen_cell (self, row, col, &cell);
      end = run_end (self, row, col, width);
      if (!thole_cell_plain (&cell))
        append_run (self, &cell, col, end, out);
    }
  g_string_append (out, "]}");
}

GBytes *
thole_screen_json (TholeScreen *self, guint64 seq)
{
  GString *out = g_string_sized_new (4096);
  VTermPos cursor;

  vterm_state_get_cursorpos (vterm_obtain_state (self->term), &cursor);
  g_string_append_printf (out, "{\"seq\":%" G_GUINT64_FORMAT ",\"rows\":%u,\"cols\":%u,\"cursor\":{\"row\":%d,\"col\":%d,\"visible\":%s},",
                          seq, self->rows, self->cols, cursor.row, cursor.col, self->hidden ? "false" : "true");
  g_string_append (out, "\"title\":");
  thole_json_append_string (out, self->title != NULL ? self->title : "");
  g_string_append_printf (out, ",\"alternate\":%s,\"lines\":[", self->alternate ? "true" : "false");
  for (guint row = 0; row < self->rows; row++)
    {
      if (row > 0)
        g_string_append_c (out, ',');
      append_line (self, row, out);
    }
  g_string_append (out, "]}");
  return g_string_free_to_bytes (out);
}

/* text ------------------------------------------------------------------------------------------------------ */

GBytes *
thole_screen_text (TholeScreen *self)
{
  GString *out = g_string_new (NULL);
  guint rows = self->rows;

  while (rows > 0 && thole_screen_width (self, rows - 1) == 0)
    rows--;
  for (guint row = 0; row < rows; row++)
    {
      append_text (self, row, 0, thole_screen_width (self, row), out);
      g_string_append_c (out, '\n');
    }
  return g_string_free_to_bytes (out);
}

/* SVG ------------------------------------------------------------------------------------------------------- */

/* text for XML; controls have no place in it */
static void
append_escaped (GString *out, const char *text)
{
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar character = g_utf8_get_char (at);

      if (character == '<')
        g_string_append (out, "&lt;");
      else if (character == '&')
        g_string_append (out, "&amp;");
      else if (character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0xfffe || character == 0xffff)
        g_string_append (out, "\357\277\275");
      else
        g_string_append_unichar (out, character);
    }
}

static void
append_number (GString *out, const char *before, double number)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (out, "%s\"%s\"", before, g_ascii_formatd (buffer, sizeof buffer, "%.1f", number));
}

static void
append_box (GString *out, guint row, guint from, guint to, const char *fill)
{
  g_string_append (out, "<rect");
  append_number (out, " x=", from * CELL_WIDTH);
  append_number (out, " y=", row * CELL_HEIGHT);
  append_number (out, " width=", (to - from) * CELL_WIDTH);
  append_number (out, " height=", CELL_HEIGHT);
  g_string_append_printf (out, " fill=\"%s\"/>\n", fill);
}

static void
append_piece (TholeScreen *self, guint row, guint from, guint to, GString *out)
{
  g_autoptr (GString) text = g_string_new (NULL);
  VTermScreenCell cell;
  Colors colors;
  const char *ink, *paper;

  thole_screen_cell (self, row, from, &cell);
  colors = colors_of (self, &cell);
  ink = colors.foreground[0] != '\0' ? colors.foreground : FOREGROUND;
  paper = colors.background[0] != '\0' ? colors.background : BACKGROUND;
  if (cell.attrs.reverse || colors.background[0] != '\0')
    append_box (out, row, from, to, cell.attrs.reverse ? ink : paper);
  append_text (self, row, from, to, text);
  if (strspn (text->str, " ") == text->len && !cell.attrs.underline && !cell.attrs.strike)
    return;
  g_string_append (out, "<text");
  append_number (out, " x=", from * CELL_WIDTH);
  append_number (out, " y=", row * CELL_HEIGHT + BASELINE);
  append_number (out, " textLength=", (to - from) * CELL_WIDTH);
  g_string_append_printf (out, " fill=\"%s\"", cell.attrs.reverse ? paper : ink);
  g_string_append (out, cell.attrs.bold ? " font-weight=\"bold\"" : "");
  g_string_append (out, cell.attrs.italic ? " font-style=\"italic\"" : "");
  if (cell.attrs.underline || cell.attrs.strike)
    g_string_append_printf (out, " text-decoration=\"%s%s\"", cell.attrs.underline ? "underline " : "",
                            cell.attrs.strike ? "line-through" : "");
  g_string_append_c (out, '>');
  append_escaped (out, text->str);
  g_string_append (out, "</text>\n");
}

GBytes *
thole_screen_svg (TholeScreen *self)
{
  GString *out = g_string_sized_new (16384);
  VTermPos cursor;

  g_string_append (out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
  append_number (out, " width=", self->cols * CELL_WIDTH);
  append_number (out, " height=", self->rows * CELL_HEIGHT);
  g_string_append (out, " font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\" xml:space=\"preserve\">\n");
  g_string_append (out, "<rect width=\"100%\" height=\"100%\" fill=\"" BACKGROUND "\"/>\n");
  for (guint row = 0; row < self->rows; row++)
    {
      guint width = thole_screen_width (self, row);

      for (guint col = 0, end; col < width; col = end)
        {
          end = run_end (self, row, col, width);
          append_piece (self, row, col, end, out);
        }
    }
  vterm_state_get_cursorpos (vterm_obtain_state (self->term), &cursor);
  if (!self->hidden)
    append_box (out, (guint) cursor.row, (guint) cursor.col, (guint) cursor.col + 1, FOREGROUND "\" fill-opacity=\"0.5");
  g_string_append (out, "</svg>\n");
  return g_string_free_to_bytes (out);
}
