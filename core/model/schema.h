/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/problem.h"

/* What a field holds; see the head of workload.fields. */
typedef enum
{
  THOLE_FIELD_STRING,
  THOLE_FIELD_NAME,     /* [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])? */
  THOLE_FIELD_BOOL,
  THOLE_FIELD_INT,
  THOLE_FIELD_NUMBER,
  THOLE_FIELD_SIZE,     /* bytes; input also takes "512MiB" */
  THOLE_FIELD_DURATION, /* seconds */
  THOLE_FIELD_TIME,     /* µs since the epoch in C, RFC 3339 outside */
  THOLE_FIELD_ENUM,
  THOLE_FIELD_STRINGS,  /* as */
  THOLE_FIELD_LABELS,   /* a{ss} */
  THOLE_FIELD_ENV,      /* a{ss}; input also takes ["A=1"]. With format=secrets a{sv} when a value is {"secret": NAME} */
  THOLE_FIELD_JSON,     /* any object */
  THOLE_FIELD_OBJECT,
  THOLE_FIELD_LIST,     /* of objects */
} TholeFieldKind;

typedef enum
{
  THOLE_FIELD_REQUIRED = 1 << 0,
  THOLE_FIELD_SECRET = 1 << 1,   /* never in a log, an answer or an error */
  THOLE_FIELD_REPEATED = 1 << 2, /* a query parameter that may come several times: an `as` */
  THOLE_FIELD_HIDDEN = 1 << 3,   /* records: a column that is never rendered */
  THOLE_FIELD_COMPUTED = 1 << 4, /* records: no column */
  THOLE_FIELD_NULLABLE = 1 << 5, /* records: an empty value is rendered as null */
} TholeFieldFlags;

typedef struct _TholeSchema TholeSchema;

typedef struct
{
  const char *name;
  TholeFieldKind kind;
  guint flags;
  double min, max;
  gboolean has_min, has_max;
  const char *fallback;             /* default as text, NULL = left out */
  const char *format;
  const char *const *choices;
  const TholeSchema *of;
  gsize offset;                     /* records: into the struct */
  const char *group;                /* records, (nullable): rendered inside an object of this name, without it and _ in its own */
  const char *doc;
  const char *bus_type;             /* records, JSON: its type as a property on D-Bus; NULL = a{sv} */
} TholeField;

struct _TholeSchema
{
  const char *name;
  const char *doc;
  const TholeField *fields;
  guint n_fields;
};

typedef enum
{
  THOLE_VALIDATE_DEFAULTS = 0,      /* fill in the defaults */
  THOLE_VALIDATE_TEXT = 1 << 0,     /* every value is text (query parameters, configuration) */
  THOLE_VALIDATE_PARTIAL = 1 << 1,  /* only what is there: no defaults, nothing required */
} TholeValidateFlags;

/* Checks @input (a{sv}, as thole_json_parse() makes it; NULL = empty) against @schema. Adds EVERY fault to @problem, with
 * a JSON pointer below @pointer ("" or "/spec").
 * Returns: (transfer full) (nullable): the normal form with types as in sdk/schema.md (strv `as`, maps `a{ss}`,
 * lists `aa{sv}`, ints `x`, numbers `d`), or NULL when something was wrong */
GVariant *thole_schema_validate (const TholeSchema *schema, GVariant *input, guint flags,
                                 const char *pointer, TholeProblem *problem);

/* "512MiB", "1.5 GB", "2Gi", "4096" -> bytes; -1 when it is not a size */
gint64    thole_size_parse (const char *text);
/* What format=when takes: an RFC 3339 time or seconds since the epoch, as µs since the epoch; -1 when it is neither */
gint64    thole_when_parse (const char *text);
gboolean  thole_name_valid (const char *name);

/* Appends the JSON Schema (draft 2020-12) of @schema. Schemas in it are references to #/components/schemas/NAME. */
void      thole_schema_describe (const TholeSchema *schema, GString *out);
/* The same of one field. @answer: as it is given out, not as it is taken. */
void      thole_field_describe  (const TholeField *field, gboolean answer, GString *out);
