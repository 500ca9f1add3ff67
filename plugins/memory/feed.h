/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Streams without file descriptors: a feed is read from a producer that is asked when the reader wants more; a drain hands
 * what is written to a consumer. Both are pollable, main thread only, and need no waking: their sources ask again in each
 * turn of the loop.
 */
#pragma once

#include <gio/gio.h>

typedef enum
{
  MEM_FEED_MORE, /* bytes were appended */
  MEM_FEED_WAIT, /* nothing now */
  MEM_FEED_END,
} MemFeedResult;

/* Appends at least one byte to @out for MORE; a few KiB at once are right. */
typedef MemFeedResult (*MemFeedFunc) (gpointer data, GByteArray *out);

/* @closed: called once, when the stream is closed or freed. */
GInputStream  *mem_feed_new  (MemFeedFunc fill, gpointer data, GDestroyNotify closed);

typedef struct
{
  gboolean (*room)   (gpointer data);
  gboolean (*take)   (gpointer data, const guint8 *bytes, gsize length, GError **error);
  void     (*closed) (gpointer data); /* called once */
} MemDrainFuncs;

GOutputStream *mem_drain_new (const MemDrainFuncs *funcs, gpointer data);
