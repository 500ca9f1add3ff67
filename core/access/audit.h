/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One structured log line for each operation that was not a mere read: who, what, on which object, how it ended.
 */
#pragma once

/* @result: "done" or the word of an error */
void thole_audit (const char *principal, const char *operation, const char *target, const char *result, const char *request_id);
