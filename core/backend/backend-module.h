/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A backend whose driver runs in this process.
 */
#pragma once

#include "backend/backend-class.h"

#define THOLE_TYPE_BACKEND_MODULE (thole_backend_module_get_type ())
G_DECLARE_FINAL_TYPE (TholeBackendModule, thole_backend_module, THOLE, BACKEND_MODULE, TholeBackend)

typedef struct
{
  const char *name;
  TholeTables *tables;
  GVariant *shown;           /* a{sv}: the configuration as it was given, to be shown */
  GVariant *config;          /* a{sv}: what the driver's `open` gets */
  GHashTable *secrets;       /* (nullable): name -> GBytes */
  TholeClock *clock;
} TholeBackendModuleOptions;

/* Opens the driver, which does no I/O. Errors: the driver's own (INVALID names the wrong keys).
 * Returns: (transfer full) */
TholeBackend *thole_backend_module_new (const TholeBackendModuleOptions *options, GError **error);
