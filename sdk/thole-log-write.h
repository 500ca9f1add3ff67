/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes what a program says into files, as records of schema.md ("logs"): for small programs beside a workload, which outlive the daemon.
 * Plain C, no library. thole-log-files.h reads them.
 *
 * A folder gets 00000001.log, 00000002.log, ...: four at most, each a quarter of what is allowed. Its file `writing` is locked as
 * long as somebody writes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct
{
  int folder;
  int lock;
  int fd;
  unsigned number;
  int64_t size, limit;
} TholeLogWriter;

typedef struct
{
  int fd;            /* -1 = ended */
  uint8_t stream;    /* 1 stdout, 2 stderr */
  int within;        /* the last piece did not end its line */
  int64_t began;     /* when that line began */
} TholeLogSource;

/* Goes on after what is there, without half a record that a power cut left. Waits at most 5 s for who writes there still.
 * Returns 0, or -1 with errno. */
int     thole_log_writer_open (TholeLogWriter *self, const char *folder, int64_t max);
/* Writes what there is to read of @source, at most 32 KiB; at its end, or when it fails, it is closed and its `fd` -1. When the disk is
 * full the oldest goes. Returns how much was read, 0 = none. */
size_t  thole_log_writer_take (TholeLogWriter *self, TholeLogSource *source);
