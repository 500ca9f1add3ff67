/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bytes of a file or an archive on their way between the daemon and a program: a stream around another one that knows what went wrong.
 */
#pragma once

#include "private.h"

#define THOLE_TYPE_CONTENT (thole_content_get_type ())
G_DECLARE_FINAL_TYPE (TholeContent, thole_content, THOLE, CONTENT, GFilterInputStream)

/* What the daemon gives. Errors are those of THOLE_CLIENT_ERROR, and after one of them every read gives it again: what broke off does
 * not end. It keeps @client. @base: (transfer full). Returns: (transfer full) */
GInputStream *thole_content_new_from (TholeClient *client, GInputStream *base);
/* The same for a tar archive, which has an end of its own. */
GInputStream *thole_content_new_tar  (TholeClient *client, GInputStream *base);
/* What the daemon is given. @base stays open. Returns: (transfer full) */
GInputStream *thole_content_new_to   (GInputStream *base);
/* What the daemon is given goes over @socket, which is shut before anybody learns that a read of @base failed: an HTTP library closes what it
 * writes then, and half of it would look like the whole. */
void          thole_content_set_way  (TholeContent *self, GSocket *socket);
/* What a read of @base failed with. Returns: (transfer none) (nullable) */
const GError *thole_content_fault    (TholeContent *self);
