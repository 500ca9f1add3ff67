/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "root-mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

#define OPTIONS_MAX 4000 /* the kernel takes a page */
#define SAFE (MS_NOSUID | MS_NODEV)

/* What the thread has: nothing of it is anybody else's meanwhile. */
typedef struct
{
  Ctr__SnapshotMounts *mounts;
  GVariant *spec;
  char *place;
} Plan;

/* what follows */
typedef struct
{
  GTask *outer;
  CtrNext next;
} After;

static void
plan_free (gpointer data)
{
  Plan *self = data;

  ctr_message_free (&self->mounts->base);
  g_variant_unref (self->spec);
  g_free (self->place);
  g_free (self);
}

/* the snapshot ---------------------------------------------------------------------------------------- */

static const struct
{
  const char *word;
  gulong flag;
} flags[] = {
  { "rw", 0 }, { "ro", MS_RDONLY }, { "bind", MS_BIND }, { "rbind", MS_BIND | MS_REC }, { "nosuid", MS_NOSUID }, { "nodev", MS_NODEV },
  { "noexec", MS_NOEXEC },
};

static gboolean
is_flag (const char *word, gulong *flag)
{
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    if (strcmp (flags[i].word, word) == 0)
      {
        *flag = flags[i].flag;
        return TRUE;
      }
  return FALSE;
}

/* The folder in which all of the layers are, with a slash; "" when there is none. */
static char *
common_folder (char **layers)
{
  gsize length = strlen (layers[0]);

  for (guint i = 1; layers[i] != NULL; i++)
    {
      gsize same = 0;

      while (same < length && layers[i][same] == layers[0][same])
        same++;
      length = same;
    }
  while (length > 0 && layers[0][length - 1] != '/')
    length--;
  return g_strndup (layers[0], length);
}

/* Many layers are named from within their folder. Returns: (transfer full): the option with those */
static char *
shorten (const char *option, char **folder)
{
  g_auto(GStrv) layers = g_strsplit (option + strlen ("lowerdir="), ":", -1);
  g_autoptr(GString) out = g_string_new ("lowerdir=");

  *folder = common_folder (layers);
  for (guint i = 0; layers[i] != NULL; i++)
    g_string_append_printf (out, "%s%s", i > 0 ? ":" : "", layers[i] + strlen (*folder));
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static gboolean
mount_one (const Ctr__Mount *mount_, const char *place, GError **error)
{
  gboolean binds = strcmp (mount_->type, "bind") == 0 || strcmp (mount_->type, "rbind") == 0;
  gulong all = SAFE | (binds ? MS_BIND : 0), flag = 0;
  g_autoptr(GString) words = g_string_new (NULL);
  g_autofree char *folder = NULL;
  gsize length = 0;

  for (gsize i = 0; i < mount_->n_options; i++)
    length += strlen (mount_->options[i]) + 1;
  for (gsize i = 0; i < mount_->n_options; i++)
    {
      const char *option = mount_->options[i];
      g_autofree char *shorter = NULL;

      if (is_flag (option, &flag))
        {
          all |= flag;
          continue;
        }
      if (length > OPTIONS_MAX && g_str_has_prefix (option, "lowerdir=") && folder == NULL)
        option = shorter = shorten (option, &folder);
      g_string_append_printf (words, "%s%s", words->len > 0 ? "," : "", option);
    }
  /* this thread has a working folder of its own */
  if (folder != NULL && folder[0] != '\0' && chdir (folder) < 0)
    return ctr_inside_fail (error, errno, folder);
  if (mount (mount_->source, place, binds ? NULL : mount_->type, all, binds ? NULL : words->str) < 0)
    return ctr_inside_fail (error, errno, "the snapshot cannot be mounted");
  /* the first mount of a folder takes no other flags */
  if (binds && mount (NULL, place, NULL, MS_REMOUNT | (all & ~(gulong) MS_REC), NULL) < 0)
    return ctr_inside_fail (error, errno, "the snapshot cannot be mounted");
  return TRUE;
}

/* what is mounted in it ------------------------------------------------------------------------------- */

static gboolean
is_folder (const char *path)
{
  struct stat about;

  return stat (path, &about) == 0 && S_ISDIR (about.st_mode);
}

/* As the runtime does it when it starts. */
static int
open_target (int root, const char *target, gboolean folder)
{
  return folder ? ctr_inside_make (root, target, CTR_INSIDE_ROOT) : ctr_inside_open (root, target, O_PATH, CTR_INSIDE_ROOT);
}

static gboolean
bind_at (int root, const char *target, const char *source, gulong how, GError **error)
{
  int fd = open_target (root, target, is_folder (source));
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  gboolean good = fd < 0 || mount (source, path, NULL, how, NULL) == 0;

  /* a file that is not there yet the runtime will make; and what has no place or source it will refuse */
  if (!good && errno != ENOENT)
    ctr_inside_fail (error, errno, target);
  else
    good = TRUE;
  if (fd >= 0)
    close (fd);
  return good;
}

static gboolean
bind_one (int root, GVariant *entry, GError **error)
{
  const char *target = thole_dict_string (entry, "destination", ""), *source = thole_dict_string (entry, "source", "");
  g_auto(GStrv) options = thole_dict_strv (entry, "options");
  gboolean read_only = g_strv_contains ((const char *const *) options, "ro");

  if (strcmp (thole_dict_string (entry, "type", ""), "bind") != 0 || target[0] != '/' || source[0] != '/')
    return TRUE;
  return bind_at (root, target, source, MS_BIND | MS_REC, error)
         /* what is above it now */
         && (!read_only || bind_at (root, target, "", MS_REMOUNT | MS_BIND | MS_RDONLY | SAFE, error));
}

static gboolean
bind_all (GVariant *spec, const char *place, GError **error)
{
  g_autoptr(GVariant) list = thole_dict_value (spec, "mounts", "aa{sv}");
  int root = open (place, O_PATH | O_DIRECTORY | O_CLOEXEC);
  gboolean good = root >= 0 || ctr_inside_fail (error, errno, place);

  for (gsize i = 0; good && list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) entry = g_variant_get_child_value (list, i);

      good = bind_one (root, entry, error);
    }
  if (root >= 0)
    close (root);
  return good;
}

