/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The audit: who did what, in the transaction in which it was done. Rows are only added, numbered without a gap, and each
 * carries a keyed hash of itself and of the one before, so that none can be changed, taken out or put in unseen.
 */
#pragma once

#include "base/clock.h"

typedef enum
{
  THOLE_AUDIT_ACTOR,      /* id of a user, "uid:0", "bootstrap", "anonymous", "daemon" */
  THOLE_AUDIT_CREDENTIAL, /* "peer", "bootstrap", "token JTI", "key ID" */
  THOLE_AUDIT_ADDRESS,
  THOLE_AUDIT_ACTION,     /* name of the operation */
  THOLE_AUDIT_TARGET,
  THOLE_AUDIT_DECISION,   /* "allowed", "denied" */
  THOLE_AUDIT_REASON,     /* the permission that decided */
  THOLE_AUDIT_RESULT,     /* "done", "begun" or the word of an error */
  THOLE_AUDIT_REQUEST,
  THOLE_AUDIT_DETAIL,     /* of a file its path, else empty */
  THOLE_AUDIT_N_TEXTS,
} TholeAuditText;

extern const char *const thole_audit_names[THOLE_AUDIT_N_TEXTS]; /* of the columns, and in JSON */

#define THOLE_AUDIT_HASH 32
#define THOLE_AUDIT_HEX (2 * THOLE_AUDIT_HASH)

typedef struct
{
  gint64 seq;             /* given by the store */
  gint64 time;            /* µs since the epoch */
  char *texts[THOLE_AUDIT_N_TEXTS];
  char hash[THOLE_AUDIT_HEX + 1];
} TholeAuditRow;

/* @texts: in the order above; NULL is "". Returns: (transfer full) */
TholeAuditRow *thole_audit_row_new  (gint64 time, const char *const texts[THOLE_AUDIT_N_TEXTS]);
void           thole_audit_row_free (TholeAuditRow *row);
/* As an object. */
void           thole_audit_row_json (const TholeAuditRow *row, GString *json);

/* Where the chain stands. */
typedef struct
{
  gint64 seq;
  guchar hash[THOLE_AUDIT_HASH];
} TholeAuditHead;

/* @key: THOLE_AUDIT_HASH bytes. The hash of @row after @head. */
void     thole_audit_hash (const guchar *key, const TholeAuditHead *head, const TholeAuditRow *row, guchar out[THOLE_AUDIT_HASH]);
/* A head as text that only who has @key can make. Returns: (transfer full) */
char    *thole_audit_seal (const guchar *key, const TholeAuditHead *head);
gboolean thole_audit_open (const guchar *key, const char *sealed, TholeAuditHead *head);

/* Which rows; texts are (nullable), and the action may have asterisks. */
typedef struct
{
  gint64 after;           /* number; rows above it in their order */
  gint64 since, until;    /* µs since the epoch; 0 = any */
  gboolean tail;          /* the newest ones, in their order */
  guint limit;
  char *texts[THOLE_AUDIT_N_TEXTS];
} TholeAuditQuery;

void thole_audit_query_clear (TholeAuditQuery *query);

typedef struct
{
  gint64 rows, first, last; /* that were looked at */
  gint64 broken;            /* number of the first row that is not as it was written, 0 = none */
  char *why;                /* (nullable) */
} TholeAuditVerdict;

void thole_audit_verdict_free (TholeAuditVerdict *verdict);
