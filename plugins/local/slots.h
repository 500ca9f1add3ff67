/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Slots that are told in files of their own.
 */
#pragma once

#include "driver.h"

void local_start_async  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
void local_stop_async   (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
void local_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
void local_stats_async  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
void local_run_async    (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data);
void local_attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
