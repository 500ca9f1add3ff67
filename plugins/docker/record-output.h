/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An output stream that takes records (sdk/schema.md) and sends the bytes of `stdin` ones to a hijacked connection, as fast as that
 * takes them; it keeps nothing. An empty record, and closing it, end the program's input. Asynchronous writes only.
 */
#pragma once

#include <gio/gio.h>

/* @takes_input: FALSE = the program has no open input, data is refused */
GOutputStream *docker_record_output_new (GIOStream *connection, gboolean takes_input);
