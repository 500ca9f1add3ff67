/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One viewer of one session in the dialect thole.v1. When the connection breaks it connects again by itself and goes on at
 * the byte: output from where it has it, input from where the program has it.
 */
#pragma once

#include "client.h"

typedef struct _CliWire CliWire;

typedef enum
{
  CLI_WIRE_LOST,  /* the connection broke; it will be tried again */
  CLI_WIRE_BACK,  /* it goes on */
} CliWireState;

/* All called from the main context; none but ended() is left out while it lives. */
typedef struct
{
  /* @channel: 1 stdout or the terminal, 2 stderr. FALSE: nobody reads it any more */
  gboolean (*output)  (gpointer user_data, int channel, const guint8 *data, gsize length);
  void     (*gap)     (gpointer user_data, guint64 bytes);
  /* so many lines came too fast to be shown */
  void     (*skipped) (gpointer user_data, guint64 lines);
  /* what is typed counts, or is passed over */
  void     (*control) (gpointer user_data, gboolean held);
  /* input was taken: there may be room again */
  void     (*taken)   (gpointer user_data);
  void     (*state)   (gpointer user_data, CliWireState state);
  /* The last call. @error: (nullable): why there is no exit code */
  void     (*ended)   (gpointer user_data, int code, const GError *error);
} CliWireEvents;

typedef struct
{
  const char *session; /* id; of a workload for its console */
  gboolean console;    /* the main process of a workload: its numbers of input begin anew with each daemon */
  const char *from;    /* "oldest", "live" or "snapshot" */
  gboolean take;       /* control, from whoever has it */
  gboolean watch;      /* never types */
  gboolean shared;     /* types beside whoever has control */
  double patience;     /* seconds without the daemon until it gives up */
} CliWireOptions;

CliWire *cli_wire_new      (CliClient *client, const CliWireOptions *options, const CliWireEvents *events, gpointer user_data);
/* Says good-bye; no event is told any more. */
void     cli_wire_free     (CliWire *self);
/* Input that waits is bounded: no more than this many bytes may be given. */
gsize    cli_wire_room     (CliWire *self);
void     cli_wire_input    (CliWire *self, const guint8 *data, gsize length);
void     cli_wire_end_of_input (CliWire *self);
void     cli_wire_resize   (CliWire *self, guint rows, guint cols);
void     cli_wire_signal   (CliWire *self, const char *name);
/* Takes control from whoever has it. */
void     cli_wire_take     (CliWire *self);
/* Output bytes that it has had. */
guint64  cli_wire_held     (CliWire *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliWire, cli_wire_free)
