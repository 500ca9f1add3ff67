/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finds the manifests, decides which may be trusted, and has each unknown module opened in a child first.
 */
#pragma once

#include "backend/manifest.h"

/* One driver that was found; refused when @fault is set. */
typedef struct
{
  TholeManifest *manifest;
  GError *fault;
} TholeFinding;

typedef struct
{
  const char *driver_path;   /* (nullable): folders separated by `:`, looked through before the built-in one */
  const char *built_in;      /* (nullable): the folder of the installed drivers */
  const char *state_dir;     /* verdicts are kept in the file driver-verdicts of it */
  const char *check_program; /* (nullable): thole-driver-check */
  guint check_timeout;       /* seconds for one module, 0 = 10 */
} TholeScan;

/* Reads all manifests, in the order of the folders and by name within one. None of the drivers' code runs in this
 * process. Returns: (transfer full) (element-type TholeFinding): the first of an id is the one that counts */
GPtrArray *thole_scan (const TholeScan *scan);

/* Returns: (transfer full) (nullable): thole-driver-check beside this program, in its build tree or where it is installed */
char      *thole_scan_find_check_program (void);
