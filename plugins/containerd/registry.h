/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The client of an image registry (OCI distribution): one per pull.
 */
#pragma once

#include "driver.h"

typedef struct _CtrRegistry CtrRegistry;

/* @host: as in the reference; @user, @password (nullable). */
CtrRegistry  *ctr_registry_new  (TholeDriver *driver, const char *host, const char *repository, const char *user, const char *password);
void          ctr_registry_free (CtrRegistry *self);

/* GET /v2/REPOSITORY/@what ("manifests/latest"). Logs in when it is asked to, and follows redirections, to other hosts without the
 * credentials. Errors: IMAGE_NOT_FOUND, AUTH, UNAVAILABLE, LIMIT. */
void          ctr_registry_get_async  (CtrRegistry *self, const char *what, const char *accept, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data);
/* @type (out) (transfer full) (optional): the media type. Returns: (transfer full): the body */
GInputStream *ctr_registry_get_finish (CtrRegistry *self, GAsyncResult *result, char **type, GError **error);

/* Reads @stream to its end, @limit bytes at most. */
void          ctr_read_all_async      (GInputStream *stream, gsize limit, GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer user_data);
GBytes       *ctr_read_all_finish     (GAsyncResult *result, GError **error);

/* What an error of the transport is to us. Takes @error. Returns: (transfer full) */
GError       *ctr_transport_error     (GError *error);
