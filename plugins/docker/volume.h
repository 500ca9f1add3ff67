/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include "api.h"

/* The engine's volume of @id, with the labels that say so. Errors: NOT_FOUND, EXISTS (it is another's). */
void      docker_volume_find_async   (TholeDriver *self, const char *id, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
GVariant *docker_volume_find_finish  (TholeDriver *self, GAsyncResult *result, GError **error);

/* The slots; each task holds a "volume". */
void      docker_volume_create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
void      docker_snapshot_async      (TholeDriver *self, const char *id, const char *snapshot, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
