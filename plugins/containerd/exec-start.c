/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "place.h"
#include "rootfs.h"
#include "spec.h"
#include "thing.h"

#define START_SECONDS 30.0
#define EMPTY_PAUSE 0.02

/* life ------------------------------------------------------------------------------------------------ */

CtrExec *
ctr_exec_ref (CtrExec *self)
{
  return g_rc_box_acquire (self);
}

static void
close_end (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static const char *const suffixes[] = { ".in", ".out", ".err" };

char *
ctr_exec_of_pipe (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (name, suffixes[i]))
      return g_strndup (name, strlen (name) - strlen (suffixes[i]));
  return NULL;
}

void
ctr_exec_unlink (TholeDriver *driver, const char *container, const char *exec)
{
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (exec, suffixes[i], NULL);
      g_autofree char *path = g_build_filename (driver->config->runtime_dir, container, name, NULL);

      g_unlink (path);
    }
}

static void
exec_clear (gpointer data)
{
  CtrExec *self = data;

  for (guint i = 0; i < 2; i++)
    thole_timer_clear (&self->drain[i]);
  close_end (&self->program.in);
  close_end (&self->program.out);
  close_end (&self->program.err);
  /* of one that may go on they are what it is found by */
  if (!self->program.lost)
    ctr_exec_unlink (self->driver, self->container, self->program.id);
  for (guint i = 0; i < 3; i++)
    g_free (self->paths[i]);
  g_hash_table_remove (self->driver->execs, self->program.id);
  g_free (self->container);
  g_free (self->program.id);
  ctr_driver_unref (self->driver);
}

void
ctr_exec_unref (CtrExec *self)
{
  g_rc_box_release_full (self, exec_clear);
}

/* jobs about one -------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  CtrExec *exec;
  GSource *timer;
} Errand;

static void
errand_clear (gpointer data)
{
  Errand *self = data;

  thole_timer_clear (&self->timer);
  ctr_exec_unref (self->exec);
}

static GTask *
errand_new (CtrExec *exec)
{
  GTask *task = ctr_job_new (exec->driver, sizeof (Errand), errand_clear, NULL, NULL, NULL, NULL);

  ((Errand *) g_task_get_task_data (task))->exec = ctr_exec_ref (exec);
  return task;
}

static void
on_errand_done (GTask *task, gpointer value, GError *error)
{
  g_task_return_boolean (task, TRUE);
}

void
ctr_exec_forget (CtrExec *self)
{
  g_autoptr(GTask) task = errand_new (self);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/DeleteProcess", .message = &request.base };

  request.container_id = self->container;
  request.exec_id = self->program.id;
  ctr_call (task, &call, on_errand_done);
}

static void
send_signal (CtrExec *self, int number)
{
  g_autoptr(GTask) task = errand_new (self);
  Ctr__TaskKill request = CTR__TASK_KILL__INIT;
  CtrCall call = { .method = "Tasks/Kill", .message = &request.base };

  request.container_id = self->container;
  request.exec_id = self->program.id;
  request.signal = (guint32) number;
  ctr_call (task, &call, on_errand_done);
}

void
ctr_exec_kill (CtrExec *self)
{
  if (self->program.exited || self->program.lost)
    return;
  /* the engine knows the process only */
  thole_process_signal (self->pid, self->container, SIGKILL);
  send_signal (self, SIGKILL);
}

static void
close_input (GTask *task)
{
  Errand *self = g_task_get_task_data (task);
  Ctr__TaskCloseInput request = CTR__TASK_CLOSE_INPUT__INIT;
  CtrCall call = { .method = "Tasks/CloseIO", .message = &request.base };

  close_end (&self->exec->program.in);
  request.container_id = self->exec->container;
  request.exec_id = self->exec->program.id;
  request.stdin = TRUE;
  ctr_call (task, &call, on_errand_done);
}

