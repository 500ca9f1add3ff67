/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between two pairs of sockets: the test is the bus at one end, and GDBus at the other.
 */
#include "bus/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BEGIN "BEGIN\r\n"
#define PATIENCE (60 * G_USEC_PER_SEC)
#define BODY (1024 * 1024)

typedef struct
{
  TholeBusRelay *relay;
  GSocketConnection *ours;
  int gdbus, bus;
} Bed;

typedef union
{
  struct cmsghdr align;
  char bytes[CMSG_SPACE (sizeof (int))];
} Control;

/* so many messages with descriptors that the relay may not send */
static gint refusals;

/* in place of that of the C library */
ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  if (message->msg_controllen > 0 && g_atomic_int_get (&refusals) > 0)
    {
      g_atomic_int_add (&refusals, -1);
      errno = ETOOMANYREFS;
      return -1;
    }
  return syscall (SYS_sendmsg, fd, message, flags);
}

static void
bed_init (Bed *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GSocketConnection) stream = NULL;
  char seen[sizeof BEGIN];
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  socket = g_socket_new_from_fd (pair[0], &error);
  g_assert_no_error (error);
  stream = g_socket_connection_factory_create_connection (socket);
  self->bus = pair[1];
  self->relay = thole_bus_relay_new (stream, 4 * BODY, &self->ours, &error);
  g_assert_no_error (error);
  self->gdbus = g_socket_get_fd (g_socket_connection_get_socket (self->ours));
  g_assert_cmpint (write (self->gdbus, BEGIN, strlen (BEGIN)), ==, strlen (BEGIN));
  g_assert_cmpint (recv (self->bus, seen, strlen (BEGIN), MSG_WAITALL), ==, strlen (BEGIN));
}

static void
bed_clear (Bed *self)
{
  close (self->bus);
  g_io_stream_close (G_IO_STREAM (self->ours), NULL, NULL);
  thole_bus_relay_drain (self->relay, PATIENCE);
  g_object_unref (self->ours);
  thole_bus_relay_unref (self->relay);
}

static guint8 *
message_new (guint serial, GVariant *body, GUnixFDList *descriptors, gsize *size)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_signal ("/one", "org.example.One", "Told");
  g_autoptr (GError) error = NULL;
  guint8 *data;

  g_dbus_message_set_body (message, body);
  if (descriptors != NULL)
    g_dbus_message_set_unix_fd_list (message, descriptors);
  g_dbus_message_set_serial (message, serial);
  data = g_dbus_message_to_blob (message, size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, &error);
  g_assert_no_error (error);
  return data;
}

/* answers wait in the relay and before it when GDBus closes */

static gsize
write_what_goes (int fd, const guint8 *data, gsize size)
{
  struct pollfd one = { .fd = fd, .events = POLLOUT };
  gsize written = 0;

  while (written < size && poll (&one, 1, 200) > 0)
    {
      gssize got = send (fd, data + written, size - written, MSG_DONTWAIT | MSG_NOSIGNAL);

      g_assert_true (got >= 0 || errno == EAGAIN);
      written += got > 0 ? (gsize) got : 0;
    }
  return written;
}

static void
tell_gdbus (const Bed *bed)
{
  gsize size;
  g_autofree guint8 *data = message_new (1, g_variant_new ("(s)", "anything"), NULL, &size);
  gint64 until = g_get_monotonic_time () + PATIENCE;
  int left = 1;

  g_assert_cmpint (send (bed->bus, data, size, MSG_NOSIGNAL), ==, size);
  /* until the relay has read it */
  while (ioctl (bed->bus, TIOCOUTQ, &left) == 0 && left > 0 && g_get_monotonic_time () < until)
    g_usleep (1000);
  g_assert_cmpint (left, ==, 0);
}

