/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1": the first process of the sandbox starts them, so they have all its limits. attach.c has the main program.
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "box.h"
#include "slots.h"
#include "talk.h"
#include "thole-agent-protocol.h"

/* life ------------------------------------------------------------------------------------------------ */

LocalExec *
local_exec_ref (LocalExec *self)
{
  return g_rc_box_acquire (self);
}

static void
exec_clear (gpointer box)
{
  LocalExec *self = box;
  int fds[] = { self->talk, self->program.in, self->program.out, self->program.err };

  thole_timer_clear (&self->source);
  if (self->program.id != NULL && g_hash_table_lookup (self->driver->execs, self->program.id) == self)
    g_hash_table_remove (self->driver->execs, self->program.id);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      close (fds[i]);
  g_free (self->workload);
  g_free (self->program.id);
  local_driver_unref (self->driver);
}

void
local_exec_unref (LocalExec *self)
{
  g_rc_box_release_full (self, exec_clear);
}

/* Its end; without one the whole sandbox has ended, and it by force. */
static gboolean
on_end (int fd, GIOCondition condition, gpointer user_data)
{
  LocalExec *self = user_data;
  LocalWords words;
  int n = local_talk_receive (fd, &words);

  if (n == 0)
    return G_SOURCE_CONTINUE;
  self->program.exited = TRUE;
  self->program.code = n > 0 ? words.head.value : 128 + SIGKILL;
  self->program.signal = n > 0 ? (guint8) words.head.extra : SIGKILL;
  close (self->talk);
  self->talk = -1;
  thole_timer_clear (&self->source);
  if (self->program.changed != NULL)
    self->program.changed (self->program.user_data);
  return G_SOURCE_REMOVE;
}

static const TholeProgramOps program_ops;

/* starting -------------------------------------------------------------------------------------------- */

typedef struct
{
  LocalJob job;
  LocalExec *exec;
  gboolean input;
  GSource *source, *cancel;
} Start;

static void
start_clear (gpointer data)
{
  Start *self = data;

  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  g_clear_pointer (&self->exec, local_exec_unref);
}

static void
append (GByteArray *out, const char *text)
{
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text) + 1);
}

/* Returns: (transfer full): an OPEN, NULL when it has no words or too many */
static GByteArray *
make_payload (GVariant *command)
{
  g_auto(GStrv) words = thole_dict_strv (command, "command");
  g_autoptr(GVariant) env = thole_dict_value (command, "env", "a{ss}");
  gboolean term = thole_dict_boolean (command, "tty", FALSE) && (env == NULL || !g_variant_lookup (env, "TERM", "s", NULL));
  TholeSandboxOpen head = { g_strv_length (words), (env != NULL ? (guint32) g_variant_n_children (env) : 0) + (term ? 1 : 0) };
  GByteArray *out;

  if (head.n_arguments == 0 || head.n_arguments > THOLE_SANDBOX_STRINGS || head.n_variables > THOLE_SANDBOX_STRINGS)
    return NULL;
  out = g_byte_array_new ();
  g_byte_array_append (out, (const guint8 *) &head, sizeof head);
  append (out, thole_dict_string (command, "working_dir", ""));
  for (guint i = 0; words[i] != NULL; i++)
    append (out, words[i]);
  for (gsize i = 0; env != NULL && i < g_variant_n_children (env); i++)
    {
      const char *name, *value;
      g_autofree char *text = NULL;

      g_variant_get_child (env, i, "{&s&s}", &name, &value);
      text = g_strconcat (name, "=", value, NULL);
      append (out, text);
    }
  if (term)
    append (out, "TERM=xterm-256color");
  return out;
}

static void
refuse (GTask *task, const TholeSandboxHead *head)
{
  switch (head->value)
    {
    case THOLE_AGENT_NO_PROGRAM:
    case THOLE_AGENT_NO_FOLDER:
    case THOLE_AGENT_DENIED:
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "%s: %s", head->value == THOLE_AGENT_NO_FOLDER ? "its folder" : "the program",
                               g_strerror ((int) head->extra));
      break;
    case THOLE_AGENT_LIMIT:
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_LIMIT, "%d programs run in the sandbox already", THOLE_SANDBOX_PROGRAMS);
      break;
    default:
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "it does not start: %s", g_strerror ((int) head->extra));
    }
}

static void
take_streams (Start *self, LocalWords *words)
{
  LocalExec *exec = self->exec;

  exec->program.out = words->fds[0];
  exec->program.err = words->fds[1];
  exec->program.in = exec->tty && words->fds[0] >= 0 ? fcntl (words->fds[0], F_DUPFD_CLOEXEC, 3) : words->fds[2];
  if (!self->input && !exec->tty && exec->program.in >= 0)
    {
      close (exec->program.in);
      exec->program.in = -1;
    }
}

