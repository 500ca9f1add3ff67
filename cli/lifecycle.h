/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The verbs that move workloads from state to state differ only in their word, body and goal.
 */
#pragma once

#include "cli.h"

/* The options --wait and --timeout of those commands. */
#define CLI_WAIT_OPTIONS \
  { "wait", 0, CLI_OPTION_OPTIONAL, N_("STATE,..."), CLI_STATES, N_("Wait until it is reached (default: the goal of the command)") }, \
  { "timeout", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("How long --wait waits (default 60)") }

#define CLI_STATES "provisioning|installing|starting|running|paused|stopping|stopped|crashed|error|suspended|deleting|deleted"

/* POSTs @verb to every workload named. @body: (nullable) (transfer floating). @goal: what --wait waits for. */
int cli_lifecycle (Cli *self, const char *verb, GVariant *body, const char *goal, GError **error);

/* Returns: (transfer floating): {"signal","grace"} of the options --signal and --grace; NULL with @error */
GVariant *cli_lifecycle_stop_body (Cli *self, GError **error);
