/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Credentials that are not good, in the audit: the first one of an address at once, further ones as one row with their count a
 * minute later. However many come, there are few rows: of addresses beyond a bound only their sum is told.
 */
#pragma once

#include "operations/context.h"

#define THOLE_STRANGERS_MAX 32 /* addresses a minute that are told apart */

/* Somebody at @address (nullable: not known) showed a credential that is not good. */
void thole_strangers_note  (TholeOperations *self, const char *address, const char *request_id);
/* Writes the counts that wait, before the end. */
void thole_strangers_flush (TholeOperations *self);
void thole_strangers_free  (TholeOperations *self);
