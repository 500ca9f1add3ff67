/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" signal. The engine has no call for it: where it is on this machine the kernel has, else a small exec of kill finds the
 * processes by a mark in their environment. So an exec is known to the daemon as ID.MARK; .MARK will do.
 */
#pragma once

#include "driver.h"

#define DOCKER_EXEC_MARK "THOLE_EXEC"

/* @wanted: as the core wants it, "" = any. Returns: (transfer full) */
char *docker_exec_mark_new     (const char *wanted);
/* The slot. */
void  docker_exec_signal_async (TholeDriver *self, const char *id, const char *exec_id, const char *signal, GVariant *options,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
