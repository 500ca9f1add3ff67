/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "lines.h"

#include <string.h>

static void
keep (DockerLines *self, const guint8 *data, gsize length)
{
  if (self->rest == NULL)
    self->rest = g_byte_array_new ();
  if (self->rest->len + length > DOCKER_LINE_MAX)
    self->skipping = TRUE;
  if (self->skipping)
    g_byte_array_set_size (self->rest, 0);
  else
    g_byte_array_append (self->rest, data, length);
}

void
docker_lines_feed (DockerLines *self, const guint8 *data, gsize length, DockerLineFunc function, gpointer user_data)
{
  while (length > 0)
    {
      const guint8 *newline = memchr (data, '\n', length);
      gsize n = newline != NULL ? (gsize) (newline - data) : length;

      keep (self, data, n);
      if (newline == NULL)
        return;
      function (self->skipping ? NULL : (const char *) self->rest->data, self->rest->len, user_data);
      g_byte_array_set_size (self->rest, 0);
      self->skipping = FALSE;
      data += n + 1;
      length -= n + 1;
    }
}

void
docker_lines_clear (DockerLines *self)
{
  g_clear_pointer (&self->rest, g_byte_array_unref);
  self->skipping = FALSE;
}
