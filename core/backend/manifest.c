/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/manifest.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "backend/tables.h"
#include "model/schema.h"

#define GROUP "Plugin"
#define MAX_BYTES 65536
#define MAX_ID 64
#define MAX_WORDS 256

static const struct
{
  const char *word, *expects;
} kinds[] = {
  [THOLE_MANIFEST_STRING] = { "string", "text" },
  [THOLE_MANIFEST_PATH] = { "path", "an absolute path" },
  [THOLE_MANIFEST_BOOL] = { "bool", "true or false" },
  [THOLE_MANIFEST_INT] = { "int", "a whole number" },
  [THOLE_MANIFEST_NUMBER] = { "number", "a number" },
  [THOLE_MANIFEST_SIZE] = { "size", "a size such as 512MiB" },
};

static void G_GNUC_PRINTF (2, 3)
add_fault (GString *faults, const char *format, ...)
{
  va_list arguments;

  if (faults->len > 0)
    g_string_append (faults, "; ");
  va_start (arguments, format);
  g_string_append_vprintf (faults, format, arguments);
  va_end (arguments);
}

static gboolean
is_identifier (const char *text)
{
  if (!g_ascii_isalpha (text[0]) && text[0] != '_')
    return FALSE;
  return strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen (text);
}

static char **
read_words (GKeyFile *file, const char *key, GString *faults)
{
  g_autoptr(GError) error = NULL;
  gsize count = 0;
  g_auto(GStrv) words = g_key_file_get_string_list (file, GROUP, key, &count, &error);

  if (count > MAX_WORDS)
    {
      add_fault (faults, "%s has more than %d words", key, MAX_WORDS);
      return g_new0 (char *, 1);
    }
  for (gsize i = 0; i < count; i++)
    g_strstrip (words[i]);
  if (error != NULL && !g_error_matches (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND))
    add_fault (faults, "%s cannot be read: %s", key, error->message);
  return words != NULL ? g_steal_pointer (&words) : g_new0 (char *, 1);
}

static gboolean
read_boolean (GKeyFile *file, const char *key, GString *faults)
{
  g_autofree char *text = g_key_file_get_string (file, GROUP, key, NULL);

  if (text == NULL || strcmp (g_strstrip (text), "false") == 0)
    return FALSE;
  if (strcmp (text, "true") != 0)
    add_fault (faults, "%s is \"%s\", not true or false", key, text);
  return strcmp (text, "true") == 0;
}

static void
read_id (TholeManifest *self, GKeyFile *file, GString *faults)
{
  g_autofree char *id = g_key_file_get_string (file, GROUP, "Id", NULL);

  if (id == NULL)
    add_fault (faults, "it has no Id");
  else if (!is_identifier (g_strstrip (id)) || strlen (id) > MAX_ID)
    add_fault (faults, "its Id is not a C identifier of at most %d letters", MAX_ID);
  else
    {
      g_free (self->id);
      self->id = g_steal_pointer (&id);
    }
}

static void
read_abi (TholeManifest *self, GKeyFile *file, GString *faults)
{
  g_autofree char *text = g_key_file_get_string (file, GROUP, "Abi", NULL);

  if (text == NULL)
    add_fault (faults, "it has no Abi");
  else if (!g_ascii_string_to_signed (g_strstrip (text), 10, 0, G_MAXUINT32, &self->abi, NULL))
    add_fault (faults, "its Abi is not a number");
}

static void
read_module (TholeManifest *self, GKeyFile *file, GString *faults)
{
  g_autofree char *name = g_key_file_get_string (file, GROUP, "Module", NULL);
  g_autofree char *folder = g_path_get_dirname (self->path);

  if (name == NULL)
    add_fault (faults, "it has no Module");
  else if (g_strstrip (name)[0] == '\0' || name[0] == '.' || strchr (name, '/') != NULL)
    add_fault (faults, "its Module is not the name of a file beside it");
  else
    self->module = g_build_filename (folder, name, NULL);
}

static void
read_interfaces (TholeManifest *self, GKeyFile *file, GString *faults)
{
  gboolean known = FALSE;

  g_strfreev (self->interfaces);
  self->interfaces = read_words (file, "Interfaces", faults);
  for (char **word = self->interfaces; *word != NULL; word++)
    known = known || thole_table_find (*word) >= 0;
  if (self->interfaces[0] == NULL)
    add_fault (faults, "it has no Interfaces");
  else if (!known)
    add_fault (faults, "none of its Interfaces is known to this daemon");
}

static void
add_key (TholeManifest *self, const char *word, GString *faults)
{
  const char *colon = strchr (word, ':');
  TholeManifestKey key = { .kind = THOLE_MANIFEST_STRING };
  guint kind = THOLE_MANIFEST_STRING;

  if (colon != NULL)
    for (kind = 0; kind < G_N_ELEMENTS (kinds) && strcmp (kinds[kind].word, colon + 1) != 0; kind++)
      ;
  if (kind == G_N_ELEMENTS (kinds))
    {
      add_fault (faults, "its ConfigKeys has \"%s\", whose kind is unknown", word);
      return;
    }
  key.kind = kind;
  key.name = colon != NULL ? g_strndup (word, colon - word) : g_strdup (word);
  if (!is_identifier (key.name))
    add_fault (faults, "its ConfigKeys has \"%s\", which is not a name", word);
  g_array_append_val (self->keys, key);
}

static void
read_keys (TholeManifest *self, GKeyFile *file, GString *faults)
{
  g_auto(GStrv) words = read_words (file, "ConfigKeys", faults);

  for (char **word = words; *word != NULL; word++)
    add_key (self, *word, faults);
}

