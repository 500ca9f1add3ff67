/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects at an engine that carry our label although the store knows nothing of them: listed, and removed when their grace time,
 * which is kept in the store, is over; never in the mode never-destroy.
 */
#pragma once

#include "operations/subject.h"

/* Returns: (transfer full): BACKEND:ID */
char    *thole_orphan_id     (TholeBackend *backend, const char *object);
/* The engine has one: it is remembered with its grace time, or removed when that is over. */
void     thole_orphan_found  (TholeOperations *operations, TholeBackend *backend, GVariant *seen);
/* Those of @backend that are not in @seen (a set of orphan ids) are gone. */
void     thole_orphans_gone  (TholeOperations *operations, TholeBackend *backend, GHashTable *seen);
gboolean thole_orphans_load  (TholeOperations *operations, GError **error);
