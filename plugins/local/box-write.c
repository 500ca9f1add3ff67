/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Folders of sandboxes: how they appear, and how they go.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "seal.h"
#include "thole-sandbox-protocol.h"
#include "tree.h"

/* hidden beside the others */
#define NEW ".new-"
#define GONE ".gone-"
/* who has ended is still counted in a control group for a moment */
#define GROUP_TRIES 200
#define GROUP_PAUSE (5 * G_TIME_SPAN_MILLISECOND)

static char *
hidden_path (const char *boxes, const char *kind, const char *name)
{
  g_autofree char *hidden = g_strdup_printf ("%s%s-%08x%08x", kind, name, g_random_int (), g_random_int ());

  return g_build_filename (boxes, hidden, NULL);
}

/* making ---------------------------------------------------------------------------------------------- */

static gboolean
fail (const char *path, GError **error)
{
  g_set_error (error, THOLE_ERROR, errno == ENOSPC || errno == EDQUOT ? THOLE_ERROR_LIMIT : THOLE_ERROR_FAILED, "%s: %s", path,
               g_strerror (errno));
  return FALSE;
}

static gboolean
write_file (const char *folder, const char *name, gconstpointer data, gsize length, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), problem;
  gsize done = 0;
  gssize n = 1;
  gboolean kept;

  while (fd >= 0 && n > 0 && done < length)
    {
      n = write (fd, (const char *) data + done, length - done);
      done += n > 0 ? (gsize) n : 0;
    }
  kept = fd >= 0 && done == length;
  problem = errno;
  if (fd >= 0)
    close (fd);
  errno = problem;
  return kept || fail (path, error);
}

static gboolean
write_files (const char *folder, GHashTable *files, GError **error)
{
  GHashTableIter iter;
  gpointer name, bytes;

  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &name, &bytes))
    if (!write_file (folder, name, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error))
      return FALSE;
  return TRUE;
}

static gboolean
make_folders (const char *folder, GError **error)
{
  g_autofree char *log = g_build_filename (folder, THOLE_SANDBOX_LOG, NULL);

  return g_mkdir_with_parents (log, 0700) == 0 || fail (log, error);
}

struct _LocalBox
{
  char *boxes, *folder, *hidden;
  char *away;                 /* where a broken one goes */
  char *groups[LOCAL_GROUPS]; /* NULL = none */
  char *record;
  GByteArray *plan;
  GHashTable *files;
};

static LocalBox *
box_begin (TholeDriver *driver, const char *id, const char *prefix)
{
  LocalBox *self = g_new0 (LocalBox, 1);
  g_autofree char *name = local_box_name (driver, id);

  self->boxes = g_build_filename (driver->config->state_dir, "boxes", NULL);
  self->folder = local_box_path (driver, id, NULL);
  self->hidden = hidden_path (self->boxes, prefix, name);
  self->away = hidden_path (self->boxes, GONE, name);
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    self->groups[i] = local_groups_path (&driver->groups, i, name, NULL);
  return self;
}

LocalBox *
local_box_new (TholeDriver *driver, const char *id, GVariant *record, GByteArray *plan, GHashTable *files)
{
  LocalBox *self = box_begin (driver, id, NEW);

  self->record = thole_json_to_string (record);
  self->plan = g_byte_array_ref (plan);
  self->files = g_hash_table_ref (files);
  return self;
}

LocalBox *
local_box_old (TholeDriver *driver, const char *id)
{
  return box_begin (driver, id, GONE);
}

void
local_box_free (gpointer data)
{
  LocalBox *self = data;

  for (guint i = 0; i < LOCAL_GROUPS; i++)
    g_free (self->groups[i]);
  g_clear_pointer (&self->plan, g_byte_array_unref);
  g_clear_pointer (&self->files, g_hash_table_unref);
  g_free (self->record);
  g_free (self->folder);
  g_free (self->hidden);
  g_free (self->boxes);
  g_free (self->away);
  g_free (self);
}