static gboolean
on_started (int fd, GIOCondition condition, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);
  Start *self = g_task_get_task_data (task);
  LocalExec *exec = self->exec;
  LocalWords words;
  int n = local_talk_receive (fd, &words);

  if (n == 0)
    return G_SOURCE_CONTINUE;
  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  if (n < 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  else if (words.head.type != THOLE_SANDBOX_STARTED)
    refuse (task, &words.head);
  else
    {
      take_streams (self, &words);
      exec->number = words.head.number;
      exec->program.id = g_strdup_printf ("%" G_GINT64_FORMAT ".%u", exec->run, exec->number);
      g_hash_table_insert (exec->driver->execs, exec->program.id, exec);
      exec->source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP);
      g_source_set_callback (exec->source, G_SOURCE_FUNC (on_end), exec, NULL);
      g_source_attach (exec->source, g_task_get_context (task));
      g_task_return_pointer (task, g_steal_pointer (&self->exec), (GDestroyNotify) local_exec_unref);
    }
  return G_SOURCE_REMOVE;
}

static void
on_killed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  local_ask_finish (result, NULL, NULL);
}

/* What has not been told yet that it runs, its supervisor ends when nobody is there to be told. */
static void
end_started (LocalExec *exec)
{
  LocalWords words;

  if (local_talk_receive (exec->talk, &words) <= 0)
    return;
  for (guint i = 0; i < THOLE_SANDBOX_FDS; i++)
    if (words.fds[i] >= 0)
      close (words.fds[i]);
  if (words.head.type == THOLE_SANDBOX_STARTED)
    local_ask_async (exec->driver, exec->workload, THOLE_SANDBOX_SIGNAL, words.head.number, SIGKILL, 0, NULL, on_killed, NULL);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);
  Start *self = g_task_get_task_data (task);

  thole_timer_clear (&self->source);
  thole_timer_clear (&self->cancel);
  end_started (self->exec);
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  return G_SOURCE_REMOVE;
}

/* Only one user is known in there. */
static gboolean
check_user (GVariant *record, GVariant *command, GError **error)
{
  const char *user = thole_dict_string (command, "user", "");

  if (user[0] == '\0' || strcmp (user, thole_dict_string (record, "user", "")) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "user: a sandbox has one user, and that is not \"%s\"", user);
  return FALSE;
}

/* What stands still, or has not begun, starts nothing. */
static gboolean
check_moves (LocalExec *exec, GError **error)
{
  LocalState state;

  local_box_state (exec->driver, exec->workload, &state);
  exec->run = state.started;
  if (state.phase == LOCAL_PAUSED)
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it is paused");
  else if (state.phase != LOCAL_RUNNING)
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  return state.phase == LOCAL_RUNNING;
}

/* To the supervisor of the run that is looked at, not of the next one: a program's id names its run. */
static gboolean
connect_run (LocalExec *exec, GError **error)
{
  gint64 run;

  if (!check_moves (exec, error))
    return FALSE;
  run = exec->run;
  exec->talk = local_talk_connect (exec->driver, exec->workload, error);
  if (exec->talk < 0 || !check_moves (exec, error))
    return FALSE;
  if (exec->run != run)
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it has begun another run meanwhile");
  return exec->run == run;
}

static gboolean
send_open (LocalExec *exec, GVariant *command, gboolean input, GError **error)
{
  g_autoptr(GByteArray) payload = make_payload (command);
  guint rows = (guint) thole_dict_int (command, "rows", 24), cols = (guint) thole_dict_int (command, "cols", 80);

  if (payload == NULL)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "the command has no words, or too many");
      return FALSE;
    }
  return connect_run (exec, error)
         && local_talk_send (exec->talk, THOLE_SANDBOX_OPEN, 0, (exec->tty ? THOLE_SANDBOX_TTY : 0) | (input ? THOLE_SANDBOX_STDIN : 0),
                             (rows & 0xffff) << 16 | (cols & 0xffff), payload, error);
}

static void
exec_start_async (TholeDriver *driver, const char *id, GVariant *command, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (driver, id, sizeof (Start), start_clear, NULL, cancellable, callback, user_data);
  Start *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) record = local_box_record (driver, id, &error);
  LocalExec *exec = self->exec = g_rc_box_new0 (LocalExec);

  exec->driver = local_driver_ref (driver);
  exec->workload = g_strdup (id);
  exec->program.ops = &program_ops;
  exec->talk = exec->program.in = exec->program.out = exec->program.err = -1;
  exec->tty = thole_dict_boolean (command, "tty", FALSE);
  self->input = thole_dict_boolean (command, "stdin", FALSE);
  if (record == NULL || !check_user (record, command, &error)
      || !send_open (exec, command, self->input, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  self->source = g_unix_fd_source_new (exec->talk, G_IO_IN | G_IO_HUP);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_started), g_object_ref (task), g_object_unref);
  g_source_attach (self->source, g_task_get_context (task));
  if (cancellable == NULL)
    return;
  self->cancel = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->cancel, G_SOURCE_FUNC (on_cancelled), g_object_ref (task), g_object_unref);
  g_source_attach (self->cancel, g_task_get_context (task));
}

