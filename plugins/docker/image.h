/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include "api.h"

void docker_pull_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
