/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the way by D-Bus share.
 */
#pragma once

#include "private.h"

#define THOLE_DBUS_NAME "org.thole.Thole1"
#define THOLE_DBUS_PATH "/org/thole/Thole1"

typedef struct
{
  TholeTransport parent;
  char *url;                   /* as people know it */
  char *address;               /* (nullable): NULL = @type counts */
  GBusType type;
  GMutex mutex;
  GDBusConnection *connection; /* (nullable), under @mutex */
} TholeDBus;

/* A connection of one's own. Blocks. Returns: (transfer full) */
GDBusConnection *thole_dbus_connect (TholeDBus *self, GCancellable *cancellable, GError **error);
/* The shared one, connected if need be. Blocks the first time. Returns: (transfer full) */
GDBusConnection *thole_dbus_shared  (TholeDBus *self, GCancellable *cancellable, GError **error);
/* The shared one if it is there. Returns: (transfer full) (nullable) */
GDBusConnection *thole_dbus_ready   (TholeDBus *self);

/* The same error as over HTTP. */
void             thole_dbus_explain (TholeDBus *self, const GError *cause, GError **error);

/* Where to and with what: interface, member and path; (transfer full) arguments that float. */
typedef struct
{
  char *path, *interface;
  const char *member;
  GVariant *arguments;
} TholeDBusRequest;

gboolean         thole_dbus_request       (const TholeCall *call, TholeDBusRequest *request, GError **error);
void             thole_dbus_request_clear (TholeDBusRequest *request);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TholeDBusRequest, thole_dbus_request_clear)

/* dbus-upload.c: a call with content. Errors of the content are its own. Returns: (transfer full) (nullable): what the method gave */
void             thole_dbus_upload_async  (TholeDBus *self, GDBusConnection *connection, const TholeCall *call,
                                           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant        *thole_dbus_upload_finish (GAsyncResult *result, GError **error);
GVariant        *thole_dbus_upload        (TholeDBus *self, GDBusConnection *connection, const TholeCall *call,
                                           GCancellable *cancellable, GError **error);

/* The file descriptor that a method gave, -1 with @error set. */
int              thole_dbus_descriptor (GVariant *results, GUnixFDList *descriptors, GError **error);

TholeFeed       *thole_dbus_feed_new (TholeDBus *self, const TholeCall *call, GCancellable *cancellable, GError **error);
TholeWire       *thole_dbus_wire_new (TholeTransport *transport, const char *session, GVariant *options,
                                      const TholeWireEvents *events, gpointer user_data);
