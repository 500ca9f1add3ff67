/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"
#include "thole-error.h"
#include "thole-tar.h"

#define PIECE 65536
#define TRIES 100

/* A folder whose time is set when nothing more comes into it. */
typedef struct
{
  char *name;
  gint64 mtime;
} Late;

typedef struct
{
  int folder;       /* into which all goes */
  CtrInside how;
  CtrSource source;
  gpointer user_data;
  TholeTar *tar;
  guint8 *piece;      /* PIECE bytes that came of the source; of them @data and @length were not looked at */
  const guint8 *data;
  gsize length;
  int parent;       /* the folder of the last file: the next one is often in it, too. -1 = not known */
  char *parent_name;
  GQueue late;      /* of Late: each lies in the one below */
} Fill;

static void
late_free (gpointer data)
{
  g_free (((Late *) data)->name);
  g_free (data);
}

static void
forget_parent (Fill *self)
{
  if (self->parent >= 0)
    close (self->parent);
  self->parent = -1;
  g_clear_pointer (&self->parent_name, g_free);
}

static void
fill_clear (Fill *self)
{
  forget_parent (self);
  if (self->folder >= 0)
    close (self->folder);
  g_clear_pointer (&self->tar, thole_tar_free);
  g_clear_pointer (&self->piece, g_free);
  g_queue_clear_full (&self->late, late_free);
}

static gboolean
refuse (GError **error, const char *name, const char *why)
{
  g_autofree char *shown = g_utf8_make_valid (name, (gssize) MIN (strlen (name), 1000));

  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s: %s", shown, why);
  return FALSE;
}

/* "./a//b/" -> "a/b", of a name that does not climb. Returns: (transfer full) */
static char *
clean_name (const char *name)
{
  g_auto(GStrv) parts = g_strsplit (name, "/", -1);
  g_autoptr(GString) clean = g_string_new (NULL);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      if (parts[i][0] == '\0' || strcmp (parts[i], ".") == 0)
        continue;
      if (clean->len > 0)
        g_string_append_c (clean, '/');
      g_string_append (clean, parts[i]);
    }
  return g_string_free (g_steal_pointer (&clean), FALSE);
}

static const char *
base_of (const char *name)
{
  const char *slash = strrchr (name, '/');

  return slash != NULL ? slash + 1 : name;
}

/* times of folders ------------------------------------------------------------------------------------ */

static void
set_time (int fd, const char *name, gint64 mtime, int flags)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = mtime } };

  /* a file system that has no such time keeps its own */
  utimensat (fd, name, times, flags);
}

static gboolean
lies_in (const char *name, const char *folder)
{
  gsize length = strlen (folder);

  return strncmp (name, folder, length) == 0 && name[length] == '/';
}

/* @name (nullable): the next entry; NULL = there is none */
static void
leave_folders (Fill *self, const char *name)
{
  Late *last;

  while ((last = g_queue_peek_tail (&self->late)) != NULL && (name == NULL || !lies_in (name, last->name)))
    {
      int fd = ctr_inside_open (self->folder, last->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, self->how);
      struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = last->mtime } };

      if (fd >= 0)
        {
          futimens (fd, times);
          close (fd);
        }
      late_free (g_queue_pop_tail (&self->late));
    }
}

/* places ---------------------------------------------------------------------------------------------- */

static gboolean
enter_parent (Fill *self, const char *name, GError **error)
{
  const char *base = base_of (name);
  g_autofree char *parent = g_strndup (name, base > name ? (gsize) (base - name - 1) : 0);

  if (self->parent >= 0 && strcmp (self->parent_name, parent) == 0)
    return TRUE;
  forget_parent (self);
  self->parent = ctr_inside_make (self->folder, parent, self->how);
  if (self->parent < 0 && errno == ENOENT)
    return refuse (error, name, "a link on its way leads nowhere");
  if (self->parent < 0)
    return ctr_inside_fail (error, errno, name);
  self->parent_name = g_steal_pointer (&parent);
  return TRUE;
}

static char *
fresh_name (void)
{
  return g_strdup_printf (".thole-%08x%08x", g_random_int (), g_random_int ());
}

/* What lies at @beside takes its place. */
static gboolean
take_place (Fill *self, const char *beside, const char *name, GError **error)
{
  int done = renameat (self->parent, beside, self->parent, base_of (name)), number = errno;

  /* it is there still when both were one and the same file */
  unlinkat (self->parent, beside, 0);
  if (done == 0)
    return TRUE;
  if (number == EISDIR || number == ENOTEMPTY || number == EEXIST)
    return refuse (error, name, "there is a folder in its place");
  return ctr_inside_fail (error, number, name);
}

typedef int (*MakeFunc) (Fill *self, const char *beside, gconstpointer data);

/* Makes something under a name of ours. Returns: (transfer full) (nullable): that */
static char *
make_beside (Fill *self, const char *name, MakeFunc make, gconstpointer data, int *result, GError **error)
{
  for (guint i = 0; i < TRIES; i++)
    {
      g_autofree char *beside = fresh_name ();

      *result = make (self, beside, data);
      if (*result >= 0)
        return g_steal_pointer (&beside);
      if (errno != EEXIST)
        break;
    }
  ctr_inside_fail (error, errno, name);
  return NULL;
}

