/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One more process in a container, with pipes of ours as its streams.
 */
#pragma once

#include "call.h"
#include "thole-program.h"

/* Reference-counted (g_rc_box). While it runs, the wait for its end has a reference. */
typedef struct
{
  TholeProgram program;
  TholeDriver *driver;
  char *container;
  gboolean tty;
  gboolean left;             /* nobody listens any more */
  char *paths[3];            /* of the pipes, (nullable) */
  gint pid;
  GSource *drain[2];         /* nobody reads: what it says is thrown away, so that it does not stand still */
} CtrExec;

CtrExec *ctr_exec_ref   (CtrExec *self);
void     ctr_exec_unref (CtrExec *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrExec, ctr_exec_unref)

/* Starts @command ("command") in the workload @id; @next gets a CtrExec. Errors: CONFLICT (does not run), INVALID. */
void     ctr_exec_start    (GTask *task, const char *id, GVariant *command, CtrNext next);
/* Its input has come to its end. */
void     ctr_exec_end_input (CtrExec *self);
/* Nobody listens any more. */
void     ctr_exec_abandon  (CtrExec *self);
/* By force, with its process group. */
void     ctr_exec_kill     (CtrExec *self);
/* The pipes of an exec: the text before ".in", ".out" or ".err". Returns: (transfer full) (nullable) */
char    *ctr_exec_of_pipe (const char *name);
void     ctr_exec_unlink  (TholeDriver *driver, const char *container, const char *exec);
/* Ends, in the background, those that nobody of this driver has, and lets the engine forget them. */
void     ctr_exec_sweep   (TholeDriver *driver);
/* In the background: the engine forgets it. */
void     ctr_exec_forget   (CtrExec *self);

extern const TholeProgramOps ctr_program_ops;

/* The signal that an exit code tells of, 0 = none. */
static inline guint8
ctr_signal_of (gint32 code)
{
  return code > 128 && code <= 128 + 64 ? (guint8) (code - 128) : 0;
}

/* Slots that are told in files of their own. */
void ctr_exec_signal_async (TholeDriver *self, const char *id, const char *exec_id, const char *signal, GVariant *options,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
void ctr_run_async    (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
void ctr_attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data);
