/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "remains.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "place.h"
#include "spec.h"
#include "thing.h"

/* a shim that is being started is not known for a moment, and nobody else's start lasts as long as both looks */
#define LOOK_PAUSE 3.0
#define LOOKS 2

/* tasks ----------------------------------------------------------------------------------------------- */

void
ctr_remains_adopt (GTask *task, const char *container, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  g_autofree char *id = ctr_place_id (driver, container), *now = g_strdup_printf ("%" G_GINT64_FORMAT, ctr_now (driver));
  const char *pairs[][2] = { { CTR_LABEL_ID, id }, { CTR_LABEL_INSTANCE, driver->config->instance }, { CTR_LABEL_STARTED, now } };
  Ctr__Label labels[G_N_ELEMENTS (pairs)], *list[G_N_ELEMENTS (pairs)];
  const char *nothing = "{\"ociVersion\":\"1.0.2\"}";
  Ctr__Any spec = CTR__ANY__INIT;
  Ctr__Runtime runtime = CTR__RUNTIME__INIT;
  Ctr__Container bare = CTR__CONTAINER__INIT;
  Ctr__ContainerMessage request = CTR__CONTAINER_MESSAGE__INIT;
  CtrCall call = { .method = "Containers/Create", .message = &request.base };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      ctr__label__init (&labels[i]);
      labels[i].key = (char *) pairs[i][0];
      labels[i].value = (char *) pairs[i][1];
      list[i] = &labels[i];
    }
  ctr_log (driver, G_LOG_LEVEL_WARNING, "%s runs without a container: it gets one", container);
  spec.type_url = (char *) CTR_SPEC_TYPE;
  spec.value.data = (guint8 *) nothing;
  spec.value.len = strlen (nothing);
  runtime.name = driver->config->runtime;
  bare.id = (char *) container;
  bare.labels = list;
  bare.n_labels = G_N_ELEMENTS (list);
  bare.runtime = &runtime;
  bare.spec = &spec;
  bare.snapshotter = driver->config->snapshotter;
  bare.snapshot_key = (char *) container;
  request.container = &bare;
  ctr_call (task, &call, next);
}

/* shims ----------------------------------------------------------------------------------------------- */

struct _CtrRemains
{
  GHashTable *suspects; /* container -> how often its shim was seen without a task */
  GSource *timer;
  guint looks;
};

static const char *
argument (char *const *words, const char *name)
{
  for (guint i = 0; words[i] != NULL && words[i + 1] != NULL; i++)
    if (strcmp (words[i], name) == 0)
      return words[i + 1];
  return "";
}

/* Which container's shim is the process? Returns: (transfer full) (nullable) */
static char *
shim_of (TholeDriver *driver, const char *pid)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "cmdline", NULL), *text = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new ();
  gsize length = 0;

  if (!g_file_get_contents (path, &text, &length, NULL))
    return NULL;
  for (gsize at = 0; at < length && words->len < 64; at += strlen (text + at) + 1)
    g_ptr_array_add (words, text + at);
  g_ptr_array_add (words, NULL);
  if (words->pdata[0] == NULL || strstr (words->pdata[0], "containerd-shim") == NULL
      || strcmp (argument ((char **) words->pdata, "-address"), driver->config->address) != 0
      || strcmp (argument ((char **) words->pdata, "-namespace"), driver->config->namespace) != 0)
    return NULL;
  return g_strdup (argument ((char **) words->pdata, "-id"));
}

/* container -> the pid of its shim */
static GHashTable *
find_shims (TholeDriver *driver)
{
  GHashTable *found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *name;

  while (proc != NULL && (name = g_dir_read_name (proc)) != NULL)
    {
      g_autofree char *container = g_ascii_isdigit (name[0]) ? shim_of (driver, name) : NULL;

      if (container != NULL && ctr_thing_is_ours (driver, container))
        g_hash_table_insert (found, g_steal_pointer (&container), GINT_TO_POINTER (atoi (name)));
    }
  return found;
}

