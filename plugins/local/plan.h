/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a "spec" to what the supervisor is to do: control groups, limits, and bwrap's command line (agent/sandbox/sandbox.h has the form).
 */
#pragma once

#include "driver.h"

/* all that can be written to */
#define LOCAL_SCRATCH "/home"
#define LOCAL_AGENT_PROGRAM "/.thole/agent"
#define LOCAL_AGENT_FOLDER "/.thole/run"

/* @agent (nullable): the path of its program; @files (out): what is to stand beside the plan, name -> GBytes.
 * Returns: (transfer full) (nullable) */
GByteArray *local_plan_make  (TholeDriver *driver, const char *id, GVariant *spec, GVariant *secrets, const char *agent, GHashTable *files,
                              GError **error);
/* Replaces the limits of @plan, which are at its beginning. Returns: (transfer full) */
GByteArray *local_plan_limit (TholeDriver *driver, const char *id, const char *plan, gsize length, GVariant *resources);
