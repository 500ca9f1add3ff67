/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "transfer.h"

#include <errno.h>
#include <gio/gunixconnection.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tree.h"

#define TRANSFERS_MAX 16 /* each is a thread, and may have DEPTH_MAX of tree-pack.c folders open */
#define TRANSFERS_OF_ONE 8 /* workload: there is always room for another one's */

struct _CtrTransfer
{
  guint refs;
  CtrRoot *root;
  char *path;
  int fd;                  /* the thread's end; closed when that has ended */
  GSocketConnection *ours;
  CtrTransferFunc told;
  gpointer user_data;
  GError *stopped;         /* (nullable): we ended it */
  gboolean gone;           /* its place is another one's */
  gint moved;              /* (atomic): monotonic s at which something of it was last read or came */
  GError *failure;         /* (nullable) (atomic): the thread's, which sets it before its end is closed */
};

CtrTransfer *
ctr_transfer_ref (CtrTransfer *self)
{
  self->refs++;
  return self;
}

void
ctr_transfer_unref (CtrTransfer *self)
{
  if (--self->refs > 0)
    return;
  g_clear_object (&self->ours);
  g_clear_error (&self->stopped);
  g_clear_error (&self->failure);
  g_free (self->path);
  g_free (self);
}

GIOStream *
ctr_transfer_stream (CtrTransfer *self)
{
  return G_IO_STREAM (self->ours);
}

const GError *
ctr_transfer_failure (CtrTransfer *self)
{
  return self->stopped != NULL ? self->stopped : g_atomic_pointer_get (&self->failure);
}

void
ctr_transfer_stop (CtrTransfer *self, const GError *why)
{
  if (why != NULL && self->stopped == NULL)
    self->stopped = g_error_copy (why);
  /* it wakes up; with the socket's end it comes to its own */
  if (self->fd >= 0)
    shutdown (self->fd, SHUT_RDWR);
}

void
ctr_transfer_end_input (CtrTransfer *self)
{
  g_socket_shutdown (g_socket_connection_get_socket (self->ours), FALSE, TRUE, NULL);
}

static void
stop_for_root (gpointer user_data)
{
  g_autoptr(GError) why = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_CONFLICT, "it was stopped, started or removed meanwhile");

  ctr_transfer_stop (user_data, why);
}

static gint
seconds_now (void)
{
  return (gint) (g_get_monotonic_time () / G_USEC_PER_SEC);
}

/* the thread's end ------------------------------------------------------------------------------------ */

static gboolean
send_all (gpointer user_data, const void *data, gsize size, GError **error)
{
  CtrTransfer *self = user_data;

  for (gsize done = 0; done < size;)
    {
      gssize n = send (self->fd, (const guint8 *) data + done, size - done, MSG_NOSIGNAL);

      if (n < 0 && errno != EINTR)
        {
          g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, "nobody reads it any more");
          return FALSE;
        }
      g_atomic_int_set (&self->moved, seconds_now ());
      done += (gsize) MAX (n, 0);
    }
  return TRUE;
}

static gssize
receive (gpointer user_data, void *buffer, gsize size, GError **error)
{
  CtrTransfer *self = user_data;
  gssize n;

  do
    n = recv (self->fd, buffer, size, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the archive does not come any more");
  g_atomic_int_set (&self->moved, seconds_now ());
  return n;
}

/* What a thread has: tasks that tell the main loop. */
typedef struct
{
  CtrTransfer *transfer;
  GTask *opened; /* (nullable): of a `get` */
  GTask *ended;
} Work;

static gpointer
work_get (gpointer data)
{
  g_autofree Work *work = data;
  CtrTransfer *self = work->transfer;
  GError *error = NULL;
  g_autoptr(CtrPack) pack = ctr_pack_new (self->root->fd, self->path, &error);

  if (pack == NULL)
    g_task_return_error (work->opened, error);
  else
    {
      g_task_return_boolean (work->opened, TRUE);
      if (!ctr_pack_run (pack, send_all, self, &error))
        g_atomic_pointer_set (&self->failure, error);
    }
  shutdown (self->fd, SHUT_RDWR);
  g_task_return_boolean (work->ended, TRUE);
  g_object_unref (work->opened);
  g_object_unref (work->ended);
  return NULL;
}

static gpointer
work_put (gpointer data)
{
  g_autofree Work *work = data;
  CtrTransfer *self = work->transfer;
  GError *error = NULL;

  if (!ctr_tree_fill (self->root->fd, self->path, receive, self, &error))
    g_atomic_pointer_set (&self->failure, error);
  shutdown (self->fd, SHUT_RDWR);
  g_task_return_boolean (work->ended, TRUE);
  g_object_unref (work->ended);
  return NULL;
}

/* the main loop's ------------------------------------------------------------------------------------- */

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  CtrTransfer *self = user_data;
  g_autoptr(GError) error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  self->told (self, error != NULL && self->stopped != NULL ? self->stopped : error, self->user_data);
  ctr_transfer_unref (self);
}

