/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine's store of blobs.
 */
#pragma once

#include "call.h"
#include "digest.h"

#define CTR_DOCUMENT_MAX (4 * 1024 * 1024) /* manifests, configurations */

/* Reads the blob @digest, which may have CTR_DOCUMENT_MAX bytes; @next gets a GBytes. */
void ctr_content_read (GTask *task, const char *digest, CtrNext next);

/* A blob that is being written. Each call is answered before the next one. */
typedef struct _CtrIngest CtrIngest;

/* @total: bytes, 0 = not known; @digest: what it has to be, or it is refused; @lease: keeps it. The engine answers EXISTS when it
 * has the blob: then there is nothing to write. */
CtrIngest *ctr_ingest_new    (GTask *task, const char *digest, gint64 total, const char *lease);
void       ctr_ingest_write  (CtrIngest *self, const guint8 *data, gsize length, CtrNext next);
/* @labels (nullable): pairs, ended by NULL. */
void       ctr_ingest_commit (CtrIngest *self, const char *const *labels, CtrNext next);
/* What was not committed is given up. */
void       ctr_ingest_free   (CtrIngest *self);

/* All of it at once. That it is there already is a success. */
void       ctr_content_write (GTask *task, const char *digest, GBytes *data, const char *const *labels, const char *lease, CtrNext next);
