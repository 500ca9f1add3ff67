/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/fake-client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


int
fake_connect (TholeFake *fake, gboolean local)
{
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons (fake->port),
                            .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct timeval patience = { FAKE_PATIENCE, 0 };
  int fd = socket (local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result;

  g_assert_cmpint (fd, >=, 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  g_strlcpy (un.sun_path, fake->path, sizeof un.sun_path);
  result = local ? connect (fd, (struct sockaddr *) &un, sizeof un)
                 : connect (fd, (struct sockaddr *) &in, sizeof in);
  g_assert_cmpint (result, ==, 0);
  return fd;
}

void
fake_send (int fd, const char *text, gssize length)
{
  gsize rest = length < 0 ? strlen (text) : (gsize) length;

  while (rest > 0)
    {
      gssize n = send (fd, text, rest, MSG_NOSIGNAL);

      /* a server that has refused need not read on */
      if (n <= 0)
        return;
      text += n;
      rest -= (gsize) n;
    }
}

/* Returns: FALSE at the end */
static gboolean
fill (int fd, GString *buffer)
{
  char part[65536];
  gssize n = recv (fd, part, sizeof part, 0);

  if (n <= 0)
    return FALSE;
  g_string_append_len (buffer, part, n);
  return TRUE;
}

/* Returns: FALSE when it ended before @length bytes were there */
static gboolean
need (int fd, GString *buffer, gsize length)
{
  while (buffer->len < length)
    if (!fill (fd, buffer))
      return FALSE;
  return TRUE;
}

static gssize
need_line (int fd, GString *buffer, gsize from)
{
  const char *found;

  while ((found = strstr (buffer->str + from, "\r\n")) == NULL)
    if (!fill (fd, buffer))
      return -1;
  return found - buffer->str;
}

static gboolean
read_chunks (int fd, GString *buffer, GString *body)
{
  for (;;)
    {
      gssize end = need_line (fd, buffer, 0);
      guint64 size;

      if (end < 0)
        return FALSE;
      size = g_ascii_strtoull (buffer->str, NULL, 16);
      g_string_erase (buffer, 0, end + 2);
      if (!need (fd, buffer, size + 2))
        return FALSE;
      g_string_append_len (body, buffer->str, (gssize) size);
      g_string_erase (buffer, 0, (gssize) size + 2);
      if (size == 0)
        return TRUE;
    }
}

char *
fake_header (const FakeAnswer *answer, const char *name)
{
  g_auto(GStrv) lines = g_strsplit (answer->head, "\r\n", -1);
  gsize length = strlen (name);

  for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
    if (g_ascii_strncasecmp (lines[i], name, length) == 0 && lines[i][length] == ':')
      return g_strdup (g_strstrip (lines[i] + length + 1));
  return NULL;
}

static void
read_body (int fd, FakeAnswer *answer, GString *buffer)
{
  g_autofree char *length = fake_header (answer, "Content-Length");
  g_autofree char *encoding = fake_header (answer, "Transfer-Encoding");
  g_autoptr(GString) body = g_string_new (NULL);
  gsize size = length != NULL ? g_ascii_strtoull (length, NULL, 10) : 0;

  if (encoding != NULL)
    answer->whole = read_chunks (fd, buffer, body);
  else
    {
      answer->whole = need (fd, buffer, size);
      g_string_append_len (body, buffer->str, (gssize) MIN (size, buffer->len));
      g_string_erase (buffer, 0, (gssize) MIN (size, buffer->len));
    }
  answer->length = body->len;
  answer->body = g_string_free (g_steal_pointer (&body), FALSE);
}

FakeAnswer *
fake_read (int fd, gboolean no_body, GString *rest)
{
  FakeAnswer *answer = g_new0 (FakeAnswer, 1);
  g_autoptr(GString) own = g_string_new (NULL);
  GString *buffer = rest != NULL ? rest : own;
  const char *end;

  answer->head = g_strdup ("");
  while ((end = strstr (buffer->str, "\r\n\r\n")) == NULL)
    if (!fill (fd, buffer))
      {
        answer->body = g_strdup ("");
        return answer;
      }
  g_free (answer->head);
  answer->head = g_strndup (buffer->str, (gsize) (end - buffer->str));
  g_string_erase (buffer, 0, end + 4 - buffer->str);
  g_assert_true (g_str_has_prefix (answer->head, "HTTP/1."));
  answer->status = (guint) g_ascii_strtoull (answer->head + 9, NULL, 10);
  if (no_body || answer->status == 204 || answer->status == 304)
    {
      answer->body = g_strdup ("");
      answer->whole = TRUE;
    }
  else
    read_body (fd, answer, buffer);
  return answer;
}

void
fake_answer_free (FakeAnswer *answer)
{
  g_free (answer->head);
  g_free (answer->body);
  g_free (answer);
}

FakeAnswer *
fake_request (TholeFake *fake, const char *method, const char *target, const char *extra,
              const char *body)
{
  g_autoptr(GString) text = g_string_new (NULL);
  int fd = fake_connect (fake, FALSE);
  FakeAnswer *answer;

  g_string_printf (
    text, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %s\r\n",
    method, target, fake->token);
  if (extra != NULL)
    g_string_append (text, extra);
  if (body != NULL)
    g_string_append_printf (text, "Content-Length: %" G_GSIZE_FORMAT "\r\n", strlen (body));
  g_string_append (text, "\r\n");
  if (body != NULL)
    g_string_append (text, body);
  fake_send (fd, text->str, (gssize) text->len);
  answer = fake_read (fd, strcmp (method, "HEAD") == 0, NULL);
  close (fd);
  return answer;
}

FakeAnswer *
fake_raw (TholeFake *fake, gboolean local, const char *text, gssize length)
{
  GString *bytes = length < 0 ? g_string_new (text) : g_string_new_len (text, length);
  int fd = fake_connect (fake, local);
  FakeAnswer *answer;

  g_string_replace (bytes, "{T}", fake->token, 0);
  fake_send (fd, bytes->str, (gssize) bytes->len);
  g_string_free (bytes, TRUE);
  answer = fake_read (fd, FALSE, NULL);
  close (fd);
  return answer;
}

gboolean
fake_is_closed (int fd, double seconds)
{
  gint64 end = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);

  for (;;)
    {
      gint64 left = (end - g_get_monotonic_time ()) / 1000;
      struct pollfd watch = { .fd = fd, .events = POLLIN };
      char part[65536];
      gssize n;

      if (left <= 0 || poll (&watch, 1, (int) left) == 0)
        return FALSE;
      n = recv (fd, part, sizeof part, 0);
      if (n == 0 || (n < 0 && errno != EINTR))
        return TRUE;
    }
}

void
fake_await (gint *counter, gint value)
{
  for (int i = 0; i < FAKE_PATIENCE * 100 && g_atomic_int_get (counter) < value; i++)
    g_usleep (10000);
  g_assert_cmpint (g_atomic_int_get (counter), >=, value);
}
