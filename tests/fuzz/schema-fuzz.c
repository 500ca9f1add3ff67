/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One byte that chooses a schema, one of flags, then a body: what passes has a normal form that passes again and does not
 * change; what does not names a fault.
 */
#include "records.h"
#include "thole-json.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_problem (const TholeProblem *problem)
{
  g_autoptr(GString) text = g_string_new ("{");
  g_autoptr(GVariant) value = NULL;

  g_assert_cmpuint (problem->n_fields, >, 0);
  thole_problem_render (problem, text);
  g_string_append_c (text, '}');
  value = thole_json_parse (text->str, text->len, NULL);
  g_assert_nonnull (value);
}

static void
check_again (const TholeSchema *schema, guint flags, GVariant *result)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autofree char *first = thole_json_to_string (result);
  g_autofree char *second = NULL;
  g_autoptr(GVariant) input = thole_json_parse (first, strlen (first), NULL);
  g_autoptr(GVariant) again = NULL;

  g_assert_nonnull (input);
  again = thole_schema_validate (schema, input, flags, "", problem);
  g_assert_cmpstr (problem->fields->str, ==, "");
  second = thole_json_to_string (again);
  g_assert_cmpstr (first, ==, second);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr(TholeProblem) problem = NULL;
  g_autoptr(GVariant) input = NULL, result = NULL;
  const TholeSchema *schema;
  guint count = 0, flags;

  if (size < 2)
    return 0;
  while (thole_schemas[count] != NULL)
    count++;
  schema = thole_schemas[data[0] % count];
  flags = data[1] & (THOLE_VALIDATE_TEXT | THOLE_VALIDATE_PARTIAL);
  input = thole_json_parse ((const char *) data + 2, size - 2, NULL);
  if (input == NULL)
    return 0;
  problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  result = thole_schema_validate (schema, input, flags, "", problem);
  if (result == NULL)
    check_problem (problem);
  else
    check_again (schema, flags, result);
  return 0;
}
