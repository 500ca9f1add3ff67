/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All drivers that were found and all backends that were configured.
 */
#pragma once

#include "backend/backend.h"
#include "base/problem.h"

typedef struct _TholeRegistry TholeRegistry;

typedef struct
{
  const char *instance;     /* the store's uuid */
  const char *runtime_dir;  /* a folder per backend is made below */
  const char *state_dir;
  const char *driver_path;  /* (nullable): folders separated by `:`, before the built-in one (THOLE_DRIVER_PATH) */
  const char *check_program; /* thole-driver-check, for the first opening in a child; NULL = found beside the daemon */
  TholeClock *clock;
} TholeRegistryOptions;

/* Reads the manifests, opens unknown modules in a child first, loads the good ones. Never fails: a driver that was refused is
 * in the list with the reason. Returns: (transfer full) */
TholeRegistry *thole_registry_new      (const TholeRegistryOptions *options);
void           thole_registry_free     (TholeRegistry *self);

/* Makes the backend @name of @config (a{sv}, all strings): `driver`, `default` (true for one at most, else the first one),
 * `secret_NAME_file` (a path, read now, for the driver's host->secret (NAME)), `require_isolation`, and the keys of the manifest.
 * Errors: INVALID naming the key; NOT_FOUND (no such driver, or why it was refused).
 * Returns: (transfer none) */
TholeBackend  *thole_registry_add      (TholeRegistry *self, const char *name, GVariant *config, GError **error);

/* Returns: (transfer none) (nullable): NULL or "" gives the default backend */
TholeBackend  *thole_registry_lookup   (TholeRegistry *self, const char *name);
/* Returns: (transfer none) (element-type TholeBackend): in the order of configuration */
GPtrArray     *thole_registry_backends (TholeRegistry *self);

/* Returns: (transfer full): JSON objects of /v1/drivers: id version abi path interfaces[] capabilities[] isolation state
 * (loaded, refused, disabled) reason */
GPtrArray     *thole_registry_drivers  (TholeRegistry *self);            /* (element-type GBytes), by id */
GBytes        *thole_registry_driver   (TholeRegistry *self, const char *id); /* (nullable) */
