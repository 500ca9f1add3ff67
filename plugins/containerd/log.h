/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What thole-log writes.
 */
#pragma once

#include "driver.h"
#include "thole-log-files.h"

/* The slot. */
void     ctr_logs_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data);
