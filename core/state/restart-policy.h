/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Is a program that ended started again, and when? Pure.
 */
#pragma once

#include <gio/gio.h>

typedef enum { THOLE_RESTART_NEVER, THOLE_RESTART_ON_FAILURE, THOLE_RESTART_ALWAYS } TholeRestartPolicy;

typedef struct
{
  TholeRestartPolicy policy;
  gint64 max_retries;  /* 0 = no limit */
  gint64 backoff;      /* µs */
} TholeRestart;

typedef struct
{
  gboolean again;      /* start it again */
  gint64 after;        /* µs from now */
  gint64 failures;     /* new count of failures in a row */
  gboolean gave_up;    /* it would have been started again but for max_retries: a crash loop */
} TholeRestartDecision;

/* The longest pause, and the run after which failures are forgotten, µs. */
#define THOLE_RESTART_LONGEST (300 * G_USEC_PER_SEC)
#define THOLE_RESTART_HEALTHY_RUN (60 * G_USEC_PER_SEC)

/* @spec: (nullable): the `restart` object of a spec, a{sv} */
TholeRestart         thole_restart_read   (GVariant *spec);
/* @ran: µs that it ran; @failures: failures in a row before this end */
TholeRestartDecision thole_restart_decide (const TholeRestart *restart, gboolean failed, gint64 ran, gint64 failures);
