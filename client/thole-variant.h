/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON and #GVariant: object `a{sv}`, array `av`, text `s`, `b`, integers `x`, other numbers `d`, null `()`.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <glib.h>

G_BEGIN_DECLS

/**
 * thole_variant_from_json:
 * @json: JSON text
 * @error:
 *
 * Makes options of JSON, which is easier to write in many languages.
 *
 * Returns: (transfer full): a value that does not float, or %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *thole_variant_from_json (const char *json, GError **error);

/**
 * thole_variant_to_json:
 * @value: a value
 *
 * Writes a value as JSON.
 *
 * Returns: (transfer full): JSON text
 *
 * Since: 1.0
 */
char *thole_variant_to_json (GVariant *value);

G_END_DECLS
