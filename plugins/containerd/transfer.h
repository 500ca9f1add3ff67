/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A thread that packs or fills files of a root, at one end of a pair of sockets whose other end is on the main loop.
 */
#pragma once

#include "root.h"

/* Reference-counted, on the main thread only; the thread is one of those who have it. */
typedef struct _CtrTransfer CtrTransfer;

CtrTransfer *ctr_transfer_ref   (CtrTransfer *self);
void         ctr_transfer_unref (CtrTransfer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrTransfer, ctr_transfer_unref)

typedef void (*CtrTransferFunc) (CtrTransfer *self, const GError *error, gpointer user_data);

/* @opened: what shall be packed is there, and begins to come; or it is not. Once. Errors: LIMIT (too many). */
CtrTransfer *ctr_transfer_get   (CtrRoot *root, const char *path, CtrTransferFunc opened, gpointer user_data, GError **error);
/* @ended: all is in its place, or not. Once. */
CtrTransfer *ctr_transfer_put   (CtrRoot *root, const char *path, CtrTransferFunc ended, gpointer user_data, GError **error);
/* Ours; closing it ends the thread. */
GIOStream   *ctr_transfer_stream (CtrTransfer *self);
/* Ends it. @why (nullable): what it fails with */
void         ctr_transfer_stop  (CtrTransfer *self, const GError *why);
/* Nothing more will be written to it. */
void         ctr_transfer_end_input (CtrTransfer *self);
/* How a `get` failed, once its stream has ended. Returns: (transfer none) (nullable) */
const GError *ctr_transfer_failure (CtrTransfer *self);
