/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The spec of a workload as it goes to the driver: without what is the core's alone, with the daemon's defaults.
 */
#include "operations/secret.h"
#include "operations/step.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

static void
put_resources (GVariantDict *out, GVariant *spec, const TholeLimits *limits)
{
  g_autoptr (GVariant) asked = thole_dict_value (spec, "resources", "a{sv}");
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  GVariant *from = asked != NULL ? asked : none;
  double cpu = thole_dict_double (from, "cpu", 0);
  gint64 memory = thole_dict_int (from, "memory", 0);
  gint64 pids = thole_dict_int (from, "pids", 0);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "cpu", "d", cpu > 0 ? cpu : limits->cpu);
  g_variant_dict_insert (&dict, "memory", "x", memory > 0 ? memory : limits->memory);
  g_variant_dict_insert (&dict, "pids", "x", pids > 0 ? pids : limits->pids);
  g_variant_dict_insert (&dict, "disk", "x", thole_dict_int (from, "disk", 0));
  g_variant_dict_insert_value (out, "resources", g_variant_dict_end (&dict));
}

static GVariant *
file_for_driver (GVariant *file)
{
  const char *base64 = thole_dict_string (file, "content_base64", "");
  const char *text = thole_dict_string (file, "content", "");
  g_autofree guchar *decoded = NULL;
  gsize length = strlen (text);
  GVariantDict dict;

  if (base64[0] != '\0')
    decoded = g_base64_decode (base64, &length);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "path", "s", thole_dict_string (file, "path", ""));
  g_variant_dict_insert (&dict, "mode", "x", thole_dict_int (file, "mode", 0644));
  g_variant_dict_insert_value (&dict, "content",
                               g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, decoded != NULL ? (gconstpointer) decoded : text,
                                                          length, 1));
  return g_variant_dict_end (&dict);
}

static void
put_files (GVariantDict *out, GVariant *spec)
{
  g_autoptr (GVariant) files = thole_dict_value (spec, "files", "aa{sv}");
  GVariantBuilder builder;

  if (files == NULL)
    return;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (files); i++)
    {
      g_autoptr (GVariant) file = g_variant_get_child_value (files, i);

      g_variant_builder_add_value (&builder, file_for_driver (file));
    }
  g_variant_dict_insert_value (out, "files", g_variant_builder_end (&builder));
}

static void
put_labels (GVariantDict *out, const TholeWorkload *now)
{
  g_autoptr (GVariant) parsed = now->labels != NULL ? thole_json_parse (now->labels, strlen (now->labels), NULL) : NULL;
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  if (parsed != NULL && g_variant_is_of_type (parsed, G_VARIANT_TYPE_VARDICT))
    {
      g_variant_iter_init (&iter, parsed);
      while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
        if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
          g_variant_builder_add (&builder, "{ss}", key, g_variant_get_string (value, NULL));
    }
  g_variant_dict_insert_value (out, "labels", g_variant_builder_end (&builder));
}

/* names of volumes are their owner's own: at the engine a volume has an id made of both */
char *
thole_volume_id (const char *owner, const char *name)
{
  g_autofree char *scope = g_strconcat (owner, "/", name, NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, scope, -1);

  return g_strdup_printf ("vol-%.20s", hash);
}

static void
put_mounts (GVariantDict *out, GVariant *spec, const char *owner)
{
  g_autoptr (GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  GVariantBuilder builder;

  if (mounts == NULL)
    return;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (mounts); i++)
    {
      g_autoptr (GVariant) mount = g_variant_get_child_value (mounts, i);
      const char *name = thole_dict_string (mount, "volume", "");
      g_autofree char *id = name[0] != '\0' ? thole_volume_id (owner, name) : NULL;
      GVariantDict dict;

      g_variant_dict_init (&dict, mount);
      if (id != NULL)
        {
          g_variant_dict_insert (&dict, "volume", "s", id);
          g_variant_dict_insert (&dict, "volume_name", "s", name);
        }
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  g_variant_dict_insert_value (out, "mounts", g_variant_builder_end (&builder));
}

/* the install step runs instead of the program, beside the same mounts and environment */
static void
put_install (GVariantDict *out, GVariant *spec)
{
  g_autoptr (GVariant) install = thole_dict_value (spec, "install", "a{sv}");
  const char *const *nothing = (const char *const[]) { NULL };
  const char *image;
  g_auto (GStrv) command = NULL;

  if (install == NULL)
    return;
  image = thole_dict_string (install, "image", "");
  command = thole_dict_strv (install, "command");
  if (image[0] != '\0')
    g_variant_dict_insert (out, "image", "s", image);
  g_variant_dict_insert (out, "command", "^as", command);
  g_variant_dict_insert (out, "args", "^as", nothing);
  g_variant_dict_insert (out, "tty", "b", FALSE);
  g_variant_dict_insert (out, "stdin", "b", FALSE);
  g_variant_dict_insert (out, "role", "s", "install");
  g_variant_dict_remove (out, "ports");
  g_variant_dict_remove (out, "health");
}

GVariant *
thole_step_spec (TholeSubject *subject, gboolean install)
{
  static const char *const ours[] = { "install", "pull", "ttl", "idle_timeout", "helper" };
  GVariant *spec = thole_subject_spec (subject);
  g_autoptr (GVariant) health = thole_dict_value (spec, "health", "a{sv}");
  g_autofree char *name = g_strconcat (subject->now->name, install ? "-install" : "", NULL);
  g_autoptr (GVariant) open_spec = NULL;
  GVariantDict out;

  g_variant_dict_init (&out, spec);
  thole_secrets_hide (&out, spec);
  open_spec = g_variant_ref_sink (g_variant_dict_end (&out));
  g_variant_dict_init (&out, open_spec);
  for (guint i = 0; i < G_N_ELEMENTS (ours); i++)
    g_variant_dict_remove (&out, ours[i]);
  if (health != NULL)
    {
      g_auto (GStrv) command = thole_dict_strv (health, "command");

      if (command[0] == NULL)
        g_variant_dict_remove (&out, "health");
    }
  g_variant_dict_insert (&out, "name", "s", name);
  g_variant_dict_insert (&out, "role", "s", "main");
  put_labels (&out, subject->now);
  put_resources (&out, spec, &subject->operations->limits);
  put_files (&out, open_spec);
  put_mounts (&out, spec, subject->now->owner);
  if (install)
    put_install (&out, spec);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}
