/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The root of a workload's files with all that is mounted in it: the one that its program has, or, where none runs, the snapshot, which
 * is mounted where nobody else sees it.
 */
#pragma once

#include "call.h"

/* Somebody who works in a root is told to stop; he lets go of it as soon as he has. */
typedef void (*CtrRootStop) (gpointer user_data);

/* Reference-counted, on the main thread only; the descriptor may be used by any as long as one is held. */
typedef struct
{
  TholeDriver *driver;
  char *container;
  int fd;
  guint refs;
  gboolean mounted;   /* by us: a program must not be started beside it */
  gboolean leaving;   /* nobody may come to it any more */
  gboolean closing;   /* nobody has it any more */
  GArray *users;      /* of CtrRootUser */
  GPtrArray *opening; /* of CtrWait: until it is mounted */
  GPtrArray *waiting; /* of CtrWait: for its end */
} CtrRoot;

typedef struct
{
  CtrRootStop stop;
  gpointer user_data;
} CtrRootUser;

CtrRoot *ctr_root_ref   (CtrRoot *self);
void     ctr_root_unref (CtrRoot *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrRoot, ctr_root_unref)

/* Opens that of the workload @id; @next gets a CtrRoot. Errors: NOT_FOUND, CONFLICT (it is being started). */
void     ctr_root_open   (GTask *task, const char *id, CtrNext next);
/* From now on until ctr_root_leave() with the same @user_data. */
void     ctr_root_enter  (CtrRoot *self, CtrRootStop stop, gpointer user_data);
void     ctr_root_leave  (CtrRoot *self, gpointer user_data);
/* Tells all who work in a root of @container, which has no program any more, to stop, and goes on with @next when nobody has one. */
void     ctr_root_vacate (GTask *task, const char *container, CtrNext next);
