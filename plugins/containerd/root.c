/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "root-mount.h"
#include "thing.h"

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  char *id, *container;
  GVariant *spec;
  Ctr__SnapshotMounts *mounts; /* (nullable) */
  CtrRoot *root;               /* that is being mounted */
} Open;

static void
open_clear (gpointer data)
{
  Open *self = data;

  g_object_unref (self->outer);
  g_free (self->id);
  g_free (self->container);
  g_clear_pointer (&self->spec, g_variant_unref);
  if (self->mounts != NULL)
    ctr_message_free (&self->mounts->base);
  g_clear_pointer (&self->root, ctr_root_unref);
}

/* life ------------------------------------------------------------------------------------------------ */

static CtrRoot *
root_new (TholeDriver *driver, const char *container, int fd, gboolean mounted)
{
  CtrRoot *self = g_new0 (CtrRoot, 1);

  self->refs = 1;
  self->driver = ctr_driver_ref (driver);
  self->container = g_strdup (container);
  self->fd = fd;
  self->mounted = mounted;
  self->users = g_array_new (FALSE, FALSE, sizeof (CtrRootUser));
  self->opening = g_ptr_array_new ();
  self->waiting = g_ptr_array_new ();
  if (mounted)
    g_hash_table_insert (driver->roots, g_strdup (container), self);
  else
    g_ptr_array_add (driver->inside, self);
  return self;
}

CtrRoot *
ctr_root_ref (CtrRoot *self)
{
  self->refs++;
  return self;
}

static void
end_waits (GPtrArray *waits, gpointer value, GError *error)
{
  while (waits->len > 0)
    ctr_wait_end (g_ptr_array_steal_index (waits, 0), value, error);
}

static void
root_free (CtrRoot *self)
{
  if (self->mounted)
    g_hash_table_remove (self->driver->roots, self->container);
  else
    g_ptr_array_remove_fast (self->driver->inside, self);
  end_waits (self->waiting, NULL, NULL);
  g_array_unref (self->users);
  g_ptr_array_unref (self->opening);
  g_ptr_array_unref (self->waiting);
  g_free (self->container);
  ctr_driver_unref (self->driver);
  g_free (self);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  root_free (user_data);
}

static void
close_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  int fd = GPOINTER_TO_INT (data);

  if (fd >= 0)
    close (fd);
  g_task_return_boolean (task, TRUE);
}

void
ctr_root_unref (CtrRoot *self)
{
  g_autoptr(GTask) task = NULL;

  if (--self->refs > 0)
    return;
  self->closing = TRUE;
  /* what was written may have to come to the disk first */
  task = g_task_new (NULL, NULL, on_closed, self);
  g_task_set_task_data (task, GINT_TO_POINTER (self->fd), NULL);
  g_task_run_in_thread (task, close_in_thread);
}

/* who uses it ----------------------------------------------------------------------------------------- */

void
ctr_root_enter (CtrRoot *self, CtrRootStop stop, gpointer user_data)
{
  CtrRootUser user = { stop, user_data };

  g_array_append_val (self->users, user);
}

void
ctr_root_leave (CtrRoot *self, gpointer user_data)
{
  for (guint i = 0; i < self->users->len; i++)
    if (g_array_index (self->users, CtrRootUser, i).user_data == user_data)
      {
        g_array_remove_index (self->users, i);
        return;
      }
}

static void
stop_users (CtrRoot *self)
{
  self->leaving = TRUE;
  for (guint i = 0; i < self->users->len; i++)
    {
      CtrRootUser *user = &g_array_index (self->users, CtrRootUser, i);

      user->stop (user->user_data);
    }
}

/* Returns: (nullable): one of a program of @container, which holds the files that it had */
static CtrRoot *
find_inside (TholeDriver *driver, const char *container)
{
  for (guint i = 0; i < driver->inside->len; i++)
    {
      CtrRoot *self = g_ptr_array_index (driver->inside, i);

      if (strcmp (self->container, container) == 0)
        return self;
    }
  return NULL;
}

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  char *container;
} Vacate;

static void
vacate_clear (gpointer data)
{
  Vacate *self = data;

  g_object_unref (self->outer);
  g_free (self->container);
}

