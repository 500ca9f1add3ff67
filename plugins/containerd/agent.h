/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How thole-agent gets into a container: as two bind mounts, the program and a folder for its socket.
 */
#pragma once

#include "driver.h"

#define CTR_AGENT_PROGRAM "/.thole/agent"
#define CTR_AGENT_FOLDER "/.thole/run"

/* Of what `install` gave, (nullable). Returns: (transfer full) (nullable): aa{sv}, as `mounts` of a spec */
GVariant *ctr_agent_mounts (GVariant *agent);
/* The socket's folder is the one user's whose programs run in the container; its parents keep everybody else out. */
void      ctr_agent_open   (GVariant *agent, guint uid, guint gid);
