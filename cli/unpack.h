/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An archive of somebody else, unpacked by tar(1) into a folder of its own beside its goal, which only its maker can enter. What is
 * not whole or should not be there never gets further.
 */
#pragma once

#include <gio/gio.h>

typedef struct _CliUnpack CliUnpack;

/* Begins to unpack within @folder. Returns: (transfer full) */
CliUnpack *cli_unpack_new   (const char *folder, GError **error);
/* Ends tar when it still runs, and removes what was not put in place. */
void       cli_unpack_free  (CliUnpack *self);
/* Where the archive is to be written to. */
int        cli_unpack_fd    (CliUnpack *self);
/* All was written: waits for tar. */
gboolean   cli_unpack_end   (CliUnpack *self, GError **error);
/* Returns: (transfer full) (nullable): where @name of the archive leads when it is a link */
char      *cli_unpack_link  (CliUnpack *self, const char *name);
/* Moves the folder @name of the archive (NULL = all of it) to @target: what is a folder in both is merged, files are replaced one by
 * one, each whole. Fails before anything is moved when there are devices, or a folder would replace a file or a file a folder. */
gboolean   cli_unpack_place (CliUnpack *self, const char *name, const char *target, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliUnpack, cli_unpack_free)

/* tar(1) with @arguments, without a shell and without what the environment would add. */
GSubprocess *cli_tar_spawn (const char *const *arguments, GSubprocessFlags flags, GError **error);
