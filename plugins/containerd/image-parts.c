/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is pure about images: references, indexes, manifests, chains.
 */
#include <string.h>
#include <sys/utsname.h>

#include "digest.h"
#include "image.h"

#define DEFAULT_REGISTRY "docker.io"
#define ARCHIVE "archive:"

static void
layer_free (gpointer data)
{
  CtrLayer *self = data;

  g_free (self->media_type);
  g_free (self->digest);
  g_free (self);
}

CtrImage *
ctr_image_ref (CtrImage *self)
{
  return g_rc_box_acquire (self);
}

static void
image_clear (gpointer data)
{
  CtrImage *self = data;

  g_free (self->name);
  g_free (self->digest);
  g_free (self->config_digest);
  g_clear_pointer (&self->config, g_variant_unref);
  g_clear_pointer (&self->layers, g_ptr_array_unref);
  g_strfreev (self->diff_ids);
  g_free (self->chain);
}

void
ctr_image_unref (CtrImage *self)
{
  g_rc_box_release_full (self, image_clear);
}

/* references ------------------------------------------------------------------------------------------ */

static gboolean
is_host (const char *word)
{
  return strpbrk (word, ".:") != NULL || strcmp (word, "localhost") == 0;
}

static gboolean
is_legal (const char *reference)
{
  gsize legal = strspn (reference, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@[]");

  return reference[0] != '\0' && reference[legal] == '\0' && legal <= 512 && reference[0] != '/'
         && strstr (reference, "//") == NULL && strstr (reference, "..") == NULL && !g_str_has_suffix (reference, "/");
}

/* lower-case words, parted by slashes, each of which begins and ends with a letter or digit */
static gboolean
is_repository (const char *path)
{
  g_auto(GStrv) parts = g_strsplit (path, "/", -1);
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789";

  for (guint i = 0; parts[i] != NULL; i++)
    {
      gsize length = strlen (parts[i]);

      if (length == 0 || strchr (plain, parts[i][0]) == NULL || strchr (plain, parts[i][length - 1]) == NULL
          || strspn (parts[i], "abcdefghijklmnopqrstuvwxyz0123456789._-") != length)
        return FALSE;
    }
  return TRUE;
}

/* a tag or a digest */
static gboolean
is_version (const char *version)
{
  gsize length = strlen (version);

  return ctr_digest_valid (version) || (length > 0 && length <= 128 && version[0] != '.' && version[0] != '-' && strpbrk (version, ":/@[]") == NULL);
}

const char *
ctr_reference_archive (const char *reference)
{
  const char *name = g_str_has_prefix (reference, ARCHIVE) ? reference + strlen (ARCHIVE) : NULL;

  return name != NULL && g_str_has_suffix (name, ".tar") && strlen (name) > strlen (".tar") ? name : NULL;
}

char *
ctr_reference_parse (const char *reference, char **registry, char **repository, char **version, GError **error)
{
  g_autofree char *rest = NULL, *host = NULL, *path = NULL, *tag = NULL;
  const char *slash = strchr (reference, '/');
  char *mark;

  if (ctr_reference_archive (reference) != NULL && is_legal (reference))
    return g_strdup (reference);
  host = slash != NULL ? g_strndup (reference, slash - reference) : NULL;
  if (host == NULL || !is_host (host))
    {
      g_free (host);
      host = g_strdup (DEFAULT_REGISTRY);
      rest = g_strdup (reference);
    }
  else
    rest = g_strdup (slash + 1);
  mark = strchr (rest, '@');
  if (mark == NULL)
    {
      mark = strrchr (rest, ':');
      mark = mark != NULL && strchr (mark, '/') == NULL ? mark : NULL;
    }
  tag = g_strdup (mark != NULL ? mark + 1 : "latest");
  if (!is_legal (reference) || !is_version (tag) || (mark != NULL && *mark == '@' && !ctr_digest_valid (tag)))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not an image reference: \"%.200s\"", reference);
      return NULL;
    }
  if (mark != NULL)
    *mark = '\0';
  /* a tag beside a digest says nothing more */
  mark = strrchr (rest, ':');
  if (mark != NULL && strchr (mark, '/') == NULL)
    *mark = '\0';
  path = strcmp (host, DEFAULT_REGISTRY) == 0 && strchr (rest, '/') == NULL ? g_strconcat ("library/", rest, NULL) : g_strdup (rest);
  if (!is_repository (path))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not an image reference: \"%.200s\"", reference);
      return NULL;
    }
  g_free (rest);
  rest = g_strdup_printf ("%s/%s%c%s", host, path, ctr_digest_valid (tag) ? '@' : ':', tag);
  if (registry != NULL)
    *registry = g_steal_pointer (&host);
  if (repository != NULL)
    *repository = g_steal_pointer (&path);
  if (version != NULL)
    *version = g_steal_pointer (&tag);
  return g_steal_pointer (&rest);
}

/* documents ------------------------------------------------------------------------------------------- */

