/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon: builds, owns and drains every part. Nothing is global; two of them can live in one process.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeApp TholeApp;

typedef struct
{
  char **config_files;    /* (nullable): --config; otherwise the default ones that exist */
  char **set;             /* (nullable): "section.key=value" */
  char **listen;          /* (nullable): replaces [daemon] listen */
  char *state_dir;        /* (nullable) */
  char *runtime_dir;      /* (nullable) */
  char *log_level;        /* (nullable) */
  char *restore;          /* (nullable): a back-up that becomes the store first */
  gboolean replace;       /* also in place of a store that is there */
  char *tls_certificate, *tls_key; /* (nullable): PEM files */
  GPtrArray *inherited;   /* (nullable) (element-type TholeInherited): descriptors to serve; what was taken has fd -1 then */
  char *bus_address;      /* (nullable): a bus of one's own */
  gboolean session_bus;   /* that of the user */
  gboolean no_bus;        /* none; without any of these that of the system, when there is one */
} TholeAppOptions;

/* Reads and checks the configuration; nothing is opened yet. Returns: (transfer full) */
TholeApp *thole_app_new      (const TholeAppOptions *options, GError **error);
/* Opens everything and serves. @stopped is called once, when all is closed: after thole_app_stop(), and after a
 * start that failed. */
gboolean  thole_app_start    (TholeApp *self, void (*stopped) (gpointer user_data), gpointer user_data, GError **error);
/* Reads the configuration again and takes over what holds at once; what else has changed is named in the log. Nothing changes when it
 * is wrong. */
gboolean  thole_app_reload   (TholeApp *self, GError **error);
/* Refuses new work, drains, closes; takes at most [daemon] shutdown_timeout and some. */
void      thole_app_stop     (TholeApp *self);
void      thole_app_free     (TholeApp *self);
/* Returns: (transfer full): where it serves */
char    **thole_app_addresses (TholeApp *self);
