/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Numbers that the daemon tells about itself, in OpenMetrics text. A family is declared in a static
 * table; each of its series has at most two labels. Main thread only.
 */
#pragma once

#include <gio/gio.h>

typedef enum
{
  THOLE_METRIC_COUNTER,   /* only rises; name without _total */
  THOLE_METRIC_GAUGE,
  THOLE_METRIC_HISTOGRAM,
} TholeMetricKind;

typedef struct
{
  const char *name; /* "thole_http_request_duration_seconds": ends with the unit, when it has one */
  TholeMetricKind kind;
  const char *unit;         /* (nullable): "seconds" */
  const char *help;
  const char *labels[2];    /* names; NULL = none */
  const double *bounds;     /* histograms: upper bounds, rising, without infinity */
  guint n_bounds;
} TholeMetricDef;

typedef struct _TholeMetrics TholeMetrics;
typedef struct _TholeMetric TholeMetric; /* one series */

/* At most so many series in a family; what comes after shares one whose labels are "other". */
#define THOLE_METRIC_MAX_SERIES 1000

TholeMetrics *thole_metrics_new       (void);
void          thole_metrics_free      (TholeMetrics *self);

/* Finds or makes the series of @def with these label values (NULL where @def has no label). @def
 * must stay valid. Returns: (transfer none): lives until thole_metrics_clear() or
 * thole_metrics_free() */
TholeMetric  *thole_metrics_get       (TholeMetrics *self, const TholeMetricDef *def,
                                       const char *first, const char *second);
/* Forgets all series of @def: for gauges that a collector sets anew. */
void          thole_metrics_clear     (TholeMetrics *self, const TholeMetricDef *def);
/* @collect runs before each rendering, to set what is only known on demand. */
void thole_metrics_collector (TholeMetrics *self,
                              void (*collect) (TholeMetrics *self, gpointer user_data),
                              gpointer user_data);
/* Ends what thole_metrics_collector() began with this @user_data. */
void          thole_metrics_uncollect (TholeMetrics *self, gpointer user_data);
/* Resident memory, CPU time, descriptors and start time of this process. */
void          thole_metrics_process   (TholeMetrics *self);

void          thole_metric_add        (TholeMetric *metric, double value);
void          thole_metric_set        (TholeMetric *metric, double value);
void          thole_metric_observe    (TholeMetric *metric, double value);
/* Counters and gauges: the value; histograms: the count of observations. */
double        thole_metric_value      (const TholeMetric *metric);

#define THOLE_METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* Returns: (transfer full): everything, ending with # EOF */
GBytes       *thole_metrics_render    (TholeMetrics *self);
