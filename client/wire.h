/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One viewer of one session, whatever way it comes.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeWire TholeWire;

/* What a wire tells. All is called in the context in which the wire was made, never from inside a function of the wire. */
typedef struct
{
  /* Where output begins, once, before any; of a console where it goes on, with each connection. */
  void (*began)   (gpointer user_data, guint64 position);
  /* @channel: 1 stdout or the terminal, 2 stderr. @position: of the session's output behind these bytes. */
  void (*output)  (gpointer user_data, int channel, const guint8 *data, gsize length, guint64 position);
  /* Output below @position, that would have come next, is lost. @lines: so many came too fast to be shown, 0 = that is not why. */
  void (*gap)     (gpointer user_data, guint64 position, guint64 lines);
  /* What is typed counts, or is passed over. */
  void (*control) (gpointer user_data, gboolean held);
  /* The program has taken input: there is room for more. */
  void (*taken)   (gpointer user_data);
  void (*state)   (gpointer user_data, gboolean connected);
  /* The last call. @error: (nullable): NULL = the program ended. */
  void (*ended)   (gpointer user_data, int code, int signal, const GError *error);
} TholeWireEvents;

typedef struct
{
  gsize (*room)         (TholeWire *self); /* input bytes that may be given now */
  void  (*input)        (TholeWire *self, const guint8 *data, gsize length);
  void  (*end_of_input) (TholeWire *self);
  void  (*resize)       (TholeWire *self, guint rows, guint cols);
  void  (*signal)       (TholeWire *self, const char *name);
  void  (*take)         (TholeWire *self);
  /* No more output is wanted for a while, then it is again. */
  void  (*pause)        (TholeWire *self);
  void  (*resume)       (TholeWire *self);
  /* Output below @position has arrived for good. */
  void  (*ack)          (TholeWire *self, guint64 position);
  void  (*free)         (TholeWire *self);
} TholeWireClass;

struct _TholeWire
{
  const TholeWireClass *class;
};
