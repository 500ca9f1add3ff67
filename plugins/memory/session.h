/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Open and attached sessions.
 */
#pragma once

#include "driver.h"
#include "process.h"

typedef struct _MemSession MemSession;

/* A program of its own. Returns: (transfer full) (nullable): its streams */
GIOStream *mem_session_open   (TholeDriver *driver, MemWorkload *workload, GVariant *command, const char *id, GError **error);
/* The main process, from now on. */
GIOStream *mem_session_attach (TholeDriver *driver, MemWorkload *workload, GError **error);
gboolean   mem_session_resize (TholeDriver *driver, const char *id, guint rows, guint cols);
/* FALSE: it is not there (any more). */
gboolean   mem_session_signal (TholeDriver *driver, const char *id, int signal);
/* The engine has gone: every stream ends without an exit record. */
void       mem_sessions_lose  (TholeDriver *driver);
