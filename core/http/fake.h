/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests: a server with operations of its own, run in a thread with a main context of its own.
 */
#pragma once

#include "http/fake-session.h"
#include "http/http.h"

typedef struct
{
  TholeHttpOptions options;  /* to be changed between thole_fake_new() and thole_fake_start() */
  char *dir;                 /* of its own */
  char *path;                /* of the unix socket */
  char *token;
  guint16 port;
  TholeMetrics *metrics;

  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  TholeHttp *http;
  GBytes *thing;             /* what thing.get gives */
  gint dispatched, cancelled, closed_streams; /* atomic */
  gint64 last_event_id;
  TholeFakeCounts sessions;
  gboolean not_ready;
  GQueue held; /* (element-type TholeCall): calls that thing.hold keeps until released */
  GMutex lock;
  gboolean shut;             /* the shutdown is complete */
  gboolean shut_cleanly;
} TholeFake;

TholeFake *thole_fake_new   (void);
void       thole_fake_start (TholeFake *self);
void       thole_fake_free  (TholeFake *self);

/* Runs @function in the server's thread and waits for it. */
void thole_fake_run (TholeFake *self, void (*function) (TholeFake *self, gpointer data),
                     gpointer data);
/* Ends the oldest call that thing.hold keeps. */
void       thole_fake_release (TholeFake *self);
void       thole_fake_counts (TholeFake *self, TholeHttpCounts *counts);
/* Begins a shutdown. */
void       thole_fake_shut  (TholeFake *self);
