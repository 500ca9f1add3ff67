/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the kit is told: a manifest, and a file with the section [backend NAME] as in thole.conf plus [check].
 */
#pragma once

#include "backend/manifest.h"

typedef struct
{
  TholeManifest *manifest;
  char *name;              /* of the backend */
  GVariant *keys;          /* a{sv}: what of its section goes to the driver */
  GHashTable *secrets;     /* of GBytes */
  char *image;             /* "" = none */
  char *restart;           /* a command that restarts the engine; "" = none */
  char *agent;             /* path of thole-agent; "" = none */
  GHashTable *programs;    /* by name, what replaces the shell's */
  double deadline;         /* seconds after which a call that did not come back is given up */
  gboolean brief;          /* fewer rounds */
} KitSettings;

/* @config (nullable). Errors: a sentence for people. Returns: (transfer full) */
KitSettings *kit_settings_new  (const char *manifest, const char *config, GError **error);
void         kit_settings_free (KitSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KitSettings, kit_settings_free)

/* The words of one of the programs that the cases run; @argument takes the place of %s.
 * Returns: (transfer full) (nullable): NULL when the engine has none like it (its key is empty) */
char       **kit_settings_program (const KitSettings *self, const char *name, const char *argument);
/* For --help and the manual: name and meaning of each, until NULL. */
const char  *kit_program_name     (guint index, const char **meaning, const char **script);
