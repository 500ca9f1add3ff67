/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits for a disk, in a thread: nobody else of the daemon waits with it.
 */
#pragma once

#include "driver.h"

typedef gboolean (*LocalWork) (gpointer data, GError **error);
/* @error: transfer full, NULL when it has been done */
typedef void     (*LocalDone) (GTask *task, GError *error);

/* Calls @work with @data in a thread, then @done here; @free may be called there, so @data holds nothing that is only of one thread. */
void local_aside (GTask *task, LocalWork work, gpointer data, GDestroyNotify free, LocalDone done);
