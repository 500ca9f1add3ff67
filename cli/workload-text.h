/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fields of a workload for people.
 */
#pragma once

#include <glib.h>

/* Returns: (transfer full): "running (healthy)", "crashed (1)", "stopped (SIGKILL)" */
char *cli_workload_state (GVariant *workload);
/* Returns: (transfer full): "127.0.0.1:8080->80/tcp, ..." */
char *cli_workload_ports (GVariant *workload);
/* The exit code that a shell would see: 128 + signal when a signal ended it; @fallback when it has none. */
int   cli_exit_code      (GVariant *object, const char *signal_key, int fallback);
