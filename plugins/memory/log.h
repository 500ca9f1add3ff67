/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The output that is kept of a workload: log records (schema.md) in a bounded buffer that forgets its oldest ones. Readers
 * hold a position of their own.
 */
#pragma once

#include <gio/gio.h>

typedef struct _MemLog MemLog;

typedef struct
{
  guint8 stream;
  gint64 time;
  const guint8 *data;
  gsize length;
} MemLogRecord;

MemLog  *mem_log_new    (gsize limit);
MemLog  *mem_log_ref    (MemLog *self);
void     mem_log_unref  (MemLog *self);

void     mem_log_append (MemLog *self, guint8 stream, gint64 time, gconstpointer data, gsize length);

guint64  mem_log_end    (MemLog *self);
/* The position of the last @lines records of the streams in @mask (bit 1 stdout, bit 2 stderr), -1 = all. */
guint64  mem_log_tail   (MemLog *self, gint64 lines, guint mask);
/* Reads the record at @position (moved up to the oldest one that is kept) and moves it on; FALSE at the end. */
gboolean mem_log_read   (MemLog *self, guint64 *position, MemLogRecord *record);
