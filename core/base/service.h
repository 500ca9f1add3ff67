/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a service manager hands to a daemon at its start: sockets that are open already, credentials, folders, and the wish
 * for a sign of life.
 */
#pragma once

#include <glib.h>

/* A descriptor from sd_listen_fds(3). */
typedef struct
{
  int fd;       /* closed with the rest unless it was taken: then -1 */
  char *name;   /* of LISTEN_FDNAMES, or "unknown" */
} TholeInherited;

/* To be called by main() before there are threads: the environment forgets them, so that no child takes them for its own.
 * Returns: (transfer full) (element-type TholeInherited): empty when there are none */
GPtrArray *thole_inherited_take (void);

/* Returns: (transfer full) (nullable): the path of the credential @name (LoadCredential=); NULL when it was not given */
char      *thole_credential     (const char *name);
/* Is @file one of the credentials? */
gboolean   thole_credential_is  (const char *file);

/* Returns: (nullable): a folder that the service manager made: @kind is CONFIGURATION, STATE or RUNTIME */
char      *thole_service_folder (const char *kind);

/* Says in @context, half as often as the service manager demands (WATCHDOG_USEC), that the loop still turns.
 * Returns: (transfer full) (nullable): NULL when nobody demands it */
GSource   *thole_watchdog_new   (GMainContext *context);