/* The descriptor stands for the process that is looked at once more: its number may be another's since the first look. */
static gboolean
kill_shim (TholeDriver *driver, const char *container, int pid)
{
  int fd = (int) syscall (SYS_pidfd_open, pid, 0);
  g_autofree char *name = g_strdup_printf ("%d", pid), *now = shim_of (driver, name);
  gboolean done = fd >= 0 && g_strcmp0 (now, container) == 0 && syscall (SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;

  if (fd >= 0)
    close (fd);
  return done;
}

static void
end_shim (TholeDriver *driver, const char *container, int pid)
{
  guint killed;

  if (!kill_shim (driver, container, pid))
    return;
  killed = thole_process_kill_all (container);
  ctr_log (driver, G_LOG_LEVEL_WARNING, "the engine knows nothing of the shim of %s any more: it was ended, with %u processes", container, killed);
  ctr_thing_tell (driver, container, "exit");
}

/* Those seen here the last time, too, are ended. */
static void
judge (TholeDriver *driver, GHashTable *shims)
{
  CtrRemains *self = driver->remains;
  g_autoptr(GHashTable) before = g_steal_pointer (&self->suspects);
  GHashTableIter iter;
  gpointer container, pid;

  self->suspects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_iter_init (&iter, shims);
  while (g_hash_table_iter_next (&iter, &container, &pid))
    if (g_hash_table_contains (before, container) && !g_hash_table_contains (driver->starting, container))
      end_shim (driver, container, GPOINTER_TO_INT (pid));
    else
      g_hash_table_add (self->suspects, g_strdup (container));
}

typedef struct
{
  CtrJob job;
  GHashTable *shims;
} Look;

static void
look_clear (gpointer data)
{
  g_clear_pointer (&((Look *) data)->shims, g_hash_table_unref);
}

static void arm (TholeDriver *driver);

static void
on_tasks (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  Ctr__TaskList *list = value;

  for (gsize i = 0; error == NULL && i < list->n_tasks; i++)
    g_hash_table_remove (self->shims, list->tasks[i]->id);
  if (error == NULL && self->job.driver->remains != NULL)
    {
      judge (self->job.driver, self->shims);
      if (self->job.driver->remains->looks++ < LOOKS)
        arm (self->job.driver);
    }
  g_task_return_boolean (task, TRUE);
}

static gboolean
on_time (gpointer user_data)
{
  TholeDriver *driver = user_data;
  g_autoptr(GTask) task = ctr_job_new (driver, sizeof (Look), look_clear, NULL, NULL, NULL, NULL);
  Ctr__TaskFilter request = CTR__TASK_FILTER__INIT;
  CtrCall call = { .method = "Tasks/List", .message = &request.base, .reply = &ctr__task_list__descriptor };

  thole_timer_clear (&driver->remains->timer);
  /* before: one that is told has been there when the engine looked */
  ((Look *) g_task_get_task_data (task))->shims = find_shims (driver);
  ctr_call (task, &call, on_tasks);
  return G_SOURCE_REMOVE;
}

static void
arm (TholeDriver *driver)
{
  thole_timer_clear (&driver->remains->timer);
  driver->remains->timer = ctr_timer (driver, LOOK_PAUSE, on_time, driver);
}

void
ctr_remains_sweep (TholeDriver *driver)
{
  if (driver->remains == NULL)
    {
      driver->remains = g_new0 (CtrRemains, 1);
      driver->remains->suspects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    }
  g_hash_table_remove_all (driver->remains->suspects);
  driver->remains->looks = 0;
  arm (driver);
}

void
ctr_remains_stop (TholeDriver *driver)
{
  CtrRemains *self = g_steal_pointer (&driver->remains);

  if (self == NULL)
    return;
  thole_timer_clear (&self->timer);
  g_hash_table_unref (self->suspects);
  g_free (self);
}
