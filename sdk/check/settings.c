/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "settings.h"

#include <string.h>

#define DEADLINE 60

static const struct
{
  const char *name, *meaning, *script;
} programs[] = {
  { "forever", "runs until SIGTERM, then exits with 0", "trap 'exit 0' TERM; sleep 1000000 & wait" },
  { "stubborn", "prints `ready`, runs and ignores SIGTERM", "trap '' TERM; echo ready; while true; do sleep 1; done" },
  { "exit", "exits with the code %s", "exit %s" },
  { "signal", "ends by the signal %s (TERM, KILL)", "kill -%s $$; sleep 10" },
  { "speak", "prints `out` on stdout and `err` on stderr", "echo out; echo err >&2" },
  { "count", "prints 1 to %s, a line each", "seq 1 %s" },
  { "tick", "prints a line every 100 ms, for ever", "while true; do echo tick; sleep 0.1; done" },
  { "flood", "prints %s bytes", "head -c %s /dev/zero | tr '\\0' x" },
  { "cat", "copies its input to its output", "cat" },
  { "greet", "prints `begin`, then a line of input, then exits with 8", "echo begin; read line; echo \"$line\"; exit 8" },
  { "env", "prints the variable %s", "eval \"echo \\\"\\$%s\\\"\"" },
  { "write", "writes `kept` into the file %s", "echo kept >%s" },
  { "print", "prints the file %s", "cat %s" },
  { "size", "prints rows and columns of its terminal, once they are known",
    "i=0; while [ $i -lt 100 ]; do s=$(stty size 2>/dev/null); [ -n \"$s\" ] && [ \"$s\" != \"0 0\" ] && break; i=$((i + 1)); sleep 0.1; done; echo \"$s\"" },
};

const char *
kit_program_name (guint index, const char **meaning, const char **script)
{
  if (index >= G_N_ELEMENTS (programs))
    return NULL;
  *meaning = programs[index].meaning;
  *script = programs[index].script;
  return programs[index].name;
}

static char *
put_in (const char *text, const char *argument)
{
  g_auto(GStrv) parts = g_strsplit (text, "%s", -1);

  return g_strjoinv (argument != NULL ? argument : "", parts);
}

char **
kit_settings_program (const KitSettings *self, const char *name, const char *argument)
{
  const char *own = g_hash_table_lookup (self->programs, name);
  g_autofree char *text = NULL;
  char **words = NULL;

  if (own != NULL)
    {
      text = put_in (own, argument);
      return g_shell_parse_argv (text, NULL, &words, NULL) ? words : NULL;
    }
  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    if (strcmp (programs[i].name, name) == 0)
      {
        text = put_in (programs[i].script, argument);
        return g_strdupv ((char *[]) { "/bin/sh", "-c", text, NULL });
      }
  return NULL;
}

static gboolean
read_secret (KitSettings *self, const char *key, const char *path, GError **error)
{
  g_autofree char *name = g_strndup (key + strlen ("secret_"), strlen (key) - strlen ("secret__file"));
  char *text;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, error))
    return FALSE;
  if (length > 0 && text[length - 1] == '\n')
    length--;
  g_hash_table_replace (self->secrets, g_steal_pointer (&name), g_bytes_new_take (text, length));
  return TRUE;
}

static gboolean
read_key (KitSettings *self, GVariantDict *keys, const char *key, const char *text, GError **error)
{
  const TholeManifestKey *known = thole_manifest_key (self->manifest, key);
  const char *expected = known != NULL ? thole_manifest_key_check (known, text) : NULL;

  if (g_strv_contains ((const char *const[]) { "driver", "default", "require_isolation", NULL }, key))
    return TRUE;
  if (known == NULL && g_str_has_prefix (key, "secret_") && g_str_has_suffix (key, "_file")
      && strlen (key) > strlen ("secret__file"))
    return read_secret (self, key, text, error);
  if (known != NULL && expected == NULL)
    g_variant_dict_insert (keys, key, "s", text);
  else if (known != NULL)
    g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE, "%s is not %s", key, expected);
  else
    g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND, "the driver %s knows no key %s", self->manifest->id, key);
  return known != NULL && expected == NULL;
}

static gboolean
read_backend (KitSettings *self, GKeyFile *file, const char *group, GVariantDict *keys, GError **error)
{
  g_auto(GStrv) names = g_key_file_get_keys (file, group, NULL, NULL);

  g_free (self->name);
  self->name = g_strdup (group + strlen ("backend "));
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autofree char *text = g_key_file_get_string (file, group, names[i], error);

      if (text == NULL || !read_key (self, keys, names[i], text, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_check (KitSettings *self, GKeyFile *file, GError **error)
{
  g_auto(GStrv) names = g_key_file_get_keys (file, "check", NULL, NULL);

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autofree char *text = g_key_file_get_string (file, "check", names[i], error);
      struct { const char *name; char **to; } texts[]
        = { { "image", &self->image }, { "restart", &self->restart }, { "agent", &self->agent } };
      gboolean found = g_str_has_prefix (names[i], "program_");

      if (text == NULL)
        return FALSE;
      if (found)
        g_hash_table_replace (self->programs, g_strdup (names[i] + strlen ("program_")), g_strdup (text));
      for (guint j = 0; j < G_N_ELEMENTS (texts); j++)
        if (strcmp (names[i], texts[j].name) == 0)
          {
            g_free (*texts[j].to);
            *texts[j].to = g_strdup (text);
            found = TRUE;
          }
      if (!found)
        {
          g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND, "[check] has no key %s", names[i]);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
read_file (KitSettings *self, const char *path, GVariantDict *keys, GError **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_auto(GStrv) groups = NULL;
  guint backends = 0;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, error))
    return FALSE;
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    {
      gboolean backend = g_str_has_prefix (groups[i], "backend ");

      if (backend && ++backends == 1 && !read_backend (self, file, groups[i], keys, error))
        return FALSE;
      if ((!backend && strcmp (groups[i], "check") != 0) || backends > 1)
        {
          g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND,
                       "[%s]: there may be one section [backend NAME] and one [check]", groups[i]);
          return FALSE;
        }
    }
  return !g_key_file_has_group (file, "check") || read_check (self, file, error);
}

KitSettings *
kit_settings_new (const char *manifest, const char *config, GError **error)
{
  g_autoptr(KitSettings) self = g_new0 (KitSettings, 1);
  g_autofree char *path = g_canonicalize_filename (manifest, NULL);
  g_auto(GVariantDict) keys = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GError) fault = NULL;

  self->manifest = thole_manifest_read (path, &fault);
  self->name = g_strdup ("check");
  self->secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  self->programs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->image = g_strdup ("");
  self->restart = g_strdup ("");
  self->agent = g_strdup ("");
  self->deadline = DEADLINE;
  if (config != NULL && !read_file (self, config, &keys, error))
    {
      g_prefix_error (error, "%s: ", config);
      return NULL;
    }
  self->keys = g_variant_ref_sink (g_variant_dict_end (&keys));
  return g_steal_pointer (&self);
}

void
kit_settings_free (KitSettings *self)
{
  thole_manifest_free (self->manifest);
  g_clear_pointer (&self->keys, g_variant_unref);
  g_hash_table_unref (self->secrets);
  g_hash_table_unref (self->programs);
  g_free (self->name);
  g_free (self->image);
  g_free (self->restart);
  g_free (self->agent);
  g_free (self);
}
