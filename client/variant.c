/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <string.h>

#include "thole-json.h"

GVariant *
thole_variant_from_json (const char *json, GError **error)
{
  g_autoptr(GError) fault = NULL;
  GVariant *value;

  g_return_val_if_fail (json != NULL, NULL);
  value = thole_json_parse (json, strlen (json), &fault);
  if (value == NULL)
    g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_MALFORMED, fault->message);
  return value;
}

char *
thole_variant_to_json (GVariant *value)
{
  g_return_val_if_fail (value != NULL, NULL);
  return thole_json_to_string (value);
}
