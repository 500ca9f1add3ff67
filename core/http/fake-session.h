/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests: a session that does what its name says, served from the thread-default main context.
 *
 *     echo    gives back its input, with what it got of other calls as lines; ends with 0 at the end of input
 *     flood   writes as much as it may, for ever
 *     bytes   writes all byte values, in the order of channels stdout, stderr, then exits with 3
 *     killed  is ended by SIGKILL
 *     gap     tells of a gap, shows a screen, then waits
 *     stuck   takes no input
 *     removed, gone, lost, forbidden, many: ends like that at once
 */
#pragma once

#include "sessions/viewer.h"

typedef struct
{
  gint viewers;      /* atomic: that exist */
  gint64 given;      /* bytes of output, in all; of the server's thread */
  gint64 granted;
  gint64 acked;
} TholeFakeCounts;

TholeSession *thole_fake_session_new (const char *name, gboolean tty, TholeFakeCounts *counts);
