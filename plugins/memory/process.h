/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A further program in a workload that runs. It ends with its workload.
 */
#pragma once

#include "workload.h"

typedef struct _MemProcess MemProcess;

typedef struct
{
  void     (*output) (gpointer data, guint8 stream, const char *bytes, gsize length);
  gboolean (*full)   (gpointer data);
  /* once, and last: the process may be freed in it */
  void     (*ended)  (gpointer data, const MemProgramEnd *end);
} MemProcessFuncs;

/* @command: a "command" dictionary. It begins with the first mem_process_go_on(). Errors: CONFLICT (the workload does not
 * run), INVALID (no such program). */
MemProcess *mem_process_new    (MemWorkload *workload, GVariant *command, const MemProcessFuncs *funcs, gpointer data,
                                gint64 now, GError **error);
void        mem_process_free   (MemProcess *self);
void        mem_process_go_on  (MemProcess *self, gint64 now);
void        mem_process_signal (MemProcess *self, int signal, gint64 now);
MemProgram *mem_process_program (MemProcess *self);
