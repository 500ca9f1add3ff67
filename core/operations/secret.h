/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Secrets: {"secret": "NAME"} in the environment of a spec stands for a value that only drivers get.
 */
#pragma once

#include "operations/context.h"

/* Adds to @problem what a spec of @owner refers to and is not there. */
void      thole_secrets_check   (TholeOperations *self, const char *owner, GVariant *spec, TholeProblem *problem);
/* @spec (transfer full) with the values in place of what stands for them. Returns: (transfer full) (nullable) */
GVariant *thole_secrets_resolve (TholeOperations *self, const char *owner, GVariant *spec, GError **error);
/* Seals anew what was sealed with a key that is to go. */
void      thole_secrets_renew   (TholeOperations *self);
