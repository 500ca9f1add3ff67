/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

TholeSandboxHead
message_head (unsigned type, uint32_t number, int32_t value, uint32_t extra)
{
  return (TholeSandboxHead){ THOLE_SANDBOX_VERSION, (uint16_t) type, number, value, extra };
}

bool
message_send (int socket, const TholeSandboxHead *head, const void *payload, size_t length, const int *fds, int n_fds)
{
  struct iovec pieces[2] = { { (void *) head, sizeof *head }, { (void *) payload, length } };
  union { char bytes[CMSG_SPACE (sizeof (int) * THOLE_SANDBOX_FDS)]; struct cmsghdr align; } control = { { 0 } };
  struct msghdr message = { .msg_iov = pieces, .msg_iovlen = length > 0 ? 2 : 1 };
  struct cmsghdr *first;
  ssize_t n;

  if (n_fds > 0)
    {
      message.msg_control = control.bytes;
      message.msg_controllen = CMSG_SPACE (sizeof (int) * (size_t) n_fds);
      first = CMSG_FIRSTHDR (&message);
      first->cmsg_level = SOL_SOCKET;
      first->cmsg_type = SCM_RIGHTS;
      first->cmsg_len = CMSG_LEN (sizeof (int) * (size_t) n_fds);
      memcpy (CMSG_DATA (first), fds, sizeof (int) * (size_t) n_fds);
    }
  do
    n = sendmsg (socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return n == (ssize_t) (sizeof *head + length);
}

/* What does not fit is closed. */
static void
take_fds (const struct cmsghdr *control, Message *message)
{
  size_t count = (control->cmsg_len - CMSG_LEN (0)) / sizeof (int);

  for (size_t i = 0; i < count; i++)
    {
      int fd;

      memcpy (&fd, CMSG_DATA (control) + i * sizeof fd, sizeof fd);
      if (message->n_fds < THOLE_SANDBOX_FDS)
        message->fds[message->n_fds++] = fd;
      else
        {
          close (fd);
          message->too_many = true;
        }
    }
}

static void
take_control (struct msghdr *header, Message *message)
{
  for (struct cmsghdr *at = CMSG_FIRSTHDR (header); at != NULL; at = CMSG_NXTHDR (header, at))
    {
      if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS)
        take_fds (at, message);
      else if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_CREDENTIALS)
        {
          struct ucred who;

          memcpy (&who, CMSG_DATA (at), sizeof who);
          message->sender = who.pid;
        }
    }
}

int
message_receive (int socket, Message *message)
{
  struct iovec pieces[2] = { { &message->head, sizeof message->head }, { message->payload, sizeof message->payload } };
  union
  {
    char bytes[CMSG_SPACE (sizeof (int) * THOLE_SANDBOX_FDS) + CMSG_SPACE (sizeof (struct ucred))];
    struct cmsghdr align;
  } control;
  struct msghdr header = { .msg_iov = pieces, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
  ssize_t n = recvmsg (socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  message->n_fds = 0;
  message->too_many = false;
  message->sender = 0;
  message->length = 0;
  if (n < 0)
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
  take_control (&header, message);
  if (n >= (ssize_t) sizeof message->head && message->head.version == THOLE_SANDBOX_VERSION
      && !message->too_many && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
    {
      message->length = (size_t) n - sizeof message->head;
      return 1;
    }
  message_drop_fds (message);
  return -1;
}

void
message_drop_fds (Message *message)
{
  for (int i = 0; i < message->n_fds; i++)
    if (message->fds[i] >= 0)
      close (message->fds[i]);
  message->n_fds = 0;
}

/* The next string of [*at, end), NULL when there is none that ends. */
static char *
next_string (char **at, const char *end)
{
  char *text = *at, *nul = memchr (text, '\0', (size_t) (end - text));

  if (nul == NULL)
    return NULL;
  *at = nul + 1;
  return text;
}

static bool
read_list (char **at, const char *end, unsigned count, char **list)
{
  for (unsigned i = 0; i < count; i++)
    if ((list[i] = next_string (at, end)) == NULL)
      return false;
  list[count] = NULL;
  return true;
}

bool
message_read_open (char *payload, size_t length, OpenWords *words)
{
  char *at = payload + sizeof (TholeSandboxOpen);
  const char *end = payload + length;
  TholeSandboxOpen open;

  if (length < sizeof open)
    return false;
  memcpy (&open, payload, sizeof open);
  if (open.n_arguments == 0 || open.n_arguments > THOLE_SANDBOX_STRINGS || open.n_variables > THOLE_SANDBOX_STRINGS)
    return false;
  words->n_arguments = open.n_arguments;
  words->n_variables = open.n_variables;
  words->folder = next_string (&at, end);
  return words->folder != NULL && read_list (&at, end, open.n_arguments, words->arguments)
         && read_list (&at, end, open.n_variables, words->variables) && at == end;
}
