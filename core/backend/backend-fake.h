/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver of backend-test: each call ends as the word in its first argument says.
 *
 *   slow     CANCELLED once it is cancelled       foreign  an error of another domain
 *   done     success once it is cancelled         conflict inner newer away silent    errors of THOLE_ERROR, or none
 *   hang     not before the test lets it go       inside   calls back from inside       wrong    a value of a wrong type
 */
#pragma once

#include "thole-driver.h"

struct _TholeDriver
{
  TholeHost *host;
  const TholeHostOps *ops;
};

/* What the driver is to do, and what it saw; one at a time. */
typedef struct
{
  TholeDriver *driver;
  const TholeProbe *probes; /* one after the other; the last one stays */
  guint n_probes, probed;
  GString *seen;            /* the arguments of calls */
  GPtrArray *held;          /* GTask of calls that do not come back by themselves */
  guint cancelled, closed;
  gboolean deaf;            /* probes do not come back */
} Fake;

extern Fake fake;

extern const TholePlugin fake_plugin;
