/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One viewer of one session, over the connections of tholectl.
 */
#pragma once

#include "client.h"
#include "client/http-socket.h"

/* @session: id; of a workload for its console. */
TholeWire *cli_socket_new  (CliClient *client, const char *session, const TholeSocketOptions *options,
                            const TholeWireEvents *events, gpointer user_data);
/* Says good-bye; no event is told any more. */
void       cli_socket_free (TholeWire *self);
