/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine's objects in a file: one JSON line a change, written at once, so that what a killed daemon leaves behind is what
 * the engine really had.
 */
#pragma once

#include "tree.h"
#include "world.h"

/* Locks and reads @path into @world, which is empty. Errors: UNAVAILABLE (another process has it), FAILED. */
MemJournal *mem_journal_open   (MemWorld *world, const char *path, GError **error);
void        mem_journal_close  (MemJournal *self);

/* Each does nothing when the world has no journal or is loading. */
void        mem_journal_created         (MemWorkload *workload, GVariant *spec);
void        mem_journal_workload        (MemWorkload *workload); /* its state */
void        mem_journal_image           (MemWorld *world, MemImage *image);
void        mem_journal_volume          (MemWorld *world, MemVolume *volume);
/* @kind: workload, image, volume */
void        mem_journal_gone            (MemWorld *world, const char *kind, const char *id);
/* A whole volume, of a snapshot. */
void        mem_journal_tree            (MemWorld *world, MemVolume *volume);
/* @tree: the workload's or that of a volume of it */
void        mem_journal_file            (MemWorkload *workload, MemTree *tree, const char *inside, const MemNode *node);
/* A rule is about to crash this process. */
void        mem_journal_crash           (MemWorld *world, const char *rule);
