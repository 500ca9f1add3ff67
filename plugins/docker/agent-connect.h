/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slot, see agent-connect.c.
 */
#pragma once

#include "driver.h"

void docker_agent_connect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);
