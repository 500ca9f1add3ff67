/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/date.h"

#include <stdio.h>
#include <string.h>

static const char days[7][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

gboolean
thole_date_format (gint64 seconds, char date[THOLE_DATE_LENGTH])
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (seconds);

  if (time == NULL)
    return FALSE;
  g_snprintf (date, THOLE_DATE_LENGTH, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[g_date_time_get_day_of_week (time) - 1],
              g_date_time_get_day_of_month (time), months[g_date_time_get_month (time) - 1], g_date_time_get_year (time),
              g_date_time_get_hour (time), g_date_time_get_minute (time), g_date_time_get_second (time));
  return TRUE;
}

gboolean
thole_date_parse (TholeSpan text, gint64 *seconds)
{
  char date[THOLE_DATE_LENGTH], again[THOLE_DATE_LENGTH], month[4] = "";
  int day, year, hour, minute, second, n = 0;
  g_autoptr (GDateTime) time = NULL;

  if (text.length >= sizeof date)
    return FALSE;
  g_snprintf (date, sizeof date, "%.*s", (int) text.length, text.text);
  if (sscanf (date, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d", &day, month, &year, &hour, &minute, &second) != 6)
    return FALSE;
  while (n < 12 && strcmp (months[n], month) != 0)
    n++;
  time = n < 12 ? g_date_time_new_utc (year, n + 1, day, hour, minute, second) : NULL;
  if (time == NULL || !thole_date_format (g_date_time_to_unix (time), again) || strcmp (date, again) != 0)
    return FALSE;
  *seconds = g_date_time_to_unix (time);
  return TRUE;
}
