/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics/registry.h"

#include <string.h>

struct _TholeMetric
{
  char *labels[2];
  double value;      /* histograms: the sum */
  guint64 count;
  const TholeMetricDef *def;
  guint64 buckets[]; /* histograms: not cumulative */
};

typedef struct
{
  const TholeMetricDef *def;
  GPtrArray *series;
} TholeFamily;

typedef struct
{
  void (*collect) (TholeMetrics *self, gpointer user_data);
  gpointer user_data;
} TholeCollector;

struct _TholeMetrics
{
  GPtrArray *families;
  GArray *collectors;
};

static void
metric_free (TholeMetric *metric)
{
  g_free (metric->labels[0]);
  g_free (metric->labels[1]);
  g_free (metric);
}

static TholeMetric *
metric_new (const TholeMetricDef *def, const char *first, const char *second)
{
  TholeMetric *metric = g_malloc0 (sizeof (TholeMetric) + def->n_bounds * sizeof (guint64));

  metric->def = def;
  metric->labels[0] = g_strdup (first);
  metric->labels[1] = g_strdup (second);
  return metric;
}

static void
family_free (TholeFamily *family)
{
  g_ptr_array_unref (family->series);
  g_free (family);
}

static TholeFamily *
family_get (TholeMetrics *self, const TholeMetricDef *def)
{
  TholeFamily *family;

  for (guint i = 0; i < self->families->len; i++)
    {
      family = g_ptr_array_index (self->families, i);
      if (family->def == def)
        return family;
    }
  family = g_new0 (TholeFamily, 1);
  family->def = def;
  family->series = g_ptr_array_new_with_free_func ((GDestroyNotify) metric_free);
  g_ptr_array_add (self->families, family);
  return family;
}

static TholeMetric *
family_find (TholeFamily *family, const char *first, const char *second)
{
  for (guint i = 0; i < family->series->len; i++)
    {
      TholeMetric *metric = g_ptr_array_index (family->series, i);

      if (g_strcmp0 (metric->labels[0], first) == 0 && g_strcmp0 (metric->labels[1], second) == 0)
        return metric;
    }
  return NULL;
}

/* a number as OpenMetrics wants it: 1 is 1.0 where @canonical */
static void
append_number (GString *out, double value, gboolean canonical)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (out, g_ascii_formatd (buffer, sizeof buffer, "%.15g", value));
  if (canonical && strpbrk (buffer, ".en") == NULL)
    g_string_append (out, ".0");
}

static void
append_escaped (GString *out, const char *text)
{
  for (; *text != '\0'; text++)
    {
      if (*text == '\\' || *text == '"')
        g_string_append_c (out, '\\');
      if (*text == '\n')
        g_string_append (out, "\\n");
      else
        g_string_append_c (out, *text);
    }
}

/* NAME SUFFIX {labels, le="bound"} and a space; @bound NULL = no le */
static void
append_name (GString *out, const TholeMetric *metric, const char *suffix, const double *bound)
{
  char separator = '{';

  g_string_append (out, metric->def->name);
  g_string_append (out, suffix);
  for (guint i = 0; i < 2; i++)
    {
      if (metric->def->labels[i] == NULL)
        continue;
      g_string_append_c (out, separator);
      g_string_append (out, metric->def->labels[i]);
      g_string_append (out, "=\"");
      append_escaped (out, metric->labels[i] != NULL ? metric->labels[i] : "");
      g_string_append_c (out, '"');
      separator = ',';
    }
  if (bound != NULL)
    {
      g_string_append_c (out, separator);
      g_string_append (out, "le=\"");
      if (*bound == G_MAXDOUBLE)
        g_string_append (out, "+Inf");
      else
        append_number (out, *bound, TRUE);
      g_string_append_c (out, '"');
      separator = ',';
    }
  g_string_append (out, separator == '{' ? " " : "} ");
}

static void
append_histogram (GString *out, const TholeMetric *metric)
{
  const double infinity = G_MAXDOUBLE;
  guint64 seen = 0;

  for (guint i = 0; i < metric->def->n_bounds; i++)
    {
      seen += metric->buckets[i];
      append_name (out, metric, "_bucket", &metric->def->bounds[i]);
      g_string_append_printf (out, "%" G_GUINT64_FORMAT "\n", seen);
    }
  append_name (out, metric, "_bucket", &infinity);
  g_string_append_printf (out, "%" G_GUINT64_FORMAT "\n", metric->count);
  append_name (out, metric, "_count", NULL);
  g_string_append_printf (out, "%" G_GUINT64_FORMAT "\n", metric->count);
  append_name (out, metric, "_sum", NULL);
  append_number (out, metric->value, FALSE);
  g_string_append_c (out, '\n');
}

