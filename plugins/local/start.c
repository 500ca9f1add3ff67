/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "workload/1" start: a supervisor that goes into the background and says in one line how it went.
 */
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "seal.h"
#include "slots.h"
#include "thole-agent-protocol.h"
#include "thole-sandbox-protocol.h"
#include "watch.h"

#define LINE_SIZE 4096
#define LOOK_MS 5
/* others that have its lock, and start nothing */
#define TRIES 3

typedef struct
{
  LocalJob job;
  int fd;
  GPid pid;
  char line[LINE_SIZE];
  gsize length;
  gint64 before;  /* `started` of the last run: while that is the same, there is no new one */
  gboolean seen;  /* somebody else's start of it */
  guint tries;
  GSource *source, *cancel;
} Start;

static void
start_clear (gpointer data)
{
  Start *self = data;

  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  if (self->fd >= 0)
    close (self->fd);
}

static int
error_of (gint64 code)
{
  switch (code)
    {
    case THOLE_AGENT_NO_PROGRAM:
    case THOLE_AGENT_DENIED:
    case THOLE_AGENT_NO_FOLDER:
      return THOLE_ERROR_INVALID;
    case THOLE_AGENT_LIMIT:
      return THOLE_ERROR_LIMIT;
    default:
      return THOLE_ERROR_FAILED;
    }
}

static void await (GTask *task);

/* Its line has come. */
static void
on_line (GTask *task)
{
  Start *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  char *rest;
  gint64 code;

  /* it began another process, and ended, before that one spoke */
  waitpid (self->pid, NULL, 0);
  self->pid = 0;
  if (g_str_has_prefix (self->line, "error "))
    {
      code = g_ascii_strtoll (self->line + strlen ("error "), &rest, 10);
      g_task_return_new_error (task, THOLE_ERROR, error_of (code), "%s", g_strstrip (rest));
    }
  else if (g_str_has_prefix (self->line, "ok ") && driver->host != NULL)
    {
      local_watch_begun (driver, self->job.id);
      local_box_tell (driver, self->job.id, NULL, "start");
      g_task_return_boolean (task, TRUE);
    }
  else if (g_str_has_prefix (self->line, "busy") && driver->host != NULL)
    await (task);
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "its supervisor does not start");
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);
  Start *self = g_task_get_task_data (task);
  gssize n = read (fd, self->line + self->length, LINE_SIZE - 1 - self->length);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  self->length += n > 0 ? (gsize) n : 0;
  if (n > 0 && memchr (self->line, '\n', self->length) == NULL && self->length < LINE_SIZE - 1)
    return G_SOURCE_CONTINUE;
  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  on_line (task);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);
  Start *self = g_task_get_task_data (task);

  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  /* from now on either another process of it holds the lock, or none ever will */
  if (self->pid > 0 && kill (self->pid, SIGKILL) == 0)
    waitpid (self->pid, NULL, 0);
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  return G_SOURCE_REMOVE;
}

static void
heed_cancel (GTask *task)
{
  Start *self = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);

  if (cancellable == NULL)
    return;
  self->cancel = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->cancel, G_SOURCE_FUNC (on_cancelled), g_object_ref (task), g_object_unref);
  g_source_attach (self->cancel, g_task_get_context (task));
}

static gboolean
spawn (Start *self, GError **error)
{
  TholeDriver *driver = self->job.driver;
  g_autofree char *folder = local_box_path (driver, self->job.id, NULL);
  char *argv[] = { driver->config->runner, (char *) "supervise", folder, NULL };
  /* nothing of the daemon's own environment */
  char *env[] = { (char *) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };

  return g_spawn_async_with_pipes (NULL, argv, env, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN | G_SPAWN_CLOEXEC_PIPES,
                                   NULL, NULL, &self->pid, NULL, &self->fd, NULL, error);
}

/* Of what is on the disk; the files beside it were looked at when the backend began. */
static gboolean
check_plan (Start *self, GError **error)
{
  g_autofree char *path = local_box_path (self->job.driver, self->job.id, THOLE_SANDBOX_PLAN), *plan = NULL;
  g_autoptr(GError) problem = NULL;
  gsize length;

  if (g_file_get_contents (path, &plan, &length, &problem) && local_seal_intact (plan, length))
    return TRUE;
  if (problem != NULL && !g_error_matches (problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "its plan cannot be read: %s", problem->message);
      return FALSE;
    }
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, "its plan is not whole, as a machine that goes off may leave it: make it anew");
  return FALSE;
}

static void
begin (GTask *task)
{
  Start *start = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;

  start_clear (start);
  start->fd = -1;
  start->length = 0;
  memset (start->line, 0, sizeof start->line);
  start->tries++;
  if (!check_plan (start, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (!spawn (start, &error))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", start->job.driver->config->runner, error->message);
      return;
    }
  g_unix_set_fd_nonblocking (start->fd, TRUE, NULL);
  start->source = g_unix_fd_source_new (start->fd, G_IO_IN | G_IO_HUP);
  g_source_set_callback (start->source, G_SOURCE_FUNC (on_readable), g_object_ref (task), g_object_unref);
  g_source_attach (start->source, g_task_get_context (task));
  heed_cancel (task);
}

/* FALSE = there is nothing to wait for any more. */
static gboolean
look (GTask *task)
{
  Start *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  LocalState state;
  gboolean held;

  local_box_state (driver, self->job.id, &state);
  held = local_watch (driver, self->job.id);
  if (state.phase == LOCAL_STARTING)
    {
      self->seen = TRUE;
      self->before = state.before;
      return TRUE;
    }
  if (held && state.phase != LOCAL_RUNNING && state.phase != LOCAL_PAUSED)
    /* its supervisor is about to end, or to begin */
    return TRUE;
  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  if (state.phase == LOCAL_CREATED || (state.phase == LOCAL_EXITED && state.started == self->before))
    {
      if (!self->seen && self->tries < TRIES)
        begin (task);
      else
        g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "it did not start");
      return FALSE;
    }
  if (self->seen)
    local_box_tell (driver, self->job.id, NULL, "start");
  g_task_return_boolean (task, TRUE);
  return FALSE;
}

static gboolean
look_again (gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);

  return look (task) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* Somebody else has begun it, as a daemon that was killed since: nobody is told how it goes. Or its last supervisor has not ended yet. */
static void
await (GTask *task)
{
  Start *self = g_task_get_task_data (task);

  if (!look (task))
    return;
  self->source = g_timeout_source_new (LOOK_MS);
  g_source_set_callback (self->source, look_again, g_object_ref (task), g_object_unref);
  g_source_attach (self->source, g_task_get_context (task));
  heed_cancel (task);
}

void
local_start_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (Start), start_clear, options, cancellable, callback, user_data);
  GError *error = NULL;
  g_autoptr(GVariant) record = NULL;
  LocalState state;
  Start *start;

  if (task == NULL)
    return;
  start = g_task_get_task_data (task);
  start->fd = -1;
  record = local_box_record (self, id, &error);
  if (record == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  local_box_state (self, id, &state);
  start->before = state.phase == LOCAL_EXITED ? state.started : state.before;
  await (task);
}
