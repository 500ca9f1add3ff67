/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the daemon's parts take from the configuration and from its surroundings.
 */
#pragma once

#include "access/rate.h"
#include "app.h"
#include "config/config.h"
#include "operations/context.h"

/* Reads the files, --set and the other options that stand for keys. Returns: (transfer full) */
TholeConfig    *thole_app_load_config (const TholeAppOptions *options, GError **error);
/* Returns: (transfer full): @given, else the service manager's, else @system for root and a folder below @user_base for others */
char           *thole_app_folder      (const char *given, const char *kind, const char *system, const char *user_base);

gint64          thole_app_microseconds (TholeConfig *config, const char *section, const char *key);
/* but the agent */
TholeLimits     thole_app_limits      (TholeConfig *config);
TholeRateLimits thole_app_rates       (TholeConfig *config);
