/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signals to processes of a container whose engine is on this machine.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Sends @signal to the group of the process @pid; of a terminal those of its keys to the group in front, and SIGKILL to every process
 * that came of it. Only when it is one of this machine's that belongs to the container @engine_id. FALSE: it is not, or we may not. */
gboolean docker_kill_local (pid_t pid, const char *engine_id, int signal);