static void
append_family (GString *out, const TholeFamily *family)
{
  static const char *const kinds[] = { "counter", "gauge", "histogram" };
  const TholeMetricDef *def = family->def;

  g_string_append_printf (out, "# TYPE %s %s\n", def->name, kinds[def->kind]);
  if (def->unit != NULL)
    g_string_append_printf (out, "# UNIT %s %s\n", def->name, def->unit);
  g_string_append_printf (out, "# HELP %s ", def->name);
  append_escaped (out, def->help);
  g_string_append_c (out, '\n');
  for (guint i = 0; i < family->series->len; i++)
    {
      const TholeMetric *metric = g_ptr_array_index (family->series, i);

      if (def->kind == THOLE_METRIC_HISTOGRAM)
        {
          append_histogram (out, metric);
          continue;
        }
      append_name (out, metric, def->kind == THOLE_METRIC_COUNTER ? "_total" : "", NULL);
      append_number (out, metric->value, FALSE);
      g_string_append_c (out, '\n');
    }
}

TholeMetrics *
thole_metrics_new (void)
{
  TholeMetrics *self = g_new0 (TholeMetrics, 1);

  self->families = g_ptr_array_new_with_free_func ((GDestroyNotify) family_free);
  self->collectors = g_array_new (FALSE, FALSE, sizeof (TholeCollector));
  return self;
}

void
thole_metrics_free (TholeMetrics *self)
{
  g_ptr_array_unref (self->families);
  g_array_unref (self->collectors);
  g_free (self);
}

TholeMetric *
thole_metrics_get (TholeMetrics *self, const TholeMetricDef *def, const char *first,
                   const char *second)
{
  TholeFamily *family = family_get (self, def);
  TholeMetric *metric;

  first = def->labels[0] != NULL ? first : NULL;
  second = def->labels[1] != NULL ? second : NULL;
  metric = family_find (family, first, second);
  if (metric == NULL && family->series->len >= THOLE_METRIC_MAX_SERIES)
    {
      first = first != NULL ? "other" : NULL;
      second = second != NULL ? "other" : NULL;
      metric = family_find (family, first, second);
    }
  if (metric == NULL)
    {
      metric = metric_new (def, first, second);
      g_ptr_array_add (family->series, metric);
    }
  return metric;
}

void
thole_metrics_clear (TholeMetrics *self, const TholeMetricDef *def)
{
  g_ptr_array_set_size (family_get (self, def)->series, 0);
}

void
thole_metrics_collector (TholeMetrics *self,
                         void (*collect) (TholeMetrics *self, gpointer user_data),
                         gpointer user_data)
{
  TholeCollector collector = { collect, user_data };

  g_array_append_val (self->collectors, collector);
}

void
thole_metrics_uncollect (TholeMetrics *self, gpointer user_data)
{
  for (guint i = self->collectors->len; i > 0; i--)
    if (g_array_index (self->collectors, TholeCollector, i - 1).user_data == user_data)
      g_array_remove_index (self->collectors, i - 1);
}

void
thole_metric_add (TholeMetric *metric, double value)
{
  metric->value += value;
}

void
thole_metric_set (TholeMetric *metric, double value)
{
  metric->value = value;
}

void
thole_metric_observe (TholeMetric *metric, double value)
{
  metric->value += value;
  metric->count++;
  for (guint i = 0; i < metric->def->n_bounds; i++)
    if (value <= metric->def->bounds[i])
      {
        metric->buckets[i]++;
        return;
      }
}

double
thole_metric_value (const TholeMetric *metric)
{
  return metric->def->kind == THOLE_METRIC_HISTOGRAM ? (double) metric->count : metric->value;
}

GBytes *
thole_metrics_render (TholeMetrics *self)
{
  GString *out = g_string_sized_new (8192);

  for (guint i = 0; i < self->collectors->len; i++)
    {
      TholeCollector *collector = &g_array_index (self->collectors, TholeCollector, i);

      collector->collect (self, collector->user_data);
    }
  for (guint i = 0; i < self->families->len; i++)
    append_family (out, g_ptr_array_index (self->families, i));
  g_string_append (out, "# EOF\n");
  return g_string_free_to_bytes (out);
}