/* entries --------------------------------------------------------------------------------------------- */

static int
make_file (Fill *self, const char *beside, gconstpointer data)
{
  return openat (self->parent, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int
link_file (Fill *self, const char *beside, gconstpointer fd_path)
{
  return linkat (AT_FDCWD, fd_path, self->parent, beside, AT_SYMLINK_FOLLOW);
}

/* Returns: DATA, ENTRY, END or BAD */
static TholeTarEvent
take_next (Fill *self, const guint8 **part, gsize *length, GError **error)
{
  for (;;)
    {
      TholeTarEvent event = thole_tar_parse (self->tar, &self->data, &self->length, part, length, error);
      gssize n = event == THOLE_TAR_MORE ? self->source (self->user_data, self->piece, PIECE, error) : 0;

      if (event != THOLE_TAR_MORE)
        return event;
      if (n < 0)
        return THOLE_TAR_BAD;
      /* some programs write no end */
      if (n == 0 && thole_tar_state (self->tar) != THOLE_TAR_CUT)
        return THOLE_TAR_END;
      if (n == 0)
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "this is not a tar archive that can be taken: it ends in the middle");
          return THOLE_TAR_BAD;
        }
      self->data = self->piece;
      self->length = (gsize) n;
    }
}

static gboolean
write_content (Fill *self, int fd, const TholeTarEntry *entry, GError **error)
{
  const guint8 *part = NULL;
  gsize length = 0;

  while (thole_tar_left (self->tar) > 0)
    {
      if (take_next (self, &part, &length, error) != THOLE_TAR_DATA)
        return FALSE;
      for (gssize done = 0, written; done < (gssize) length; done += written)
        if ((written = write (fd, part + done, length - (gsize) done)) <= 0)
          {
            if (errno != EINTR)
              return ctr_inside_fail (error, written == 0 ? EIO : errno, entry->name);
            written = 0;
          }
    }
  return TRUE;
}

static gboolean
dress (int fd, const TholeTarEntry *entry, GError **error)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = entry->mtime } };

  /* an owner takes bits off the mode */
  if (fchown (fd, (uid_t) entry->uid, (gid_t) entry->gid) < 0 || fchmod (fd, entry->mode) < 0)
    return ctr_inside_fail (error, errno, entry->name);
  futimens (fd, times);
  return TRUE;
}

static gboolean
fill_file (Fill *self, const char *name, const TholeTarEntry *entry, GError **error)
{
  /* without a name, so that not even a daemon that dies leaves half a file; not every file system can */
  int fd = openat (self->parent, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), linked;
  g_autofree char *beside = fd < 0 ? make_beside (self, name, make_file, NULL, &fd, error) : NULL;
  g_autofree char *path = fd >= 0 ? g_strdup_printf ("/proc/self/fd/%d", fd) : NULL;
  gboolean good = fd >= 0 && write_content (self, fd, entry, error) && dress (fd, entry, error);

  if (good && beside == NULL)
    {
      beside = make_beside (self, name, link_file, path, &linked, error);
      good = beside != NULL;
    }
  if (good)
    good = take_place (self, beside, name, error);
  else if (beside != NULL)
    unlinkat (self->parent, beside, 0);
  if (fd >= 0)
    close (fd);
  return good;
}

static int
make_link (Fill *self, const char *beside, gconstpointer target)
{
  return symlinkat (target, self->parent, beside);
}

static int
make_pipe (Fill *self, const char *beside, gconstpointer data)
{
  return mkfifoat (self->parent, beside, 0600);
}

/* a link or a pipe */
static gboolean
fill_special (Fill *self, const char *name, const TholeTarEntry *entry, GError **error)
{
  int made;
  g_autofree char *beside = NULL;

  if (entry->kind == THOLE_TAR_LINK && entry->link[0] == '\0')
    return refuse (error, name, "a link to nothing");
  beside = make_beside (self, name, entry->kind == THOLE_TAR_LINK ? make_link : make_pipe, entry->link, &made, error);
  if (beside == NULL)
    return FALSE;
  if (fchownat (self->parent, beside, (uid_t) entry->uid, (gid_t) entry->gid, AT_SYMLINK_NOFOLLOW) < 0
      || (entry->kind == THOLE_TAR_PIPE && fchmodat (self->parent, beside, entry->mode, 0) < 0))
    {
      ctr_inside_fail (error, errno, name);
      unlinkat (self->parent, beside, 0);
      return FALSE;
    }
  set_time (self->parent, beside, entry->mtime, AT_SYMLINK_NOFOLLOW);
  return take_place (self, beside, name, error);
}

typedef struct
{
  int folder;
  const char *base;
} Other;

static int
make_other (Fill *self, const char *beside, gconstpointer data)
{
  const Other *other = data;

  return linkat (other->folder, other->base, self->parent, beside, 0);
}

