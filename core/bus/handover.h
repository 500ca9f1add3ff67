/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What goes by a file descriptor of its own instead of through the bus: output that is read, sessions that are attached to. The
 * daemon holds one piece of it at a time; a reader that is slow costs nothing else.
 */
#pragma once

#include "bus/face.h"

#define THOLE_BUS_MAX_STREAMS 1024

typedef struct _TholeBusStream TholeBusStream;

struct _TholeBusStream
{
  TholeBus *bus;
  uid_t uid;   /* whose it is */
  int fd;
  void (*free) (TholeBusStream *self);
};

/* May the caller of @call have one more? */
gboolean thole_bus_stream_room  (const TholeBusCall *call);
/* Makes @self one of the streams of the bus, for the caller of @call. */
void     thole_bus_stream_add   (const TholeBusCall *call, TholeBusStream *self, int fd, void (*free) (TholeBusStream *self));
/* Closes and frees it. */
void     thole_bus_stream_end   (TholeBusStream *self);
/* Answers with the descriptor @theirs, which is closed here. */
void     thole_bus_stream_give  (TholeBusCall *call, int theirs);

/* pour.c: the bytes of a log, a recording or a file, whose end cannot be taken for a break. */
void     thole_bus_pour     (TholeBusCall *self, TholeCall *call);
/* redirect.c: a command whose standard streams are descriptors that came with the call. Reads its input, then calls @then with the options
 * that are left. */
void     thole_bus_redirect        (TholeBusCall *call, GVariant *options, void (*then) (TholeBusCall *call, GVariant *options));
/* Is @call one of those? Then its answer, of which output is written to them, is for thole_bus_redirect_output(). */
gboolean thole_bus_redirected      (const TholeBusCall *call);
void     thole_bus_redirect_output (TholeBusCall *call, GVariant *json /* nullable */);
/* Opens an end of a pipe or a stream socket that the daemon can use without ever waiting for it. @opened (out): -1 = a pipe that nobody
 * reads any more */
gboolean thole_bus_open_end        (int fd, gboolean writes, int *opened, gboolean *socket);
/* intake.c: what comes by the option `input` of an upload. @input (out) (transfer full) (nullable): NULL for who may not do it.
 * Returns: (transfer full) (nullable): the other options; NULL: the call was refused */
GVariant *thole_bus_intake (TholeBusCall *call, GVariant *options, TholeStream **input);
/* attached.c: a session, in frames of thole-agent. */
void     thole_bus_attached (TholeBusCall *self, TholeCall *call);
