/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "settle.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "aside.h"
#include "box.h"
#include "thole-sandbox-protocol.h"

/* what starts has started by then, and does not wait for the same disk */
#define SETTLE_MS 100

/* What fails keeps nothing else from the disk: @first is of the first. */
static void
sync_one (const char *path, GError **first)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), problem;
  gboolean done = fd >= 0 && fsync (fd) == 0;

  problem = errno;
  if (fd >= 0)
    close (fd);
  /* it may have been removed since, and nobody opens a socket */
  if (!done && problem != ENOENT && problem != ENXIO && *first == NULL)
    g_set_error (first, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", path, g_strerror (problem));
}

static void
sync_all (const char *folder, GError **first)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) list = g_dir_open (folder, 0, &error);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      sync_one (path, first);
    }
  if (list == NULL && !g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT) && *first == NULL)
    g_set_error_literal (first, THOLE_ERROR, THOLE_ERROR_FAILED, error->message);
  sync_one (folder, first);
}

static gboolean
settle (gpointer data, GError **error)
{
  GPtrArray *folders = data;
  g_autofree char *parent = g_path_get_dirname (folders->pdata[0]);
  GError *first = NULL;

  for (guint i = 0; i < folders->len; i++)
    sync_all (folders->pdata[i], &first);
  sync_one (parent, &first);
  if (first == NULL)
    return TRUE;
  g_propagate_error (error, first);
  return FALSE;
}

static void
on_settled (GTask *task, GError *error)
{
  LocalJob *job = g_task_get_task_data (task);

  if (error != NULL && job->driver->host != NULL)
    local_log (job->driver, G_LOG_LEVEL_WARNING, "a sandbox may not outlast that the machine goes off: %s", error->message);
  g_clear_error (&error);
  g_task_return_boolean (task, TRUE);
}

void
local_settle_now (TholeDriver *driver)
{
  g_autoptr(GTask) task = NULL;

  thole_timer_clear (&driver->settling);
  if (driver->unsettled->len == 0)
    return;
  task = local_job_new (driver, "", sizeof (LocalJob), NULL, NULL, NULL, NULL, NULL);
  local_aside (task, settle, driver->unsettled, (GDestroyNotify) g_ptr_array_unref, on_settled);
  driver->unsettled = g_ptr_array_new_with_free_func (g_free);
}

static gboolean
on_time (gpointer user_data)
{
  local_settle_now (user_data);
  return G_SOURCE_REMOVE;
}

void
local_settle_later (TholeDriver *driver, const char *id)
{
  g_ptr_array_add (driver->unsettled, local_box_path (driver, id, NULL));
  if (driver->host == NULL)
    local_settle_now (driver);
  if (driver->settling != NULL || driver->unsettled->len == 0)
    return;
  driver->settling = g_timeout_source_new (SETTLE_MS);
  g_source_set_callback (driver->settling, on_time, driver, NULL);
  g_source_attach (driver->settling, g_main_context_get_thread_default ());
}
