/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is put into a workload: an archive as a stream that is read in a thread.
 */
#pragma once

#include <gio/gio.h>

#include "thole-tar.h"

/* A whole archive of one @entry. @fd: (transfer full): its content from the begin, entry->size bytes; -1 = none.
 * Returns: (transfer full) */
GInputStream *thole_tar_input_entry (const TholeTarEntry *entry, int fd);
/* An archive that is there: @size bytes of @fd (transfer full), and an end. */
GInputStream *thole_tar_input_whole (int fd, guint64 size);
