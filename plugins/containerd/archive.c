/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "image.h"
#include "inside.h"
#include "thole-error.h"
#include "thole-tar.h"

#define SIZE_MAX_ALL ((gint64) 64 << 30)
#define ENTRIES_MAX 4096
#define NAME_MAX_KEPT 512 /* what has a longer name is no part of an image */
#define LINKS_MAX 4       /* one after the other */
#define INDEXES_MAX 2     /* the archive's own, and one that it names */
#define PIECE (512 * 1024)
#define HEAD 4096         /* what is read at once where headers are expected */
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"

/* A file of the archive, or a link to one. */
typedef struct
{
  gint64 offset, size;
  char *link;   /* (nullable): the name that it stands for */
  char *digest; /* (nullable): once it is known */
} Member;

struct _CtrArchive
{
  char *name;
  int fd;
  gint64 size;
  GHashTable *members; /* name -> Member */
  GHashTable *layers;  /* digest -> Member, of those in `members` */
  GBytes *manifest, *config;
  char *type;
};

static void
member_free (gpointer data)
{
  Member *self = data;

  g_free (self->link);
  g_free (self->digest);
  g_free (self);
}

CtrArchive *
ctr_archive_ref (CtrArchive *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
archive_clear (gpointer data)
{
  CtrArchive *self = data;

  if (self->fd >= 0)
    close (self->fd);
  g_hash_table_unref (self->layers);
  g_hash_table_unref (self->members);
  g_clear_pointer (&self->manifest, g_bytes_unref);
  g_clear_pointer (&self->config, g_bytes_unref);
  g_free (self->type);
  g_free (self->name);
}

void
ctr_archive_unref (CtrArchive *self)
{
  g_atomic_rc_box_release_full (self, archive_clear);
}

GBytes *
ctr_archive_manifest (const CtrArchive *self)
{
  return self->manifest;
}

const char *
ctr_archive_type (const CtrArchive *self)
{
  return self->type;
}

GBytes *
ctr_archive_config (const CtrArchive *self)
{
  return self->config;
}

static gboolean
refuse (const CtrArchive *self, GError **error, const char *why)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "the archive %s is not an image that can be taken: %s", self->name, why);
  return FALSE;
}

/* the file -------------------------------------------------------------------------------------------- */

/* Returns: how many bytes, 0 = the file's end, -1 = failed */
static gssize
read_at (CtrArchive *self, void *buffer, gsize size, gint64 at, GError **error)
{
  gssize n;

  do
    n = pread (self->fd, buffer, size, at);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the archive %s cannot be read: %s", self->name, g_strerror (errno));
  return n;
}

static gboolean
open_file (CtrArchive *self, const char *folder, GError **error)
{
  int at = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC), number = errno;
  struct stat about;

  if (at < 0)
    return ctr_inside_fail (error, number, "the folder of archives");
  /* a pipe may not be waited for, a terminal not become ours */
  self->fd = ctr_inside_open (at, self->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, CTR_INSIDE_NO_LINKS);
  number = errno;
  close (at);
  if (self->fd < 0 && number == ENOENT)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND, "no such archive: %s", self->name);
      return FALSE;
    }
  if (self->fd < 0)
    return ctr_inside_fail (error, number, self->name);
  if (fstat (self->fd, &about) < 0 || !S_ISREG (about.st_mode))
    return refuse (self, error, "it is no file");
  self->size = about.st_size;
  return self->size <= SIZE_MAX_ALL || refuse (self, error, "it is larger than 64 GiB");
}

/* what is in it --------------------------------------------------------------------------------------- */

/* A name as one in the archive, whatever it tries. Returns: (transfer full) */
static char *
plain_name (const char *name, const char *folder)
{
  g_autofree char *whole = g_canonicalize_filename (name, folder);

  return g_strdup (whole + 1);
}

