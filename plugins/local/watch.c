/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "watch.h"

#include <glib-unix.h>
#include <unistd.h>

#include "box.h"
#include "talk.h"

#define LOOK_MS 5
#define LOOKS 1000

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
  int fd;
  GSource *source;
  guint looks;
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

static gboolean
look_again (gpointer user_data)
{
  LocalWatch *self = user_data;

  if (self->looks++ < LOOKS && local_box_runs (self->driver, self->id))
    return G_SOURCE_CONTINUE;
  tell_end (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_news (int fd, GIOCondition condition, gpointer user_data)
{
  LocalWatch *self = user_data;
  char rest[64];
  gssize n = read (fd, rest, sizeof rest);

  if (n > 0 || (n < 0 && (condition & (G_IO_HUP | G_IO_ERR)) == 0))
    return G_SOURCE_CONTINUE;
  if (!local_box_runs (self->driver, self->id))
    {
      tell_end (self);
      return G_SOURCE_REMOVE;
    }
  /* the kernel closes what a process had in no order: its lock may follow */
  thole_timer_clear (&self->source);
  self->source = g_timeout_source_new (LOOK_MS);
  g_source_set_callback (self->source, look_again, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
  return G_SOURCE_REMOVE;
}

void
local_watch_take (TholeDriver *driver, const char *id, int fd)
{
  LocalWatch *self;

  if (g_hash_table_contains (driver->watches, id))
    {
      close (fd);
      return;
    }
  self = g_new0 (LocalWatch, 1);
  self->driver = driver;
  self->id = g_strdup (id);
  self->fd = fd;
  self->waiting = g_ptr_array_new_with_free_func (waiting_free);
  g_unix_set_fd_nonblocking (fd, TRUE, NULL);
  self->source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_news), self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
  g_hash_table_insert (driver->watches, self->id, self);
}

gboolean
local_watch (TholeDriver *driver, const char *id)
{
  int fd;

  if (g_hash_table_contains (driver->watches, id))
    return TRUE;
  fd = local_talk_connect (driver, id, NULL);
  if (fd < 0)
    return FALSE;
  local_watch_take (driver, id, fd);
  return TRUE;
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
