/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/server.h"

#include <string.h>

#include "operations-list.h"
#include "records.h"
#include "thole-json.h"

static GVariant *
document (char **text)
{
  g_autoptr(GBytes) bytes = thole_openapi_render (thole_operations, THOLE_N_OPS, "1.2.3");
  g_autoptr(GError) error = NULL;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  GVariant *value = thole_json_parse (data, length, &error);

  g_assert_no_error (error);
  *text = g_strndup (data, length);
  return value;
}

/* proves: API-04 */
static void
test_complete (void)
{
  g_autofree char *text = NULL;
  g_autoptr(GVariant) value = document (&text);
  g_autoptr(GVariant) paths = g_variant_lookup_value (value, "paths", G_VARIANT_TYPE_VARDICT);
  const char *version;

  g_assert_true (g_variant_lookup (value, "openapi", "&s", &version));
  g_assert_cmpstr (version, ==, "3.1.0");
  for (guint i = 0; i < THOLE_N_OPS; i++)
    {
      const TholeOperationDef *def = &thole_operations[i];
      g_autoptr (GVariant) path =
        def->path != NULL ? g_variant_lookup_value (paths, def->path, G_VARIANT_TYPE_VARDICT)
                          : NULL;
      g_autofree char *method = def->method != NULL ? g_ascii_strdown (def->method, -1) : NULL;
      g_autoptr(GVariant) operation = NULL;
      const char *name;

      if (def->path == NULL)
        continue;
      g_assert_nonnull (path);
      operation = g_variant_lookup_value (path, method, G_VARIANT_TYPE_VARDICT);
      g_assert_nonnull (operation);
      g_assert_true (g_variant_lookup (operation, "operationId", "&s", &name));
      g_assert_cmpstr (name, ==, def->name);
    }
}

/* each $ref leads somewhere */
static void
test_references (void)
{
  static const char prefix[] = "\"#/components/schemas/";
  g_autofree char *text = NULL;
  g_autoptr(GVariant) value = document (&text);
  g_autoptr (GVariant) components =
    g_variant_lookup_value (value, "components", G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) schemas =
    g_variant_lookup_value (components, "schemas", G_VARIANT_TYPE_VARDICT);
  guint n = 0;

  for (const char *at = text; (at = strstr (at, prefix)) != NULL; n++)
    {
      g_autofree char *name = NULL;
      g_autoptr(GVariant) schema = NULL;

      at += sizeof prefix - 1;
      name = g_strndup (at, strcspn (at, "\""));
      schema = g_variant_lookup_value (schemas, name, NULL);
      if (schema == NULL)
        g_error ("no schema %s", name);
    }
  g_assert_cmpuint (n, >, 20);
}

static void
test_nothing_hidden (void)
{
  g_autofree char *text = NULL;
  g_autoptr(GVariant) value = document (&text);

  g_assert_null (strstr (text, "opaque handle of the driver"));
  g_assert_null (strstr (text, "fingerprint"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/openapi/complete", test_complete);
  g_test_add_func ("/openapi/references", test_references);
  g_test_add_func ("/openapi/nothing-hidden", test_nothing_hidden);
  return g_test_run ();
}