gboolean
ctr_is_index (GVariant *document)
{
  g_autoptr(GVariant) manifests = thole_dict_value (document, "manifests", "aa{sv}");

  return manifests != NULL;
}

const char *
ctr_architecture (void)
{
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__riscv)
  return "riscv64";
#elif defined(__arm__)
  return "arm";
#elif defined(__i386__)
  return "386";
#elif defined(__s390x__)
  return "s390x";
#elif defined(__powerpc64__)
  return "ppc64le";
#else
  return "";
#endif
}

char *
ctr_index_choose (GVariant *index, const char *architecture)
{
  g_autoptr(GVariant) manifests = thole_dict_value (index, "manifests", "aa{sv}");

  for (gsize i = 0; manifests != NULL && i < g_variant_n_children (manifests); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (manifests, i);
      g_autoptr(GVariant) platform = thole_dict_value (one, "platform", "a{sv}");
      const char *digest = thole_dict_string (one, "digest", "");

      /* without a platform it is for any */
      if (platform != NULL && (strcmp (thole_dict_string (platform, "os", "linux"), "linux") != 0
                               || strcmp (thole_dict_string (platform, "architecture", ""), architecture) != 0))
        continue;
      if (ctr_digest_valid (digest))
        return g_strdup (digest);
    }
  return NULL;
}

char *
ctr_image_chain (char *const *diff_ids, guint n)
{
  g_autofree char *chain = g_strdup (n > 0 ? diff_ids[0] : "");

  for (guint i = 1; i < n; i++)
    {
      g_autofree char *both = g_strdup_printf ("%s %s", chain, diff_ids[i]);

      g_free (chain);
      chain = ctr_digest_of (both, strlen (both));
    }
  return g_steal_pointer (&chain);
}

static gboolean
read_layers (CtrImage *self, GVariant *manifest)
{
  g_autoptr(GVariant) layers = thole_dict_value (manifest, "layers", "aa{sv}");
  gsize n = layers != NULL ? g_variant_n_children (layers) : 0;

  for (gsize i = 0; i < n && n <= CTR_LAYERS_MAX; i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (layers, i);
      CtrLayer *layer = g_new0 (CtrLayer, 1);

      layer->media_type = g_strdup (thole_dict_string (one, "mediaType", ""));
      layer->digest = g_strdup (thole_dict_string (one, "digest", ""));
      layer->size = thole_dict_int (one, "size", 0);
      g_ptr_array_add (self->layers, layer);
      /* no sum of them overflows */
      if (!ctr_digest_valid (layer->digest) || layer->size < 0 || layer->size > G_MAXINT64 / CTR_LAYERS_MAX)
        return FALSE;
      self->size += layer->size;
    }
  return n <= CTR_LAYERS_MAX && self->layers->len == g_strv_length (self->diff_ids);
}

CtrImage *
ctr_image_new (const char *name, const char *digest, GVariant *manifest, GVariant *config, GError **error)
{
  g_autoptr(CtrImage) self = g_rc_box_new0 (CtrImage);
  g_autoptr(GVariant) descriptor = thole_dict_value (manifest, "config", "a{sv}");
  g_autoptr(GVariant) rootfs = thole_dict_value (config, "rootfs", "a{sv}");
  gboolean whole = descriptor != NULL && rootfs != NULL;

  self->name = g_strdup (name);
  self->digest = g_strdup (digest);
  self->config_digest = g_strdup (descriptor != NULL ? thole_dict_string (descriptor, "digest", "") : "");
  self->config = g_variant_ref (config);
  self->layers = g_ptr_array_new_with_free_func (layer_free);
  self->diff_ids = rootfs != NULL ? thole_dict_strv (rootfs, "diff_ids") : g_new0 (char *, 1);
  for (guint i = 0; self->diff_ids[i] != NULL; i++)
    whole = whole && ctr_digest_valid (self->diff_ids[i]);
  if (!whole || !read_layers (self, manifest))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "the image %s is not one that can be run", name);
      return NULL;
    }
  self->chain = ctr_image_chain (self->diff_ids, self->layers->len);
  return g_steal_pointer (&self);
}

GVariant *
ctr_image_settings (const CtrImage *self)
{
  GVariant *settings = thole_dict_value (self->config, "config", "a{sv}");

  return settings != NULL ? settings : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

GVariant *
ctr_image_show (const CtrImage *self)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "id", "s", self->config_digest);
  g_variant_dict_insert_value (&out, "references", g_variant_new_strv ((const char *const[]){ self->name }, 1));
  g_variant_dict_insert_value (&out, "digests", g_variant_new_strv ((const char *const[]){ self->digest }, 1));
  g_variant_dict_insert (&out, "size", "x", self->size);
  g_variant_dict_insert (&out, "created_at", "x", thole_time_parse (thole_dict_string (self->config, "created", "")));
  g_variant_dict_insert (&out, "architecture", "s", thole_dict_string (self->config, "architecture", ""));
  return g_variant_ref_sink (g_variant_dict_end (&out));
}
