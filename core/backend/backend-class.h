/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For the files of TholeBackend and its subclasses: the class, and the state that they share.
 */
#pragma once

#include "backend/backend.h"
#include "backend/tables.h"
#include "backend/watch.h"

/* Calls to the driver of one backend that may be on their way at once; more get `busy`. */
#define THOLE_BACKEND_MAX_CALLS 1024

/* A subclass brings the driver. The callbacks of all calls must come later, from the main loop. */
struct _TholeBackendClass
{
  GObjectClass parent_class;

  gboolean   (*has)          (TholeBackend *self, TholeSlot slot);
  void       (*call_async)   (TholeBackend *self, TholeSlot slot, const TholeSlotArgs *args,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  /* @out is filled on success; the types of its members are checked by the caller */
  gboolean   (*call_finish)  (TholeBackend *self, TholeSlot slot, GAsyncResult *result,
                              TholeSlotResult *out, GError **error);
  void       (*probe_async)  (TholeBackend *self, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
  TholeProbe (*probe_finish) (TholeBackend *self, GAsyncResult *result, GVariant **facts, GError **error);
  void       (*close_async)  (TholeBackend *self, GAsyncReadyCallback callback, gpointer user_data);
  void       (*close_finish) (TholeBackend *self, GAsyncResult *result);
};

typedef struct
{
  char *name, *driver;
  TholeClock *clock;
  GVariant *config;     /* as configured, a{sv}; its secrets are never shown */
  gboolean is_default;

  TholeBackendState state;
  char *reason;
  GVariant *facts;
  GSource *retry;       /* the next probe */
  guint failures;       /* probes in a row that did not end READY */
  gboolean probing;

  GQueue calls;         /* TholeWatch: what has not come back, probe and close too */
  guint stuck;          /* of these, past their grace */
  GQueue past;          /* TholeWatch: the last ones that came back */
  gboolean closing;
  gboolean driver_closing;
  GPtrArray *closers;   /* GTask */
} TholeBackendPrivate;

TholeBackendPrivate *thole_backend_private (TholeBackend *self);

/* The subclass's constructor calls it once. */
void thole_backend_set_up      (TholeBackend *self, const char *name, const char *driver, GVariant *config,
                                TholeClock *clock);
void thole_backend_set_default (TholeBackend *self, gboolean is_default);

/* A driver reported @event (a{sv} with a kind); from the main loop. */
void thole_backend_deliver     (TholeBackend *self, GVariant *event);

/* A call found that the engine cannot be reached: no more calls until a probe says READY. */
void thole_backend_lost        (TholeBackend *self, const char *reason);

/* Every watch of a backend tells its news here. */
void thole_backend_news        (TholeWatch *watch, gboolean back);
