/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tiny script language that the programs of this engine are written in (README.md). A program never waits by itself:
 * its owner advances it when the time has come, input has arrived or there is room for output again.
 */
#pragma once

#include <gio/gio.h>

typedef struct _MemProgram MemProgram;

/* What a program needs of the place where it runs. `output` is a must. */
typedef struct
{
  void        (*output)   (gpointer owner, guint8 stream, const char *data, gsize length, gint64 time);
  gboolean    (*full)     (gpointer owner);
  const char *(*variable) (gpointer owner, const char *name);
  GBytes     *(*read)     (gpointer owner, const char *path);
  gboolean    (*write)    (gpointer owner, const char *path, const char *text, gint64 time);
  void        (*health)   (gpointer owner, const char *state);
} MemProgramPlace;

typedef struct
{
  gboolean ended;
  int exit_code; /* 128 + signal when a signal ended it */
  int signal;
  gboolean oom;
  gint64 time;
} MemProgramEnd;

/* Fails with INVALID for an instruction that does not exist or lacks arguments. */
gboolean    mem_program_check   (char *const *words, GError **error);

/* @words (checked before; none = runs until a signal ends it) must outlive the program. @time: its start, µs. */
MemProgram *mem_program_new     (const MemProgramPlace *place, gpointer owner, char *const *words, gint64 time);
void        mem_program_free    (MemProgram *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemProgram, mem_program_free)

/* Goes on until it has to wait, has ended, or has done a fair share of work. */
void        mem_program_advance (MemProgram *self, gint64 now);
/* When it wants to be advanced: may be in the past; G_MAXINT64 = only by a signal, input, room or a new size. */
gint64      mem_program_wake    (MemProgram *self);
/* (nullable): set once it has ended */
const MemProgramEnd *mem_program_end (MemProgram *self);

/* After a pause: moves all that it waits for. */
void        mem_program_shift   (MemProgram *self, gint64 delay);
void        mem_program_signal  (MemProgram *self, int signal, gint64 now);
/* @length 0 = end of input. The owner advances it afterwards. */
void        mem_program_input   (MemProgram *self, const guint8 *data, gsize length);
gsize       mem_program_pending_input (MemProgram *self);
void        mem_program_resize  (MemProgram *self, guint rows, guint cols);

/* What a signal does to a program that knows nothing of it. */
gboolean    mem_signal_ends     (int signal);
