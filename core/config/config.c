/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <math.h>
#include <string.h>

#include "config/config-file.h"
#include "keys.h"
#include "model/schema.h"
#include "thole-error.h"

#define MAX_FAULTS 100
#define BACKEND "backend"

typedef struct
{
  char *text;
  char **list;
  double number;
  gint64 integer;
} Value;

typedef struct
{
  char *name;
  char *where;         /* its section */
  GPtrArray *keys;     /* char *: in order */
  GHashTable *values;  /* char * -> char * */
  GHashTable *places;  /* char * -> char *: "FILE:LINE" */
} Backend;

struct _TholeConfig
{
  Value *values;       /* one for each of thole_config_keys */
  GPtrArray *backends; /* Backend */
};

typedef struct
{
  TholeConfig *config;
  GString *faults;
  guint n_faults;
  gboolean escapes;    /* values are as in files */
} Loading;

/* values ------------------------------------------------------------------------------------------------------ */

static void
value_clear (Value *value)
{
  g_clear_pointer (&value->text, g_free);
  g_clear_pointer (&value->list, g_strfreev);
}

static Backend *
backend_new (const char *name, const char *where)
{
  Backend *backend = g_new0 (Backend, 1);

  backend->name = g_strdup (name);
  backend->where = g_strdup (where);
  backend->keys = g_ptr_array_new_with_free_func (g_free);
  backend->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  backend->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return backend;
}

static void
backend_free (Backend *backend)
{
  g_free (backend->name);
  g_free (backend->where);
  g_ptr_array_unref (backend->keys);
  g_hash_table_unref (backend->values);
  g_hash_table_unref (backend->places);
  g_free (backend);
}

static Backend *
find_backend (TholeConfig *self, const char *name)
{
  for (guint i = 0; i < self->backends->len; i++)
    {
      Backend *backend = self->backends->pdata[i];

      if (strcmp (backend->name, name) == 0)
        return backend;
    }
  return NULL;
}

static gssize
find_key (const char *section, const char *key)
{
  for (gssize i = 0; thole_config_keys[i].section != NULL; i++)
    if (strcmp (thole_config_keys[i].section, section) == 0 && strcmp (thole_config_keys[i].key, key) == 0)
      return i;
  return -1;
}

static gboolean
is_section (const char *section)
{
  for (gsize i = 0; thole_config_keys[i].section != NULL; i++)
    if (strcmp (thole_config_keys[i].section, section) == 0)
      return TRUE;
  return FALSE;
}

/* NULL unless @section is "backend NAME" */
static const char *
backend_name (const char *section)
{
  if (!g_str_has_prefix (section, BACKEND) || (section[strlen (BACKEND)] != ' ' && section[strlen (BACKEND)] != '\0'))
    return NULL;
  section += strlen (BACKEND);
  return section + strspn (section, " ");
}

/* faults ------------------------------------------------------------------------------------------------------ */

static void G_GNUC_PRINTF (3, 4)
add_fault (Loading *loading, const char *where, const char *format, ...)
{
  va_list arguments;

  if (loading->n_faults++ >= MAX_FAULTS)
    return;
  if (loading->faults->len > 0)
    g_string_append_c (loading->faults, '\n');
  g_string_append (loading->faults, where);
  g_string_append (loading->faults, ": ");
  va_start (arguments, format);
  g_string_append_vprintf (loading->faults, format, arguments);
  va_end (arguments);
}

/* parsing ----------------------------------------------------------------------------------------------------- */

/* Each returns NULL or what the text must be. */

static const char *
parse_real (const char *text, double *number)
{
  char *end;

  if (!g_ascii_isdigit (text[text[0] == '-']) || strspn (text, "0123456789.eE+-") != strlen (text))
    return "must be a number";
  *number = g_ascii_strtod (text, &end);
  return *end == '\0' && isfinite (*number) ? NULL : "must be a number";
}

static const char *
parse_bool (const char *text, gint64 *integer)
{
  gboolean yes = strcmp (text, "true") == 0 || strcmp (text, "1") == 0;

  if (!yes && strcmp (text, "false") != 0 && strcmp (text, "0") != 0)
    return "must be true or false";
  *integer = yes;
  return NULL;
}

