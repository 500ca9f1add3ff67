#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the client library takes from the lists of the daemon.

    generate.py errors (header|source) OUTPUT core/base/errors.list
    generate.py operations OUTPUT core/operations/operations.list core/model/*.fields
"""
import re
import sys

OWN = (("unreachable", "The daemon cannot be reached, or the connection to it broke"),
       ("unreadable", "What the daemon said cannot be understood"))
FIRST_OWN = 1000
MADE = "/* made by client/generate.py; do not edit */\n"


def rows(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                yield line.rstrip("\n")


def errors(path):
    for row in rows(path):
        code, _, _, word, title = row.split(None, 4)
        yield code.upper().replace("-", "_"), word, title


def enum_rows(path):
    for number, (name, _, title) in enumerate(errors(path)):
        yield name, number, title
    for number, (name, title) in enumerate(OWN, FIRST_OWN):
        yield name.upper(), number, title


def errors_header(path):
    docs = "\n".join(f" * @THOLE_CLIENT_ERROR_{name}: {title}." for name, _, title in enum_rows(path))
    values = "\n".join(f"  THOLE_CLIENT_ERROR_{name} = {number}," for name, number, _ in enum_rows(path))
    return f"""{MADE}
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * THOLE_TYPE_CLIENT_ERROR:
 *
 * The type of #TholeClientError.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_CLIENT_ERROR (thole_client_error_get_type ())
GType thole_client_error_get_type (void);

/**
 * TholeClientError:
{docs}
 *
 * The codes of %THOLE_CLIENT_ERROR. The message of such an error is the daemon's own text, every wrong field named.
 *
 * Since: 1.0
 */
typedef enum
{{
{values}
}} TholeClientError;

/**
 * THOLE_CLIENT_ERROR:
 *
 * The domain of what the daemon refuses and of failures on the way to it. A call that was cancelled gives %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
#define THOLE_CLIENT_ERROR (thole_client_error_quark ())

/**
 * thole_client_error_quark:
 *
 * Returns: the domain of #TholeClientError
 *
 * Since: 1.0
 */
GQuark thole_client_error_quark (void);

G_END_DECLS
"""


def errors_source(path):
    values = "\n".join(f'  {{ THOLE_CLIENT_ERROR_{name}, "THOLE_CLIENT_ERROR_{name}", "{name.lower().replace("_", "-")}" }},'
                       for name, _, _ in enum_rows(path))
    words = "\n".join(f'  {{ "{word}", THOLE_CLIENT_ERROR_{name} }},' for name, word, _ in errors(path))
    return f"""{MADE}
#include "private.h"

#include <string.h>

G_DEFINE_QUARK (thole-client-error-quark, thole_client_error)

static const struct
{{
  const char *word;
  TholeClientError code;
}} words[] = {{
{words}
}};

static const GEnumValue values[] = {{
{values}
  {{ 0, NULL, NULL }},
}};

GType
thole_client_error_get_type (void)
{{
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("TholeClientError", values));
  return type;
}}

TholeClientError
thole_client_error_from_word (const char *word, TholeClientError fallback)
{{
  for (guint i = 0; word != NULL && i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].word, word) == 0)
      return words[i].code;
  return fallback;
}}
"""


def schemas(paths):
    """{schema: names of its fields}"""
    found, fields = {}, None
    for path in paths:
        for row in rows(path):
            head = re.match(r"(schema|record)\s+([\w-]+)", row)
            if head:
                fields = found.setdefault(head[2], []) if head[1] == "schema" else []
            elif row.startswith("  ") and fields is not None:
                fields.append(row.split()[0])
    return found


def operations(lists, fields):
    known = schemas(fields)
    lines = []
    for row in rows(lists):
        name, _, _, http, _, body, query, _, bus, _ = [part.strip() for part in row.split("|", 9)]
        if http == "-":
            continue
        method, path = http.split()
        query_keys = known.get(query, [])
        paged = "cursor" in query_keys
        # without a body all options are for the query; the daemon refuses what it does not know
        text = "NULL" if body == "empty" or method in ("GET", "DELETE") else '",' + "".join(key + "," for key in query_keys) + '"'
        member = "NULL" if bus == "-" else f'"{bus.split()[0]}"'
        lines.append(f'  {{ "{name}", "{method}", "{path}", {text}, {"TRUE" if paged else "FALSE"}, {member} }},')
    body = "\n".join(lines)
    return f"""{MADE}
#include "operation.h"

#include <string.h>

static const TholeClientOperation operations[] = {{
{body}
}};

const TholeClientOperation *
thole_client_operation (const char *name)
{{
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    if (strcmp (operations[i].name, name) == 0)
      return &operations[i];
  return NULL;
}}
"""


def main():
    if sys.argv[1] == "errors":
        output, text = sys.argv[3], {"header": errors_header, "source": errors_source}[sys.argv[2]](sys.argv[4])
    else:
        output, text = sys.argv[2], operations(sys.argv[3], sys.argv[4:])
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main()
