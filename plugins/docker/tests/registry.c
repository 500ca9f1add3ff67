/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "registry.h"

#include <glib/gstdio.h>
#include <string.h>

#define RATE (1024 * 1024)
#define TICK_MS 20

struct _Registry
{
  char *folder;
  GSubprocess *process;
  guint16 port;
  char *address;
  GSocketService *wire; /* listens on another port */
  guint16 wire_port;
  gboolean locked;
};

static guint16
free_port (void)
{
  g_autoptr(GSocketListener) listener = g_socket_listener_new ();

  return g_socket_listener_add_any_inet_port (listener, NULL, NULL);
}

static void run_tool (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
run_tool (const char *format, ...)
{
  va_list arguments;
  g_autofree char *line = NULL;
  g_autofree char *error_text = NULL;
  int status = 0;
  g_autoptr(GError) error = NULL;

  va_start (arguments, format);
  line = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_spawn_sync (NULL, (char *[]){ (char *) "/bin/sh", (char *) "-ec", line, NULL }, NULL, 0, NULL, NULL, NULL, &error_text,
                &status, &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("%s: %s", line, error_text);
}

/* the wire: its own thread, because the loop of the test is not always turned --------------------------- */

static gboolean
pass_slowly (GThreadedSocketService *service, GSocketConnection *client, GObject *source, gpointer user_data)
{
  Registry *self = user_data;
  g_autoptr(GSocketClient) connector = g_socket_client_new ();
  g_autoptr(GSocketConnection) server = NULL;
  GSocket *ends[2];
  guint8 piece[RATE * TICK_MS / 1000];

  g_socket_client_set_enable_proxy (connector, FALSE);
  server = g_socket_client_connect_to_host (connector, "127.0.0.1", self->port, NULL, NULL);
  if (server == NULL)
    return TRUE;
  ends[0] = g_socket_connection_get_socket (client);
  ends[1] = g_socket_connection_get_socket (server);
  while (TRUE)
    {
      GPollFD polls[2] = { { g_socket_get_fd (ends[0]), G_IO_IN, 0 }, { g_socket_get_fd (ends[1]), G_IO_IN, 0 } };

      g_poll (polls, 2, -1);
      for (guint i = 0; i < 2; i++)
        {
          gssize n = polls[i].revents != 0 ? g_socket_receive (ends[i], (char *) piece, sizeof piece, NULL, NULL) : -2;

          if (n == -2)
            continue;
          if (n <= 0 || !g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (i == 0 ? server : client)),
                                                    piece, (gsize) n, NULL, NULL, NULL))
            return TRUE;
          if (i == 1)
            g_usleep ((gulong) (n * G_USEC_PER_SEC / RATE));
        }
    }
}

Registry *
registry_start (gboolean locked)
{
  g_autofree char *program = g_find_program_in_path ("docker-registry");
  g_autofree char *client = g_find_program_in_path ("docker");
  g_autofree char *config = NULL;
  g_autofree char *lock = NULL;
  g_autofree char *text = NULL;
  g_autofree char *passwords = NULL;
  g_autoptr(GSocketClient) connector = g_socket_client_new ();
  g_autoptr(GError) error = NULL;
  Registry *self;

  if (program == NULL || client == NULL)
    return NULL;
  self = g_new0 (Registry, 1);
  self->locked = locked;
  self->folder = g_dir_make_tmp ("thole-registry-XXXXXX", NULL);
  self->port = free_port ();
  self->address = g_strdup_printf ("127.0.0.1:%u", self->port);
  config = g_build_filename (self->folder, "config.yml", NULL);
  passwords = g_build_filename (self->folder, "passwords", NULL);
  lock = locked ? g_strdup_printf ("auth:\n  htpasswd:\n    realm: test\n    path: %s\n", passwords) : g_strdup ("");
  text = g_strdup_printf ("version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s/data\n"
                          "http:\n  addr: %s\n%s", self->folder, self->address, lock);
  g_assert_true (g_file_set_contents (config, text, -1, NULL));
  if (locked)
    run_tool ("python3 -W ignore -c \"import crypt; print('tester:' + crypt.crypt('secret', "
              "crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=32)).replace('\\$2b\\$', '\\$2y\\$'))\" > %s", passwords);
  self->process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error, program,
                                    "serve", config, NULL);
  g_assert_no_error (error);
  g_socket_client_set_enable_proxy (connector, FALSE);
  for (guint i = 0; i < 1200; i++)
    {
      g_autoptr(GSocketConnection) connection = g_socket_client_connect_to_host (connector, "127.0.0.1", self->port, NULL, NULL);

      if (connection != NULL)
        break;
      g_usleep (50000);
    }
  self->wire = g_threaded_socket_service_new (20);
  self->wire_port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (self->wire), NULL, NULL);
  g_signal_connect (self->wire, "run", G_CALLBACK (pass_slowly), self);
  return self;
}

void
registry_stop (Registry *self)
{
  g_socket_service_stop (self->wire);
  g_socket_listener_close (G_SOCKET_LISTENER (self->wire));
  g_object_unref (self->wire);
  g_subprocess_send_signal (self->process, 15);
  g_subprocess_wait (self->process, NULL, NULL);
  g_object_unref (self->process);
  run_tool ("rm -rf %s", self->folder);
  g_free (self->folder);
  g_free (self->address);
  g_free (self);
}

char *
registry_name (Registry *self, const char *name, gboolean slow)
{
  return g_strdup_printf ("127.0.0.1:%u/%s", slow ? self->wire_port : self->port, name);
}

const char *
registry_address (Registry *self)
{
  return self->address;
}

void
registry_push (Registry *self, const char *name, guint megabytes)
{
  g_autofree char *login = self->locked ? g_strdup_printf ("docker login -u tester -p secret %s 2>&1;", self->address)
                                        : g_strdup ("");

  run_tool ("[ -z \"$THOLE_TEST_TLS\" ] || export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=\"$THOLE_TEST_TLS\"; "
            "export DOCKER_HOST=%s DOCKER_CONFIG=%s/docker; mkdir -p %s/root; head -c %uM /dev/urandom > %s/root/noise; "
            "tar -C %s/root -c . | docker import - %s/%s; %s docker push %s/%s; docker rmi -f %s/%s",
            g_getenv ("THOLE_TEST_DOCKER"), self->folder, self->folder, megabytes, self->folder, self->folder, self->address,
            name, login, self->address, name, self->address, name);
}
