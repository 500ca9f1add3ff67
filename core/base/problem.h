/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a caller is told when something went wrong (RFC 9457): a code of errors.list, a sentence, and for bad input every
 * wrong field. Faces turn it into their own form.
 */
#pragma once

#include <gio/gio.h>

#include "thole-error.h"

typedef struct
{
  int code;            /* TholeError */
  char *detail;        /* a sentence for people; never a secret */
  GString *fields;     /* JSON objects {"pointer","code","detail"}, comma-separated; "" = none */
  guint n_fields;      /* at most 100 are kept, all are counted */
  GString *extra;      /* further members: ,"name":value... */
  double retry_after;  /* seconds, 0 = not given */
} TholeProblem;

TholeProblem *thole_problem_new        (int code, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* A foreign domain becomes `failed`, cancellation `interrupted`. */
TholeProblem *thole_problem_from_error (const GError *error);
void          thole_problem_free       (TholeProblem *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeProblem, thole_problem_free)

/* Adds a wrong field and makes the problem `invalid`. @code: missing, unknown, type, range, length, format, choice, exclusive. */
void          thole_problem_add        (TholeProblem *self, const char *pointer, const char *code,
                                        const char *format, ...) G_GNUC_PRINTF (4, 5);
/* Adds a member beside the standard ones; @json is its value. */
void          thole_problem_extend     (TholeProblem *self, const char *name, const char *json);

/* Appends the members type, title, status, detail, code, errors and the extra ones, without braces. */
void          thole_problem_render     (const TholeProblem *self, GString *out);

/* Appends @token to the JSON pointer @base, escaped (~0 ~1). Returns: (transfer full) */
char         *thole_pointer_join       (const char *base, const char *token);