/* One after the other, until there is none. */
static void
vacate_next (GTask *task, gpointer value, GError *error)
{
  Vacate *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  CtrRoot *root = find_inside (driver, self->container);

  if (root == NULL)
    root = g_hash_table_lookup (driver->roots, self->container);
  if (error == NULL && root != NULL)
    {
      stop_users (root);
      g_ptr_array_add (root->waiting, ctr_wait_new (task, vacate_next));
      return;
    }
  self->next (self->outer, NULL, error);
  g_task_return_boolean (task, TRUE);
}

void
ctr_root_vacate (GTask *task, const char *container, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  g_autoptr(GTask) inner = ctr_job_new (driver, sizeof (Vacate), vacate_clear, NULL, g_task_get_cancellable (task), NULL, NULL);
  Vacate *self = g_task_get_task_data (inner);
  CtrRoot *mounted = g_hash_table_lookup (driver->roots, container);

  self->outer = g_object_ref (task);
  self->next = next;
  self->container = g_strdup (container);
  if (mounted != NULL)
    stop_users (mounted);
  for (guint i = 0; i < driver->inside->len; i++)
    {
      CtrRoot *one = g_ptr_array_index (driver->inside, i);

      if (strcmp (one->container, container) == 0)
        stop_users (one);
    }
  vacate_next (inner, NULL, NULL);
}

/* open: the snapshot ---------------------------------------------------------------------------------- */

static void look (GTask *task);

static void
open_end (GTask *task, CtrRoot *root, const GError *error)
{
  Open *self = g_task_get_task_data (task);
  g_autoptr(GError) own = error != NULL ? g_error_copy (error) : NULL;

  self->next (self->outer, own == NULL ? root : NULL, own);
  g_task_return_boolean (task, TRUE);
}

static void
fail_starting (GTask *task)
{
  g_autoptr(GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_CONFLICT, "it is being started or removed");

  open_end (task, NULL, error);
}

/* What was mounted, for one who waits for it. */
static void
on_opened (GTask *task, gpointer value, GError *error)
{
  open_end (task, value, error);
}

/* It is there for all who wait, also when the first of them has gone. */
static void
on_mounted (GTask *task, gpointer value, GError *error)
{
  Open *self = g_task_get_task_data (task);
  g_autoptr(CtrRoot) root = g_steal_pointer (&self->root);
  g_autoptr(GError) leaving = NULL;

  if (error == NULL)
    root->fd = GPOINTER_TO_INT (value);
  if (error == NULL && root->leaving)
    error = leaving = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_CONFLICT, "it is being started or removed");
  end_waits (root->opening, root, error);
  g_task_return_boolean (task, TRUE);
}

static void
mount_it (GTask *task)
{
  Open *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  g_autofree char *place = g_build_filename (driver->config->runtime_dir, "root", NULL);
  /* goes on to its end, whoever waits for it */
  g_autoptr(GTask) inner = ctr_job_new (driver, sizeof (Open), open_clear, NULL, NULL, NULL, NULL);
  Open *mounting = g_task_get_task_data (inner);

  mounting->outer = g_object_ref (task);
  mounting->root = root_new (driver, self->container, -1, TRUE);
  g_ptr_array_add (mounting->root->opening, ctr_wait_new (task, on_opened));
  g_mkdir_with_parents (place, 0700);
  ctr_root_mount (inner, self->mounts, self->spec, place, on_mounted);
}

/* open: of a program ---------------------------------------------------------------------------------- */

static gboolean
is_in_cgroup (guint pid, const char *container)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/cgroup", pid), *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strstr (text, container) != NULL;
}

/* Has the runtime left our own mounts yet? */
static gboolean
has_own_mounts (guint pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/ns/mnt", pid), *its = g_file_read_link (path, NULL);
  g_autofree char *ours = g_file_read_link ("/proc/self/ns/mnt", NULL);

  return its != NULL && g_strcmp0 (its, ours) != 0;
}