/* The shim drops what it has not read. */
static gboolean
when_empty (gpointer user_data)
{
  GTask *task = user_data;
  Errand *self = g_task_get_task_data (task);
  int left = 0;

  thole_timer_clear (&self->timer);
  if (!self->exec->program.exited && self->exec->program.in >= 0 && ioctl (self->exec->program.in, FIONREAD, &left) == 0 && left > 0)
    self->timer = ctr_timer (self->exec->driver, EMPTY_PAUSE, when_empty, task);
  if (self->timer != NULL)
    return G_SOURCE_REMOVE;
  close_input (task);
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

void
ctr_exec_end_input (CtrExec *self)
{
  GTask *task;
  Errand *errand;

  /* a terminal's input has no end */
  if (self->program.in < 0 || self->tty || self->program.exited)
    return;
  task = errand_new (self);
  errand = g_task_get_task_data (task);
  /* not at once: the shim opens the pipe in its own time */
  errand->timer = ctr_timer (self->driver, EMPTY_PAUSE, when_empty, task);
  if (errand->timer == NULL)
    g_object_unref (task);
}

static gboolean
on_drain (int fd, GIOCondition condition, gpointer user_data)
{
  char piece[4096];

  return read (fd, piece, sizeof piece) > 0 || (errno == EAGAIN && condition == G_IO_IN) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void
ctr_exec_abandon (CtrExec *self)
{
  int fds[] = { self->program.out, self->program.err };

  self->program.changed = NULL;
  self->left = TRUE;
  if (self->program.exited || self->program.lost)
    return;
  if (self->tty)
    send_signal (self, SIGHUP);
  else
    ctr_exec_end_input (self);
  for (guint i = 0; i < 2; i++)
    if (fds[i] >= 0 && self->drain[i] == NULL)
      {
        self->drain[i] = g_unix_fd_source_new (fds[i], G_IO_IN);
        g_source_set_callback (self->drain[i], G_SOURCE_FUNC (on_drain), self, NULL);
        g_source_attach (self->drain[i], g_main_context_get_thread_default ());
      }
}

/* start ----------------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  char *id;
  GVariant *command, *process;
  gboolean input;
  CtrExec *exec;
} Start;

static void
start_clear (gpointer data)
{
  Start *self = data;

  g_object_unref (self->outer);
  g_free (self->id);
  g_variant_unref (self->command);
  g_clear_pointer (&self->process, g_variant_unref);
  g_clear_pointer (&self->exec, ctr_exec_unref);
}

static void
start_end (GTask *task, const GError *error)
{
  Start *self = g_task_get_task_data (task);
  g_autoptr(GError) own = error != NULL ? g_error_copy (error) : NULL;

  if (ctr_is (own, THOLE_ERROR_NOT_FOUND) && self->exec != NULL)
    own->code = THOLE_ERROR_CONFLICT;
  self->next (self->outer, own == NULL ? self->exec : NULL, own);
  g_task_return_boolean (task, TRUE);
}

static void
on_waited (GTask *task, gpointer value, GError *error)
{
  Errand *self = g_task_get_task_data (task);
  Ctr__TaskWaited *waited = value;

  if (error == NULL)
    {
      self->exec->program.code = (gint32) waited->exit_status;
      self->exec->program.signal = ctr_signal_of (self->exec->program.code);
      self->exec->program.exited = TRUE;
    }
  else
    self->exec->program.lost = TRUE;
  if (self->exec->program.changed != NULL)
    self->exec->program.changed (self->exec->program.user_data);
  else if (self->exec->program.exited && self->exec->left)
    ctr_exec_forget (self->exec);
  g_task_return_boolean (task, TRUE);
}

static void
on_started (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__TaskStarted *started = value;

  if (error == NULL)
    self->exec->pid = (gint) started->pid;
  else if (ctr_is_unsure (error))
    {
      /* it may run by now, and nobody would have it */
      ctr_exec_abandon (self->exec);
      ctr_exec_kill (self->exec);
    }
  if (error != NULL)
    ctr_exec_forget (self->exec);
  start_end (task, error);
}

static void
on_made (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall wait = { .method = "Tasks/Wait", .message = &request.base, .reply = &ctr__task_waited__descriptor, .seconds = -1 };
  CtrCall start = { .method = "Tasks/Start", .message = &request.base, .reply = &ctr__task_started__descriptor, .seconds = START_SECONDS };
  g_autoptr(GTask) errand = NULL;

  if (error != NULL)
    {
      if (ctr_is_unsure (error))
        ctr_exec_forget (self->exec);
      start_end (task, error);
      return;
    }
  request.container_id = self->exec->container;
  request.exec_id = self->exec->program.id;
  errand = errand_new (self->exec);
  ctr_call (errand, &wait, on_waited);
  ctr_call (task, &start, on_started);
}