static void
remember (CtrArchive *self, const TholeTarEntry *entry, gint64 offset)
{
  g_autofree char *name = NULL, *whole = NULL, *folder = NULL;
  Member *member;

  if (strlen (entry->name) > NAME_MAX_KEPT || (entry->kind != THOLE_TAR_FILE && entry->link == NULL)
      || (entry->link != NULL && strlen (entry->link) > NAME_MAX_KEPT))
    return;
  name = plain_name (entry->name, "/");
  whole = g_strconcat ("/", name, NULL);
  folder = g_path_get_dirname (whole);
  member = g_new0 (Member, 1);
  member->offset = offset;
  member->size = (gint64) entry->size;
  if (entry->link != NULL)
    member->link = plain_name (entry->link, entry->kind == THOLE_TAR_HARD_LINK ? "/" : folder);
  g_hash_table_replace (self->members, g_steal_pointer (&name), member);
}

typedef struct
{
  TholeTar *tar;
  gint64 at;          /* in the file, behind what was read */
  const guint8 *data; /* of that, what was not looked at */
  gsize length;
  guint entries;
} Walk;

/* Its content is gone over. */
static gboolean
walk_over (CtrArchive *self, Walk *walk, GError **error)
{
  const TholeTarEntry *entry = thole_tar_entry (walk->tar);
  gint64 offset = walk->at - (gint64) walk->length;
  guint64 ahead = entry->size - MIN (entry->size, walk->length);

  if (++walk->entries > ENTRIES_MAX)
    return refuse (self, error, "there are too many files in it");
  if (entry->size > (guint64) (self->size - offset))
    return refuse (self, error, "it ends in the middle");
  remember (self, entry, offset);
  if (ahead == 0)
    return TRUE;
  thole_tar_skip (walk->tar, entry->size);
  walk->at += (gint64) ahead;
  walk->length = 0;
  return TRUE;
}

/* Returns: how many bytes are there to be looked at, 0 = the file's end, -1 = failed */
static gssize
walk_read (CtrArchive *self, Walk *walk, guint8 *head, GCancellable *cancellable, GError **error)
{
  gssize n;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;
  /* nothing is looked at that was added since */
  n = read_at (self, head, (gsize) MIN (HEAD, self->size - walk->at), walk->at, error);
  walk->data = head;
  walk->length = (gsize) MAX (n, 0);
  walk->at += MAX (n, 0);
  return n;
}

static gboolean
find_members (CtrArchive *self, GCancellable *cancellable, GError **error)
{
  g_autoptr(TholeTar) tar = thole_tar_new ();
  Walk walk = { .tar = tar };
  guint8 head[HEAD];

  for (;;)
    {
      const guint8 *piece;
      gsize length;
      TholeTarEvent event = thole_tar_parse (tar, &walk.data, &walk.length, &piece, &length, error);
      gssize n = 1;

      if (event == THOLE_TAR_BAD || (event == THOLE_TAR_ENTRY && !walk_over (self, &walk, error)))
        return FALSE;
      if (event == THOLE_TAR_END)
        return TRUE;
      if (event == THOLE_TAR_MORE)
        n = walk_read (self, &walk, head, cancellable, error);
      if (n < 0)
        return FALSE;
      /* some programs write no end */
      if (n == 0)
        return thole_tar_state (tar) != THOLE_TAR_CUT || refuse (self, error, "it ends in the middle");
    }
}

/* Returns: (transfer none) (nullable) */
static Member *
find (const CtrArchive *self, const char *name)
{
  Member *member = g_hash_table_lookup (self->members, name);

  for (guint i = 0; i < LINKS_MAX && member != NULL && member->link != NULL; i++)
    member = g_hash_table_lookup (self->members, member->link);
  return member != NULL && member->link == NULL ? member : NULL;
}

