/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "box.h"
#include "thole-agent-protocol.h"

int
local_talk_connect (TholeDriver *driver, const char *id, GError **error)
{
  g_autofree char *folder = local_box_path (driver, id, NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  /* by way of the folder's descriptor: its path may be longer than a socket's address */
  int place = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = place >= 0 ? socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  gboolean done = FALSE;

  g_snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" THOLE_SANDBOX_SOCKET, place);
  if (fd >= 0)
    done = connect (fd, (struct sockaddr *) &address, sizeof address) == 0;
  if (place >= 0)
    close (place);
  if (done)
    return fd;
  if (fd >= 0)
    close (fd);
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  return -1;
}

gboolean
local_talk_send (int fd, unsigned type, guint32 number, gint32 value, guint32 extra, const GByteArray *payload, GError **error)
{
  TholeSandboxHead head = { THOLE_SANDBOX_VERSION, (uint16_t) type, number, value, extra };
  struct iovec pieces[2] = { { &head, sizeof head }, { payload != NULL ? payload->data : NULL, payload != NULL ? payload->len : 0 } };
  struct msghdr message = { .msg_iov = pieces, .msg_iovlen = payload != NULL ? 2 : 1 };
  gssize n = sizeof head + pieces[1].iov_len <= THOLE_SANDBOX_MESSAGE ? sendmsg (fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;

  if (n >= 0)
    return TRUE;
  if (sizeof head + pieces[1].iov_len > THOLE_SANDBOX_MESSAGE)
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "the command and its environment are too long");
  else
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run: %s", g_strerror (errno));
  return FALSE;
}

static void
take_fds (struct msghdr *message, LocalWords *words)
{
  for (struct cmsghdr *at = CMSG_FIRSTHDR (message); at != NULL; at = CMSG_NXTHDR (message, at))
    if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS)
      memcpy (words->fds, CMSG_DATA (at), MIN (at->cmsg_len - CMSG_LEN (0), sizeof words->fds));
}

int
local_talk_receive (int fd, LocalWords *words)
{
  struct iovec piece = { &words->head, sizeof words->head };
  union { char bytes[CMSG_SPACE (sizeof words->fds)]; struct cmsghdr align; } control;
  struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
  gssize n = recvmsg (fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  for (guint i = 0; i < THOLE_SANDBOX_FDS; i++)
    words->fds[i] = -1;
  if (n < 0)
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
  take_fds (&message, words);
  return n == (gssize) sizeof words->head && words->head.version == THOLE_SANDBOX_VERSION ? 1 : -1;
}

/* questions ------------------------------------------------------------------------------------------- */

typedef struct
{
  LocalJob job;
  int fd, out;
  GSource *source, *cancel;
} Ask;

static void
ask_clear (gpointer data)
{
  Ask *self = data;

  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  if (self->fd >= 0)
    close (self->fd);
  if (self->out >= 0)
    close (self->out);
}

static void
ask_stop (Ask *self)
{
  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
}

static gboolean
on_answer (int fd, GIOCondition condition, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);
  Ask *self = g_task_get_task_data (task);
  LocalWords words;
  int n = local_talk_receive (fd, &words);

  if (n == 0)
    return G_SOURCE_CONTINUE;
  ask_stop (self);
  self->out = words.fds[0];
  for (guint i = 1; i < THOLE_SANDBOX_FDS; i++)
    if (words.fds[i] >= 0)
      close (words.fds[i]);
  if (n < 0 || words.head.value == THOLE_AGENT_ENDED)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it has ended");
  else if (words.head.value == THOLE_AGENT_NOT_FOUND)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "there is no such program");
  else if (words.head.value != THOLE_AGENT_OK)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "it has no terminal");
  else
    g_task_return_boolean (task, TRUE);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);

  ask_stop (g_task_get_task_data (task));
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  return G_SOURCE_REMOVE;
}

void
local_ask_async (TholeDriver *driver, const char *id, unsigned type, guint32 number, gint32 value, guint32 extra,
                 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (driver, id, sizeof (Ask), ask_clear, NULL, cancellable, callback, user_data);
  Ask *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->out = -1;
  self->fd = local_talk_connect (driver, id, &error);
  if (self->fd < 0 || !local_talk_send (self->fd, type, number, value, extra, NULL, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  self->source = g_unix_fd_source_new (self->fd, G_IO_IN | G_IO_HUP);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_answer), g_object_ref (task), g_object_unref);
  g_source_attach (self->source, g_task_get_context (task));
  if (cancellable == NULL)
    return;
  self->cancel = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->cancel, G_SOURCE_FUNC (on_cancelled), g_object_ref (task), g_object_unref);
  g_source_attach (self->cancel, g_task_get_context (task));
}

gboolean
local_ask_finish (GAsyncResult *result, int *out_fd, GError **error)
{
  Ask *self = g_task_get_task_data (G_TASK (result));
  gboolean done = g_task_propagate_boolean (G_TASK (result), error);

  if (done && out_fd != NULL)
    {
      *out_fd = self->out;
      self->out = -1;
    }
  return done;
}