static const char *
parse_choice (const TholeConfigKey *key, const char *text)
{
  g_auto(GStrv) choices = g_strsplit (key->choices, ",", -1);

  return g_strv_contains ((const char *const *) choices, text) ? NULL : "must be one of";
}

static const char *
parse_text (const TholeConfigKey *key, Value *value)
{
  switch (key->kind)
    {
    case THOLE_CONFIG_INT:
      if (!g_ascii_string_to_signed (value->text, 10, G_MININT64, G_MAXINT64, &value->integer, NULL))
        return "must be a whole number";
      value->number = (double) value->integer;
      return NULL;
    case THOLE_CONFIG_SIZE:
      value->integer = thole_size_parse (value->text);
      value->number = (double) value->integer;
      return value->integer < 0 ? "must be a size: bytes, or text such as 16KiB" : NULL;
    case THOLE_CONFIG_NUMBER:
      return parse_real (value->text, &value->number);
    case THOLE_CONFIG_BOOL:
      return parse_bool (value->text, &value->integer);
    case THOLE_CONFIG_CHOICE:
      return parse_choice (key, value->text);
    case THOLE_CONFIG_STRING:
    case THOLE_CONFIG_LIST:
      return NULL;
    }
  g_return_val_if_reached ("is of a kind that nobody knows");
}

static gboolean
in_bounds (const TholeConfigKey *key, const Value *value)
{
  gboolean numeric = key->kind == THOLE_CONFIG_INT || key->kind == THOLE_CONFIG_NUMBER || key->kind == THOLE_CONFIG_SIZE;

  return !numeric || (key->min == 0 && key->max == 0) || (value->number >= key->min && value->number <= key->max);
}

static void
set_key (Loading *loading, gssize index, const char *text, const char *where)
{
  const TholeConfigKey *key = &thole_config_keys[index];
  Value value = { 0 };
  const char *fault = NULL;

  if (key->kind == THOLE_CONFIG_LIST)
    value.list = thole_config_split (text, loading->escapes);
  value.text = loading->escapes ? thole_config_unescape (text) : g_strdup (text);
  if (value.text == NULL)
    fault = "has a bad escape after \\";
  else
    fault = parse_text (key, &value);
  if (fault == NULL && in_bounds (key, &value))
    {
      value_clear (&loading->config->values[index]);
      loading->config->values[index] = value;
      return;
    }
  if (fault == NULL)
    add_fault (loading, where, "[%s] %s must be between %.15g and %.15g", key->section, key->key, key->min, key->max);
  else
    add_fault (loading, where, "[%s] %s %s%s%s", key->section, key->key, fault, key->kind == THOLE_CONFIG_CHOICE ? " " : "",
               key->kind == THOLE_CONFIG_CHOICE ? key->choices : "");
  value_clear (&value);
}

