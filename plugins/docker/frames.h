/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine's framing of several streams in one: u8 stream, 3 bytes of zero, u32be length, bytes. Pure; frames may be split
 * anywhere over the pieces that come in, and are handed on in pieces too, so nothing is ever gathered.
 */
#pragma once

#include <gio/gio.h>

#define DOCKER_FRAME_HEADER 8

typedef struct
{
  guint8 header[DOCKER_FRAME_HEADER];
  guint have;   /* bytes of the header */
  guint32 left; /* bytes of the body that are still to come */
  guint8 stream;
} DockerFrames;

/* A piece of a frame's body. @begins: the first of its frame (its @length may be 0). */
typedef void (*DockerFrameFunc) (guint8 stream, const guint8 *data, gsize length, gboolean begins, gpointer user_data);

/* Returns FALSE when this is not a framed stream. */
gboolean docker_frames_feed (DockerFrames *self, const guint8 *data, gsize length, DockerFrameFunc function,
                             gpointer user_data);

/* Logs with `timestamps=1`: every message begins with its time and a space. A terminal's log has no frames. */
typedef struct _DockerLogReader DockerLogReader;

DockerLogReader *docker_log_reader_new  (gboolean tty);
void             docker_log_reader_free (DockerLogReader *self);

/* Appends log records (sdk/schema.md) to @out. Returns FALSE when this is not a log. */
gboolean         docker_log_reader_feed (DockerLogReader *self, const guint8 *data, gsize length, GByteArray *out);

/* What follows is another reading of the same log, which begins at docker_log_reader_since() or before: messages that came already
 * are passed over. */
void             docker_log_reader_again (DockerLogReader *self);
/* ns since the epoch; 0 = from the beginning: nothing has come. */
gint64           docker_log_reader_since (const DockerLogReader *self);
/* Messages so far. */
guint64          docker_log_reader_count (const DockerLogReader *self);
/* FALSE: in the midst of a message. */
gboolean         docker_log_reader_is_between (const DockerLogReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerLogReader, docker_log_reader_free)
