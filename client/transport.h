/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The ways to a daemon: what is above this line knows neither HTTP nor a bus. One file a way.
 */
#pragma once

#include <gio/gio.h>

#include "operation.h"
#include "wire.h"

typedef struct _TholeTransport TholeTransport;
typedef struct _TholeFeed TholeFeed;

/* One call. Errors are those of THOLE_CLIENT_ERROR, G_IO_ERROR_CANCELLED, and those of reading @content. */
typedef struct
{
  const TholeClientOperation *operation;
  char *target;      /* (nullable): id or name */
  GVariant *options; /* (nullable): a{sv} */
  GInputStream *content; /* (nullable): what is uploaded; it stays open */
  gint64 length;     /* of @content, -1 = up to its end */
} TholeCall;

/* A subscription to events: @next gives them as a{sv} until the connection ends (THOLE_CLIENT_ERROR_UNREACHABLE). One of them at a
 * time; those that block and those that do not can be mixed. */
typedef struct
{
  GVariant *(*next)        (TholeFeed *self, GCancellable *cancellable, GError **error);
  void      (*next_async)  (TholeFeed *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*next_finish) (TholeFeed *self, GAsyncResult *result, GError **error);
  void      (*free)        (TholeFeed *self);
} TholeFeedClass;

struct _TholeFeed
{
  const TholeFeedClass *class;
  gint64 begin; /* number of the event after which it begins, below 0 = the daemon has not said it yet */
};

typedef struct
{
  guint page; /* objects of a list that are asked for at once */
  /* *reply: (nullable): NULL = empty */
  gboolean      (*call)        (TholeTransport *self, const TholeCall *call, GCancellable *cancellable, GVariant **reply, GError **error);
  void          (*call_async)  (TholeTransport *self, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data);
  gboolean      (*call_finish) (TholeTransport *self, GAsyncResult *result, GVariant **reply, GError **error);
  /* A call whose answer is bytes without an end. */
  GInputStream *(*open)        (TholeTransport *self, const TholeCall *call, GCancellable *cancellable, GError **error);
  void          (*open_async)  (TholeTransport *self, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data);
  GInputStream *(*open_finish) (TholeTransport *self, GAsyncResult *result, GError **error);
  /* Subscribed once it returns. The call is event.list with its options. */
  TholeFeed    *(*feed)        (TholeTransport *self, const TholeCall *call, GCancellable *cancellable, GError **error);
  void          (*feed_async)  (TholeTransport *self, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data);
  TholeFeed    *(*feed_finish) (TholeTransport *self, GAsyncResult *result, GError **error);
  /* Of the thread-default context, which may be that of another thread than the one that made @self. */
  TholeWire    *(*wire)        (TholeTransport *self, const char *session, GVariant *options, const TholeWireEvents *events,
                                gpointer user_data);
  void          (*free)        (TholeTransport *self);
} TholeTransportClass;

struct _TholeTransport
{
  const TholeTransportClass *class;
};

/* @url: unix:PATH or http[s]://HOST:PORT. @token: (nullable). Returns: (transfer full) */
TholeTransport *thole_transport_http_new (const char *url, const char *token, GError **error);
/* @url: dbus:system, dbus:session or dbus:ADDRESS. Returns: (transfer full) */
TholeTransport *thole_transport_dbus_new (const char *url, GError **error);

TholeCall      *thole_call_new  (const TholeClientOperation *operation, const char *target, GVariant *options);
TholeCall      *thole_call_copy (const TholeCall *call);
void            thole_call_free (TholeCall *call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeCall, thole_call_free)
