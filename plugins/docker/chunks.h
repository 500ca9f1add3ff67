/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The body of an HTTP reply: in chunks (RFC 9112, 7.1), of a known length, or to the end of the connection. Pure.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  gboolean chunked;
  guint64 left;    /* bytes of the present chunk or of the body; G_MAXUINT64 = to the end */
  int state;       /* in the framing of chunks */
  guint digits;
  gboolean whole;  /* the end was seen */
} DockerBody;

void     docker_body_init (DockerBody *self, gboolean chunked, guint64 length);

/* Appends the content of @data to @out. FALSE: this is no such body. */
gboolean docker_body_feed (DockerBody *self, const guint8 *data, gsize length, GByteArray *out);

/* May the connection end here? */
gboolean docker_body_is_whole (const DockerBody *self);
