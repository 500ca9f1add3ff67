/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The streams of a process as records, both ways, on a hijacked connection; with the exit record at the end.
 */
#pragma once

#include "wire.h"

/* Takes @wire. @exec_id NULL: the main process of @engine_id. Returns: (transfer full) */
GIOStream *docker_session_new (TholeDriver *driver, DockerWire *wire, gboolean tty, gboolean takes_input,
                               const char *engine_id, const char *exec_id);
