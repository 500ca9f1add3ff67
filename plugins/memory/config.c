/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "thole-dict.h"

typedef enum
{
  KIND_GIVEN, /* by the daemon */
  KIND_TEXT,
  KIND_LIST,
  KIND_MS,
  KIND_COUNT,
  KIND_SIZE,
  KIND_BOOL,
} Kind;

typedef struct
{
  const char *name;
  Kind kind;
  gsize offset;
} Key;

static const Key keys[] = {
  { "instance", KIND_TEXT, G_STRUCT_OFFSET (TholeDriver, instance) },
  { "name", KIND_TEXT, G_STRUCT_OFFSET (TholeDriver, name) },
  { "runtime_dir", KIND_TEXT, G_STRUCT_OFFSET (TholeDriver, runtime_dir) },
  { "state_dir", KIND_GIVEN, 0 },
  { "driver", KIND_GIVEN, 0 },
  { "default", KIND_GIVEN, 0 },
  { "state_file", KIND_TEXT, G_STRUCT_OFFSET (TholeDriver, state_file) },
  { "engine", KIND_TEXT, G_STRUCT_OFFSET (TholeDriver, engine) },
  { "faults", KIND_TEXT, G_STRUCT_OFFSET (TholeDriver, faults_text) },
  { "images", KIND_LIST, G_STRUCT_OFFSET (TholeDriver, images) },
  { "delay_ms", KIND_MS, G_STRUCT_OFFSET (TholeDriver, delay) },
  { "jitter_ms", KIND_MS, G_STRUCT_OFFSET (TholeDriver, jitter) },
  { "pull_ms", KIND_MS, G_STRUCT_OFFSET (TholeDriver, pull_time) },
  { "seed", KIND_COUNT, G_STRUCT_OFFSET (TholeDriver, seed) },
  { "max_workloads", KIND_COUNT, G_STRUCT_OFFSET (TholeDriver, max_workloads) },
  { "log_bytes", KIND_SIZE, G_STRUCT_OFFSET (TholeDriver, log_bytes) },
  { "durable", KIND_BOOL, G_STRUCT_OFFSET (TholeDriver, durable) },
  { "agent", KIND_BOOL, G_STRUCT_OFFSET (TholeDriver, agent) },
};

static gboolean
parse_count (const char *text, guint64 least, guint64 most, guint64 *number)
{
  return g_ascii_string_to_unsigned (text, 10, least, most, number, NULL);
}

static void
set_text (gpointer member, char *text)
{
  g_free (*(char **) member);
  *(char **) member = text;
}

static gboolean
set_bool (gpointer member, const char *text)
{
  *(gboolean *) member = strcmp (text, "true") == 0;
  return *(gboolean *) member || strcmp (text, "false") == 0;
}

static gboolean
set_key (TholeDriver *self, const Key *key, const char *text)
{
  gpointer member = (char *) self + key->offset;
  guint64 number;

  switch (key->kind)
    {
    case KIND_TEXT:
      set_text (member, g_strdup (text));
      return *text != '\0';
    case KIND_LIST:
      g_strfreev (*(char ***) member);
      *(char ***) member = g_strsplit (text, ";", -1);
      return TRUE;
    case KIND_MS:
      if (!parse_count (text, 0, 86400000, &number))
        return FALSE;
      *(gint64 *) member = (gint64) number * 1000;
      return TRUE;
    case KIND_COUNT:
      if (!parse_count (text, 0, G_MAXINT64, &number))
        return FALSE;
      *(guint64 *) member = number;
      return TRUE;
    case KIND_SIZE:
      if (!parse_count (text, 4096, 1u << 30, &number))
        return FALSE;
      *(gsize *) member = (gsize) number;
      return TRUE;
    case KIND_BOOL:
      return set_bool (member, text);
    default:
      return TRUE;
    }
}

static const Key *
find_key (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (strcmp (keys[i].name, name) == 0)
      return &keys[i];
  return NULL;
}

gboolean
mem_config_read (TholeDriver *self, GVariant *config, GError **error)
{
  g_autoptr (GString) wrong = g_string_new ("");
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, config);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      const Key *key = find_key (name);

      if (key != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
          && set_key (self, key, g_variant_get_string (value, NULL)))
        continue;
      g_string_append_printf (wrong, "%s%s %s", wrong->len > 0 ? ", " : "", name, key != NULL ? "is wrong" : "is unknown");
    }
  if (self->instance == NULL)
    g_string_append_printf (wrong, "%sinstance is missing", wrong->len > 0 ? ", " : "");
  if (wrong->len == 0)
    return TRUE;
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, wrong->str);
  return FALSE;
}
