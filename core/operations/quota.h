/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What owners and keys have at most: taken in the transaction that makes, changes or starts a workload.
 */
#pragma once

#include "operations/settings.h"

/* @record is to be made (@before NULL) or is a change of @before: notes what it takes and on whose account, and adds to @txn that
 * there is room. Before @record is added to it. Returns: (transfer full) (nullable): why it cannot be */
TholeProblem *thole_quota_charge  (TholeCall *call, const TholeWorkload *before, TholeWorkload *record, TholeTxn *txn);
/* It need not run any more. */
void          thole_quota_release (TholeWorkload *record);
/* "memory: 900 MiB of 1 GiB used, 200 MiB more asked for". Returns: (transfer full) */
char         *thole_quota_text    (TholeSettingKind setting, gint64 used, gint64 limit, gint64 asked);
