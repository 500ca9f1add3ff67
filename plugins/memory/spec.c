/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "spec.h"

#include <string.h>

#include "health.h"
#include "thole-dict.h"
#include "thole-error.h"
#include "workload.h"

GVariant *
mem_dict_strings (GVariant *dict, const char *key)
{
  g_autoptr (GVariant) strings = thole_dict_value (dict, key, "a{ss}");
  g_autoptr (GVariant) values = strings == NULL ? thole_dict_value (dict, key, "a{sv}") : NULL;
  GVariantBuilder builder;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  if (strings != NULL && g_variant_n_children (strings) > 0)
    return g_steal_pointer (&strings);
  if (values == NULL || g_variant_n_children (values) == 0)
    return NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  g_variant_iter_init (&iter, values);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
      g_variant_builder_add (&builder, "{ss}", name, g_variant_get_string (value, NULL));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static gboolean
check_options (GVariant *spec, GError **error)
{
  g_autoptr (GVariant) options = thole_dict_value (spec, "backend_options", "a{sv}");
  GVariantIter iter;
  const char *key;

  if (options == NULL)
    return TRUE;
  g_variant_iter_init (&iter, options);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, NULL))
    if (strcmp (key, "faults") != 0)
      {
        g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "backend_options: unknown key %s", key);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_mounts (MemWorld *world, GVariant *spec, GError **error)
{
  g_autoptr (GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  gsize count = mounts != NULL ? g_variant_n_children (mounts) : 0;

  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) mount = g_variant_get_child_value (mounts, i);
      const char *volume = thole_dict_string (mount, "volume", "");

      if (*volume != '\0' && mem_world_volume (world, volume) == NULL)
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "no such volume: %s", volume);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
mem_spec_check (MemWorld *world, GVariant *spec, GError **error)
{
  const char *image = thole_dict_string (spec, "image", "");

  if (!mem_spec_check_values (spec, error) || !check_options (spec, error) || !check_mounts (world, spec, error))
    return FALSE;
  if (*image == '\0' || mem_world_image (world, image) != NULL)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND, "no such image: %s", image);
  return FALSE;
}

static char *
intern (const char *text)
{
  return *text != '\0' ? g_ref_string_new_intern (text) : NULL;
}

static void
apply_words (MemWorkload *self, GVariant *spec)
{
  g_auto (GStrv) command = thole_dict_strv (spec, "command");
  g_auto (GStrv) args = thole_dict_strv (spec, "args");
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();

  if (command[0] == NULL && args[0] == NULL)
    return;
  g_strv_builder_addv (words, (const char **) command);
  g_strv_builder_addv (words, (const char **) args);
  self->words = g_strv_builder_end (words);
}

static guint8
transport_number (const char *name)
{
  for (guint8 i = 0; mem_transports[i] != NULL; i++)
    if (strcmp (mem_transports[i], name) == 0)
      return i;
  return 0;
}

static void
apply_ports (MemWorkload *self, GVariant *spec)
{
  g_autoptr (GVariant) ports = thole_dict_value (spec, "ports", "aa{sv}");
  gsize count = ports != NULL ? g_variant_n_children (ports) : 0;

  if (count == 0)
    return;
  self->ports = g_array_sized_new (FALSE, FALSE, sizeof (MemPort), (guint) count);
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) dict = g_variant_get_child_value (ports, i);
      MemPort port = {
        .container = (guint16) thole_dict_int (dict, "container", 0),
        .host = (guint16) thole_dict_int (dict, "host", 0),
        .transport = transport_number (thole_dict_string (dict, "protocol", "tcp")),
        .address = intern (thole_dict_string (dict, "address", "")),
      };

      g_array_append_val (self->ports, port);
    }
}

static void
apply_mounts (MemWorkload *self, GVariant *spec)
{
  g_autoptr (GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  gsize count = mounts != NULL ? g_variant_n_children (mounts) : 0;

  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) mount = g_variant_get_child_value (mounts, i);
      MemVolume *volume = mem_world_volume (self->world, thole_dict_string (mount, "volume", ""));

      if (volume != NULL)
        volume->users++;
    }
  if (count > 0)
    self->mounts = g_steal_pointer (&mounts);
}

static void
release_mounts (MemWorkload *self)
{
  gsize count = self->mounts != NULL ? g_variant_n_children (self->mounts) : 0;

  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) mount = g_variant_get_child_value (self->mounts, i);
      MemVolume *volume = mem_world_volume (self->world, thole_dict_string (mount, "volume", ""));

      if (volume != NULL && volume->users > 0)
        volume->users--;
    }
  g_clear_pointer (&self->mounts, g_variant_unref);
}

void
mem_spec_apply (MemWorkload *self, GVariant *spec)
{
  g_autoptr (GVariant) resources = thole_dict_value (spec, "resources", "a{sv}");

  self->name = g_strdup (thole_dict_string (spec, "name", ""));
  self->image = intern (thole_dict_string (spec, "image", ""));
  self->user = intern (thole_dict_string (spec, "user", ""));
  self->working_dir = intern (thole_dict_string (spec, "working_dir", ""));
  self->env = mem_dict_strings (spec, "env");
  self->health = mem_health_new (spec);
  self->install = strcmp (thole_dict_string (spec, "role", "main"), "install") == 0;
  self->tty = thole_dict_boolean (spec, "tty", FALSE);
  self->stdin_open = thole_dict_boolean (spec, "stdin", FALSE);
  self->no_network = strcmp (thole_dict_string (spec, "network", "default"), "none") == 0;
  self->host_network = strcmp (thole_dict_string (spec, "network", "default"), "host") == 0;
  if (resources != NULL)
    self->memory_limit = thole_dict_int (resources, "memory", 0);
  apply_words (self, spec);
  apply_ports (self, spec);
  apply_mounts (self, spec);
}

void
mem_spec_write_files (MemWorkload *self, GVariant *spec, gint64 now)
{
  g_autoptr (GVariant) files = thole_dict_value (spec, "files", "aa{sv}");
  gsize count = files != NULL ? g_variant_n_children (files) : 0;

  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) file = g_variant_get_child_value (files, i);
      g_autoptr (GVariant) content = thole_dict_value (file, "content", "ay");
      g_autoptr (GBytes) bytes = content != NULL ? g_variant_get_data_as_bytes (content) : g_bytes_new (NULL, 0);

      mem_workload_write (self, thole_dict_string (file, "path", "/"), bytes,
                          (guint) thole_dict_int (file, "mode", 0644), now, NULL);
    }
}

void
mem_spec_clear (MemWorkload *self)
{
  release_mounts (self);
  for (guint i = 0; self->ports != NULL && i < self->ports->len; i++)
    g_clear_pointer (&g_array_index (self->ports, MemPort, i).address, g_ref_string_release);
  g_clear_pointer (&self->ports, g_array_unref);
  g_clear_pointer (&self->env, g_variant_unref);
  g_clear_pointer (&self->words, g_strfreev);
  g_clear_pointer (&self->image, g_ref_string_release);
  g_clear_pointer (&self->user, g_ref_string_release);
  g_clear_pointer (&self->working_dir, g_ref_string_release);
  g_clear_pointer (&self->name, g_free);
}
