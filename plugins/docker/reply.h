/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an error of the engine means in Thole's words. Pure.
 */
#pragma once

#include <gio/gio.h>

/* The code of THOLE_ERROR for an HTTP @status and the engine's @text; @status 0 for errors inside a stream. */
int     docker_error_code (guint status, const char *text);

/* A refusal: @body is what the engine sent, `{"message":"..."}` or plain text. Returns: (transfer full) */
GError *docker_error_from_reply (guint status, const char *reason, gconstpointer body, gsize length);

/* A failure of the transport (connection, TLS, resolver): THOLE_ERROR_UNAVAILABLE or DENIED; cancellation stays what it
 * is, and so does THOLE_ERROR. Takes @error. Returns: (transfer full) */
GError *docker_error_from_transport (GError *error);
