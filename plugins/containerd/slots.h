/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include "driver.h"

/* The slots of workload/1 that are told in files of their own. */
void ctr_create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
void ctr_start_async  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data);
void ctr_stop_async   (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data);
void ctr_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data);
