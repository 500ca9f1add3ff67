/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "spec-check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static gboolean
lack (GError **error, const char *what)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "a sandbox of this machine cannot have %s", what);
  return FALSE;
}

static gboolean G_GNUC_PRINTF (2, 3)
refuse (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, text);
  return FALSE;
}

static gboolean
has_items (GVariant *spec, const char *key, const char *type)
{
  g_autoptr(GVariant) list = thole_dict_value (spec, key, type);

  return list != NULL && g_variant_n_children (list) > 0;
}

/* the root -------------------------------------------------------------------------------------------- */

char *
local_spec_root (TholeDriver *driver, const char *image, GError **error)
{
  g_autofree char *real = NULL;

  if (image[0] == '\0' || strcmp (image, "host") == 0)
    return NULL;
  real = image[0] == '/' ? realpath (image, NULL) : NULL;
  for (guint i = 0; real != NULL && driver->config->roots[i] != NULL; i++)
    {
      g_autofree char *allowed = realpath (driver->config->roots[i], NULL);
      gsize length = allowed != NULL ? strlen (allowed) : 0;

      if (length > 0 && strncmp (real, allowed, length) == 0 && (real[length] == '\0' || real[length] == '/'))
        return g_steal_pointer (&real);
    }
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND,
               "image: \"%s\" is neither \"host\" nor a folder that the key `roots` of this backend allows", image);
  return NULL;
}

static gboolean
check_image (TholeDriver *driver, GVariant *spec, GError **error)
{
  g_autoptr(GError) wrong = NULL;
  g_autofree char *root = local_spec_root (driver, thole_dict_string (spec, "image", ""), &wrong);

  if (root != NULL || wrong == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&wrong));
  return FALSE;
}

/* the program ----------------------------------------------------------------------------------------- */

static gboolean
check_variable (const char *key, const char *name, GError **error)
{
  return (name[0] != '\0' && strchr (name, '=') == NULL) || refuse (error, "%s: \"%s\" is not the name of a variable", key, name);
}

static gboolean
check_env (GVariant *spec, GVariant *secrets, GError **error)
{
  g_autoptr(GVariant) env = thole_dict_value (spec, "env", "a{ss}");
  GVariantIter iter;
  const char *name;

  if (env != NULL)
    g_variant_iter_init (&iter, env);
  while (env != NULL && g_variant_iter_next (&iter, "{&s&s}", &name, NULL))
    if (!check_variable ("env", name, error))
      return FALSE;
  if (secrets != NULL)
    g_variant_iter_init (&iter, secrets);
  while (secrets != NULL && g_variant_iter_next (&iter, "{&s@ay}", &name, NULL))
    /* a path is a file's, and place.c looks at it */
    if (name[0] != '/' && !check_variable ("secrets", name, error))
      return FALSE;
  return TRUE;
}

static gboolean
check_program (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) health = thole_dict_value (spec, "health", "a{sv}"), options = thole_dict_value (spec, "backend_options", "a{sv}");
  g_autoptr(GVariant) stop = thole_dict_value (spec, "stop", "a{sv}");
  g_auto(GStrv) command = thole_dict_strv (spec, "command"), args = thole_dict_strv (spec, "args");
  const char *signal = stop != NULL ? thole_dict_string (stop, "signal", "SIGTERM") : "SIGTERM";

  if (command[0] == NULL && args[0] == NULL)
    return refuse (error, "command: a sandbox has no program of its own");
  if (thole_signal_number (signal) == 0)
    return refuse (error, "stop: \"%s\" is not a signal", signal);
  if (options != NULL && g_variant_n_children (options) > 0)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (options, 0);
      g_autoptr(GVariant) key = g_variant_get_child_value (one, 0);

      return refuse (error, "backend_options: \"%s\" is not known", g_variant_get_string (key, NULL));
    }
  return health == NULL || !has_items (health, "command", "as") || lack (error, "health.command");
}

static gboolean
check_volumes (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) list = thole_dict_value (spec, "mounts", "aa{sv}");

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);

      if (thole_dict_string (one, "volume", "")[0] != '\0')
        return lack (error, "mounts of volumes");
    }
  return TRUE;
}

/* bounds ---------------------------------------------------------------------------------------------- */

gboolean
local_spec_check_resources (GVariant *resources, GError **error)
{
  static const char *const keys[] = { "cpu", "memory", "pids", "disk" };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      double value = thole_dict_double (resources, keys[i], 0);

      if (!isfinite (value) || value < 0)
        return refuse (error, "resources: \"%s\" is below 0", keys[i]);
    }
  return TRUE;
}

static gboolean
check_network (GVariant *spec, GError **error)
{
  const char *network = thole_dict_string (spec, "network", "default");
  g_autoptr(GVariant) ports = thole_dict_value (spec, "ports", "aa{sv}");
  gsize n = ports != NULL ? g_variant_n_children (ports) : 0;

  if (!g_strv_contains ((const char *const[]){ "default", "none", "host", NULL }, network))
    return refuse (error, "network: there is no \"%s\", only default, none and host", network);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr(GVariant) port = g_variant_get_child_value (ports, i);
      gint64 inside = thole_dict_int (port, "container", 0), outside = thole_dict_int (port, "host", 0);

      if (inside < 1 || inside > G_MAXUINT16 || outside < 0 || outside > G_MAXUINT16)
        return refuse (error, "ports: a port is a number from 1 to 65535");
    }
  return n == 0 || strcmp (network, "host") == 0 || lack (error, "ports, unless its network is `host`");
}

static gboolean
check_privileges (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) privileges = thole_dict_value (spec, "privileges", "a{sv}");

  if (privileges == NULL)
    return TRUE;
  if (has_items (privileges, "capabilities", "as"))
    return lack (error, "privileges.capabilities");
  return thole_dict_boolean (privileges, "no_new_privileges", TRUE) || lack (error, "privileges.no_new_privileges: false");
}

gboolean
local_spec_check (TholeDriver *driver, GVariant *spec, GVariant *secrets, GError **error)
{
  g_autoptr(GVariant) resources = thole_dict_value (spec, "resources", "a{sv}");

  return check_image (driver, spec, error) && check_program (spec, error) && check_env (spec, secrets, error)
         && check_volumes (spec, error) && check_network (spec, error) && check_privileges (spec, error)
         && (resources == NULL || local_spec_check_resources (resources, error));
}