/* the thread ------------------------------------------------------------------------------------------ */

static int
mount_tree (const Plan *self, GError **error)
{
  g_autoptr(GVariant) about = thole_dict_value (self->spec, "root", "a{sv}");
  int fd = -1;
  gboolean good = TRUE;

  if (unshare (CLONE_FS | CLONE_NEWNS) < 0 || mount (NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
    {
      if (errno == EPERM)
        {
          g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_CONFLICT,
                               "it does not run, and this daemon may not mount its snapshot (CAP_SYS_ADMIN)");
          return -1;
        }
      ctr_inside_fail (error, errno, "the mounts of the snapshot cannot be kept apart");
      return -1;
    }
  for (gsize i = 0; good && i < self->mounts->n_mounts; i++)
    good = mount_one (self->mounts->mounts[i], self->place, error);
  good = good && bind_all (self->spec, self->place, error);
  if (good && about != NULL && thole_dict_boolean (about, "readonly", FALSE)
      && mount (NULL, self->place, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | SAFE, NULL) < 0)
    good = ctr_inside_fail (error, errno, self->place);
  /* a copy that lives as long as its descriptor */
  if (good && (fd = open_tree (AT_FDCWD, self->place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)) < 0)
    ctr_inside_fail (error, errno, self->place);
  umount2 (self->place, MNT_DETACH);
  return fd;
}

static gpointer
work (gpointer data)
{
  g_autoptr(GTask) task = data;
  GError *error = NULL;
  int fd = mount_tree (g_task_get_task_data (task), &error);

  if (fd < 0)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, fd);
  return NULL;
}

static void
on_mounted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  After *after = user_data;
  g_autoptr(GError) error = NULL;
  gssize fd = g_task_propagate_int (G_TASK (result), &error);

  after->next (after->outer, error == NULL ? GINT_TO_POINTER ((gint) fd) : NULL, error);
  g_object_unref (after->outer);
  g_free (after);
}

void
ctr_root_mount (GTask *task, const Ctr__SnapshotMounts *mounts, GVariant *spec, const char *place, CtrNext next)
{
  Plan *plan = g_new0 (Plan, 1);
  After *after = g_new0 (After, 1);
  g_autoptr(GTask) inner = g_task_new (NULL, NULL, on_mounted, after);
  GError *error = NULL;
  GThread *thread;

  after->outer = g_object_ref (task);
  after->next = next;
  plan->mounts = (Ctr__SnapshotMounts *) ctr_message_copy (&mounts->base);
  plan->spec = g_variant_ref (spec);
  plan->place = g_strdup (place);
  g_task_set_task_data (inner, plan, plan_free);
  /* not one of a pool: its mounts are its own for good */
  thread = g_thread_try_new ("thole-mount", work, g_object_ref (inner), &error);
  if (thread != NULL)
    {
      g_thread_unref (thread);
      return;
    }
  g_object_unref (inner);
  g_task_return_new_error (inner, THOLE_ERROR, THOLE_ERROR_FAILED, "%s", error->message);
  g_error_free (error);
}
