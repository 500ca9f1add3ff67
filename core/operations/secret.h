/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Secrets: {"secret": "NAME"} in the environment of a spec, or `secret` of a file, stands for a value that only drivers get.
 */
#pragma once

#include "operations/subject.h"

/* Returns: (transfer none) (nullable) */
TholeSecret *thole_secret_find (TholeOperations *self, const char *owner, const char *name);
/* Seals anew what was sealed with a key that is to go. */
void      thole_secrets_renew  (TholeOperations *self);

/* Adds to @problem what @spec refers to and @owner does not have. */
void      thole_secrets_check  (TholeOperations *self, const char *owner, GVariant *spec, TholeProblem *problem);
/* Puts the environment and the files of @spec into @out, without those that are secrets. */
void      thole_secrets_hide   (GVariantDict *out, GVariant *spec);
/* @options: (nullable), of workload.create. Returns: (transfer full) (nullable): the same with the values of the secrets that the spec
 * refers to and the token of its helper, as `secrets` a{say}; NULL without @error when there is nothing to say. They are wiped when
 * it is freed. */
GVariant *thole_secrets_give   (TholeSubject *subject, GVariant *options, GError **error);

/* Adds to @problem what @spec says itself of what a helper gets. */
void      thole_helper_check   (GVariant *spec, TholeProblem *problem);
/* A TholeHelperFunc. @operations: a TholeOperations */
gboolean  thole_helper_find    (gpointer operations, const char *workload, gint64 *epoch);