static void
open_program (GTask *task, guint pid)
{
  Open *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/proc/%u/root", pid);
  int fd = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_autoptr(CtrRoot) root = NULL;
  g_autoptr(GError) error = NULL;

  /* asked after it was opened: the number may have been given to another one before */
  if (fd < 0 || !is_in_cgroup (pid, self->container) || !has_own_mounts (pid))
    {
      if (fd >= 0)
        close (fd);
      error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_CONFLICT, "its program is ending, or not there yet");
      open_end (task, NULL, error);
      return;
    }
  root = root_new (self->job.driver, self->container, fd, FALSE);
  open_end (task, root, NULL);
}

/* open: which ----------------------------------------------------------------------------------------- */

static gboolean
is_starting (GTask *task)
{
  Open *self = g_task_get_task_data (task);
  CtrRoot *root = g_hash_table_lookup (self->job.driver->roots, self->container);

  return g_hash_table_contains (self->job.driver->starting, self->container) || (root != NULL && root->leaving);
}

static void
on_vacated (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    open_end (task, NULL, error);
  else
    look (task);
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Open *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  int status = got != NULL && got->process != NULL ? got->process->status : CTR_TASK_STOPPED;
  g_autoptr(GError) wrong = NULL;

  if (is_starting (task) || status == CTR_TASK_CREATED)
    fail_starting (task);
  else if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    open_end (task, NULL, error);
  else if (status != CTR_TASK_STOPPED)
    open_program (task, got->process->pid);
  else if (g_hash_table_contains (self->job.driver->roots, self->container))
    look (task); /* somebody else was faster */
  else if (find_inside (self->job.driver, self->container) != NULL)
    ctr_root_vacate (task, self->container, on_vacated); /* two of the same files beside each other: the kernel has no rule for that */
  else if (self->mounts == NULL)
    {
      wrong = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "it has no files any more");
      open_end (task, NULL, wrong);
    }
  else
    mount_it (task);
}

static void
on_mounts (GTask *task, gpointer value, GError *error)
{
  Open *self = g_task_get_task_data (task);
  Ctr__SnapshotMounts *mounts = value;

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    {
      open_end (task, NULL, error);
      return;
    }
  if (mounts != NULL && self->mounts == NULL)
    self->mounts = (Ctr__SnapshotMounts *) ctr_message_copy (&mounts->base);
  /* last: nothing may lie between the look and the mount */
  ctr_task_get (task, self->container, on_task);
}

static void
look (GTask *task)
{
  Open *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  CtrRoot *root = g_hash_table_lookup (driver->roots, self->container);
  Ctr__SnapshotKey request = CTR__SNAPSHOT_KEY__INIT;
  CtrCall call = { .method = "Snapshots/Mounts", .message = &request.base, .reply = &ctr__snapshot_mounts__descriptor };

  if (is_starting (task))
    fail_starting (task);
  else if (root != NULL && root->closing)
    g_ptr_array_add (root->waiting, ctr_wait_new (task, on_vacated));
  else if (root != NULL && root->fd < 0)
    g_ptr_array_add (root->opening, ctr_wait_new (task, on_opened));
  else if (root != NULL)
    open_end (task, root, NULL);
  else
    {
      request.snapshotter = driver->config->snapshotter;
      request.key = self->container;
      ctr_call (task, &call, on_mounts);
    }
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  Open *self = g_task_get_task_data (task);
  Ctr__Container *container = value;

  if (error != NULL)
    {
      open_end (task, NULL, error);
      return;
    }
  self->container = g_strdup (container->id);
  if (container->spec != NULL)
    self->spec = thole_json_parse ((const char *) container->spec->value.data, container->spec->value.len, NULL);
  if (self->spec == NULL || !g_variant_is_of_type (self->spec, G_VARIANT_TYPE_VARDICT))
    {
      g_clear_pointer (&self->spec, g_variant_unref);
      self->spec = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
    }
  look (task);
}

void
ctr_root_open (GTask *task, const char *id, CtrNext next)
{
  g_autoptr(GTask) inner = ctr_job_new (ctr_driver_of (task), sizeof (Open), open_clear, NULL, g_task_get_cancellable (task), NULL, NULL);
  Open *self = g_task_get_task_data (inner);

  self->outer = g_object_ref (task);
  self->next = next;
  self->id = g_strdup (id);
  ctr_thing_find (inner, id, on_found);
}
