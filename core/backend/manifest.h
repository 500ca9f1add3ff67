/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The text beside a driver's module: what the daemon knows before it runs any of the driver's code.
 *
 *   [Plugin]
 *   Id=docker                          a C identifier
 *   Abi=1
 *   Module=docker.so                   a file beside the manifest
 *   Interfaces=workload/1;exec/1       as in the module
 *   Needs=libsoup-3.0.so.0             optional: libraries, looked for before the module is opened
 *   ConfigKeys=url;timeout:number      optional: NAME or NAME:KIND, KIND = string path bool int number size
 *   Isolation=in-process               optional: or process
 *   Disabled=false                     optional
 */
#pragma once

#include <gio/gio.h>

typedef enum
{
  THOLE_MANIFEST_STRING,
  THOLE_MANIFEST_PATH,   /* absolute */
  THOLE_MANIFEST_BOOL,   /* true, false */
  THOLE_MANIFEST_INT,
  THOLE_MANIFEST_NUMBER,
  THOLE_MANIFEST_SIZE,   /* bytes, also "512MiB" */
} TholeManifestKind;

typedef struct
{
  char *name;
  TholeManifestKind kind;
} TholeManifestKey;

typedef struct
{
  char *path;            /* of the manifest */
  char *id;              /* the file's name without .plugin when the manifest has none */
  char *module;          /* absolute path; NULL when the manifest has none */
  char **interfaces;
  char **needs;
  GArray *keys;          /* of TholeManifestKey */
  gint64 abi;
  gboolean process;      /* Isolation=process */
  gboolean disabled;
} TholeManifest;

/* Reads @path. Always gives a manifest, so that the driver can be shown; @fault (out) (transfer full) (nullable): THOLE_LOAD_ERROR
 * with one sentence for each fault. */
TholeManifest *thole_manifest_read (const char *path, GError **fault);
/* A manifest of nothing but its path, for a file that may not be read. */
TholeManifest *thole_manifest_unread (const char *path);
void           thole_manifest_free (TholeManifest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeManifest, thole_manifest_free)

/* Returns: (nullable): NULL when the driver has no such key */
const TholeManifestKey *thole_manifest_key (const TholeManifest *self, const char *name);
/* NULL when @value is of the kind, else what was expected: "a number" */
const char *thole_manifest_key_check (const TholeManifestKey *key, const char *value);