static gboolean
make_pipe (CtrExec *self, guint number, const char *suffix, int flags, int *fd, GError **error)
{
  g_autofree char *name = g_strconcat (self->program.id, ".", suffix, NULL);

  self->paths[number] = ctr_pipe_make (self->driver, self->container, name, error);
  if (self->paths[number] == NULL)
    return FALSE;
  *fd = open (self->paths[number], flags | O_NONBLOCK | O_CLOEXEC);
  if (*fd >= 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", self->paths[number], g_strerror (errno));
  return FALSE;
}

static gboolean
is_mark (const char *text)
{
  gsize length = strlen (text);

  return length > 0 && length <= 64 && strspn (text, "0123456789abcdef") == length;
}

static gboolean
make_exec (Start *self, const char *container, GError **error)
{
  TholeDriver *driver = self->job.driver;
  CtrExec *exec = g_rc_box_new0 (CtrExec);
  const char *mark = thole_dict_string (self->command, "mark", "");

  self->exec = exec;
  exec->program.ops = &ctr_program_ops;
  exec->driver = ctr_driver_ref (driver);
  exec->container = g_strdup (container);
  /* a mark is one program's alone: with it that is found by who never got the answer */
  exec->program.id = is_mark (mark) ? g_strconcat ("e.", mark, NULL)
                            : g_strdup_printf ("e%" G_GINT64_FORMAT "x%u", ctr_now (driver), driver->serial++);
  g_hash_table_add (driver->execs, g_strdup (exec->program.id));
  exec->tty = thole_dict_boolean (self->command, "tty", FALSE);
  exec->program.in = exec->program.out = exec->program.err = -1;
  return (!self->input || make_pipe (exec, 0, "in", O_RDWR, &exec->program.in, error))
         && make_pipe (exec, 1, "out", O_RDONLY, &exec->program.out, error)
         && (exec->tty || make_pipe (exec, 2, "err", O_RDONLY, &exec->program.err, error));
}

/* Users are those of the container as it is now. */
static gboolean
find_user (Start *self, guint pid, CtrUser **user, GError **error)
{
  const char *word = thole_dict_string (self->command, "user", "");
  g_autofree char *root = g_strdup_printf ("/proc/%u/root", pid);
  g_autofree char *passwd = NULL, *group = NULL;

  *user = NULL;
  if (word[0] == '\0')
    return TRUE;
  passwd = ctr_root_read (root, "/etc/passwd");
  group = ctr_root_read (root, "/etc/group");
  *user = ctr_user_find (word, passwd, group, error);
  return *user != NULL;
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  g_autoptr(CtrUser) user = NULL;
  g_autoptr(GError) wrong = NULL;
  g_autofree char *json = NULL;
  Ctr__Any any = CTR__ANY__INIT;
  Ctr__TaskExec request = CTR__TASK_EXEC__INIT;
  CtrCall call = { .method = "Tasks/Exec", .message = &request.base };

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    wrong = g_error_copy (error);
  else if (error != NULL || got->process == NULL || got->process->status != CTR_TASK_RUNNING)
    wrong = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  else if (find_user (self, got->process->pid, &user, &wrong))
    json = ctr_spec_process (self->process, self->command, user, &wrong);
  if (json == NULL || !make_exec (self, got->process->id, &wrong))
    {
      start_end (task, wrong);
      return;
    }
  any.type_url = (char *) CTR_PROCESS_TYPE;
  any.value.data = (guint8 *) json;
  any.value.len = strlen (json);
  request.container_id = self->exec->container;
  request.exec_id = self->exec->program.id;
  request.terminal = self->exec->tty;
  request.stdin = self->exec->paths[0] != NULL ? self->exec->paths[0] : (char *) "";
  request.stdout = self->exec->paths[1];
  request.stderr = self->exec->paths[2] != NULL ? self->exec->paths[2] : (char *) "";
  request.spec = &any;
  ctr_call (task, &call, on_made);
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__Container *container = value;
  g_autoptr(GVariant) spec = NULL;
  g_autoptr(GError) wrong = NULL;

  if (error == NULL && container->spec != NULL)
    spec = thole_json_parse ((const char *) container->spec->value.data, container->spec->value.len, NULL);
  if (spec != NULL)
    self->process = thole_dict_value (spec, "process", "a{sv}");
  if (error == NULL && self->process == NULL)
    error = wrong = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, "the container's specification cannot be read");
  if (error != NULL)
    start_end (task, error);
  else
    ctr_task_get (task, container->id, on_task);
}

void
ctr_exec_start (GTask *task, const char *id, GVariant *command, CtrNext next)
{
  g_autoptr(GTask) inner = ctr_job_new (ctr_driver_of (task), sizeof (Start), start_clear, NULL, g_task_get_cancellable (task), NULL,
                                        NULL);
  Start *self = g_task_get_task_data (inner);

  self->outer = g_object_ref (task);
  self->next = next;
  self->id = g_strdup (id);
  self->command = g_variant_ref (command);
  self->input = thole_dict_boolean (command, "stdin", FALSE);
  ctr_thing_find (inner, id, on_found);
}
