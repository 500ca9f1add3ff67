/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "units.h"

#include <math.h>
#include <string.h>

#include "thole-dict.h"

double
cli_duration_parse (const char *text)
{
  double total = 0;

  if (!g_ascii_isdigit (*text) && *text != '.')
    return -1;
  while (*text != '\0')
    {
      static const char units[] = "smhd";
      static const double seconds[] = { 1, 60, 3600, 86400 };
      char *end = NULL;
      double number = g_ascii_strtod (text, &end);
      const char *unit = *end != '\0' ? strchr (units, *end) : units;

      if (end == text || unit == NULL || number < 0 || !isfinite (number))
        return -1;
      total += number * seconds[unit - units];
      text = *end != '\0' ? end + 1 : end;
    }
  return total;
}

gint64
cli_size_parse (const char *text)
{
  static const char letters[] = "kmgtp";
  char *end = NULL;
  double bytes = g_ascii_strtod (text, &end);
  double base = 1024;
  const char *letter;

  if (end == text || !g_ascii_isdigit (*text) || bytes < 0 || !isfinite (bytes))
    return -1;
  while (*end == ' ')
    end++;
  letter = *end != '\0' ? strchr (letters, g_ascii_tolower (*end)) : NULL;
  if (letter != NULL)
    {
      end++;
      if (g_ascii_tolower (*end) == 'i')
        end++;
      else if (g_ascii_tolower (*end) == 'b')
        base = 1000;
      bytes *= pow (base, (double) (letter - letters + 1));
    }
  if (g_ascii_tolower (*end) == 'b')
    end++;
  return *end == '\0' && bytes < 9e18 ? (gint64) bytes : -1;
}

char *
cli_size_text (gint64 bytes)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
  double size = (double) MAX (bytes, 0);
  guint unit = 0;

  while (size >= 1023.95 && unit < G_N_ELEMENTS (units) - 1)
    {
      size /= 1024;
      unit++;
    }
  return unit == 0 ? g_strdup_printf ("%.0f B", size) : g_strdup_printf ("%.1f %s", size, units[unit]);
}

char *
cli_age_text (const char *since, gint64 now)
{
  gint64 time = since != NULL ? thole_time_parse (since) : 0;
  gint64 seconds = time != 0 ? MAX (now - time, 0) / G_USEC_PER_SEC : 0;

  if (time == 0)
    return g_strdup ("-");
  if (seconds < 120)
    return g_strdup_printf ("%ds", (int) seconds);
  if (seconds < 2 * 3600)
    return g_strdup_printf ("%dm", (int) (seconds / 60));
  if (seconds < 2 * 86400)
    return g_strdup_printf ("%dh", (int) (seconds / 3600));
  return g_strdup_printf ("%dd", (int) (seconds / 86400));
}