static void
set_backend_key (Loading *loading, const char *name, const char *key, const char *text, const char *where)
{
  Backend *backend = find_backend (loading->config, name);
  g_autofree char *plain = loading->escapes ? thole_config_unescape (text) : g_strdup (text);
  gint64 yes;

  /* its section was found wrong, and said so */
  if (backend == NULL)
    return;
  if (strspn (key, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen (key) || !g_ascii_isalpha (key[0]))
    add_fault (loading, where, "[backend %s] %s is no name of a key", name, key);
  else if (plain == NULL)
    add_fault (loading, where, "[backend %s] %s has a bad escape after \\", name, key);
  else if (strcmp (key, "default") == 0 && parse_bool (plain, &yes) != NULL)
    add_fault (loading, where, "[backend %s] default must be true or false", name);
  else
    {
      if (!g_hash_table_contains (backend->values, key))
        g_ptr_array_add (backend->keys, g_strdup (key));
      g_hash_table_replace (backend->values, g_strdup (key), g_steal_pointer (&plain));
      g_hash_table_replace (backend->places, g_strdup (key), g_strdup (where));
    }
}

/* sources ----------------------------------------------------------------------------------------------------- */

static void
on_fault (gpointer user_data, const char *where, const char *what)
{
  add_fault (user_data, where, "%s", what);
}

static void
on_section (gpointer user_data, const char *section, const char *where)
{
  Loading *loading = user_data;
  const char *name = backend_name (section);

  if (name != NULL && !thole_name_valid (name))
    add_fault (loading, where, "[%s] must be [backend NAME], NAME like [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", section);
  else if (name != NULL && find_backend (loading->config, name) == NULL)
    g_ptr_array_add (loading->config->backends, backend_new (name, where));
  else if (name == NULL && !is_section (section))
    add_fault (loading, where, "[%s] is no section", section);
}

static void
on_key (gpointer user_data, const char *section, const char *key, const char *value, const char *where)
{
  Loading *loading = user_data;
  const char *name = backend_name (section);
  gssize index = find_key (section, key);

  if (name != NULL)
    set_backend_key (loading, name, key, value, where);
  else if (index >= 0)
    set_key (loading, index, value, where);
  else if (is_section (section))
    add_fault (loading, where, "[%s] %s is no key of this section", section, key);
}

static void
load_defaults (Loading *loading)
{
  loading->escapes = FALSE;
  for (gssize i = 0; thole_config_keys[i].section != NULL; i++)
    set_key (loading, i, thole_config_keys[i].fallback, "default");
}

static void
load_files (Loading *loading, const char *const *files)
{
  const TholeConfigReader reader = { on_section, on_key, on_fault, loading };

  loading->escapes = TRUE;
  for (guint i = 0; files != NULL && files[i] != NULL; i++)
    thole_config_read_file (files[i], &reader);
}

static void
load_environment (Loading *loading)
{
  loading->escapes = FALSE;
  for (gssize i = 0; thole_config_keys[i].section != NULL; i++)
    {
      g_autofree char *lower = g_strdup_printf ("thole_%s_%s", thole_config_keys[i].section, thole_config_keys[i].key);
      g_autofree char *name = g_ascii_strup (lower, -1);
      const char *value = g_getenv (name);

      if (value != NULL)
        set_key (loading, i, value, name);
    }
}

/* "section.key=value" */
static void
load_set (Loading *loading, const char *const *set)
{
  loading->escapes = FALSE;
  for (guint i = 0; set != NULL && set[i] != NULL; i++)
    {
      const char *equals = strchr (set[i], '=');
      g_autofree char *section = equals != NULL ? g_strndup (set[i], (gsize) (equals - set[i])) : NULL;
      char *dot = section != NULL ? strrchr (section, '.') : NULL;
      /* a value may be a secret: only the name is told */
      g_autofree char *where = g_strdup_printf ("--set %s", section != NULL ? section : set[i]);

      if (dot == NULL)
        {
          add_fault (loading, where, "must be SECTION.KEY=VALUE");
          continue;
        }
      *dot = '\0';
      on_section (loading, section, where);
      on_key (loading, section, dot + 1, equals + 1, where);
    }
}

static void
check_backends (Loading *loading)
{
  const char *chosen = NULL;

  for (guint i = 0; i < loading->config->backends->len; i++)
    {
      Backend *backend = loading->config->backends->pdata[i];
      const char *driver = g_hash_table_lookup (backend->values, "driver");
      const char *text = g_hash_table_lookup (backend->values, "default");
      gint64 yes = FALSE;

      if (driver == NULL || driver[0] == '\0')
        add_fault (loading, backend->where, "[backend %s] needs the key driver", backend->name);
      if (text == NULL || parse_bool (text, &yes) != NULL || !yes)
        continue;
      if (chosen != NULL)
        add_fault (loading, g_hash_table_lookup (backend->places, "default"),
                   "[backend %s] default is true for the backend %s, too", backend->name, chosen);
      chosen = backend->name;
    }
}

/* public ------------------------------------------------------------------------------------------------------ */

TholeConfig *
thole_config_load (const char *const *files, const char *const *set, gboolean environment, GError **error)
{
  TholeConfig *self = g_new0 (TholeConfig, 1);
  g_autoptr(GString) faults = g_string_new (NULL);
  Loading loading = { self, faults, 0, FALSE };
  gsize count = 0;

  while (thole_config_keys[count].section != NULL)
    count++;
  self->values = g_new0 (Value, count);
  self->backends = g_ptr_array_new_with_free_func ((GDestroyNotify) backend_free);
  load_defaults (&loading);
  load_files (&loading, files);
  if (environment)
    load_environment (&loading);
  load_set (&loading, set);
  check_backends (&loading);
  if (loading.n_faults == 0)
    return self;
  if (loading.n_faults > MAX_FAULTS)
    g_string_append_printf (faults, "\nand %u more", loading.n_faults - MAX_FAULTS);
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, faults->str);
  thole_config_free (self);
  return NULL;
}

