/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the chain of the audit stands, kept in a second place: a small file beside the store, sealed with the key of the audit.
 * Whoever takes the newest rows out of the store while the daemon is down cannot make the file say so.
 */
#pragma once

#include "store/audit.h"

typedef enum
{
  THOLE_AUDIT_HEAD_GOOD,
  THOLE_AUDIT_HEAD_MISSING,
  THOLE_AUDIT_HEAD_WRONG, /* not as it was written, or by another key */
} TholeAuditHeadState;

/* Makes @file when it is missing. @head: what it says. Returns: a descriptor, -1 on error */
int  thole_audit_head_open  (const char *file, const guchar *key, TholeAuditHead *head, TholeAuditHeadState *state, GError **error);
/* After the COMMIT. It is not synchronous: the store never has less than it says. */
void thole_audit_head_write (int fd, const guchar *key, const TholeAuditHead *head);
/* Takes its time. */
void thole_audit_head_close (int fd);
