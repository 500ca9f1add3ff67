/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session over WebSockets (thole.v1), one after the other: a connection that broke is made anew, output goes on at the byte that
 * is missing, and input that the program had not taken is sent again. What the library and tholectl share: it knows neither how
 * requests are made nor how errors are told.
 */
#pragma once

#include <libsoup/soup.h>

#include "wire.h"

/* Why there is a connection no more, or none at all. */
typedef struct
{
  gboolean final;     /* there is nothing to come back to */
  guint status;       /* of HTTP, 0 = the daemon gave none */
  const char *word;   /* (nullable): the daemon's code */
  const char *detail; /* (nullable): what it says to people */
  const GError *fault;/* (nullable): why it could not be made */
  gboolean silent;    /* nothing came over it any more */
} TholeSocketEnd;

typedef struct
{
  /* The request of the next connection. @input: (nullable): "none" or "shared". Returns: (transfer full) */
  SoupMessage *(*message) (gpointer way, const char *input, gboolean take, GError **error);
  /* Returns: (transfer full): what is told of it */
  GError      *(*explain) (gpointer way, const TholeSocketEnd *end);
  void         (*free)    (gpointer way);
} TholeSocketWay;

typedef struct
{
  const char *from;    /* (nullable): "oldest", "live", "snapshot" or a number */
  gboolean take;       /* control, from whoever has it */
  gboolean watch;      /* never types */
  gboolean shared;     /* types beside whoever has control */
  gboolean console;    /* of the main process: its numbers begin anew with each daemon */
  double patience;     /* seconds without the daemon until it gives up */
  double alone;        /* seconds that the session goes on without viewers, 0 = for long */
} TholeSocketOptions;

/* @data is freed by @way. Nothing is told before this returns. */
TholeWire               *thole_socket_wire_new  (SoupSession *session, const TholeSocketWay *way, gpointer data,
                                                 const TholeSocketOptions *options, const TholeWireEvents *events,
                                                 gpointer user_data);
/* Says good-bye and tells nothing any more. Returns: (transfer full) (nullable): a connection that is closing */
SoupWebsocketConnection *thole_socket_wire_part (TholeWire *wire);
