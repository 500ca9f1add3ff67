/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/registry.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/backend-module.h"
#include "backend/loader.h"
#include "backend/scanner.h"
#include "model/schema.h"

#include "thole-dict.h"
#include "thole-json.h"

#define MAX_SECRET_BYTES 65536

/* One driver that was found; tables when it was loaded, else the fault. */
typedef struct
{
  TholeFinding *finding;  /* in the list of findings */
  TholeTables *tables;
  GError *fault;          /* of the loading in this process */
} Driver;

struct _TholeRegistry
{
  char *instance, *runtime_dir, *state_dir;
  TholeClock *clock;
  GPtrArray *findings;    /* TholeFinding */
  GPtrArray *drivers;     /* Driver, by id */
  GPtrArray *backends;    /* TholeBackend */
  TholeBackend *fallback; /* (unowned) */
  gboolean chosen;        /* its configuration said so */
};

static void
driver_free (gpointer data)
{
  Driver *driver = data;

  g_clear_pointer (&driver->tables, thole_tables_unref);
  g_clear_error (&driver->fault);
  g_free (driver);
}

static const GError *
driver_fault (const Driver *driver)
{
  return driver->finding->fault != NULL ? driver->finding->fault : driver->fault;
}

static Driver *
load_driver (TholeFinding *finding)
{
  Driver *driver = g_new0 (Driver, 1);
  const TholeManifest *manifest = finding->manifest;

  driver->finding = finding;
  if (finding->fault == NULL)
    driver->tables = thole_loader_open_manifest (manifest, &driver->fault);
  if (driver->tables != NULL)
    g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "THOLE_DRIVER", manifest->id, "MESSAGE",
                      "driver %s %s was loaded from %s", driver->tables->id, driver->tables->version, manifest->module);
  else if (g_error_matches (driver_fault (driver), THOLE_LOAD_ERROR, THOLE_LOAD_DISABLED))
    g_message ("driver %s is %s", manifest->id, driver_fault (driver)->message);
  else
    g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "THOLE_DRIVER", manifest->id, "MESSAGE", "driver %s was refused: %s",
                      manifest->id, driver_fault (driver)->message);
  if (driver->tables != NULL && manifest->process)
    g_warning ("driver %s asks for a process of its own; it runs inside the daemon", manifest->id);
  return driver;
}

static int
compare_drivers (gconstpointer a, gconstpointer b)
{
  const Driver *one = *(const Driver *const *) a, *other = *(const Driver *const *) b;
  int order = strcmp (one->finding->manifest->id, other->finding->manifest->id);

  /* of one id the one that counts comes first */
  return order != 0 ? order : (one->tables == NULL) - (other->tables == NULL);
}

TholeRegistry *
thole_registry_new (const TholeRegistryOptions *options)
{
  TholeRegistry *self = g_new0 (TholeRegistry, 1);
  g_autofree char *check = options->check_program != NULL ? g_strdup (options->check_program)
                                                          : thole_scan_find_check_program ();

  self->instance = g_strdup (options->instance);
  self->runtime_dir = g_strdup (options->runtime_dir);
  self->state_dir = g_strdup (options->state_dir);
  self->clock = options->clock;
  self->findings = thole_scan (&(TholeScan) { .driver_path = options->driver_path, .built_in = THOLE_DRIVER_DIR,
                                              .state_dir = options->state_dir, .check_program = check });
  self->drivers = g_ptr_array_new_with_free_func (driver_free);
  self->backends = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < self->findings->len; i++)
    g_ptr_array_add (self->drivers, load_driver (self->findings->pdata[i]));
  g_ptr_array_sort (self->drivers, compare_drivers);
  return self;
}

void
thole_registry_free (TholeRegistry *self)
{
  g_ptr_array_unref (self->backends);
  g_ptr_array_unref (self->drivers);
  g_ptr_array_unref (self->findings);
  g_free (self->instance);
  g_free (self->runtime_dir);
  g_free (self->state_dir);
  g_free (self);
}

static const Driver *
find_driver (TholeRegistry *self, const char *id)
{
  for (guint i = 0; i < self->drivers->len; i++)
    {
      const Driver *driver = self->drivers->pdata[i];

      if (strcmp (driver->finding->manifest->id, id) == 0)
        return driver;
    }
  return NULL;
}

/* configuration of one backend */

typedef struct
{
  const TholeManifest *manifest;
  GVariantBuilder *config;  /* for the driver */
  GHashTable *secrets;
  GString *faults;
  gboolean is_default;
} Reading;

static void G_GNUC_PRINTF (2, 3)
add_fault (Reading *reading, const char *format, ...)
{
  va_list arguments;

  if (reading->faults->len > 0)
    g_string_append (reading->faults, "; ");
  va_start (arguments, format);
  g_string_append_vprintf (reading->faults, format, arguments);
  va_end (arguments);
}

