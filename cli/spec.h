/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The body of workload.create from the options of `run`.
 */
#pragma once

#include "arguments.h"

/* Returns: (transfer full): {"name","spec","start","backend","labels"}; CLI_USAGE when an option cannot be read */
GVariant *cli_spec_body (CliArguments *arguments, GError **error);
