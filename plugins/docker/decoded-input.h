/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input stream that reads another one, only when it is read itself, and gives what a decoder makes of it. What is
 * held is bounded by one piece of the other stream. Asynchronous reads only.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  /* Appends to @out what @data means. FALSE: it means nothing, the stream is broken. */
  gboolean (*decode)     (gpointer decoder, const guint8 *data, gsize length, GByteArray *out);
  /* (nullable): may the other stream end here? Else its end is an error. */
  gboolean (*is_whole)   (gpointer decoder);
  /* (nullable): at the proper end of the other stream, for a last word */
  void     (*end_async)  (gpointer decoder, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  void     (*end_finish) (gpointer decoder, GAsyncResult *result, GByteArray *out);
  /* (nullable): at the proper end of the other stream: one that goes on behind it. Returns: (transfer full) (nullable): NULL = it is
   * the end; an error is that of the reader */
  void     (*again_async)  (gpointer decoder, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GInputStream *(*again_finish) (gpointer decoder, GAsyncResult *result, GError **error);
  /* (nullable): instead of closing the other stream */
  void     (*close)      (gpointer decoder);
  void     (*free)       (gpointer decoder);
  /* a lost connection is the end of the stream, not an error */
  gboolean loss_is_end;
} DockerDecoder;

/* Takes @state. Closing it closes @source. */
GInputStream *docker_decoded_input_new (GInputStream *source, const DockerDecoder *decoder, gpointer state);

/* Decodes bytes that came before the first read of the source. */
void          docker_decoded_input_push (GInputStream *stream, const guint8 *data, gsize length);