/* "secret_NAME_file" -> NAME; Returns: (transfer full) (nullable) */
static char *
secret_name (const char *key)
{
  gsize length = strlen (key);

  if (!g_str_has_prefix (key, "secret_") || !g_str_has_suffix (key, "_file") || length <= strlen ("secret__file"))
    return NULL;
  return g_strndup (key + strlen ("secret_"), length - strlen ("secret__file"));
}

/* Read once, so that a driver gets it from memory; one line feed at the end is the editor's. */
static void
read_secret (Reading *reading, const char *key, char *name, const char *path)
{
  g_autoptr(GError) error = NULL;
  struct stat file;
  char *text;
  gsize length;

  if (!g_path_is_absolute (path))
    add_fault (reading, "%s is not an absolute path", key);
  else if (stat (path, &file) != 0)
    add_fault (reading, "%s: %s: %s", key, path, g_strerror (errno));
  else if (!S_ISREG (file.st_mode) || file.st_size > MAX_SECRET_BYTES)
    add_fault (reading, "%s: %s is not a plain file of at most %d bytes", key, path, MAX_SECRET_BYTES);
  else if (!g_file_get_contents (path, &text, &length, &error))
    add_fault (reading, "%s: %s", key, error->message);
  else
    {
      if ((file.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        g_warning ("others than its owner can read the secret file %s", path);
      if (length > 0 && text[length - 1] == '\n')
        length--;
      g_hash_table_replace (reading->secrets, g_strdup (name), g_bytes_new_take (text, length));
    }
}

static void
read_flag (Reading *reading, const char *key, const char *text, gboolean *flag)
{
  if (strcmp (text, "true") == 0 || strcmp (text, "false") == 0)
    *flag = strcmp (text, "true") == 0;
  else
    add_fault (reading, "%s is not true or false", key);
}

static void
read_key (Reading *reading, const char *key, const char *text)
{
  const TholeManifestKey *known = thole_manifest_key (reading->manifest, key);
  g_autofree char *secret = secret_name (key);
  const char *expected = known != NULL ? thole_manifest_key_check (known, text) : NULL;
  gboolean isolate = FALSE;

  if (strcmp (key, "driver") == 0)
    return;
  if (strcmp (key, "default") == 0)
    read_flag (reading, key, text, &reading->is_default);
  else if (strcmp (key, "require_isolation") == 0)
    {
      read_flag (reading, key, text, &isolate);
      if (isolate)
        add_fault (reading, "require_isolation cannot be met: drivers run inside the daemon");
    }
  else if (known != NULL && expected != NULL)
    add_fault (reading, "%s is not %s", key, expected);
  else if (known != NULL)
    g_variant_builder_add (reading->config, "{sv}", key, g_variant_new_string (text));
  else if (secret != NULL)
    read_secret (reading, key, secret, text);
  else
    add_fault (reading, "the driver %s knows no key %s", reading->manifest->id, key);
}

static void
read_config (Reading *reading, GVariant *config)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, config);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
      read_key (reading, key, g_variant_get_string (value, NULL));
    else
      add_fault (reading, "%s is not text", key);
}

/* Returns: (transfer full) (nullable): the folder BASE/backends/NAME, for us alone */
static char *
make_folder (const char *base, const char *name, GError **error)
{
  g_autofree char *folder = g_build_filename (base, "backends", name, NULL);

  if (g_mkdir_with_parents (folder, 0700) == 0)
    return g_steal_pointer (&folder);
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the folder %s cannot be made: %s", folder,
               g_strerror (errno));
  return NULL;
}

static gboolean
add_own_keys (TholeRegistry *self, const char *name, GVariantBuilder *config, GError **error)
{
  g_autofree char *runtime = make_folder (self->runtime_dir, name, error);
  g_autofree char *state = runtime != NULL ? make_folder (self->state_dir, name, error) : NULL;

  if (state == NULL)
    return FALSE;
  g_variant_builder_add (config, "{sv}", "instance", g_variant_new_string (self->instance));
  g_variant_builder_add (config, "{sv}", "name", g_variant_new_string (name));
  g_variant_builder_add (config, "{sv}", "runtime_dir", g_variant_new_string (runtime));
  g_variant_builder_add (config, "{sv}", "state_dir", g_variant_new_string (state));
  return TRUE;
}

static gboolean
check_name (TholeRegistry *self, const char *name, GError **error)
{
  if (!thole_name_valid (name))
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID,
                 "[backend %s]: the name may have small letters, digits and inner dashes, 63 at most", name);
  else if (thole_registry_lookup (self, name) != NULL)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "[backend %s]: there is one of this name already", name);
  else
    return TRUE;
  return FALSE;
}

static const Driver *
choose_driver (TholeRegistry *self, const char *name, const char *id, GError **error)
{
  const Driver *driver = id != NULL ? find_driver (self, id) : NULL;

  if (id == NULL)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "[backend %s]: the key driver is missing", name);
  else if (driver == NULL)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "[backend %s]: driver: there is no driver %s", name, id);
  else if (driver->tables == NULL)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "[backend %s]: driver: %s was refused: %s", name, id,
                 driver_fault (driver)->message);
  else
    return driver;
  return NULL;
}

