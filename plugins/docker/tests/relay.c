/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "relay.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

struct _Relay
{
  char *folder, *path, *url;
  GSocketService *service;
  GPtrArray *pairs; /* Pair */
};

typedef struct
{
  Relay *relay;
  GIOStream *client, *server;
  GCancellable *cancellable;
} Pair;

static void
pair_free (Pair *self)
{
  g_io_stream_close (self->client, NULL, NULL);
  g_io_stream_close (self->server, NULL, NULL);
  g_object_unref (self->client);
  g_object_unref (self->server);
  g_object_unref (self->cancellable);
  g_free (self);
}

static void
on_spliced (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Pair *pair = user_data;

  g_io_stream_splice_finish (result, NULL);
  if (!g_cancellable_is_cancelled (pair->cancellable))
    g_ptr_array_remove_fast (pair->relay->pairs, pair);
  pair_free (pair);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer user_data)
{
  Relay *self = user_data;
  const char *url = g_getenv ("THOLE_TEST_DOCKER");
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (url + 7);
  GSocketConnection *server = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);
  Pair *pair;

  if (server == NULL)
    return TRUE;
  pair = g_new0 (Pair, 1);
  pair->relay = self;
  pair->client = g_object_ref (G_IO_STREAM (connection));
  pair->server = G_IO_STREAM (server);
  pair->cancellable = g_cancellable_new ();
  g_ptr_array_add (self->pairs, pair);
  g_io_stream_splice_async (pair->client, pair->server, G_IO_STREAM_SPLICE_CLOSE_STREAM1 | G_IO_STREAM_SPLICE_CLOSE_STREAM2,
                            G_PRIORITY_DEFAULT, pair->cancellable, on_spliced, pair);
  return TRUE;
}

void
relay_back (Relay *self)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (self->path);
  g_autoptr(GError) error = NULL;

  g_unlink (self->path);
  self->service = g_socket_service_new ();
  g_socket_listener_add_address (G_SOCKET_LISTENER (self->service), address, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT,
                                 NULL, NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (self->service, "incoming", G_CALLBACK (on_incoming), self);
}

Relay *
relay_new (void)
{
  Relay *self = g_new0 (Relay, 1);

  self->folder = g_dir_make_tmp ("thole-relay-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "s", NULL);
  self->url = g_strconcat ("unix://", self->path, NULL);
  self->pairs = g_ptr_array_new ();
  relay_back (self);
  return self;
}

void
relay_cut (Relay *self, gboolean away)
{
  if (away && self->service != NULL)
    {
      g_socket_service_stop (self->service);
      g_socket_listener_close (G_SOCKET_LISTENER (self->service));
      g_clear_object (&self->service);
    }
  for (guint i = 0; i < self->pairs->len; i++)
    g_cancellable_cancel (((Pair *) self->pairs->pdata[i])->cancellable);
  g_ptr_array_set_size (self->pairs, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

guint
relay_count (Relay *self)
{
  return self->pairs->len;
}

const char *
relay_url (Relay *self)
{
  return self->url;
}

void
relay_free (Relay *self)
{
  relay_cut (self, TRUE);
  for (guint i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
  g_ptr_array_unref (self->pairs);
  g_unlink (self->path);
  g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self->path);
  g_free (self->url);
  g_free (self);
}
