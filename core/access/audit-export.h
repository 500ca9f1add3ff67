/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows of the audit go on to the system's log as soon as they are stored, where who changes the store cannot reach them. Never
 * waits: what a slow reader does not take is kept up to a bound, and beyond it the numbers of what was left out are told.
 */
#pragma once

#include "base/clock.h"
#include "store/audit.h"

typedef enum
{
  THOLE_AUDIT_TO_SYSLOG,  /* a line each: the row as JSON behind @cee: */
  THOLE_AUDIT_TO_JOURNAL, /* the journal's own protocol: each text a field THOLE_AUDIT_... */
} TholeAuditTo;

typedef struct _TholeAuditExport TholeAuditExport;

/* @path: of the socket; "" = where the system has it. Returns: (transfer full) */
TholeAuditExport *thole_audit_export_new  (TholeAuditTo to, const char *path, TholeClock *clock);
/* Tries once more to send what is left. */
void              thole_audit_export_free (TholeAuditExport *self);
/* A TholeAuditedFunc. */
void              thole_audit_export_row  (gpointer self, const TholeAuditRow *row);
/* Rows that are not sent yet, for tests. */
guint             thole_audit_export_left (TholeAuditExport *self);