static TholeBackend *
open_backend (TholeRegistry *self, const Driver *driver, const char *name, GVariant *shown, Reading *reading,
              GError **error)
{
  g_autoptr(GError) theirs = NULL;
  TholeBackend *backend;

  if (!add_own_keys (self, name, reading->config, error))
    return NULL;
  backend = thole_backend_module_new (&(TholeBackendModuleOptions) {
    .name = name, .tables = driver->tables, .shown = shown, .clock = self->clock,
    .config = g_variant_builder_end (reading->config), .secrets = reading->secrets }, &theirs);
  if (backend == NULL)
    g_set_error (error, theirs->domain, theirs->code, "[backend %s]: %s", name, theirs->message);
  return backend;
}

/* The first one, until one says that it is the default. */
static void
choose_default (TholeRegistry *self, TholeBackend *backend, gboolean wants)
{
  if (self->fallback != NULL && !wants)
    return;
  self->chosen = wants;
  if (self->fallback != NULL)
    thole_backend_set_default (self->fallback, FALSE);
  self->fallback = backend;
  thole_backend_set_default (backend, TRUE);
}

TholeBackend *
thole_registry_add (TholeRegistry *self, const char *name, GVariant *config, GError **error)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink (config);
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autoptr(GHashTable) secrets
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  g_autoptr(GString) faults = g_string_new (NULL);
  Reading reading = { .config = &builder, .secrets = secrets, .faults = faults };
  const Driver *driver = NULL;
  TholeBackend *backend;

  if (check_name (self, name, error))
    driver = choose_driver (self, name, thole_dict_string (sunk, "driver", NULL), error);
  if (driver == NULL)
    return NULL;
  reading.manifest = driver->finding->manifest;
  read_config (&reading, sunk);
  if (reading.is_default && self->chosen)
    add_fault (&reading, "default: %s is it already", thole_backend_get_name (self->fallback));
  if (faults->len > 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "[backend %s]: %s", name, faults->str);
      return NULL;
    }
  backend = open_backend (self, driver, name, sunk, &reading, error);
  if (backend == NULL)
    return NULL;
  g_ptr_array_add (self->backends, backend);
  choose_default (self, backend, reading.is_default);
  return backend;
}

TholeBackend *
thole_registry_lookup (TholeRegistry *self, const char *name)
{
  if (name == NULL || name[0] == '\0')
    return self->fallback;
  for (guint i = 0; i < self->backends->len; i++)
    if (strcmp (thole_backend_get_name (self->backends->pdata[i]), name) == 0)
      return self->backends->pdata[i];
  return NULL;
}

GPtrArray *
thole_registry_backends (TholeRegistry *self)
{
  return self->backends;
}

/* rendering */

static const char *
driver_state (const Driver *driver)
{
  if (driver->tables != NULL)
    return "loaded";
  return g_error_matches (driver_fault (driver), THOLE_LOAD_ERROR, THOLE_LOAD_DISABLED) ? "disabled" : "refused";
}

static void
render_words (char **words, GString *out)
{
  for (char **word = words; *word != NULL; word++)
    {
      if (word != words)
        g_string_append_c (out, ',');
      thole_json_append_string (out, *word);
    }
}

static GBytes *
render_driver (const Driver *driver)
{
  const TholeManifest *manifest = driver->finding->manifest;
  const GError *fault = driver_fault (driver);
  GString *out = g_string_new ("{\"id\":");

  thole_json_append_string (out, manifest->id);
  g_string_append (out, ",\"version\":");
  thole_json_append_string (out, driver->tables != NULL ? driver->tables->version : "");
  g_string_append_printf (out, ",\"abi\":%" G_GINT64_FORMAT ",\"path\":", manifest->abi);
  thole_json_append_string (out, manifest->module != NULL ? manifest->module : manifest->path);
  g_string_append (out, ",\"interfaces\":[");
  /* of a refused one, what its manifest says */
  if (driver->tables != NULL)
    thole_tables_render_interfaces (driver->tables, out);
  else
    render_words (manifest->interfaces, out);
  g_string_append (out, "],\"capabilities\":[");
  if (driver->tables != NULL)
    thole_tables_render_capabilities (driver->tables, out);
  g_string_append_printf (out, "],\"isolation\":\"in-process\",\"state\":\"%s\",\"reason\":", driver_state (driver));
  thole_json_append_string (out, fault != NULL ? fault->message : "");
  g_string_append_c (out, '}');
  return g_string_free_to_bytes (out);
}

GPtrArray *
thole_registry_drivers (TholeRegistry *self)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (guint i = 0; i < self->drivers->len; i++)
    g_ptr_array_add (all, render_driver (self->drivers->pdata[i]));
  return all;
}

GBytes *
thole_registry_driver (TholeRegistry *self, const char *id)
{
  const Driver *driver = find_driver (self, id);

  return driver != NULL ? render_driver (driver) : NULL;
}
