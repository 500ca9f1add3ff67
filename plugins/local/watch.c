/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "watch.h"

#include <glib-unix.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box.h"
#include "talk.h"

#define LOOK_MS 5
/* until it is told to end once more */
#define KILL_MS 200

typedef struct
{
  GTask *task;
  void (*next) (GTask *task);
  GSource *cancel;
  LocalWatch *watch;
} Waiting;

struct _LocalWatch
{
  TholeDriver *driver; /* not owned: it owns this */
  char *id;
  int fd;              /* of its supervisor: of the process, or a connection; -1 = that does not listen, or ends */
  GSource *source;
  gboolean kill;       /* it is to be ended when it listens */
  GSource *killing;
  GPtrArray *waiting;  /* of Waiting */
};

static void
waiting_free (gpointer data)
{
  Waiting *self = data;

  thole_timer_clear (&self->cancel);
  g_object_unref (self->task);
  g_free (self);
}

void
local_watch_free (LocalWatch *self)
{
  thole_timer_clear (&self->source);
  thole_timer_clear (&self->killing);
  if (self->fd >= 0)
    close (self->fd);
  /* their calls were cancelled before a driver closes */
  g_ptr_array_unref (self->waiting);
  g_free (self->id);
  g_free (self);
}

static void
tell_end (LocalWatch *self)
{
  g_autoptr(TholeDriver) driver = local_driver_ref (self->driver);
  g_autoptr(GPtrArray) waiting = NULL;
  g_autofree char *id = g_strdup (self->id);

  waiting = g_steal_pointer (&self->waiting);
  self->waiting = g_ptr_array_new ();
  g_hash_table_remove (driver->watches, id);
  local_box_tell (driver, id, NULL, "exit");
  for (guint i = 0; i < waiting->len; i++)
    {
      Waiting *one = g_ptr_array_index (waiting, i);

      thole_timer_clear (&one->cancel);
      one->next (one->task);
    }
}

static void follow (LocalWatch *self);

/* Its supervisor has a lock, and no socket yet or any more. */
static gboolean
look_again (gpointer user_data)
{
  LocalWatch *self = user_data;

  if (local_box_runs (self->driver, self->id))
    follow (self);
  else
    tell_end (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_end (int fd, GIOCondition condition, gpointer user_data)
{
  LocalWatch *self = user_data;

  if (!local_box_runs (self->driver, self->id))
    {
      tell_end (self);
      return G_SOURCE_REMOVE;
    }
  /* the kernel closes what a process had in no order: its lock may follow */
  close (self->fd);
  self->fd = -1;
  thole_timer_clear (&self->source);
  self->source = g_timeout_source_new (LOOK_MS);
  g_source_set_callback (self->source, look_again, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
  return G_SOURCE_REMOVE;
}

/* Who listens at the other end of @fd, which it takes over; that itself when the kernel does not tell. */
static int
process_of (int fd)
{
  struct ucred who = { 0 };
  socklen_t length = sizeof who;
  struct pollfd connection = { fd, 0, 0 };
  int process = -1;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 && who.pid > 0)
    process = (int) syscall (SYS_pidfd_open, who.pid, 0);
  /* while the connection stands that number is nobody else's */
  if (process >= 0 && poll (&connection, 1, 0) > 0)
    {
      close (process);
      process = -1;
    }
  if (process < 0)
    return fd;
  close (fd);
  return process;
}

static void
follow (LocalWatch *self)
{
  int fd = local_talk_connect (self->driver, self->id, NULL);

  if (fd >= 0 && self->kill)
    local_talk_send (fd, THOLE_SANDBOX_KILL, 0, 0, 0, NULL, NULL);
  thole_timer_clear (&self->source);
  if (fd >= 0)
    {
      self->fd = process_of (fd);
      self->source = g_unix_fd_source_new (self->fd, G_IO_IN | G_IO_HUP);
      g_source_set_callback (self->source, G_SOURCE_FUNC (on_end), self, NULL);
    }
  else
    {
      self->source = g_timeout_source_new (LOOK_MS);
      g_source_set_callback (self->source, look_again, self, NULL);
    }
  g_source_attach (self->source, g_main_context_get_thread_default ());
}

void
local_watch_begun (TholeDriver *driver, const char *id)
{
  LocalWatch *self;

  if (g_hash_table_contains (driver->watches, id))
    return;
  self = g_new0 (LocalWatch, 1);
  self->driver = driver;
  self->id = g_strdup (id);
  self->fd = -1;
  self->waiting = g_ptr_array_new_with_free_func (waiting_free);
  g_hash_table_insert (driver->watches, self->id, self);
  follow (self);
}

gboolean
local_watch (TholeDriver *driver, const char *id)
{
  if (!g_hash_table_contains (driver->watches, id) && !local_box_runs (driver, id))
    return FALSE;
  local_watch_begun (driver, id);
  return TRUE;
}

static gboolean
kill_once (gpointer user_data)
{
  LocalWatch *self = user_data;
  int fd = local_talk_connect (self->driver, self->id, NULL);

  if (fd >= 0)
    {
      local_talk_send (fd, THOLE_SANDBOX_KILL, 0, 0, 0, NULL, NULL);
      close (fd);
    }
  return G_SOURCE_CONTINUE;
}

void
local_watch_kill (TholeDriver *driver, const char *id)
{
  LocalWatch *self = g_hash_table_lookup (driver->watches, id);

  if (self == NULL || self->kill)
    return;
  self->kill = TRUE;
  kill_once (self);
  /* there is no answer, and when too many speak with it some are not heard */
  self->killing = g_timeout_source_new (KILL_MS);
  g_source_set_callback (self->killing, kill_once, self, NULL);
  g_source_attach (self->killing, g_main_context_get_thread_default ());
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Waiting *self = user_data;
  g_autoptr(GTask) task = g_object_ref (self->task);

  g_ptr_array_remove_fast (self->watch->waiting, self);
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  return G_SOURCE_REMOVE;
}

void
local_watch_wait (GTask *task, TholeDriver *driver, const char *id, void (*next) (GTask *task))
{
  LocalWatch *watch = local_watch (driver, id) ? g_hash_table_lookup (driver->watches, id) : NULL;
  GCancellable *cancellable = g_task_get_cancellable (task);
  Waiting *waiting;

  if (watch == NULL)
    {
      next (task);
      return;
    }
  waiting = g_new0 (Waiting, 1);
  waiting->task = g_object_ref (task);
  waiting->next = next;
  waiting->watch = watch;
  g_ptr_array_add (watch->waiting, waiting);
  if (cancellable == NULL)
    return;
  waiting->cancel = g_cancellable_source_new (cancellable);
  g_source_set_callback (waiting->cancel, G_SOURCE_FUNC (on_cancelled), waiting, NULL);
  g_source_attach (waiting->cancel, g_task_get_context (task));
}
