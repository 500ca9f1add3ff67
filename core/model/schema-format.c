/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/schema-format.h"

#include <math.h>
#include <string.h>

#include "thole-dict.h"

#define MAX_LABEL_KEY 253

gboolean
thole_name_valid (const char *name)
{
  gsize length = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-");

  return length > 0 && length <= 63 && name[length] == '\0' && name[0] != '-' && name[length - 1] != '-';
}

/* sizes ------------------------------------------------------------------------------------------------------- */

static double
unit_factor (const char *unit)
{
  static const char prefixes[] = "kmgtpe";
  const char *found;

  if (*unit == '\0' || g_ascii_strcasecmp (unit, "b") == 0)
    return 1;
  found = strchr (prefixes, g_ascii_tolower (*unit));
  if (found == NULL)
    return 0;
  /* a lone letter is none: to some "M" is 1000², to others 1024² */
  if (g_ascii_strcasecmp (unit + 1, "ib") == 0 || g_ascii_strcasecmp (unit + 1, "i") == 0)
    return pow (1024, found - prefixes + 1);
  return g_ascii_strcasecmp (unit + 1, "b") == 0 ? pow (1000, found - prefixes + 1) : 0;
}

gint64
thole_size_parse (const char *text)
{
  const char *p = text;
  guint64 whole = 0;
  double fraction = 0, factor, size;
  gsize spaces;

  if (!g_ascii_isdigit (*p))
    return -1;
  for (; g_ascii_isdigit (*p); p++)
    {
      if (whole > G_MAXINT64 / 10)
        return -1;
      whole = whole * 10 + (guint64) (*p - '0');
    }
  if (*p == '.')
    {
      double unit = 0.1;

      if (!g_ascii_isdigit (*++p))
        return -1;
      for (; g_ascii_isdigit (*p); p++, unit /= 10)
        fraction += (*p - '0') * unit;
    }
  spaces = strspn (p, " ");
  p += spaces;
  if (spaces > 0 && *p == '\0')
    return -1;
  factor = unit_factor (p);
  if (factor == 1)
    return fraction > 0 || whole > G_MAXINT64 ? -1 : (gint64) whole;
  size = ((double) whole + fraction) * factor;
  if (factor == 0 || size >= 9223372036854775807.0)
    return -1;
  return (gint64) (whole * (guint64) factor + (guint64) (fraction * factor + 1e-6));
}

gint64
thole_when_parse (const char *text)
{
  gint64 seconds = 0, fraction = 0, unit = 100000;
  const char *p = text;

  if (strchr (text, '-') != NULL)
    {
      gint64 time = thole_time_parse (text);

      return time > 0 ? time : -1;
    }
  if (!g_ascii_isdigit (*p))
    return -1;
  for (; g_ascii_isdigit (*p); p++)
    {
      seconds = seconds * 10 + *p - '0';
      if (seconds > G_GINT64_CONSTANT (253402300799))
        return -1;
    }
  if (*p == '.')
    {
      if (!g_ascii_isdigit (*++p))
        return -1;
      for (; g_ascii_isdigit (*p); p++, unit /= 10)
        fraction += (*p - '0') * unit;
    }
  return *p == '\0' ? seconds * G_USEC_PER_SEC + fraction : -1;
}

/* formats ----------------------------------------------------------------------------------------------------- */

static gboolean
is_path (const char *text)
{
  if (text[0] != '/')
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f || (g_str_has_prefix (p, "/..") && (p[3] == '/' || p[3] == '\0')))
      return FALSE;
  return TRUE;
}

/* Whether a reference exists, and whether the engine takes all of its letters, is the engine's to say. */
static gboolean
is_image (const char *text)
{
  if (text[0] == '/')
    return is_path (text);
  if (!g_ascii_isalnum (text[0]) || strstr (text, "//") != NULL || strstr (text, "..") != NULL)
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("._-:/@+", *p) == NULL)
      return FALSE;
  return g_ascii_isalnum (text[strlen (text) - 1]) || strchr ("._-", text[strlen (text) - 1]) != NULL;
}

