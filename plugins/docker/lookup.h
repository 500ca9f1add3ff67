/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From Thole's id to the engine's object, which is only ever taken when its labels say that it is ours.
 */
#pragma once

#include "api.h"

/* The whole inspection (a{sv}) of the container of @id: by `handle` in @options, else by our name, else by label.
 * Errors: NOT_FOUND. */
void      docker_find_async  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
GVariant *docker_find_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* The engine's id of it; asks the engine only when @options has no `handle`. Returns: (transfer full) */
void      docker_resolve_async  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);
char     *docker_resolve_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* Resolves @id, then METHOD /containers/ENGINE-ID@suffix. @options is checked for `!` keys. */
void         docker_act_async  (TholeDriver *self, const char *id, GVariant *options, const DockerRequest *request,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
DockerReply *docker_act_finish (TholeDriver *self, GAsyncResult *result, GError **error);
