/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "relay.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>

struct _Relay
{
  char *folder, *path, *url;
  GSocketService *service;
  GTlsCertificate *certificate; /* (nullable): TLS on TCP */
  GTlsDatabase *authority;
  GPtrArray *pairs; /* Pair */
};

/* One connection through the relay; two directions keep it. */
typedef struct
{
  Relay *relay;
  GIOStream *ends[2]; /* the client's, the engine's */
  GCancellable *cancellable;
  guint directions;
} Pair;

typedef struct
{
  Pair *pair;
  guint from;
  guint8 piece[16384];
} Direction;

static void
pair_leave (Pair *self)
{
  if (--self->directions > 0)
    return;
  if (!g_cancellable_is_cancelled (self->cancellable))
    g_ptr_array_remove_fast (self->relay->pairs, self);
  for (guint i = 0; i < 2; i++)
    {
      g_io_stream_close_async (self->ends[i], G_PRIORITY_DEFAULT, NULL, NULL, NULL);
      g_object_unref (self->ends[i]);
    }
  g_object_unref (self->cancellable);
  g_free (self);
}

static void
direction_end (Direction *self)
{
  GIOStream *to = self->pair->ends[1 - self->from];

  if (G_IS_SOCKET_CONNECTION (to))
    g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (to)), FALSE, TRUE, NULL);
  else
    g_output_stream_close_async (g_io_stream_get_output_stream (to), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  pair_leave (self->pair);
  g_free (self);
}

static void pump (Direction *self);

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL))
    pump (user_data);
  else
    direction_end (user_data);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Direction *self = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n <= 0)
    direction_end (self);
  else
    g_output_stream_write_all_async (g_io_stream_get_output_stream (self->pair->ends[1 - self->from]), self->piece, (gsize) n,
                                     G_PRIORITY_DEFAULT, self->pair->cancellable, on_written, self);
}

static void
pump (Direction *self)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (self->pair->ends[self->from]), self->piece, sizeof self->piece,
                             G_PRIORITY_DEFAULT, self->pair->cancellable, on_read, self);
}

/* Takes @client. */
static void
begin (Relay *self, GIOStream *client)
{
  const char *url = g_getenv ("THOLE_TEST_DOCKER");
  g_autoptr(GSocketClient) connector = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (url + strlen ("unix://"));
  GSocketConnection *server = g_socket_client_connect (connector, G_SOCKET_CONNECTABLE (address), NULL, NULL);
  Pair *pair;

  if (server == NULL)
    {
      g_object_unref (client);
      return;
    }
  pair = g_new0 (Pair, 1);
  pair->relay = self;
  pair->ends[0] = client;
  pair->ends[1] = G_IO_STREAM (server);
  pair->cancellable = g_cancellable_new ();
  g_ptr_array_add (self->pairs, pair);
  for (pair->directions = 0; pair->directions < 2; pair->directions++)
    {
      Direction *direction = g_new0 (Direction, 1);

      direction->pair = pair;
      direction->from = pair->directions;
      pump (direction);
    }
}

static void
on_handshake (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, NULL))
    begin (user_data, G_IO_STREAM (source));
  else
    g_object_unref (source);
}

/* A server is asked even when nothing is wrong with the certificate. */
static gboolean
accept_client (GTlsConnection *connection, GTlsCertificate *certificate, GTlsCertificateFlags errors, gpointer user_data)
{
  return errors == 0;
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer user_data)
{
  Relay *self = user_data;
  GIOStream *tls;

  if (self->certificate == NULL)
    {
      begin (self, g_object_ref (G_IO_STREAM (connection)));
      return TRUE;
    }
  tls = g_tls_server_connection_new (G_IO_STREAM (connection), self->certificate, NULL);
  g_object_set (tls, "authentication-mode", G_TLS_AUTHENTICATION_REQUIRED, "database", self->authority, NULL);
  g_signal_connect (tls, "accept-certificate", G_CALLBACK (accept_client), NULL);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (tls), G_PRIORITY_DEFAULT, NULL, on_handshake, self);
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

static const char make_certificates[]
    = "cd \"$0\"; exec >/dev/null 2>&1; printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' > san; "
      "for ca in ca foreign; do openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.pem; done; "
      "make () { openssl req -newkey rsa:2048 -nodes -subj /CN=$1 -keyout $1.key -out $1.csr; "
      "openssl x509 -req -days 2 -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -extfile san -out $1.pem; }; "
      "make server ca; make client ca; make other foreign";

Relay *
relay_new_tls (void)
{
  g_autofree char *openssl = g_find_program_in_path ("openssl");
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  g_autofree char *authority = NULL;
  g_autoptr(GError) error = NULL;
  Relay *self;
  guint16 port;

  if (openssl == NULL)
    return NULL;
  self = g_new0 (Relay, 1);
  self->pairs = g_ptr_array_new ();
  self->folder = g_dir_make_tmp ("thole-relay-XXXXXX", NULL);
  g_assert_true (g_spawn_sync (NULL, (char *[]){ (char *) "/bin/sh", (char *) "-c", (char *) make_certificates, self->folder, NULL },
                               NULL, 0, NULL, NULL, NULL, NULL, NULL, &error));
  certificate = relay_file (self, "server.pem");
  key = relay_file (self, "server.key");
  authority = relay_file (self, "ca.pem");
  self->certificate = g_tls_certificate_new_from_files (certificate, key, &error);
  g_assert_no_error (error);
  self->authority = g_tls_file_database_new (authority, &error);
  g_assert_no_error (error);
  self->service = g_socket_service_new ();
  port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (self->service), NULL, &error);
  g_signal_connect (self->service, "incoming", G_CALLBACK (on_incoming), self);
  self->url = g_strdup_printf ("tcp://127.0.0.1:%u", port);
  return self;
}

char *
relay_file (Relay *self, const char *name)
{
  return g_build_filename (self->folder, name, NULL);
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
  g_spawn_sync (NULL, (char *[]){ (char *) "/bin/rm", (char *) "-rf", self->folder, NULL }, NULL, 0, NULL, NULL, NULL, NULL, NULL,
                NULL);
  g_clear_object (&self->certificate);
  g_clear_object (&self->authority);
  g_free (self->folder);
  g_free (self->path);
  g_free (self->url);
  g_free (self);
}
