/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slots of agent/1. With `agent=true` each workload that is connected to gets a real thole-agent, a process of this machine in a
 * folder of its own; it ends with its workload. */

#include "agents.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "thole-dict.h"
#include "workload.h"

/* An agent of a workload that runs. */
typedef struct
{
  MemWaiter waiter;
  TholeDriver *driver;
  char *id;
  char *folder;
} Agent;

static char *
folder_of (TholeDriver *self, const char *id)
{
  g_autofree char *name = g_strconcat ("agent-", id, NULL);

  return g_build_filename (self->runtime_dir, name, NULL);
}

/* Tells whoever holds the lock in @folder to end; the process id alone could be another one's by now. */
static void
stop_holder (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "agent.lock", NULL);
  char text[32] = "";
  int fd = open (path, O_RDWR | O_CLOEXEC);
  gint64 pid;

  if (fd < 0)
    return;
  if (flock (fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && read (fd, text, sizeof text - 1) > 0)
    {
      pid = g_ascii_strtoll (text, NULL, 10);
      if (pid > 1)
        kill ((pid_t) pid, SIGTERM);
    }
  close (fd);
}

static void
agent_free (gpointer data)
{
  Agent *self = data;

  g_free (self->id);
  g_free (self->folder);
  g_free (self);
}

static void
on_workload_ended (gpointer data, MemWorkload *workload)
{
  Agent *self = data;

  stop_holder (self->folder);
  g_hash_table_remove (self->driver->agents, self->id);
}

static void
remember (TholeDriver *driver, MemWorkload *workload, const char *folder)
{
  Agent *agent;

  if (driver->agents == NULL)
    driver->agents = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, agent_free);
  if (g_hash_table_contains (driver->agents, workload->id))
    return;
  agent = g_new0 (Agent, 1);
  agent->driver = driver;
  agent->id = g_strdup (workload->id);
  agent->folder = g_strdup (folder);
  agent->waiter.ended = on_workload_ended;
  agent->waiter.data = agent;
  g_hash_table_insert (driver->agents, agent->id, agent);
  mem_workload_wait (workload, &agent->waiter);
}

void
mem_agents_leave (TholeDriver *self)
{
  gboolean lasting = self->state_file != NULL || self->engine != NULL;
  GHashTableIter iter;
  Agent *agent;

  if (self->agents == NULL)
    return;
  g_hash_table_iter_init (&iter, self->agents);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &agent))
    {
      MemWorkload *workload = self->world != NULL ? mem_world_workload (self->world, agent->id) : NULL;

      if (workload != NULL)
        mem_workload_unwait (workload, &agent->waiter);
      /* an engine that ends with us takes its programs along */
      if (!lasting)
        stop_holder (agent->folder);
    }
  g_clear_pointer (&self->agents, g_hash_table_unref);
}

static gboolean
check_enabled (MemCall *call)
{
  if (call->driver->agent && call->driver->runtime_dir != NULL)
    return TRUE;
  mem_call_fail (call, THOLE_ERROR_UNSUPPORTED, "agent=true is not set for this backend");
  return FALSE;
}

/* Returns: (transfer none) (nullable): the call has failed then */
static const char *
check_binary (MemCall *call)
{
  const char *binary = thole_dict_string (call->options, "binary", "");

  if (g_file_test (binary, G_FILE_TEST_IS_EXECUTABLE))
    return binary;
  mem_call_fail (call, THOLE_ERROR_INVALID, "binary: “%s” is no program", binary);
  return NULL;
}

static void
work_install (MemCall *call)
{
  if (check_enabled (call) && check_binary (call) != NULL)
    mem_call_value (call, g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

static void
install_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
               gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "agent.install", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_install);
}

static GVariant *
install_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

/* a connect; it outlives its call when that is cancelled, until what is under way is back */
typedef struct
{
  MemCall *call; /* NULL = cancelled */
  GCancellable *cancellable;
  char *binary, *folder, *path;
} Connect;

static void
connect_dropped (gpointer data)
{
  Connect *self = data;

  self->call = NULL;
  g_cancellable_cancel (self->cancellable);
}

static void
connect_free (Connect *self)
{
  g_object_unref (self->cancellable);
  g_free (self->binary);
  g_free (self->folder);
  g_free (self->path);
  g_free (self);
}

static void
fail (Connect *self, const char *why)
{
  MemCall *call = self->call;

  if (call != NULL)
    {
      call->data = NULL;
      mem_call_fail (call, THOLE_ERROR_FAILED, "the agent cannot be started: %s", why);
    }
  connect_free (self);
}

static void
give (Connect *self, GIOStream *stream)
{
  MemCall *call = self->call;
  MemWorkload *workload;

  if (call == NULL)
    {
      g_object_unref (stream);
      connect_free (self);
      return;
    }
  call->data = NULL;
  workload = mem_call_workload (call);
  if (workload == NULL || !mem_workload_is_alive (workload))
    {
      g_object_unref (stream);
      stop_holder (self->folder);
      if (workload != NULL)
        mem_call_fail (call, THOLE_ERROR_CONFLICT, "the workload does not run");
    }
  else
    {
      remember (call->driver, workload, self->folder);
      mem_call_return (call, stream, g_object_unref);
    }
  connect_free (self);
}

static void
on_second_try (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GIOStream *stream = thole_unix_connect_finish (result, &error);

  if (stream != NULL)
    give (user_data, stream);
  else
    fail (user_data, error->message);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Connect *self = user_data;
  g_autoptr (GError) error = NULL;

  if (g_subprocess_wait_check_finish (G_SUBPROCESS (source), result, &error))
    thole_unix_connect_async (self->path, self->cancellable, on_second_try, self);
  else
    fail (self, error->message);
}

static void
on_first_try (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Connect *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) holder = NULL;
  GIOStream *stream = thole_unix_connect_finish (result, NULL);

  if (stream != NULL)
    {
      give (self, stream);
      return;
    }
  if (self->call != NULL)
    holder = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_INHERIT, &error, self->binary, "hold", "--dir", self->folder, NULL);
  if (holder != NULL)
    g_subprocess_wait_check_async (holder, self->cancellable, on_started, self);
  else
    fail (self, error != NULL ? error->message : "");
}

static void
work_connect (MemCall *call)
{
  MemWorkload *workload;
  const char *binary;
  Connect *self;

  if (!check_enabled (call))
    return;
  workload = mem_call_workload (call);
  if (workload == NULL)
    return;
  if (!mem_workload_is_alive (workload))
    {
      g_autofree char *folder = folder_of (call->driver, call->id);

      /* one that was left when its workload ended without us */
      stop_holder (folder);
      mem_call_fail (call, THOLE_ERROR_CONFLICT, "the workload does not run");
      return;
    }
  binary = check_binary (call);
  if (binary == NULL)
    return;
  self = g_new0 (Connect, 1);
  self->call = call;
  self->cancellable = g_cancellable_new ();
  self->binary = g_strdup (binary);
  self->folder = folder_of (call->driver, call->id);
  self->path = g_build_filename (self->folder, "agent.sock", NULL);
  call->data = self;
  call->data_free = connect_dropped;
  thole_unix_connect_async (self->path, self->cancellable, on_first_try, self);
}

static void
connect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
               gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "agent.connect", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_connect);
}

static GIOStream *
connect_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

const TholeAgentOps mem_agent_ops = {
  .struct_size = sizeof (TholeAgentOps),
  .install_async = install_async,
  .install_finish = install_finish,
  .connect_async = connect_async,
  .connect_finish = connect_finish,
};
