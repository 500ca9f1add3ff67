/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Times as text. Written without GDateTime, because every rendered object and every log line needs several.
 */
#include "thole-dict.h"

#include <string.h>

#define SECOND G_GINT64_CONSTANT (1000000)
#define DAY (86400 * SECOND)
/* 0001-01-01 and 9999-12-31T23:59:59.999999 */
#define EARLIEST (-719162 * DAY)
#define LATEST (2932897 * DAY - 1)

/* days since 1970-01-01 of a date in the Gregorian calendar; years begin in March, so that the leap day is the last */
static gint64
days_of_date (int year, int month, int day)
{
  int y = year - (month <= 2), era = y / 400, year_of_era = y - era * 400;
  int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

  return (gint64) era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void
date_of_days (gint64 days, int *year, int *month, int *day)
{
  int d = (int) (days + 719468), era = d / 146097, day_of_era = d - era * 146097;
  int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int m = (5 * day_of_year + 2) / 153;

  *day = day_of_year - (153 * m + 2) / 5 + 1;
  *month = m < 10 ? m + 3 : m - 9;
  *year = year_of_era + era * 400 + (*month <= 2);
}

static void
put_digits (char *at, int value, guint count)
{
  while (count-- > 0)
    {
      at[count] = (char) ('0' + value % 10);
      value /= 10;
    }
}

const char *
thole_time_format (gint64 time, char *buffer)
{
  gint64 in_day, days;
  int year, month, day;

  time = CLAMP (time, EARLIEST, LATEST);
  in_day = (time % DAY + DAY) % DAY;
  days = (time - in_day) / DAY;
  date_of_days (days, &year, &month, &day);
  memcpy (buffer, "0000-00-00T00:00:00.000Z", 25);
  put_digits (buffer, year, 4);
  put_digits (buffer + 5, month, 2);
  put_digits (buffer + 8, day, 2);
  put_digits (buffer + 11, (int) (in_day / (3600 * SECOND)), 2);
  put_digits (buffer + 14, (int) (in_day / (60 * SECOND) % 60), 2);
  put_digits (buffer + 17, (int) (in_day / SECOND % 60), 2);
  put_digits (buffer + 20, (int) (in_day / 1000 % 1000), 3);
  return buffer;
}

/* Reads @count digits and moves on; FALSE when they are not there or above @max. */
static gboolean
take_digits (const char **p, guint count, int max, int *value)
{
  int sum = 0;

  for (guint i = 0; i < count; i++)
    {
      if (!g_ascii_isdigit ((*p)[i]))
        return FALSE;
      sum = sum * 10 + (*p)[i] - '0';
    }
  *p += count;
  *value = sum;
  return sum <= max;
}

static gboolean
take (const char **p, const char *any_of)
{
  if (**p == '\0' || strchr (any_of, **p) == NULL)
    return FALSE;
  (*p)++;
  return TRUE;
}

/* `.` and one to nine digits, as µs */
static gboolean
take_fraction (const char **p, gint64 *fraction)
{
  gint64 unit = SECOND / 10;
  guint count = 0;

  if (!take (p, "."))
    return TRUE;
  for (; g_ascii_isdigit (**p); (*p)++, count++, unit /= 10)
    *fraction += (**p - '0') * unit;
  return count > 0 && count <= 9;
}

static gboolean
take_offset (const char **p, gint64 *offset)
{
  int hours, minutes;
  gboolean west = **p == '-';

  if (take (p, "Zz"))
    return TRUE;
  if (!take (p, "+-") || !take_digits (p, 2, 23, &hours) || !take (p, ":") || !take_digits (p, 2, 59, &minutes))
    return FALSE;
  *offset = (hours * 3600 + minutes * 60) * SECOND * (west ? -1 : 1);
  return TRUE;
}

static int
days_of_month (int year, int month)
{
  static const guint8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  gboolean leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

  return days[month - 1] + (month == 2 && leap);
}

gint64
thole_time_parse (const char *text)
{
  const char *p = text;
  int year, month, day, hour, minute, second;
  gint64 fraction = 0, offset = 0;

  if (text == NULL
      || !take_digits (&p, 4, 9999, &year) || !take (&p, "-") || !take_digits (&p, 2, 12, &month) || !take (&p, "-")
      || !take_digits (&p, 2, 31, &day) || !take (&p, "Tt ") || !take_digits (&p, 2, 23, &hour) || !take (&p, ":")
      || !take_digits (&p, 2, 59, &minute) || !take (&p, ":") || !take_digits (&p, 2, 60, &second)
      || !take_fraction (&p, &fraction) || !take_offset (&p, &offset) || *p != '\0')
    return 0;
  if (year <= 1 || month == 0 || day == 0 || day > days_of_month (year, month))
    return 0;
  return days_of_date (year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * SECOND + fraction - offset;
}
