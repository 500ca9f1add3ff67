/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "operations/context.h"

/* Back-ups that were under way when the daemon went down have failed. */
void thole_store_backup_resume (TholeOperations *operations);
/* Ends what is under way; nothing of it stays. */
void thole_store_backup_drain  (TholeOperations *operations);