static TholeProgram *
exec_start_finish (TholeDriver *driver, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* what is done with one ------------------------------------------------------------------------------- */

static TholeProgram *
exec_ref (TholeProgram *program)
{
  return g_rc_box_acquire (program);
}

static void
exec_unref (TholeProgram *program)
{
  local_exec_unref ((LocalExec *) program);
}

static GSource *
exec_timer (TholeProgram *program, double seconds, GSourceFunc function, gpointer user_data)
{
  TholeDriver *driver = ((LocalExec *) program)->driver;

  return thole_host_timer (driver->host, driver->ops, seconds, function, user_data);
}

static void
exec_kill (TholeProgram *program)
{
  LocalExec *self = (LocalExec *) program;

  if (!program->exited)
    local_ask_async (self->driver, self->workload, THOLE_SANDBOX_SIGNAL, self->number, SIGKILL, 0, NULL, on_killed, NULL);
}

static void
exec_end_input (TholeProgram *program)
{
  guint8 end = 4;

  if (program->in < 0)
    return;
  /* a terminal has no end of its own: the character for it ends what is read */
  if (((LocalExec *) program)->tty && write (program->in, &end, 1) < 0)
    g_debug ("%s: %s", program->id, g_strerror (errno));
  close (program->in);
  program->in = -1;
}

/* A program that goes on talking is told so by its broken pipe. */
static void
exec_leave (TholeProgram *program)
{
  int *fds[] = { &program->out, &program->err };

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      if (*fds[i] >= 0)
        close (*fds[i]);
      *fds[i] = -1;
    }
}

static const TholeProgramOps program_ops = {
  .struct_size = sizeof program_ops,
  .start_async = exec_start_async,
  .start_finish = exec_start_finish,
  .ref = exec_ref,
  .unref = exec_unref,
  .timer = exec_timer,
  .kill = exec_kill,
  .end_input = exec_end_input,
  .leave = exec_leave,
};

void
local_run_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  thole_program_run_async (&program_ops, self, id, command, options, cancellable, callback, user_data);
}

static void
exec_open_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  thole_program_open_async (&program_ops, self, id, command, options, cancellable, callback, user_data);
}

/* resize and signal ----------------------------------------------------------------------------------- */

static void
on_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  if (local_ask_finish (result, NULL, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
exec_resize_async (TholeDriver *self, const char *id, const char *exec_id, guint rows, guint cols, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (LocalJob), NULL, NULL, cancellable, callback, user_data);
  struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) cols };
  LocalExec *exec = exec_id[0] != '\0' ? g_hash_table_lookup (self->execs, exec_id) : NULL;

  if (rows == 0 || cols == 0 || rows > G_MAXUINT16 || cols > G_MAXUINT16)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "a terminal has rows and columns");
  else if (exec_id[0] == '\0')
    local_ask_async (self, id, THOLE_SANDBOX_RESIZE, 0, 0, rows << 16 | cols, cancellable, on_asked, g_object_ref (task));
  else if (exec == NULL)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "there is no such program");
  else if (exec->program.out < 0 || ioctl (exec->program.out, TIOCSWINSZ, &size) < 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it has no terminal, or has ended");
  else
    g_task_return_boolean (task, TRUE);
}

static void
exec_signal_async (TholeDriver *self, const char *id, const char *exec_id, const char *signal, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (LocalJob), NULL, options, cancellable, callback, user_data);
  const char *point = strchr (exec_id, '.');
  guint64 number = point != NULL ? g_ascii_strtoull (point + 1, NULL, 10) : 0;
  int wanted = thole_signal_number (signal);
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;
  LocalState state;

  if (task == NULL)
    return;
  if (record == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  local_box_state (self, id, &state);
  if (wanted == 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "\"%s\" is not a signal", signal);
  else if (number == 0 || number > G_MAXUINT32)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "there is no program \"%s\"", exec_id);
  else if (g_ascii_strtoll (exec_id, NULL, 10) != state.started)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it has ended, with the sandbox that it was in");
  else
    local_ask_async (self, id, THOLE_SANDBOX_SIGNAL, (guint32) number, wanted, 0, cancellable, on_asked, g_object_ref (task));
}

const TholeExecOps local_exec_ops = {
  .struct_size = sizeof local_exec_ops,
  .run_async = local_run_async,
  .run_finish = thole_finish_value,
  .open_async = exec_open_async,
  .open_finish = thole_program_open_finish,
  .attach_async = local_attach_async,
  .attach_finish = thole_finish_stream,
  .resize_async = exec_resize_async,
  .resize_finish = thole_finish_boolean,
  .signal_async = exec_signal_async,
  .signal_finish = thole_finish_boolean,
};
