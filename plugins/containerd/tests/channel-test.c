/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The connection, against a server of our own that says what no engine says.
 */
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>

#include "channel.h"
#include "thole-error.h"

#define PREFACE 24
#define FRAME 9
#define DATA 0
#define END_STREAM 1

typedef struct
{
  GSocketListener *listener;
  gboolean ends; /* the stream, with the message that cannot be read */
} Server;

/* Until the client has said all of its call. */
static gboolean
has_asked (const GByteArray *said)
{
  for (gsize at = PREFACE; at + FRAME <= said->len;)
    {
      const guint8 *head = said->data + at;

      if (head[3] == DATA && (head[4] & END_STREAM) != 0)
        return TRUE;
      at += FRAME + ((gsize) head[0] << 16 | (gsize) head[1] << 8 | head[2]);
    }
  return FALSE;
}

static gpointer
serve (gpointer data)
{
  static const guint8 settings[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };
  /* ":status: 200", and a message that says that it is packed */
  guint8 answer[] = { 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88, 0, 0, 5, DATA, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0 };
  Server *self = data;
  g_autoptr(GSocketConnection) connection = g_socket_listener_accept (self->listener, NULL, NULL, NULL);
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  g_autoptr(GByteArray) said = g_byte_array_new ();
  guint8 piece[4096];
  gssize n = 1;

  g_output_stream_write_all (output, settings, sizeof settings, NULL, NULL, NULL);
  while (n > 0 && !has_asked (said))
    {
      n = g_input_stream_read (input, piece, sizeof piece, NULL, NULL);
      g_byte_array_append (said, piece, (guint) MAX (n, 0));
    }
  answer[14] = self->ends ? END_STREAM : 0;
  g_output_stream_write_all (output, answer, sizeof answer, NULL, NULL, NULL);
  while (n > 0)
    n = g_input_stream_read (input, piece, sizeof piece, NULL, NULL);
  return NULL;
}

static void
on_message (CtrStream *stream, const guint8 *data, gsize length, gpointer user_data)
{
  g_assert_not_reached ();
}

/* As a call does it: the stream is freed as soon as it has ended. */
static void
on_ended (CtrStream *stream, const GError *error, gpointer user_data)
{
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_FAILED);
  ctr_stream_free (stream);
  ++*(guint *) user_data;
}

static const CtrStreamHandler handler = { on_message, on_ended };

static void
test_bad_message (gconstpointer ends)
{
  g_autofree char *folder = g_dir_make_tmp ("thole-channel-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "s", NULL);
  g_autoptr(GSocketListener) listener = g_socket_listener_new ();
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  CtrChannel *channel = ctr_channel_new (path, "n");
  Server server = { .listener = listener, .ends = GPOINTER_TO_INT (ends) };
  CtrStream *stream;
  GThread *thread;
  guint ended = 0;

  g_assert_true (g_socket_listener_add_address (listener, address, G_SOCKET_TYPE_STREAM, 0, NULL, NULL, NULL));
  stream = ctr_stream_new (channel, "/a.B/C", NULL, 0, &handler, &ended);
  ctr_stream_send (stream, NULL, TRUE);
  thread = g_thread_new ("server", serve, &server);
  while (ended == 0)
    g_main_context_iteration (NULL, TRUE);
  /* what the library says of the stream afterwards is of no concern */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (ended, ==, 1);
  ctr_channel_free (channel);
  g_thread_join (thread);
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/containerd/channel/bad-message", GINT_TO_POINTER (FALSE), test_bad_message);
  g_test_add_data_func ("/containerd/channel/bad-message-at-end", GINT_TO_POINTER (TRUE), test_bad_message);
  return g_test_run ();
}
