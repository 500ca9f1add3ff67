/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "inside.h"
#include "thole-error.h"
#include "thole-tar.h"

#define PIECE 65536
#define DEPTH_MAX 60 /* each is an open folder */
#define LINK_MAX_LENGTH 4096
#define MADE_UP_MAX (1024 * 1024) /* of what the kernel makes up, which has no size */

struct _CtrPack
{
  int item;          /* what is packed (O_PATH) */
  struct stat about;
  char *name;        /* as the archive names it */
  GByteArray *text;  /* (nullable): of a file that the kernel makes up */
};

typedef struct
{
  CtrSink sink;
  gpointer user_data;
  GString *name;      /* of the entry at hand */
  GByteArray *part;   /* of the archive, before and behind contents */
  DIR *folders[DEPTH_MAX];
  gsize lengths[DEPTH_MAX]; /* of their names */
  guint depth;
} Walk;

/* what to pack ---------------------------------------------------------------------------------------- */

static int
open_item (int root, const char *path)
{
  g_autofree char *whole = g_canonicalize_filename (path, "/"), *folder = g_path_get_dirname (whole), *base = g_path_get_basename (whole);
  gboolean follow = g_str_has_suffix (path, "/") || g_str_has_suffix (path, "/.");
  int parent, item;

  if (follow || strcmp (whole, "/") == 0)
    return ctr_inside_open (root, whole, O_PATH, CTR_INSIDE_ROOT);
  parent = ctr_inside_open (root, folder, O_PATH | O_DIRECTORY, CTR_INSIDE_ROOT);
  if (parent < 0)
    return -1;
  item = ctr_inside_open (parent, base, O_PATH | O_NOFOLLOW, CTR_INSIDE_BENEATH);
  close (parent);
  return item;
}

/* What the kernel makes up has no end, or no size. */
static gboolean
is_made_up (int item)
{
  struct statfs system;

  return fstatfs (item, &system) == 0
         && (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC || system.f_type == CGROUP_SUPER_MAGIC
             || system.f_type == CGROUP2_SUPER_MAGIC || system.f_type == DEVPTS_SUPER_MAGIC);
}

static int
open_content (int item)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", item);

  /* some that the kernel makes up wait for news */
  return open (path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

/* This thread's, until it gives them back: the kernel tells more to those who have some (its addresses, its log) than to a program in there. */
static gboolean
lay_down_capabilities (struct __user_cap_data_struct *had)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

  if (syscall (SYS_capget, &header, had) < 0)
    return FALSE;
  memcpy (none, had, sizeof none);
  for (guint i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
    none[i].effective = 0;
  return syscall (SYS_capset, &header, none) == 0;
}

static void
take_up_capabilities (const struct __user_cap_data_struct *had)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

  syscall (SYS_capset, &header, had);
}

static int
open_made_up (int item)
{
  struct __user_cap_data_struct had[_LINUX_CAPABILITY_U32S_3];
  int fd, number;

  if (!lay_down_capabilities (had))
    return -1;
  fd = open_content (item);
  number = errno;
  take_up_capabilities (had);
  errno = number;
  return fd;
}

/* Up to its end, or MADE_UP_MAX. Returns: (nullable): NULL with errno when it gives nothing */
static GByteArray *
read_made_up (int item)
{
  g_autoptr(GByteArray) text = g_byte_array_new ();
  g_autofree guint8 *piece = g_malloc (PIECE);
  int fd = open_made_up (item), number = errno;
  gssize n = fd < 0 ? -1 : 0;

  while (fd >= 0 && text->len < MADE_UP_MAX)
    {
      n = read (fd, piece, MIN (MADE_UP_MAX - text->len, PIECE));
      number = errno;
      if (n < 0 && number == EINTR)
        continue;
      if (n <= 0)
        break;
      g_byte_array_append (text, piece, (guint) n);
    }
  if (fd >= 0)
    close (fd);
  errno = number;
  return n < 0 && text->len == 0 ? NULL : g_steal_pointer (&text);
}

