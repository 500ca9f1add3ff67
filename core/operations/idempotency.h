/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Idempotency-Key: the same request again acts once. The key is decided by a primary key in the transaction of the
 * intent; errors before the intent is stored are not remembered.
 */
#pragma once

#include "operations/context.h"

/* Looks at the key of @call. Returns TRUE when the call may go on; FALSE when it was answered (replay, conflict) or waits for
 * the first one's commit. Calls without a key go on. */
gboolean thole_idempotency_enter    (TholeCall *call);
/* Puts the key into the transaction of the intent. */
void     thole_idempotency_remember (TholeCall *call, TholeTxn *txn, const char *subject, const char *operation);
/* The intent of @call is stored (@stored) or it failed before: those who waited go on. Called by the end of each call. */
void     thole_idempotency_leave    (TholeCall *call);
/* After COMMIT of what remember put there. */
void     thole_idempotency_stored   (TholeCall *call);
/* What it was to make was not made: the key may be used again. @subject: as remembered */
void     thole_idempotency_forget   (TholeCall *call, const char *subject);
/* Loads the keys. */
gboolean thole_idempotency_load     (TholeOperations *operations, GError **error);
/* Removes keys that are too old. */
void     thole_idempotency_retain   (TholeOperations *operations);
