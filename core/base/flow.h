/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A stream as the bytes of a response. It holds one formatted item at most, so a slow reader costs
 * nothing.
 */
#pragma once

#include "base/stream.h"

typedef enum
{
  THOLE_FLOW_TEXT,       /* log records: their bytes */
  THOLE_FLOW_TEXT_TIMES, /* the same, each line after its time */
  THOLE_FLOW_LINES,      /* log records as {"time","stream","text"}, one a line */
  THOLE_FLOW_EVENTS,     /* server-sent events */
} TholeFlowForm;

typedef struct _TholeFlow TholeFlow;

/* @stream: (transfer full). @wake is called after a read gave 0, once there is something to read.
 */
TholeFlow *thole_flow_new (TholeStream *stream, TholeFlowForm form,
                           void (*wake) (gpointer user_data), gpointer user_data);
void       thole_flow_free (TholeFlow *self);

#define THOLE_FLOW_WAIT 0
#define THOLE_FLOW_END (-1)
#define THOLE_FLOW_BROKEN (-2)

/* Returns: bytes written to @buffer (at most @size), or one of the above */
gssize     thole_flow_read (TholeFlow *self, char *buffer, gsize size);
/* Something to say while nothing happens; only events have it. */
void       thole_flow_beat (TholeFlow *self);
/* Ends after what is already formatted, as a stream that failed with @error. */
void       thole_flow_refuse (TholeFlow *self, const GError *error);
/* Ends after what is already formatted. */
void       thole_flow_stop (TholeFlow *self);