void
thole_config_free (TholeConfig *self)
{
  for (gsize i = 0; thole_config_keys[i].section != NULL; i++)
    value_clear (&self->values[i]);
  g_free (self->values);
  g_ptr_array_unref (self->backends);
  g_free (self);
}

/* did somebody add, remove or change a section [backend NAME]? */
static void
compare_backends (TholeConfig *self, TholeConfig *fresh, gboolean only_missing, GStrvBuilder *differ)
{
  for (guint i = 0; i < self->backends->len; i++)
    {
      const char *name = ((Backend *) self->backends->pdata[i])->name;
      g_autofree char *word = g_strconcat (BACKEND, " ", name, NULL);
      g_autoptr(GVariant) old = thole_config_backend (self, name);
      g_autoptr(GVariant) new = find_backend (fresh, name) != NULL ? thole_config_backend (fresh, name) : NULL;

      if (new == NULL || (!only_missing && !g_variant_equal (old, new)))
        g_strv_builder_add (differ, word);
    }
}

char **
thole_config_take (TholeConfig *self, TholeConfig *fresh, char ***taken)
{
  g_autoptr(GStrvBuilder) now = g_strv_builder_new ();
  g_autoptr(GStrvBuilder) later = g_strv_builder_new ();

  for (gsize i = 0; thole_config_keys[i].section != NULL; i++)
    {
      const TholeConfigKey *key = &thole_config_keys[i];
      g_autofree char *name = g_strconcat (key->section, ".", key->key, NULL);
      Value old = self->values[i];

      if (strcmp (old.text, fresh->values[i].text) == 0)
        continue;
      g_strv_builder_add (key->reload ? now : later, name);
      if (!key->reload)
        continue;
      self->values[i] = fresh->values[i];
      fresh->values[i] = old;
    }
  compare_backends (self, fresh, FALSE, later);
  compare_backends (fresh, self, TRUE, later);
  *taken = g_strv_builder_end (now);
  return g_strv_builder_end (later);
}

static const Value *
value_of (TholeConfig *self, const char *section, const char *key)
{
  static const Value none = { "", NULL, 0, 0 };
  gssize index = find_key (section, key);

  g_return_val_if_fail (index >= 0, &none);
  return &self->values[index];
}

const char *
thole_config_string (TholeConfig *self, const char *section, const char *key)
{
  return value_of (self, section, key)->text;
}

char **
thole_config_list (TholeConfig *self, const char *section, const char *key)
{
  const Value *value = value_of (self, section, key);

  return value->list != NULL ? g_strdupv (value->list) : g_new0 (char *, 1);
}

gint64
thole_config_int (TholeConfig *self, const char *section, const char *key)
{
  return value_of (self, section, key)->integer;
}

double
thole_config_number (TholeConfig *self, const char *section, const char *key)
{
  return value_of (self, section, key)->number;
}

gboolean
thole_config_bool (TholeConfig *self, const char *section, const char *key)
{
  return value_of (self, section, key)->integer != 0;
}

char **
thole_config_backends (TholeConfig *self)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; i < self->backends->len; i++)
    g_strv_builder_add (names, ((Backend *) self->backends->pdata[i])->name);
  return g_strv_builder_end (names);
}

GVariant *
thole_config_backend (TholeConfig *self, const char *name)
{
  Backend *backend = find_backend (self, name);
  GVariantBuilder builder;

  g_return_val_if_fail (backend != NULL, NULL);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < backend->keys->len; i++)
    g_variant_builder_add (&builder, "{sv}", backend->keys->pdata[i],
                           g_variant_new_string (g_hash_table_lookup (backend->values, backend->keys->pdata[i])));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

const char *
thole_config_backend_place (TholeConfig *self, const char *name, const char *key)
{
  Backend *backend = find_backend (self, name);
  const char *place = backend != NULL && key != NULL ? g_hash_table_lookup (backend->places, key) : NULL;

  g_return_val_if_fail (backend != NULL, "");
  return place != NULL ? place : backend->where;
}
