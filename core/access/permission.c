/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/permission.h"

#include <string.h>

#define WORD "abcdefghijklmnopqrstuvwxyz0123456789-"

static const char *const admin[] = { "*", NULL };
/* not what is in the files of others: file.read shows what a secret put there */
static const char *const viewer[] = { "workload.read",  "workload.logs", "session.read", "driver.read",  "backend.read",   "orphan.read",
                                      "image.read",     "operation.read", "event.read",  "user.read",    "role.read",      "group.read",
                                      "key.read",       "setting.read",  "secret.read",  "metrics.read", "owner.any",      NULL };
static const char *const developer[] = { "workload.*", "session.*", "image.read",  "image.pull",  "operation.*", "event.read",
                                         "backend.read", "driver.read", "key.read",    "key.create",  "key.delete",
                                         "secret.*", "file.*", NULL };
static const char *const operator[] = { "workload.*", "session.*", "image.*",    "operation.*", "event.read",   "backend.*",
                                        "driver.read", "orphan.*",   "metrics.read", "key.read",    "key.create",
                                        "key.delete",  "secret.*",   "file.*",     "owner.any",  NULL };

const TholeBuiltinRole thole_builtin_roles[] = {
  { "admin", "may do everything", admin },
  { "operator", "runs the workloads of everybody and looks after the engines", operator },
  { "developer", "runs workloads of one's own", developer },
  { "viewer", "sees everything, changes nothing", viewer },
  { NULL },
};

/* the length of a word or of `*` at the begin, 0 = neither */
static gsize
part_length (const char *text)
{
  return text[0] == '*' ? 1 : strspn (text, WORD);
}

gboolean
thole_permission_valid (const char *grant)
{
  gsize noun = part_length (grant), verb;

  if (strcmp (grant, "*") == 0)
    return TRUE;
  if (noun == 0 || grant[noun] != '.')
    return FALSE;
  verb = part_length (grant + noun + 1);
  return verb > 0 && grant[noun + 1 + verb] == '\0';
}

gboolean
thole_permission_matches (const char *grant, const char *permission)
{
  const char *grant_dot = strchr (grant, '.'), *dot = strchr (permission, '.');

  if (grant_dot == NULL || dot == NULL)
    return strcmp (grant, "*") == 0;
  if (grant[0] != '*' && (grant_dot - grant != dot - permission || strncmp (grant, permission, (gsize) (dot - permission)) != 0))
    return FALSE;
  return grant_dot[1] == '*' || strcmp (grant_dot, dot) == 0;
}