static void
on_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  CtrTransfer *self = user_data;
  CtrRoot *root = g_steal_pointer (&self->root);

  close (self->fd);
  self->fd = -1;
  g_ptr_array_remove_fast (root->driver->transfers, self);
  ctr_root_leave (root, self);
  ctr_root_unref (root);
  if (g_task_get_task_data (G_TASK (result)) != NULL)
    self->told (self, ctr_transfer_failure (self), self->user_data);
  ctr_transfer_unref (self);
}

static gboolean
make_sockets (CtrTransfer *self, GError **error)
{
  int fds[2];
  g_autoptr(GSocket) socket = NULL;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "no sockets: %s", g_strerror (errno));
      return FALSE;
    }
  self->fd = fds[0];
  socket = g_socket_new_from_fd (fds[1], NULL);
  if (socket == NULL)
    {
      close (fds[1]);
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, "no sockets");
      return FALSE;
    }
  self->ours = g_socket_connection_factory_create_connection (socket);
  return TRUE;
}

/* Makes a place among @most, of @container (nullable: of all): one that has long stood still has to leave it. */
static gboolean
make_place (TholeDriver *driver, const char *container, guint most, GError **error)
{
  CtrTransfer *last = NULL;
  guint n = 0;
  g_autoptr(GError) why = NULL;

  for (guint i = 0; i < driver->transfers->len; i++)
    {
      CtrTransfer *one = g_ptr_array_index (driver->transfers, i);

      if (one->gone || (container != NULL && strcmp (one->root->container, container) != 0))
        continue;
      n++;
      if (last == NULL || g_atomic_int_get (&one->moved) < g_atomic_int_get (&last->moved))
        last = one;
    }
  if (n < most)
    return TRUE;
  if (seconds_now () - g_atomic_int_get (&last->moved) < driver->config->files_idle)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "more than %u transfers of files%s at a time", most,
                   container != NULL ? " of one workload" : "");
      return FALSE;
    }
  why = g_error_new (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "it has stood still for %d s, and others wait", driver->config->files_idle);
  last->gone = TRUE;
  ctr_transfer_stop (last, why);
  return TRUE;
}

static CtrTransfer *
transfer_new (CtrRoot *root, const char *path, GError **error)
{
  CtrTransfer *self;

  if (!make_place (root->driver, root->container, TRANSFERS_OF_ONE, error) || !make_place (root->driver, NULL, TRANSFERS_MAX, error))
    return NULL;
  self = g_new0 (CtrTransfer, 1);
  self->refs = 1;
  self->fd = -1;
  self->moved = seconds_now ();
  self->path = g_strdup (path);
  if (make_sockets (self, error))
    return self;
  if (self->fd >= 0)
    close (self->fd);
  ctr_transfer_unref (self);
  return NULL;
}

static CtrTransfer *
transfer_begin (CtrRoot *root, const char *path, gboolean get, CtrTransferFunc told, gpointer user_data, GError **error)
{
  CtrTransfer *self = transfer_new (root, path, error);
  g_autoptr(GError) wrong = NULL;
  GThread *thread;
  Work *work;

  if (self == NULL)
    return NULL;
  self->told = told;
  self->user_data = user_data;
  self->root = ctr_root_ref (root);
  work = g_new0 (Work, 1);
  work->transfer = self;
  work->opened = get ? g_task_new (NULL, NULL, on_opened, self) : NULL;
  work->ended = g_task_new (NULL, NULL, on_ended, self);
  if (!get)
    g_task_set_task_data (work->ended, self, NULL);
  thread = g_thread_try_new ("thole-files", get ? work_get : work_put, work, &wrong);
  if (thread == NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "no thread: %s", wrong->message);
      g_clear_object (&work->opened);
      g_object_unref (work->ended);
      g_free (work);
      close (self->fd);
      ctr_root_unref (g_steal_pointer (&self->root));
      ctr_transfer_unref (self);
      return NULL;
    }
  g_thread_unref (thread);
  self->refs += get ? 2 : 1;
  g_ptr_array_add (root->driver->transfers, self);
  ctr_root_enter (root, stop_for_root, self);
  return self;
}

CtrTransfer *
ctr_transfer_get (CtrRoot *root, const char *path, CtrTransferFunc opened, gpointer user_data, GError **error)
{
  return transfer_begin (root, path, TRUE, opened, user_data, error);
}

CtrTransfer *
ctr_transfer_put (CtrRoot *root, const char *path, CtrTransferFunc ended, gpointer user_data, GError **error)
{
  return transfer_begin (root, path, FALSE, ended, user_data, error);
}
