/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A record is one state of one stored object: a C struct made from a *.fields file, whose first member is TholeRecord.
 * It is changed only while nobody else can see it: copy, change, submit to the store; after COMMIT the copy takes the
 * place of the original. References are atomic, because the store's writer reads records in its own thread.
 */
#pragma once

#include "model/schema.h"

typedef struct
{
  const char *name;    /* "workload" */
  const char *prefix;  /* "wl" */
  const char *table;   /* "workloads" */
  const char *doc;
  const TholeField *fields; /* fields[0] is always `id` */
  guint n_fields;
  gsize size;
} TholeRecordType;

typedef struct
{
  const TholeRecordType *type;
  gint ref_count;
  GBytes *json;        /* rendered once per revision; main thread only */
} TholeRecord;

/* What a nullable int holds that has no value: 0 is one. */
#define THOLE_RECORD_NULL G_MININT64

/* Strings begin as "", json fields as NULL (rendered as null unless set), numbers as 0, nullable ints as
 * THOLE_RECORD_NULL. Returns: (transfer full) */
gpointer    thole_record_new   (const TholeRecordType *type);
/* Returns: (transfer full): a copy without the rendered bytes, to be changed */
gpointer    thole_record_copy  (gconstpointer record);
gpointer    thole_record_ref   (gpointer record);
void        thole_record_unref (gpointer record);
/* Replaces a string member. @text NULL becomes "". */
void        thole_record_set   (char **member, const char *text);

/* For renderers: writes the name of a member and what stands before it. @group: the object that is open, first NULL; @opening and
 * @closing: what begins and ends such an object. One that is open after the last member is the caller's to close. */
void        thole_record_member (GString *out, const TholeField *field, const char **group, const char *opening,
                                 const char *closing);

/* Returns: (transfer none): the object as JSON, made at the first call */
GBytes     *thole_record_json  (gpointer record);
const char *thole_record_id    (gconstpointer record);

/* Text <-> enum member of the field @field; -1 when unknown. */
const char *thole_record_choice       (const TholeRecordType *type, const char *field, int value);
int         thole_record_parse_choice (const TholeRecordType *type, const char *field, const char *text);

/* Returns: (nullable): the field of this name */
const TholeField *thole_record_field (const TholeRecordType *type, const char *name);

/* Appends the JSON Schema (draft 2020-12) of the rendered object. */
void thole_record_describe (const TholeRecordType *type, GString *out);
