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
  TholeProgram program; /* its id: "STARTED.NUMBER", STARTED of the sandbox; of a terminal `in` is a copy of `out` */
  TholeDriver *driver;
  char *workload;
  gint64 run;           /* STARTED */
  guint32 number;
  int talk;             /* -1 = its end was told */
  gboolean tty;
  GSource *source;      /* of `talk` */
} LocalExec;

LocalExec *local_exec_ref   (LocalExec *self);
void       local_exec_unref (LocalExec *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LocalExec, local_exec_unref)