static void
read_isolation (TholeManifest *self, GKeyFile *file, GString *faults)
{
  g_autofree char *text = g_key_file_get_string (file, GROUP, "Isolation", NULL);

  if (text == NULL || strcmp (g_strstrip (text), "in-process") == 0)
    return;
  self->process = strcmp (text, "process") == 0;
  if (!self->process)
    add_fault (faults, "its Isolation is \"%s\", not in-process or process", text);
}

static void
read_needs (TholeManifest *self, GKeyFile *file, GString *faults)
{
  g_strfreev (self->needs);
  self->needs = read_words (file, "Needs", faults);
  for (char **word = self->needs; *word != NULL; word++)
    if (strchr (*word, '/') != NULL || strstr (*word, ".so") == NULL)
      add_fault (faults, "its Needs has \"%s\", which is not the name of a library", *word);
}

static void
check_key_names (GKeyFile *file, GString *faults)
{
  static const char *const known[] = { "Id", "Abi", "Module", "Interfaces", "Needs", "ConfigKeys", "Isolation",
                                       "Disabled", "Name", "Description", NULL };
  g_auto(GStrv) keys = g_key_file_get_keys (file, GROUP, NULL, NULL);

  for (char **key = keys; key != NULL && *key != NULL; key++)
    if (!g_strv_contains (known, *key) && !g_str_has_prefix (*key, "X-"))
      add_fault (faults, "it has the unknown key %s", *key);
}

static GKeyFile *
load_file (const char *path, GString *faults)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &text, &length, &error))
    add_fault (faults, "it cannot be read: %s", error->message);
  else if (length > MAX_BYTES)
    add_fault (faults, "it is longer than %d bytes", MAX_BYTES);
  else if (!g_utf8_validate (text, length, NULL))
    add_fault (faults, "it is not UTF-8");
  else if (!g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, &error))
    add_fault (faults, "it is not a key file: %s", error->message);
  else if (!g_key_file_has_group (file, GROUP))
    add_fault (faults, "it has no section [" GROUP "]");
  else
    return g_steal_pointer (&file);
  return NULL;
}

static void
clear_key (gpointer data)
{
  g_free (((TholeManifestKey *) data)->name);
}

TholeManifest *
thole_manifest_unread (const char *path)
{
  TholeManifest *self = g_new0 (TholeManifest, 1);
  g_autofree char *name = g_path_get_basename (path);

  self->path = g_strdup (path);
  self->id = g_str_has_suffix (name, ".plugin") ? g_strndup (name, strlen (name) - 7) : g_strdup (name);
  self->keys = g_array_new (FALSE, FALSE, sizeof (TholeManifestKey));
  g_array_set_clear_func (self->keys, clear_key);
  self->interfaces = g_new0 (char *, 1);
  self->needs = g_new0 (char *, 1);
  return self;
}

TholeManifest *
thole_manifest_read (const char *path, GError **fault)
{
  TholeManifest *self = thole_manifest_unread (path);
  g_autoptr(GString) faults = g_string_new (NULL);
  g_autoptr(GKeyFile) file = load_file (path, faults);

  if (file != NULL)
    {
      read_id (self, file, faults);
      read_abi (self, file, faults);
      read_module (self, file, faults);
      read_interfaces (self, file, faults);
      read_needs (self, file, faults);
      read_keys (self, file, faults);
      read_isolation (self, file, faults);
      self->disabled = read_boolean (file, "Disabled", faults);
      check_key_names (file, faults);
    }
  if (faults->len > 0)
    g_set_error (fault, THOLE_LOAD_ERROR, THOLE_LOAD_MANIFEST, "the manifest %s is wrong: %s", path, faults->str);
  else if (self->abi != THOLE_DRIVER_ABI)
    g_set_error (fault, THOLE_LOAD_ERROR, THOLE_LOAD_ABI,
                 "the manifest %s is made for driver ABI %" G_GINT64_FORMAT ", this daemon has %d",
                 path, self->abi, THOLE_DRIVER_ABI);
  return self;
}

void
thole_manifest_free (TholeManifest *self)
{
  g_free (self->path);
  g_free (self->id);
  g_free (self->module);
  g_strfreev (self->interfaces);
  g_strfreev (self->needs);
  g_array_unref (self->keys);
  g_free (self);
}

const TholeManifestKey *
thole_manifest_key (const TholeManifest *self, const char *name)
{
  for (guint i = 0; i < self->keys->len; i++)
    {
      const TholeManifestKey *key = &g_array_index (self->keys, TholeManifestKey, i);

      if (strcmp (key->name, name) == 0)
        return key;
    }
  return NULL;
}

static gboolean
is_number (const char *text)
{
  char *end;
  double number = g_ascii_strtod (text, &end);

  return end != text && *end == '\0' && isfinite (number);
}

const char *
thole_manifest_key_check (const TholeManifestKey *key, const char *value)
{
  gboolean good = TRUE;

  switch (key->kind)
    {
    case THOLE_MANIFEST_STRING:
      break;
    case THOLE_MANIFEST_PATH:
      good = g_path_is_absolute (value);
      break;
    case THOLE_MANIFEST_BOOL:
      good = strcmp (value, "true") == 0 || strcmp (value, "false") == 0;
      break;
    case THOLE_MANIFEST_INT:
      good = g_ascii_string_to_signed (value, 10, G_MININT64, G_MAXINT64, NULL, NULL);
      break;
    case THOLE_MANIFEST_NUMBER:
      good = is_number (value);
      break;
    case THOLE_MANIFEST_SIZE:
      good = thole_size_parse (value) >= 0;
      break;
    }
  return good ? NULL : kinds[key->kind].expects;
}
