/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/screen-private.h"

#include <string.h>

#define TITLE_MOST 256

static const guint mode_numbers[MODES] = { 1, 1000, 1002, 1003, 1004, 1006, 2004 };

static int
on_property (VTermProp property, VTermValue *value, void *user)
{
  TholeScreen *self = user;

  if (property == VTERM_PROP_CURSORVISIBLE)
    self->hidden = !value->boolean;
  else if (property == VTERM_PROP_ALTSCREEN)
    self->alternate = value->boolean;
  else if (property == VTERM_PROP_TITLE)
    {
      g_free (self->title);
      self->title = g_utf8_make_valid (value->string, (gssize) strnlen (value->string, TITLE_MOST));
    }
  return 1;
}

/* a terminal answers some questions of programs; whoever looks is the one to answer */
static void
on_answer (const char *text, size_t length, void *user)
{
}

TholeScreen *
thole_screen_new (guint rows, guint cols)
{
  static const VTermScreenCallbacks callbacks = { .settermprop = on_property };
  TholeScreen *self = g_new0 (TholeScreen, 1);

  self->rows = MAX (rows, 1);
  self->cols = MAX (cols, 1);
  self->term = vterm_new ((int) self->rows, (int) self->cols);
  vterm_set_utf8 (self->term, 1);
  vterm_output_set_callback (self->term, on_answer, NULL);
  self->cells = vterm_obtain_screen (self->term);
  vterm_screen_set_callbacks (self->cells, &callbacks, self);
  vterm_screen_enable_altscreen (self->cells, 1);
  vterm_screen_set_damage_merge (self->cells, VTERM_DAMAGE_SCROLL);
  vterm_screen_reset (self->cells, 1);
  return self;
}

void
thole_screen_free (TholeScreen *self)
{
  vterm_free (self->term);
  g_free (self->title);
  g_free (self);
}

static void
set_modes (TholeScreen *self, gboolean on)
{
  for (guint i = 0; i < self->n_numbers; i++)
    for (guint mode = 0; mode < MODES; mode++)
      if (mode_numbers[mode] == self->numbers[i])
        self->modes[mode] = on;
}

/* finds ESC [ ? n ; n h and l, also when they come in pieces */
static void
scan (TholeScreen *self, guint8 byte)
{
  static const guint8 head[] = { 0x1b, '[', '?' };

  if (self->scan < sizeof head)
    {
      self->scan = byte == head[self->scan] ? self->scan + 1 : byte == head[0] ? 1 : 0;
      self->numbers[0] = self->n_numbers = 0;
    }
  else if (byte >= '0' && byte <= '9')
    {
      self->n_numbers = MAX (self->n_numbers, 1);
      self->numbers[self->n_numbers - 1] = MIN (self->numbers[self->n_numbers - 1] * 10 + (guint) (byte - '0'), 100000);
    }
  else if (byte == ';' && self->n_numbers < G_N_ELEMENTS (self->numbers))
    self->numbers[self->n_numbers++] = 0;
  else
    {
      if (byte == 'h' || byte == 'l')
        set_modes (self, byte == 'h');
      self->scan = byte == head[0] ? 1 : 0;
    }
}

void
thole_screen_feed (TholeScreen *self, const guint8 *data, gsize length)
{
  const guint8 *end = data + length;

  vterm_input_write (self->term, (const char *) data, length);
  while (data < end)
    if (self->scan > 0)
      scan (self, *data++);
    else
      {
        const guint8 *next = memchr (data, 0x1b, (gsize) (end - data));

        self->scan = next != NULL;
        data = next != NULL ? next + 1 : end;
      }
}

gboolean
thole_screen_cell (TholeScreen *self, guint row, guint col, VTermScreenCell *cell)
{
  VTermPos pos = { (int) row, (int) col };

  vterm_screen_get_cell (self->cells, pos, cell);
  return cell->chars[0] != (uint32_t) -1;
}

void
thole_cell_append (GString *out, const VTermScreenCell *cell)
{
  if (cell->chars[0] == 0)
    g_string_append_c (out, ' ');
  for (guint i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i] != 0; i++)
    g_string_append_unichar (out, g_unichar_validate (cell->chars[i]) ? cell->chars[i] : 0xfffd);
}

static gboolean
alike (VTermScreenCellAttrs a, VTermScreenCellAttrs b)
{
  return a.bold == b.bold && a.underline == b.underline && a.italic == b.italic && a.blink == b.blink && a.reverse == b.reverse
         && a.strike == b.strike;
}

gboolean
thole_cell_alike (const VTermScreenCell *a, const VTermScreenCell *b)
{
  return alike (a->attrs, b->attrs) && vterm_color_is_equal (&a->fg, &b->fg) && vterm_color_is_equal (&a->bg, &b->bg);
}

gboolean
thole_cell_plain (const VTermScreenCell *cell)
{
  VTermScreenCellAttrs none = { 0 };

  return alike (cell->attrs, none) && VTERM_COLOR_IS_DEFAULT_FG (&cell->fg) && VTERM_COLOR_IS_DEFAULT_BG (&cell->bg);
}

