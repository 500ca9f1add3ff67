/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One more program in a sandbox, with its streams here and a connection on which its end is told.
 */
#pragma once

#include "driver.h"
#include "thole-program.h"

/* Reference-counted (g_rc_box). */
typedef struct
{
  TholeDriver *driver;
  char *workload, *id;                  /* id: "STARTED.NUMBER", STARTED of the sandbox */
  guint32 number;
  int talk;                             /* -1 = its end was told */
  int in, out, err;                     /* -1 = none, or ended; of a terminal `in` is a copy of `out` */
  gboolean tty;
  gboolean exited;
  gint32 code;
  guint8 signal;
  GSource *source;                      /* of `talk` */
  void (*changed) (gpointer user_data); /* (nullable): `exited` was set */
  gpointer user_data;
} LocalExec;

LocalExec *local_exec_ref   (LocalExec *self);
void       local_exec_unref (LocalExec *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LocalExec, local_exec_unref)

/* Starts @command ("command"); `finish` gives a LocalExec. Errors: CONFLICT (does not run), INVALID, UNSUPPORTED. */
void       local_exec_start_async  (TholeDriver *driver, const char *id, GVariant *command, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
LocalExec *local_exec_start_finish (GAsyncResult *result, GError **error);
/* With all that came of it. */
void       local_exec_kill         (LocalExec *self);

/* A stream of records (sdk/schema.md) of and to @exec. Returns: (transfer full) */
GIOStream *local_session_new       (LocalExec *exec);
