/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pull stream of items (events, log records, samples): the reader asks, so a slow reader costs nothing but itself.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  gint64 id;         /* event number, 0 = none */
  const char *type;  /* event type or NULL; lives as long as the stream's next call */
  gint64 time;       /* log records: µs since the epoch */
  guint8 channel;    /* log records: 1 stdout, 2 stderr */
  const char *subject, *owner; /* events: of what object; they live as long as type does */
  GBytes *data;      /* transfer full */
} TholeItem;

typedef enum
{
  THOLE_STREAM_ITEM,  /* @item was filled */
  THOLE_STREAM_WAIT,  /* nothing now; @ready will be called */
  THOLE_STREAM_END,
  THOLE_STREAM_ERROR, /* @error was set */
} TholeStreamResult;

typedef struct _TholeStream TholeStream;

struct _TholeStream
{
  TholeStreamResult (*next)  (TholeStream *self, TholeItem *item, GError **error);
  void              (*close) (TholeStream *self); /* frees it; no ready() afterwards */
  /* Set by the reader. Called from the main loop after next() gave WAIT; once per WAIT. */
  void              (*ready) (gpointer reader);
  gpointer reader;
  /* of numbered events: the number after which it begins, and whether the reader is to be told before the first of them */
  gboolean numbered;
  gint64 begin;
};
