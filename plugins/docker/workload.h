/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Slots that are told in files of their own.
 */
#pragma once

#include "driver.h"

void docker_create_async  (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
void docker_stop_async    (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
void docker_unpause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
void docker_remove_async  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
void docker_logs_async    (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
