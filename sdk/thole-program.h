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

/* One program that runs, or has ended. The driver's own struct begins with it, and it sets all but `changed` and `user_data`. */
typedef struct _TholeProgram TholeProgram;
typedef struct _TholeProgramOps TholeProgramOps;

struct _TholeProgram
{
  const TholeProgramOps *ops;
  char *id;                             /* the `exec_id` of `open` */
  int in, out, err;                     /* our ends, which do not block; -1 = none. Who reads closes `out` and `err` at their end */
  gboolean exited;                      /* with `code`, and `signal` if that ended it */
  gboolean lost;                        /* its end will not be known */
  gint32 code;
  guint8 signal;
  void (*changed) (gpointer user_data); /* (nullable): the driver calls it when it has set `exited` or `lost` */
  gpointer user_data;
};

struct _TholeProgramOps
{
  gsize struct_size;

  /* Starts @command ("command", with `stdin` b: does it take input?) in the workload @id. Errors: those of `open`.
   * Returns: (transfer full) */
  void          (*start_async)  (TholeDriver *self, const char *id, GVariant *command, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);
  TholeProgram *(*start_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  TholeProgram *(*ref)          (TholeProgram *self);
  void          (*unref)        (TholeProgram *self);

  /* thole_host_timer() of its driver. */
  GSource      *(*timer)        (TholeProgram *self, double seconds, GSourceFunc function, gpointer user_data);

  /* Ends it by force, with all that came of it, unless it has ended. */
  void          (*kill)         (TholeProgram *self);

  /* All input was written to `in`, and more will not come. */
  void          (*end_input)    (TholeProgram *self);

  /* Nobody listens any more, and `changed` is NULL. Called once. */
  void          (*leave)        (TholeProgram *self);

  /* (nullable): its end was told, or will not be. */
  void          (*told)         (TholeProgram *self);
};

/* The slot `run`, by a program of @ops; its `finish` is thole_finish_value(). */
void       thole_program_run_async   (const TholeProgramOps *ops, TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/* The slot `open`; the `finish` stands in the table as it is. */
void       thole_program_open_async  (const TholeProgramOps *ops, TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GIOStream *thole_program_open_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error);

/* How the main program ended, for who is attached to it. */
typedef struct
{
  gsize struct_size;

  /* Its log has come to an end. Waits until it is known how the program ended, for a bounded time.
   * Errors: CANCELLED of G_IO_ERROR, and the read fails; any other: the stream ends without that record. */
  void     (*end_async)  (gpointer user_data, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
  gboolean (*end_finish) (gpointer user_data, GAsyncResult *result, gint32 *code, guint8 *signal, GError **error);
} TholeAttachOps;

/* For the slot `attach`: the log records of @log (transfer none), as thole_log_files_read() follows them, turned into those of a session.
 * @notify frees @user_data. Returns: (transfer full) */
GInputStream *thole_attach_new (const TholeAttachOps *ops, GInputStream *log, gpointer user_data, GDestroyNotify notify);

G_END_DECLS
