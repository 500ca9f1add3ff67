/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "thole-json.h"

/* (nullable): NULL where the locale can write all of UTF-8 */
static char *
to_locale (const char *text)
{
  static const struct
  {
    gunichar character;
    const char *plain;
  } punctuation[] = {
    { 0x00a0, " " }, { 0x2013, "-" }, { 0x2014, "-" }, { 0x2018, "'" }, { 0x2019, "'" },
    { 0x201a, "'" }, { 0x201c, "\"" }, { 0x201d, "\"" }, { 0x201e, "\"" }, { 0x2026, "..." },
  };
  const char *charset = NULL;
  g_autoptr(GString) plain = NULL;

  if (g_get_charset (&charset))
    return NULL;
  plain = g_string_new (NULL);
  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar character = g_utf8_get_char (text);
      guint found = 0;

      while (found < G_N_ELEMENTS (punctuation) && punctuation[found].character != character)
        found++;
      if (found < G_N_ELEMENTS (punctuation))
        g_string_append (plain, punctuation[found].plain);
      else
        g_string_append_unichar (plain, character);
    }
  return g_convert_with_fallback (plain->str, -1, charset, "UTF-8", "?", NULL, NULL, NULL);
}

/* What the locale cannot write has its width already when columns are measured. */
static char *
as_shown (const char *text)
{
  const char *charset = NULL;
  g_autofree char *local = to_locale (text);
  char *shown = local != NULL && !g_get_charset (&charset) ? g_convert (local, -1, "UTF-8", charset, NULL, NULL, NULL) : NULL;

  return shown != NULL ? shown : g_strdup (text);
}

char *
cli_text_safe (const char *text, gboolean lines)
{
  g_autofree char *whole = g_utf8_make_valid (text, -1), *valid = as_shown (whole);
  g_autoptr(GString) out = g_string_new (NULL);

  for (const char *next = valid; *next != '\0'; next = g_utf8_next_char (next))
    {
      gunichar character = g_utf8_get_char (next);

      if ((character == '\n' && lines) || !g_unichar_iscntrl (character))
        g_string_append_unichar (out, character);
      else
        g_string_append_printf (out, "\\x%02x", character);
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

guint
cli_text_width (const char *text)
{
  guint width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar character = g_utf8_get_char (text);

      if (!g_unichar_iszerowidth (character))
        width += g_unichar_iswide (character) ? 2 : 1;
    }
  return width;
}

gboolean
cli_write (int fd, gconstpointer data, gsize length)
{
  const char *bytes = data;

  while (length > 0)
    {
      gssize written = write (fd, bytes, length);

      if (written < 0 && errno != EINTR && errno != EAGAIN)
        return FALSE;
      if (written < 0 && errno == EAGAIN)
        g_usleep (1000);
      if (written > 0)
        {
          bytes += written;
          length -= (gsize) written;
        }
    }
  return TRUE;
}

static void
write_text (int fd, const char *text)
{
  g_autofree char *converted = to_locale (text);

  if (converted != NULL)
    text = converted;
  cli_write (fd, text, strlen (text));
}

void
cli_print (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  write_text (STDOUT_FILENO, text);
}

void
cli_print_error (const char *format, ...)
{
  g_autofree char *text = NULL, *safe = NULL, *line = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  safe = cli_text_safe (text, TRUE);
  line = g_strconcat (safe, "\n", NULL);
  write_text (STDERR_FILENO, line);
}

/* JSON -------------------------------------------------------------------------------------------------- */

static void append_pretty (GString *out, GVariant *value, guint depth);

static void
append_break (GString *out, guint depth)
{
  g_string_append_printf (out, "\n%*s", (int) depth * 2, "");
}

static void
append_members (GString *out, GVariant *value, guint depth)
{
  gboolean object = g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT);
  gsize count = g_variant_n_children (value);

  g_string_append_c (out, object ? '{' : '[');
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr(GVariant) child = g_variant_get_child_value (value, i);
      g_autoptr(GVariant) member = NULL;

      if (i > 0)
        g_string_append_c (out, ',');
      append_break (out, depth + 1);
      if (object)
        {
          const char *key;

          g_variant_get (child, "{&sv}", &key, &member);
          thole_json_append_string (out, key);
          g_string_append (out, ": ");
        }
      else
        {
          member = g_variant_get_variant (child);
        }
      append_pretty (out, member, depth + 1);
    }
  append_break (out, depth);
  g_string_append_c (out, object ? '}' : ']');
}

static void
append_pretty (GString *out, GVariant *value, guint depth)
{
  gboolean nested = g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT)
                    || g_variant_is_of_type (value, G_VARIANT_TYPE ("av"));

  if (nested && g_variant_n_children (value) > 0)
    append_members (out, value, depth);
  else
    thole_json_append (out, value);
}

void
cli_print_json (GVariant *value)
{
  g_autoptr(GString) out = g_string_new (NULL);

  if (cli_output_is_terminal ())
    append_pretty (out, value, 0);
  else
    thole_json_append (out, value);
  g_string_append_c (out, '\n');
  cli_write (STDOUT_FILENO, out->str, out->len);
}

/* the terminal ------------------------------------------------------------------------------------------ */

static gboolean
knows_escapes (int fd)
{
  const char *term = g_getenv ("TERM");

  return isatty (fd) && term != NULL && *term != '\0' && strcmp (term, "dumb") != 0;
}

gboolean
cli_output_is_terminal (void)
{
  return knows_escapes (STDOUT_FILENO);
}

gboolean
cli_error_is_terminal (void)
{
  return knows_escapes (STDERR_FILENO);
}

static guint
terminal_size (gboolean width)
{
  struct winsize size = { 0 };
  const char *text = g_getenv (width ? "COLUMNS" : "LINES");
  guint given = text != NULL ? (guint) MIN (g_ascii_strtoull (text, NULL, 10), 10000) : 0;

  if (ioctl (isatty (STDOUT_FILENO) ? STDOUT_FILENO : STDERR_FILENO, TIOCGWINSZ, &size) == 0)
    {
      if (width && size.ws_col > 0)
        return size.ws_col;
      if (!width && size.ws_row > 0)
        return size.ws_row;
    }
  if (given > 0)
    return given;
  return width ? 80 : 24;
}

guint
cli_output_width (void)
{
  return terminal_size (TRUE);
}

guint
cli_output_height (void)
{
  return terminal_size (FALSE);
}

const char *
cli_ellipsis (void)
{
  return g_get_charset (NULL) ? "…" : "...";
}