static GBytes *
read_document (CtrArchive *self, const char *name, GError **error)
{
  g_autofree char *plain = plain_name (name, "/");
  Member *member = find (self, plain);
  g_autofree guint8 *data = NULL;
  gint64 have = 0;

  if (member == NULL || member->size > CTR_DOCUMENT_MAX)
    {
      refuse (self, error, member == NULL ? "a document is missing" : "a document is too large");
      return NULL;
    }
  data = g_malloc ((gsize) member->size + 1);
  while (have < member->size)
    {
      gssize n = read_at (self, data + have, (gsize) (member->size - have), member->offset + have, error);

      if (n <= 0)
        {
          if (n == 0)
            refuse (self, error, "it ends in the middle");
          return NULL;
        }
      have += n;
    }
  return g_bytes_new_take (g_steal_pointer (&data), (gsize) member->size);
}

/* @type: of the outermost value. Returns: (transfer full) (nullable) */
static GVariant *
parse (const CtrArchive *self, GBytes *bytes, const char *type, GError **error)
{
  g_autoptr(GVariant) json = NULL;

  if (bytes == NULL)
    return NULL;
  json = thole_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL);
  if (json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE (type)))
    return g_steal_pointer (&json);
  refuse (self, error, "a document is not what it should be");
  return NULL;
}

/* an OCI layout --------------------------------------------------------------------------------------- */

static char *
blob_name (const char *digest)
{
  return g_strconcat ("blobs/sha256/", digest + strlen ("sha256:"), NULL);
}

static GBytes *
read_blob (CtrArchive *self, const char *digest, GError **error)
{
  g_autofree char *name = ctr_digest_valid (digest) ? blob_name (digest) : NULL, *found = NULL;
  g_autoptr(GBytes) bytes = name != NULL ? read_document (self, name, error) : NULL;

  if (name == NULL)
    refuse (self, error, "a digest is none");
  if (bytes == NULL)
    return NULL;
  found = ctr_digest_of (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (strcmp (found, digest) == 0)
    return g_steal_pointer (&bytes);
  refuse (self, error, "a document has another digest than its name says");
  return NULL;
}

static gboolean
find_layers (CtrArchive *self, GVariant *manifest, GError **error)
{
  g_autoptr(GVariant) layers = thole_dict_value (manifest, "layers", "aa{sv}");
  gsize n = layers != NULL ? g_variant_n_children (layers) : 0;

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (layers, i);
      const char *digest = thole_dict_string (one, "digest", "");
      g_autofree char *name = ctr_digest_valid (digest) ? blob_name (digest) : NULL;
      Member *member = name != NULL ? find (self, name) : NULL;

      if (n > CTR_LAYERS_MAX || member == NULL || member->size != thole_dict_int (one, "size", -1))
        return refuse (self, error, n > CTR_LAYERS_MAX ? "too many layers" : "a layer is missing or has another size");
      g_hash_table_replace (self->layers, g_strdup (digest), member);
    }
  return TRUE;
}

/* Goes from the archive's index to the manifest. Returns: (transfer full) (nullable) */
static GVariant *
find_manifest (CtrArchive *self, const char *architecture, GError **error)
{
  g_autoptr(GBytes) bytes = read_document (self, "index.json", error);
  g_autoptr(GVariant) document = parse (self, bytes, "a{sv}", error);
  guint indexes = 0;

  while (document != NULL && ctr_is_index (document))
    {
      g_autofree char *chosen = ctr_index_choose (document, architecture);

      if (chosen == NULL || ++indexes > INDEXES_MAX)
        {
          g_set_error (error, THOLE_ERROR, chosen == NULL ? THOLE_ERROR_IMAGE_NOT_FOUND : THOLE_ERROR_INVALID,
                       chosen == NULL ? "the archive %s has no image for linux/%s" : "the archive %s has too many lists of images within each other for linux/%s",
                       self->name, architecture);
          return NULL;
        }
      g_clear_pointer (&bytes, g_bytes_unref);
      g_clear_pointer (&document, g_variant_unref);
      bytes = read_blob (self, chosen, error);
      document = parse (self, bytes, "a{sv}", error);
    }
  if (document != NULL)
    self->manifest = g_steal_pointer (&bytes);
  return g_steal_pointer (&document);
}

