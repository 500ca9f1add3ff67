/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" of an engine that gives plain descriptors: the pipes or the terminal of a program, and for the main one a log. A driver brings
 * what is its engine's own in small tables; here are reading, writing and framing, the wait for the end, and what is gathered of it.
 * All streams are asynchronous only, and belong to the thread of the driver.
 */
#pragma once

#include "thole-driver.h"

G_BEGIN_DECLS

/* Where the bytes of input records go. */
typedef struct
{
  gsize struct_size;

  /* Asked for whenever bytes have come. Returns: a descriptor that does not block and stays the driver's; THOLE_INPUT_LATER: asked
   * again soon; THOLE_INPUT_CLOSED: the write fails with CONFLICT. */
  int  (*descriptor) (gpointer user_data);

  /* The input has come to its end, and all of it was written. Called once. */
  void (*end)        (gpointer user_data);
} TholeInputOps;

#define THOLE_INPUT_LATER (-1)
#define THOLE_INPUT_CLOSED (-2)

/* A stream that takes input records (schema.md) and keeps nothing: what is written waits for room. An empty record ends the input, and with
 * @by_closing so does closing it. Without @takes any byte is refused with CONFLICT. @notify frees @user_data.
 * Returns: (transfer full) */
GOutputStream *thole_input_new (const TholeInputOps *ops, gboolean takes, gboolean by_closing, gpointer user_data, GDestroyNotify notify);

G_END_DECLS
