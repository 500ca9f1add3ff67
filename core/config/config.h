/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The configuration: a GKeyFile with conf.d, THOLE_SECTION_KEY, --set and the defaults of keys.list, checked as a whole.
 */
#pragma once

#include <gio/gio.h>

typedef enum { THOLE_CONFIG_STRING, THOLE_CONFIG_LIST, THOLE_CONFIG_INT, THOLE_CONFIG_NUMBER, THOLE_CONFIG_BOOL,
               THOLE_CONFIG_SIZE, THOLE_CONFIG_CHOICE } TholeConfigKind;

typedef struct
{
  const char *section, *key;
  TholeConfigKind kind;
  const char *fallback;
  double min, max;
  const char *choices;   /* "a,b,c" */
  const char *doc;
  gboolean reload;       /* a reload takes it over; others need a restart */
} TholeConfigKey;

typedef struct _TholeConfig TholeConfig;

/* @files: read in order, later ones win; @set: "section.key=value". @environment reads THOLE_*.
 * The error names file, line and key of every fault. Returns: (transfer full) */
TholeConfig *thole_config_load     (const char *const *files, const char *const *set, gboolean environment, GError **error);
void         thole_config_free     (TholeConfig *self);
/* Takes over from @fresh what holds at once. @taken: (out) (transfer full): "section.key" of what has changed so.
 * Returns: (transfer full): the same, and "backend NAME", of what differs and stays as it is until a restart */
char       **thole_config_take     (TholeConfig *self, TholeConfig *fresh, char ***taken);

const char  *thole_config_string   (TholeConfig *self, const char *section, const char *key);
char       **thole_config_list     (TholeConfig *self, const char *section, const char *key); /* transfer full */
gint64       thole_config_int      (TholeConfig *self, const char *section, const char *key);
double       thole_config_number   (TholeConfig *self, const char *section, const char *key);
gboolean     thole_config_bool     (TholeConfig *self, const char *section, const char *key);

/* Returns: (transfer full): names of the sections [backend NAME], in order */
char       **thole_config_backends (TholeConfig *self);
/* Returns: (transfer full): a{sv} of strings, without floating reference */
GVariant    *thole_config_backend  (TholeConfig *self, const char *name);
/* Where a key of a backend was given ("FILE:LINE"), or its section when @key is NULL or not there. */
const char  *thole_config_backend_place (TholeConfig *self, const char *name, const char *key);