static gboolean
read_layout (CtrArchive *self, const char *architecture, GError **error)
{
  g_autoptr(GBytes) mark = read_document (self, "oci-layout", error);
  g_autoptr(GVariant) layout = parse (self, mark, "a{sv}", error), manifest = NULL, descriptor = NULL, config = NULL;

  if (layout == NULL)
    return FALSE;
  if (strcmp (thole_dict_string (layout, "imageLayoutVersion", ""), "1.0.0") != 0)
    return refuse (self, error, "its layout is of a version that is not known");
  manifest = find_manifest (self, architecture, error);
  if (manifest == NULL)
    return FALSE;
  descriptor = thole_dict_value (manifest, "config", "a{sv}");
  self->type = g_strdup (thole_dict_string (manifest, "mediaType", OCI_MANIFEST));
  if (descriptor == NULL)
    return refuse (self, error, "its manifest is of a kind that is not known");
  self->config = read_blob (self, thole_dict_string (descriptor, "digest", ""), error);
  config = parse (self, self->config, "a{sv}", error);
  return config != NULL && find_layers (self, manifest, error);
}

/* what `docker save` wrote ---------------------------------------------------------------------------- */

static gboolean
take_digest (CtrArchive *self, Member *member, GCancellable *cancellable, GError **error)
{
  g_autoptr(GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guint8 *piece = g_malloc (PIECE);

  for (gint64 have = 0; have < member->size;)
    {
      gssize n;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      n = read_at (self, piece, (gsize) MIN (PIECE, member->size - have), member->offset + have, error);
      if (n <= 0)
        return n < 0 ? FALSE : refuse (self, error, "it ends in the middle");
      g_checksum_update (sum, piece, n);
      have += n;
    }
  member->digest = g_strconcat ("sha256:", g_checksum_get_string (sum), NULL);
  return TRUE;
}

/* Adds the layer @name to the @manifest. */
static gboolean
add_layer (CtrArchive *self, const char *name, GString *manifest, GCancellable *cancellable, GError **error)
{
  g_autofree char *plain = plain_name (name, "/");
  Member *member = find (self, plain);
  guint8 magic[2] = { 0 };

  if (member == NULL)
    return refuse (self, error, "a layer is missing");
  /* several names may stand for one file */
  if (member->digest == NULL && !take_digest (self, member, cancellable, error))
    return FALSE;
  if (member->size >= (gint64) sizeof magic && read_at (self, magic, sizeof magic, member->offset, error) < 0)
    return FALSE;
  g_string_append_printf (manifest, "%s{\"mediaType\":\"" OCI_LAYER "%s\",\"digest\":\"%s\",\"size\":%" G_GINT64_FORMAT "}",
                          g_str_has_suffix (manifest->str, "[") ? "" : ",", magic[0] == 0x1f && magic[1] == 0x8b ? "+gzip" : "",
                          member->digest, member->size);
  g_hash_table_replace (self->layers, g_strdup (member->digest), member);
  return TRUE;
}

static gboolean
make_manifest (CtrArchive *self, char *const *layers, GCancellable *cancellable, GError **error)
{
  gsize length;
  const void *data = g_bytes_get_data (self->config, &length);
  g_autofree char *digest = ctr_digest_of (data, length);
  g_autoptr(GString) manifest = g_string_new (NULL);

  g_string_printf (manifest, "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST "\",\"config\":{\"mediaType\":\"" OCI_CONFIG
                   "\",\"digest\":\"%s\",\"size\":%" G_GSIZE_FORMAT "},\"layers\":[", digest, length);
  for (guint i = 0; layers[i] != NULL; i++)
    if (i == CTR_LAYERS_MAX || !add_layer (self, layers[i], manifest, cancellable, error))
      return i < CTR_LAYERS_MAX ? FALSE : refuse (self, error, "too many layers");
  g_string_append (manifest, "]}");
  self->type = g_strdup (OCI_MANIFEST);
  self->manifest = g_string_free_to_bytes (g_steal_pointer (&manifest));
  return TRUE;
}

static gboolean
read_saved (CtrArchive *self, const char *architecture, GCancellable *cancellable, GError **error)
{
  g_autoptr(GBytes) bytes = read_document (self, "manifest.json", error);
  g_autoptr(GVariant) list = parse (self, bytes, "av", error), boxed = NULL, first = NULL, config = NULL;
  g_auto(GStrv) layers = NULL;

  if (list == NULL)
    return FALSE;
  boxed = g_variant_n_children (list) > 0 ? g_variant_get_child_value (list, 0) : NULL;
  first = boxed != NULL ? g_variant_get_variant (boxed) : NULL;
  if (first == NULL || !g_variant_is_of_type (first, G_VARIANT_TYPE_VARDICT))
    return refuse (self, error, "there is no image in it");
  self->config = read_document (self, thole_dict_string (first, "Config", ""), error);
  config = parse (self, self->config, "a{sv}", error);
  if (config == NULL)
    return FALSE;
  if (strcmp (thole_dict_string (config, "architecture", architecture), architecture) != 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND, "the archive %s has no image for linux/%s", self->name, architecture);
      return FALSE;
    }
  layers = thole_dict_strv (first, "Layers");
  return make_manifest (self, layers, cancellable, error);
}

