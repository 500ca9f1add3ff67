/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is said to the supervisor of a sandbox: one question a connection (sdk/thole-sandbox-protocol.h).
 */
#pragma once

#include "driver.h"
#include "thole-sandbox-protocol.h"

/* Connects. Returns: -1 with CONFLICT when it does not run */
int      local_talk_connect (TholeDriver *driver, const char *id, GError **error);
gboolean local_talk_send    (int fd, unsigned type, guint32 number, gint32 value, guint32 extra, const GByteArray *payload, GError **error);

typedef struct
{
  TholeSandboxHead head;
  int fds[THOLE_SANDBOX_FDS]; /* owned by who receives them; -1 = none */
} LocalWords;

/* 1 = there are some, 0 = not now, -1 = the other side has gone. */
int      local_talk_receive (int fd, LocalWords *words);

/* Asks one question and waits for its answer, DONE. `finish`: FALSE with CONFLICT (does not run, or has ended), NOT_FOUND.
 * @out_fd (nullable): the descriptor that came with it, -1 = none. */
void     local_ask_async  (TholeDriver *driver, const char *id, unsigned type, guint32 number, gint32 value, guint32 extra,
                           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean local_ask_finish (GAsyncResult *result, int *out_fd, GError **error);
