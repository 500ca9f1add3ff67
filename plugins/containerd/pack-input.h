/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a `get` packs, as it comes: a stream that fails where the thread did, instead of ending.
 */
#pragma once

#include "transfer.h"

/* Returns: (transfer full): read asynchronously only; closing it ends the transfer */
GInputStream *ctr_pack_input_new (CtrTransfer *transfer);