static void
test_last_answers (gconstpointer user_data)
{
  gboolean before = GPOINTER_TO_INT (user_data);
  g_autofree char *text = g_strnfill (BODY, 'x');
  int most = 2 * BODY;
  gsize size, written, got = 0;
  g_autofree guint8 *data = message_new (1, g_variant_new ("(s)", text), NULL, &size);
  g_autofree guint8 *seen = g_malloc (size + 1);
  gssize n;
  Bed bed;

  bed_init (&bed);
  setsockopt (bed.gdbus, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
  written = write_what_goes (bed.gdbus, data, size);
  if (before)
    tell_gdbus (&bed);
  g_io_stream_close (G_IO_STREAM (bed.ours), NULL, NULL);
  tell_gdbus (&bed);
  while ((n = read (bed.bus, seen + got, size + 1 - got)) > 0)
    got += (gsize) n;
  g_assert_cmpmem (seen, got, data, written);
  bed_clear (&bed);
}

/* a bus that reads nothing keeps nobody from going down */
static void
test_deaf_bus (void)
{
  g_autofree char *text = g_strnfill (BODY, 'x');
  gsize size;
  g_autofree guint8 *data = message_new (1, g_variant_new ("(s)", text), NULL, &size);
  Bed bed;

  bed_init (&bed);
  g_assert_cmpuint (write_what_goes (bed.gdbus, data, size), <, size);
  g_io_stream_close (G_IO_STREAM (bed.ours), NULL, NULL);
  tell_gdbus (&bed);
  thole_bus_relay_drain (bed.relay, 1000);
  bed_clear (&bed);
}

/* descriptors */

static void
send_descriptor (int fd, const guint8 *data, gsize size, int descriptor)
{
  struct iovec piece = { (void *) data, size };
  Control control = { .bytes = { 0 } };
  struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  struct cmsghdr *one = CMSG_FIRSTHDR (&message);

  one->cmsg_level = SOL_SOCKET;
  one->cmsg_type = SCM_RIGHTS;
  one->cmsg_len = CMSG_LEN (sizeof descriptor);
  memcpy (CMSG_DATA (one), &descriptor, sizeof descriptor);
  g_assert_cmpint (syscall (SYS_sendmsg, fd, &message, MSG_NOSIGNAL), ==, size);
}

/* Returns: (transfer full): a message of @size bytes, and whether a descriptor came with it */
static GDBusMessage *
receive (int fd, gsize size, gboolean *with)
{
  g_autofree guint8 *data = g_malloc (size);
  gsize got = 0;
  g_autoptr (GError) error = NULL;
  GDBusMessage *result;

  *with = FALSE;
  while (got < size)
    {
      struct iovec piece = { data + got, size - got };
      Control control;
      struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
      struct pollfd ready = { .fd = fd, .events = POLLIN };
      struct cmsghdr *one;
      int descriptor;
      gssize n;

      g_assert_cmpint (poll (&ready, 1, PATIENCE / 1000), ==, 1);
      n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC);
      g_assert_cmpint (n, >, 0);
      one = CMSG_FIRSTHDR (&message);
      got += (gsize) n;
      if (one == NULL)
        continue;
      memcpy (&descriptor, CMSG_DATA (one), sizeof descriptor);
      close (descriptor);
      *with = TRUE;
    }
  result = g_dbus_message_new_from_blob (data, size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, &error);
  g_assert_no_error (error);
  return result;
}

static void
pass (int from, int to, guint serial, gint refused, gboolean arrives)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autofree guint8 *data = NULL;
  g_autoptr (GDBusMessage) message = NULL;
  int descriptor = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  gboolean with;
  gsize size;

  g_assert_cmpint (g_unix_fd_list_append (list, descriptor, NULL), ==, 0);
  data = message_new (serial, g_variant_new ("(hs)", 0, "with one"), list, &size);
  g_atomic_int_set (&refusals, refused);
  send_descriptor (from, data, size, descriptor);
  close (descriptor);
  message = receive (to, size, &with);
  g_assert_cmpint (with, ==, arrives);
  g_assert_cmpint (g_dbus_message_get_num_unix_fds (message), ==, arrives ? 1 : 0);
  g_assert_cmpuint (g_dbus_message_get_serial (message), ==, serial);
  g_assert_false (thole_bus_relay_cut (message));
}

static void
pass_plain (int from, int to, guint serial)
{
  gsize size;
  g_autofree guint8 *data = message_new (serial, g_variant_new ("(s)", "plain"), NULL, &size);
  g_autoptr (GDBusMessage) message = NULL;
  gboolean with;

  g_assert_cmpint (send (from, data, size, MSG_NOSIGNAL), ==, size);
  message = receive (to, size, &with);
  g_assert_false (with);
  g_assert_cmpuint (g_dbus_message_get_serial (message), ==, serial);
}

/* first some patience helps, then none does, then there is room again */
static void
test_descriptors (void)
{
  Bed bed;

  bed_init (&bed);
  for (guint i = 0; i < 2; i++)
    {
      int from = i == 0 ? bed.gdbus : bed.bus, to = i == 0 ? bed.bus : bed.gdbus;

      pass (from, to, 1, 0, TRUE);
      pass (from, to, 2, 20, TRUE);
      pass (from, to, 3, G_MAXINT, FALSE);
      pass (from, to, 4, G_MAXINT, FALSE);
      g_atomic_int_set (&refusals, 0);
      pass_plain (from, to, 5);
      pass (from, to, 6, 0, TRUE);
    }
  bed_clear (&bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/bus/relay/last-answers", GINT_TO_POINTER (FALSE), test_last_answers);
  g_test_add_data_func ("/bus/relay/last-answers-unread", GINT_TO_POINTER (TRUE), test_last_answers);
  g_test_add_func ("/bus/relay/deaf-bus", test_deaf_bus);
  g_test_add_func ("/bus/relay/descriptors", test_descriptors);
  return g_test_run ();
}