CtrPack *
ctr_pack_new (int root, const char *path, GError **error)
{
  g_autoptr(CtrPack) self = g_new0 (CtrPack, 1);
  g_autofree char *whole = g_canonicalize_filename (path, "/");

  self->name = strcmp (whole, "/") == 0 ? g_strdup (".") : g_path_get_basename (whole);
  self->item = open_item (root, path);
  if (self->item < 0 || fstat (self->item, &self->about) < 0)
    {
      /* what lies in no folder is not there */
      ctr_inside_fail (error, errno == ENOTDIR ? ENOENT : errno, path);
      return NULL;
    }
  if (S_ISREG (self->about.st_mode) && is_made_up (self->item) && (self->text = read_made_up (self->item)) == NULL)
    {
      ctr_inside_fail (error, errno, path);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
ctr_pack_free (CtrPack *self)
{
  if (self->item >= 0)
    close (self->item);
  g_clear_pointer (&self->text, g_byte_array_unref);
  g_free (self->name);
  g_free (self);
}

/* headers --------------------------------------------------------------------------------------------- */

static gboolean
put_part (Walk *self, GError **error)
{
  gboolean good = self->part->len == 0 || self->sink (self->user_data, self->part->data, self->part->len, error);

  g_byte_array_set_size (self->part, 0);
  return good;
}

static gboolean
put_padding (Walk *self, guint64 size, GError **error)
{
  thole_tar_append_padding (self->part, size);
  return put_part (self, error);
}

/* @link (nullable): of a link */
static gboolean
put_entry (Walk *self, TholeTarKind kind, gint64 size, const struct stat *about, const char *link, GError **error)
{
  gboolean device = kind == THOLE_TAR_CHARACTER_DEVICE || kind == THOLE_TAR_BLOCK_DEVICE;

  thole_tar_append_entry (self->part, &(TholeTarEntry) {
    .kind = kind,
    .name = self->name->str,
    .link = link,
    .mode = about->st_mode & 07777,
    .uid = about->st_uid,
    .gid = about->st_gid,
    .size = (guint64) size,
    .mtime = about->st_mtime,
    .major = device ? major (about->st_rdev) : 0,
    .minor = device ? minor (about->st_rdev) : 0,
  });
  return put_part (self, error);
}

/* entries --------------------------------------------------------------------------------------------- */

static gboolean
put_content (Walk *self, int fd, gint64 size, GError **error)
{
  g_autofree guint8 *piece = g_malloc (PIECE);
  gint64 left = size;

  while (left > 0)
    {
      gssize n = read (fd, piece, (gsize) MIN (left, PIECE));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return ctr_inside_fail (error, errno, self->name->str);
      /* it became shorter meanwhile: the rest of what was announced is zeros, as other programs do it */
      if (n == 0)
        memset (piece, 0, n = MIN (left, PIECE));
      if (!self->sink (self->user_data, piece, (gsize) n, error))
        return FALSE;
      left -= n;
    }
  return put_padding (self, (guint64) size, error);
}

static gboolean
put_text (Walk *self, const GByteArray *text, const struct stat *about, GError **error)
{
  return put_entry (self, THOLE_TAR_FILE, text->len, about, NULL, error)
         && (text->len == 0 || self->sink (self->user_data, text->data, text->len, error)) && put_padding (self, text->len, error);
}

static gboolean
pack_made_up (Walk *self, int item, const struct stat *about, GError **error)
{
  g_autoptr(GByteArray) text = read_made_up (item);

  /* among others, one that cannot be read is empty */
  return text != NULL ? put_text (self, text, about, error) : put_entry (self, THOLE_TAR_FILE, 0, about, NULL, error);
}

static gboolean
pack_file (Walk *self, int item, GError **error)
{
  int fd = open_content (item);
  struct stat about;
  gboolean good;

  if (fd < 0 || fstat (fd, &about) < 0)
    {
      ctr_inside_fail (error, errno, self->name->str);
      if (fd >= 0)
        close (fd);
      return FALSE;
    }
  good = put_entry (self, THOLE_TAR_FILE, about.st_size, &about, NULL, error) && put_content (self, fd, about.st_size, error);
  close (fd);
  return good;
}

static gboolean
pack_link (Walk *self, int item, const struct stat *about, GError **error)
{
  char link[LINK_MAX_LENGTH + 1];
  gssize n = readlinkat (item, "", link, LINK_MAX_LENGTH);

  if (n < 0)
    return ctr_inside_fail (error, errno, self->name->str);
  link[n] = '\0';
  return put_entry (self, THOLE_TAR_LINK, 0, about, link, error);
}

static gboolean
pack_folder (Walk *self, int item, const struct stat *about, GError **error)
{
  int fd;

  g_string_append_c (self->name, '/');
  if (!put_entry (self, THOLE_TAR_FOLDER, 0, about, NULL, error))
    return FALSE;
  if (self->depth > 0 && is_made_up (item))
    return TRUE;
  if (self->depth == DEPTH_MAX)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "more than %d folders within each other", DEPTH_MAX);
      return FALSE;
    }
  fd = openat (item, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  self->folders[self->depth] = fd >= 0 ? fdopendir (fd) : NULL;
  if (self->folders[self->depth] == NULL)
    {
      ctr_inside_fail (error, errno, self->name->str);
      if (fd >= 0)
        close (fd);
      return FALSE;
    }
  self->lengths[self->depth++] = self->name->len;
  return TRUE;
}

static gboolean
pack_item (Walk *self, int item, const struct stat *about, GError **error)
{
  switch (about->st_mode & S_IFMT)
    {
    case S_IFREG:
      return is_made_up (item) ? pack_made_up (self, item, about, error) : pack_file (self, item, error);
    case S_IFDIR:
      return pack_folder (self, item, about, error);
    case S_IFLNK:
      return pack_link (self, item, about, error);
    case S_IFCHR:
      return put_entry (self, THOLE_TAR_CHARACTER_DEVICE, 0, about, NULL, error);
    case S_IFBLK:
      return put_entry (self, THOLE_TAR_BLOCK_DEVICE, 0, about, NULL, error);
    case S_IFIFO:
      return put_entry (self, THOLE_TAR_PIPE, 0, about, NULL, error);
    default:
      return TRUE;
    }
}

/* The next one of the innermost folder, or out of that. */
static gboolean
walk_on (Walk *self, GError **error)
{
  DIR *folder = self->folders[self->depth - 1];
  struct dirent *found;
  struct stat about;
  gboolean good;
  int item;

  errno = 0;
  found = readdir (folder);
  if (found == NULL)
    {
      int number = errno;

      closedir (folder);
      self->depth--;
      return number == 0 || ctr_inside_fail (error, number, self->name->str);
    }
  if (strcmp (found->d_name, ".") == 0 || strcmp (found->d_name, "..") == 0)
    return TRUE;
  g_string_truncate (self->name, self->lengths[self->depth - 1]);
  g_string_append (self->name, found->d_name);
  item = openat (dirfd (folder), found->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  /* it has gone meanwhile */
  if (item < 0 && errno == ENOENT)
    return TRUE;
  if (item < 0 || fstat (item, &about) < 0)
    {
      ctr_inside_fail (error, errno, self->name->str);
      if (item >= 0)
        close (item);
      return FALSE;
    }
  good = pack_item (self, item, &about, error);
  close (item);
  return good;
}

gboolean
ctr_pack_run (CtrPack *self, CtrSink sink, gpointer user_data, GError **error)
{
  g_autofree Walk *walk = g_new0 (Walk, 1);
  g_autoptr(GByteArray) part = g_byte_array_new ();
  g_autoptr(GString) name = g_string_new (self->name);
  gboolean good;

  walk->sink = sink;
  walk->user_data = user_data;
  walk->name = name;
  walk->part = part;
  good = self->text != NULL ? put_text (walk, self->text, &self->about, error) : pack_item (walk, self->item, &self->about, error);
  while (good && walk->depth > 0)
    good = walk_on (walk, error);
  while (walk->depth > 0)
    closedir (walk->folders[--walk->depth]);
  thole_tar_append_end (part);
  return good && put_part (walk, error);
}