/* Has it what nobody can make sense of, as a machine that goes off may leave it? Not what merely cannot be read now. */
static gboolean
is_broken (const char *folder)
{
  g_autofree char *lock = g_build_filename (folder, THOLE_SANDBOX_LOCK, NULL), *text = NULL;
  g_autofree char *path = g_build_filename (folder, LOCAL_BOX_RECORD, NULL);
  g_autoptr(GVariant) record = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  if (!g_file_test (folder, G_FILE_TEST_IS_DIR) || local_box_is_locked (lock))
    return FALSE;
  if (!g_file_get_contents (path, &text, &length, &error))
    return g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  record = thole_json_parse (text, length, NULL);
  return record == NULL || !g_variant_is_of_type (record, G_VARIANT_TYPE_VARDICT) || local_seal_broken (folder);
}

static gboolean
place (LocalBox *self, GError **error)
{
  gboolean broken = is_broken (self->folder);

  if (broken && g_rename (self->folder, self->away) < 0)
    return fail (self->folder, error);
  if (broken)
    local_tree_remove (self->away);
  return g_rename (self->hidden, self->folder) == 0 || fail (self->folder, error);
}

gboolean
local_box_make (gpointer data, GError **error)
{
  LocalBox *self = data;

  local_seal_add (self->plan, self->files);
  if (make_folders (self->hidden, error) && write_files (self->hidden, self->files, error)
      && write_file (self->hidden, THOLE_SANDBOX_PLAN, self->plan->data, self->plan->len, error)
      && write_file (self->hidden, LOCAL_BOX_RECORD, self->record, strlen (self->record), error)
      && place (self, error))
    return TRUE;
  local_tree_remove (self->hidden);
  return FALSE;
}

gboolean
local_box_remove (gpointer data, GError **error)
{
  LocalBox *self = data;

  if (g_rename (self->folder, self->hidden) == 0)
    local_tree_remove (self->hidden);
  /* their supervisor has removed them, unless it was killed */
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    for (guint n = 0; self->groups[i] != NULL && n < GROUP_TRIES && g_rmdir (self->groups[i]) < 0 && errno == EBUSY; n++)
      g_usleep (GROUP_PAUSE);
  return TRUE;
}

/* what others left ------------------------------------------------------------------------------------ */

struct _LocalSweep
{
  char *boxes, *prefix;
  char *parents[LOCAL_GROUPS];
  gboolean hidden;
  GPtrArray *broken;
};

LocalSweep *
local_sweep_new (TholeDriver *driver, gboolean hidden)
{
  LocalSweep *self = g_new0 (LocalSweep, 1);

  self->boxes = g_build_filename (driver->config->state_dir, "boxes", NULL);
  self->prefix = g_strdup_printf ("%.8s-", driver->config->instance);
  self->hidden = hidden;
  self->broken = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    self->parents[i] = g_strdup (driver->groups.parents[i]);
  return self;
}

void
local_sweep_free (LocalSweep *self)
{
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    g_free (self->parents[i]);
  g_ptr_array_unref (self->broken);
  g_free (self->boxes);
  g_free (self->prefix);
  g_free (self);
}

/* Control groups without a sandbox: their supervisor was killed. */
static void
sweep_groups (LocalSweep *self, const char *parent)
{
  g_autoptr(GDir) list = g_dir_open (parent, 0, NULL);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *box = g_build_filename (self->boxes, name, NULL), *group = g_build_filename (parent, name, NULL);

      if (g_str_has_prefix (name, self->prefix) && !g_file_test (box, G_FILE_TEST_EXISTS) && g_rmdir (group) < 0)
        g_debug ("%s: %s", group, g_strerror (errno));
    }
}

/* Those that are supervised are no less whole than their supervisor found them. */
static void
sweep_broken (LocalSweep *self, const char *name, const char *path)
{
  g_autofree char *away = hidden_path (self->boxes, GONE, name);

  if (!is_broken (path) || g_rename (path, away) < 0)
    return;
  local_tree_remove (away);
  g_ptr_array_add (self->broken, g_strdup (name));
}

const GPtrArray *
local_sweep_broken (LocalSweep *self)
{
  return self->broken;
}

void
local_sweep_run (LocalSweep *self)
{
  g_autoptr(GDir) list = self->hidden ? g_dir_open (self->boxes, 0, NULL) : NULL;
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->boxes, name, NULL);

      if (g_str_has_prefix (name, NEW) || g_str_has_prefix (name, GONE))
        local_tree_remove (path);
      else if (g_str_has_prefix (name, self->prefix))
        sweep_broken (self, name, path);
    }
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    if (self->parents[i] != NULL)
      sweep_groups (self, self->parents[i]);
}