/* One more name of what the archive has brought, or of what was there. */
static gboolean
fill_other_name (Fill *self, const char *name, const TholeTarEntry *entry, GError **error)
{
  g_autofree char *link = clean_name (entry->link), *parent = NULL, *beside = NULL;
  Other other = { .folder = -1 };
  int made;

  if ((entry->link_flags & THOLE_TAR_NAME_CLIMBS) != 0 || link[0] == '\0')
    return refuse (error, entry->name, "its other name leads out of the folder");
  other.base = base_of (link);
  parent = g_strndup (link, other.base > link ? (gsize) (other.base - link - 1) : 0);
  other.folder = ctr_inside_open (self->folder, parent, O_PATH | O_DIRECTORY, self->how);
  if (other.folder < 0)
    return ctr_inside_fail (error, errno == ENOENT ? EINVAL : errno, entry->name);
  beside = make_beside (self, name, make_other, &other, &made, error);
  close (other.folder);
  /* what the archive names is not there: it is the archive that is wrong */
  if (beside == NULL && error != NULL && g_error_matches (*error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    (*error)->code = THOLE_ERROR_INVALID;
  return beside != NULL && take_place (self, beside, name, error);
}

/* A folder that is there stays, also behind a link. */
static int
open_folder (Fill *self, const char *name)
{
  int fd = ctr_inside_open (self->folder, name, O_RDONLY | O_DIRECTORY, self->how);

  if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
    return fd;
  unlinkat (self->parent, base_of (name), 0);
  if (mkdirat (self->parent, base_of (name), 0700) < 0)
    return -1;
  return openat (self->parent, base_of (name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static gboolean
fill_folder (Fill *self, const char *name, const TholeTarEntry *entry, GError **error)
{
  int fd = open_folder (self, name);
  gboolean good;
  Late *late;

  if (fd < 0)
    return ctr_inside_fail (error, errno, name);
  good = dress (fd, entry, error);
  close (fd);
  if (!good)
    return FALSE;
  late = g_new (Late, 1);
  *late = (Late) { g_strdup (name), entry->mtime };
  g_queue_push_tail (&self->late, late);
  return TRUE;
}

/* what may be in a container */
static gboolean
check_entry (const TholeTarEntry *entry, const char *name, GError **error)
{
  if ((entry->name_flags & THOLE_TAR_NAME_CLIMBS) != 0)
    return refuse (error, entry->name, "its name leads out of the folder");
  if (entry->kind == THOLE_TAR_CHARACTER_DEVICE || entry->kind == THOLE_TAR_BLOCK_DEVICE)
    return refuse (error, entry->name, "devices are not taken");
  if (entry->kind == THOLE_TAR_OTHER)
    return refuse (error, entry->name, "it is of a kind that is not known");
  return name[0] != '\0' || entry->kind == THOLE_TAR_FOLDER || refuse (error, entry->name, "it has no name");
}

static gboolean
fill_entry (Fill *self, const TholeTarEntry *entry, GError **error)
{
  g_autofree char *name = clean_name (entry->name);

  if (!check_entry (entry, name, error))
    return FALSE;
  /* the folder itself stays as it is */
  if (name[0] == '\0')
    return TRUE;
  leave_folders (self, name);
  if (!enter_parent (self, name, error))
    return FALSE;
  if (entry->kind == THOLE_TAR_FILE)
    return fill_file (self, name, entry, error);
  /* it may take the place of a folder that is remembered */
  if (entry->kind == THOLE_TAR_FOLDER)
    {
      gboolean good = fill_folder (self, name, entry, error);

      forget_parent (self);
      return good;
    }
  if (!(entry->kind == THOLE_TAR_HARD_LINK ? fill_other_name : fill_special) (self, name, entry, error))
    return FALSE;
  forget_parent (self);
  return TRUE;
}

static gboolean
drain (CtrSource source, gpointer user_data, GError **error)
{
  guint8 rest[8192];
  gssize n;

  while ((n = source (user_data, rest, sizeof rest, error)) > 0)
    continue;
  return n == 0;
}

gboolean
ctr_tree_fill (int root, const char *path, CtrSource source, gpointer user_data, GError **error)
{
  Fill self = { .folder = ctr_inside_open (root, path, O_PATH | O_DIRECTORY, CTR_INSIDE_ROOT), .parent = -1, .late = G_QUEUE_INIT };
  const guint8 *part;
  TholeTarEvent event;
  gsize length;

  if (self.folder < 0)
    return ctr_inside_fail (error, errno, path);
  /* in the whole root a link leads where it does for the programs in there */
  self.how = path[strspn (path, "/")] == '\0' ? CTR_INSIDE_ROOT : CTR_INSIDE_BENEATH;
  self.source = source;
  self.user_data = user_data;
  self.tar = thole_tar_new ();
  self.piece = g_malloc (PIECE);
  while ((event = take_next (&self, &part, &length, error)) == THOLE_TAR_ENTRY)
    if (!fill_entry (&self, thole_tar_entry (self.tar), error))
      break;
  if (event == THOLE_TAR_END)
    leave_folders (&self, NULL);
  fill_clear (&self);
  return event == THOLE_TAR_END && drain (source, user_data, error);
}
