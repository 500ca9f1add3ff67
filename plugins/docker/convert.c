/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "convert.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-error.h"

char *
docker_object_name (const char *instance, const char *id)
{
  g_autofree char *clean = g_strdup (id);

  g_strcanon (clean, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", '-');
  if (strcmp (clean, id) != 0 || strlen (clean) > 128)
    {
      /* the engine's names allow less than an id does: keep them distinct */
      g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, id, -1);

      return g_strdup_printf ("thole-%.8s-%.100s-%.16s", instance, clean, digest);
    }
  return g_strdup_printf ("thole-%.8s-%s", instance, clean);
}

gboolean
docker_labels_match (GVariant *labels, const char *instance, const char *id)
{
  const char *of = labels != NULL ? thole_dict_string (labels, DOCKER_LABEL_ID, "") : "";

  return of[0] != '\0' && strcmp (thole_dict_string (labels, DOCKER_LABEL_INSTANCE, ""), instance) == 0
         && (id == NULL || strcmp (of, id) == 0);
}

GVariant *
docker_labels_make (GVariant *labels, const char *instance, const char *id, const char *role, const char *name)
{
  g_auto(GVariantDict) all = G_VARIANT_DICT_INIT (NULL);
  GVariantIter iter;
  const char *key, *value;

  if (labels != NULL)
    {
      g_variant_iter_init (&iter, labels);
      while (g_variant_iter_next (&iter, "{&s&s}", &key, &value))
        g_variant_dict_insert (&all, key, "s", value);
    }
  g_variant_dict_insert (&all, DOCKER_LABEL_ID, "s", id);
  g_variant_dict_insert (&all, DOCKER_LABEL_INSTANCE, "s", instance);
  if (role != NULL)
    g_variant_dict_insert (&all, DOCKER_LABEL_ROLE, "s", role);
  if (name != NULL && name[0] != '\0')
    g_variant_dict_insert (&all, DOCKER_LABEL_NAME, "s", name);
  return g_variant_dict_end (&all);
}

/* A reference ends in :TAG or @DIGEST; a colon before the last slash belongs to the host's port. */
static gboolean
split_version (const char *reference, char **repository, char **version)
{
  const char *at = strchr (reference, '@');
  const char *slash = strrchr (reference, '/');
  const char *colon = strchr (slash != NULL ? slash : reference, ':');

  if (at != NULL)
    {
      /* a digest beside a tag wins */
      gsize length = colon != NULL && colon < at ? colon - reference : at - reference;

      *repository = g_strndup (reference, length);
      *version = g_strdup (at + 1);
    }
  else if (colon != NULL)
    {
      *repository = g_strndup (reference, colon - reference);
      *version = g_strdup (colon + 1);
    }
  else
    {
      *repository = g_strdup (reference);
      *version = g_strdup ("latest");
    }
  return (*repository)[0] != '\0' && (*version)[0] != '\0';
}

gboolean
docker_reference_parse (const char *reference, char **repository, char **version, char **registry, GError **error)
{
  g_autofree char *name = NULL, *tag = NULL, *host = NULL;
  const char *slash;
  gsize legal = strspn (reference, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@[]");

  if (reference[legal] != '\0' || legal > 512 || !split_version (reference, &name, &tag) || name[0] == '/'
      || g_str_has_suffix (name, "/") || strstr (name, "//") != NULL || strstr (name, "..") != NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not an image reference: \"%.200s\"", reference);
      return FALSE;
    }
  slash = strchr (name, '/');
  host = slash != NULL ? g_strndup (name, slash - name) : NULL;
  /* a first part is a host only when it looks like one */
  if (host == NULL || (strpbrk (host, ".:") == NULL && strcmp (host, "localhost") != 0))
    {
      g_free (host);
      host = g_strdup ("docker.io");
    }
  *repository = g_steal_pointer (&name);
  *version = g_steal_pointer (&tag);
  *registry = g_steal_pointer (&host);
  return TRUE;
}
