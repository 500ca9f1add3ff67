/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The audit of calls. What changes the store has its row in the transaction of the change; what goes to the engine has it
 * before; what was refused or changed nothing has it afterwards.
 */
#pragma once

#include "operations/context.h"

/* Puts the row of @call, done, into @txn. @target (nullable): what the call is about when its path does not name it. */
void     thole_trail_add    (TholeCall *call, TholeTxn *txn, const char *target);
/* Must the row of @call be there before it begins? */
gboolean thole_trail_first  (TholeCall *call);
/* Writes it, then calls @go; when it cannot be written the call fails. */
void     thole_trail_begin  (TholeCall *call, void (*go) (TholeCall *call));
/* The answer of @call is there. FALSE: @done is called once the row is written; when it cannot be, the answer is that. */
gboolean thole_trail_end    (TholeCall *call, void (*done) (TholeCall *call));
/* Writes that the audit itself is not as it should be. */
void     thole_trail_found  (TholeOperations *self, const char *found);
/* Forgets what is older than is kept. */
void     thole_trail_retain (TholeOperations *self);