static gboolean
is_signal (const char *text)
{
  return thole_signal_number (text) != 0;
}

static gboolean
is_address (const char *text)
{
  g_autoptr(GInetAddress) address = g_inet_address_new_from_string (text);

  return address != NULL;
}

static gboolean
is_base64 (const char *text)
{
  gsize length = strlen (text), data = length;

  while (data > 0 && length - data < 2 && text[data - 1] == '=')
    data--;
  for (gsize i = 0; i < data; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '+' && text[i] != '/')
      return FALSE;
  return length % 4 == 0;
}

static gboolean
is_when (const char *text)
{
  return thole_when_parse (text) >= 0;
}

static gboolean
is_streams (const char *text)
{
  static const char *const all[] = { "stdout", "stderr", "stdout,stderr", "stderr,stdout", NULL };

  return g_strv_contains (all, text);
}

/* one @ with something around it, without spaces and controls */
static gboolean
is_email (const char *text)
{
  const char *at = strchr (text, '@');

  if (at == NULL || at == text || at[1] == '\0' || strchr (at + 1, '@') != NULL)
    return FALSE;
  for (; *text != '\0'; text++)
    if ((guchar) *text <= 0x20 || (guchar) *text >= 0x7f || strchr ("<>()[],;:\\\"", *text) != NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_word (const char *text)
{
  return text[strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
}

static const struct
{
  const char *name;
  gboolean (*check) (const char *text);
  const char *fault;
} formats[] = {
  { "path", is_path, "must be an absolute path without '..' and control characters" },
  { "image", is_image, "must be an image reference: [HOST[:PORT]/]NAME[:TAG][@DIGEST]" },
  { "signal", is_signal, "must be a signal: SIGTERM, TERM or 15" },
  { "address", is_address, "must be an IPv4 or IPv6 address" },
  { "base64", is_base64, "must be base64 (RFC 4648 section 4, padded)" },
  { "when", is_when, "must be an RFC 3339 time or seconds since the epoch" },
  { "email", is_email, "must be an e-mail address" },
  { "streams", is_streams, "must be stdout, stderr or both with a comma" },
  { "word", is_word, "must be of small letters, digits, '.' and '-'" },
};

const char *
thole_format_fault (const char *name, const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (strcmp (formats[i].name, name) == 0)
      return formats[i].check (text) ? NULL : formats[i].fault;
  g_return_val_if_reached ("has a format that nobody knows");
}

const char *
thole_label_fault (const char *key)
{
  gsize length = strlen (key);

  if (length == 0 || length > MAX_LABEL_KEY)
    return "a label must have between 1 and 253 bytes";
  if (g_str_has_prefix (key, "org.thole."))
    return "labels that begin with org.thole. are Thole's own";
  for (; *key != '\0'; key++)
    if ((guchar) *key <= 0x20 || *key == 0x7f || *key == '=' || *key == ',')
      return "a label must be without spaces, '=', ',' and control characters";
  return NULL;
}

const char *
thole_env_fault (const char *key)
{
  gsize length = strspn (key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

  return length > 0 && key[length] == '\0' && !g_ascii_isdigit (key[0]) ? NULL
                                                                       : "a variable must be named [A-Za-z_][A-Za-z0-9_]*";
}

/* rules ------------------------------------------------------------------------------------------------------- */

const TholeSchemaRule *
thole_schema_rule (const TholeSchema *schema)
{
  static const char *const mount[] = { "source", "volume", NULL };
  static const char *const health[] = { "command", "http", "tcp", NULL };
  static const char *const file[] = { "content", "content_base64", NULL };
  static const char *const exec[] = { "stdin", "stdin_base64", NULL };
  static const TholeSchemaRule rules[] = {
    { "mount", mount, .one = TRUE },
    { "health", health, .absent = TRUE },
    { "file", file },
    { "workload-exec", exec },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (strcmp (rules[i].schema, schema->name) == 0)
      return &rules[i];
  return NULL;
}
