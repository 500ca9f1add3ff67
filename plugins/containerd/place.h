/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A container's own folder in the backend's state: STATE/containers/NAME with hosts, hostname, resolv.conf, the folder of its log and
 * the one of its agent's socket; and its pipes in the backend's runtime folder.
 */
#pragma once

#include "driver.h"

/* @part (nullable): "log", "agent", "hosts". Returns: (transfer full) */
char    *ctr_place_path   (TholeDriver *driver, const char *container, const char *part);
/* Makes the folder, the files of /etc and one with Thole's @id. */
gboolean ctr_place_make   (TholeDriver *driver, const char *container, const char *id, const char *hostname, gboolean host_network,
                           GError **error);
/* Thole's id of a container that the engine has lost. Returns: (transfer full) */
char    *ctr_place_id     (TholeDriver *driver, const char *container);
void     ctr_place_remove (TholeDriver *driver, const char *container);

/* A pipe of @container in the runtime folder, made when it is not there. Returns: (transfer full) (nullable) */
char    *ctr_pipe_make    (TholeDriver *driver, const char *container, const char *name, GError **error);
