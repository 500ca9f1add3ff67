/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Mounts a snapshot as the runtime would, without any program, and without anybody seeing it.
 */
#pragma once

#include "call.h"

/* @mounts: those of the snapshot; @spec: the OCI specification, whose bind mounts come into it; @place: a folder that is there.
 * In a thread of its own, whose view of the mounts is its own, too. @next gets the descriptor of the tree as a pointer, which
 * the caller closes (GINT_TO_POINTER); closing it unmounts all. It is called in any case, @task's cancellable does not count. */
void ctr_root_mount (GTask *task, const Ctr__SnapshotMounts *mounts, GVariant *spec, const char *place, CtrNext next);
