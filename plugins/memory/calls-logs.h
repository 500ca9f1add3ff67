/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading a workload's output: the `logs` slot.
 */
#pragma once

#include "thole-driver.h"

void       mem_logs_async  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);
GIOStream *mem_logs_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* Ends the streams of those that follow. */
void       mem_logs_lose   (TholeDriver *driver);