/* open ------------------------------------------------------------------------------------------------ */

typedef struct
{
  char *folder, *name, *architecture;
} Open;

static void
open_free (gpointer data)
{
  Open *self = data;

  g_free (self->folder);
  g_free (self->name);
  g_free (self->architecture);
  g_free (self);
}

static void
open_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Open *self = data;
  g_autoptr(CtrArchive) archive = g_atomic_rc_box_new0 (CtrArchive);
  GError *error = NULL;
  gboolean good;

  archive->name = g_strdup (self->name);
  archive->fd = -1;
  archive->members = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, member_free);
  archive->layers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  good = open_file (archive, self->folder, &error) && find_members (archive, cancellable, &error);
  /* newer engines save both in one, and the layout is the exacter one */
  if (good && find (archive, "oci-layout") != NULL)
    good = read_layout (archive, self->architecture, &error);
  else if (good)
    good = read_saved (archive, self->architecture, cancellable, &error);
  if (good)
    g_task_return_pointer (task, g_steal_pointer (&archive), (GDestroyNotify) ctr_archive_unref);
  else
    g_task_return_error (task, error);
}

void
ctr_archive_open_async (const char *folder, const char *name, const char *architecture, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Open *self = g_new0 (Open, 1);

  self->folder = g_strdup (folder);
  self->name = g_strdup (name);
  self->architecture = g_strdup (architecture);
  g_task_set_task_data (task, self, open_free);
  g_task_run_in_thread (task, open_in_thread);
}

CtrArchive *
ctr_archive_open_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* read ------------------------------------------------------------------------------------------------ */

typedef struct
{
  CtrArchive *archive;
  void *buffer;
  gsize size;
  gint64 at; /* in the file */
} Read;

static void
read_free (gpointer data)
{
  Read *self = data;

  ctr_archive_unref (self->archive);
  g_free (self);
}

static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Read *self = data;
  GError *error = NULL;
  gssize n = self->size > 0 ? read_at (self->archive, self->buffer, self->size, self->at, &error) : 0;

  if (n < 0)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, n);
}

void
ctr_archive_read_async (CtrArchive *self, const char *digest, gint64 at, void *buffer, gsize size, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Member *layer = g_hash_table_lookup (self->layers, digest);
  Read *read = g_new0 (Read, 1);

  read->archive = ctr_archive_ref (self);
  read->buffer = buffer;
  if (layer != NULL && at >= 0 && at < layer->size)
    {
      read->at = layer->offset + at;
      read->size = (gsize) MIN ((gint64) MIN (size, G_MAXINT), layer->size - at);
    }
  g_task_set_task_data (task, read, read_free);
  g_task_run_in_thread (task, read_in_thread);
}

gssize
ctr_archive_read_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}