/* a blank shows its background, and what is drawn through it */
static gboolean
is_blank (const VTermScreenCell *cell)
{
  return (cell->chars[0] == 0 || cell->chars[0] == ' ') && VTERM_COLOR_IS_DEFAULT_BG (&cell->bg) && !cell->attrs.reverse
         && !cell->attrs.underline && !cell->attrs.strike;
}

guint
thole_screen_width (TholeScreen *self, guint row)
{
  guint width = 0;

  for (guint col = 0; col < self->cols; col++)
    {
      VTermScreenCell cell;

      if (thole_screen_cell (self, row, col, &cell) && !is_blank (&cell))
        width = col + MAX (1, (guint) cell.width);
    }
  return MIN (width, self->cols);
}

/* paint --------------------------------------------------------------------------------------------------- */

static void
append_color (GString *out, const VTermColor *color, gboolean background)
{
  guint base = background ? 40 : 30;

  if (background ? VTERM_COLOR_IS_DEFAULT_BG (color) : VTERM_COLOR_IS_DEFAULT_FG (color))
    return;
  if (!VTERM_COLOR_IS_INDEXED (color))
    g_string_append_printf (out, ";%u;2;%u;%u;%u", base + 8, color->rgb.red, color->rgb.green, color->rgb.blue);
  else if (color->indexed.idx < 8)
    g_string_append_printf (out, ";%u", base + color->indexed.idx);
  else if (color->indexed.idx < 16)
    g_string_append_printf (out, ";%u", base + 60 + color->indexed.idx - 8u);
  else
    g_string_append_printf (out, ";%u;5;%u", base + 8, color->indexed.idx);
}

static void
append_pen (GString *out, const VTermScreenCell *cell)
{
  static const char *const underlines[] = { "", ";4", ";21", ";4:3" };

  g_string_append (out, "\033[0");
  g_string_append (out, cell->attrs.bold ? ";1" : "");
  g_string_append (out, cell->attrs.italic ? ";3" : "");
  g_string_append (out, underlines[cell->attrs.underline]);
  g_string_append (out, cell->attrs.blink ? ";5" : "");
  g_string_append (out, cell->attrs.reverse ? ";7" : "");
  g_string_append (out, cell->attrs.strike ? ";9" : "");
  append_color (out, &cell->fg, FALSE);
  append_color (out, &cell->bg, TRUE);
  g_string_append_c (out, 'm');
}

/* the pen that the next output is written with */
static void
get_pen (TholeScreen *self, VTermScreenCell *pen)
{
  VTermState *state = vterm_obtain_state (self->term);
  VTermValue value;

  memset (pen, 0, sizeof *pen);
#define PEN(NAME, MEMBER, FROM) if (vterm_state_get_penattr (state, VTERM_ATTR_##NAME, &value)) pen->MEMBER = FROM
  PEN (BOLD, attrs.bold, value.boolean != 0);
  PEN (UNDERLINE, attrs.underline, (unsigned) value.number & 3);
  PEN (ITALIC, attrs.italic, value.boolean != 0);
  PEN (BLINK, attrs.blink, value.boolean != 0);
  PEN (REVERSE, attrs.reverse, value.boolean != 0);
  PEN (STRIKE, attrs.strike, value.boolean != 0);
  PEN (FOREGROUND, fg, value.color);
  PEN (BACKGROUND, bg, value.color);
#undef PEN
}

static void
paint_row (TholeScreen *self, guint row, GString *out)
{
  guint width = thole_screen_width (self, row);
  VTermScreenCell pen, cell;
  gboolean plain = TRUE;

  if (width == 0)
    return;
  g_string_append_printf (out, "\033[%u;1H", row + 1);
  for (guint col = 0; col < width; col++)
    {
      if (!thole_screen_cell (self, row, col, &cell))
        continue;
      if (plain ? !thole_cell_plain (&cell) : !thole_cell_alike (&cell, &pen))
        {
          append_pen (out, &cell);
          pen = cell;
          plain = FALSE;
        }
      thole_cell_append (out, &cell);
    }
  if (!plain)
    g_string_append (out, "\033[0m");
}

GBytes *
thole_screen_paint (TholeScreen *self)
{
  GString *out = g_string_sized_new (4096);
  VTermScreenCell pen;
  VTermPos cursor;

  /* whatever was there goes; going to the other screen may bring back an old pen */
  g_string_append (out, self->alternate ? "\033[?1049h" : "\033[?1049l");
  g_string_append (out, "\033[!p\033[r\033[?6l\033[?7h\033[0m\033[H\033[2J");
  for (guint mode = 0; mode < MODES; mode++)
    g_string_append_printf (out, "\033[?%u%c", mode_numbers[mode], self->modes[mode] ? 'h' : 'l');
  for (guint row = 0; row < self->rows; row++)
    paint_row (self, row, out);
  if (self->title != NULL && strpbrk (self->title, "\007\033") == NULL)
    g_string_append_printf (out, "\033]2;%s\007", self->title);
  vterm_state_get_cursorpos (vterm_obtain_state (self->term), &cursor);
  g_string_append_printf (out, "\033[%d;%dH", cursor.row + 1, cursor.col + 1);
  get_pen (self, &pen);
  append_pen (out, &pen);
  g_string_append (out, self->hidden ? "\033[?25l" : "\033[?25h");
  return g_string_free_to_bytes (out);
}
