/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "user.h"

#include <string.h>

#include "thole-error.h"

#define OWN 1000
#define OWN_NAME "thole"

void
local_user_free (LocalUser *self)
{
  g_free (self->name);
  g_free (self->home);
  g_free (self);
}

static gboolean
number_of (const char *text, guint32 *out)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT32, &value, NULL))
    return FALSE;
  *out = (guint32) value;
  return TRUE;
}

static gboolean
find_name (const char *name, const char *passwd, LocalUser *user)
{
  g_auto(GStrv) lines = g_strsplit (passwd, "\n", 65536);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto(GStrv) fields = g_strsplit (lines[i], ":", 8);

      if (g_strv_length (fields) >= 4 && strcmp (fields[0], name) == 0)
        return number_of (fields[2], &user->uid) && number_of (fields[3], &user->gid);
    }
  return FALSE;
}

LocalUser *
local_user_find (const char *text, const char *passwd, GError **error)
{
  g_autoptr(LocalUser) self = g_new0 (LocalUser, 1);
  g_auto(GStrv) words = g_strsplit (text, ":", 2);
  const char *name = words[0] != NULL && words[0][0] != '\0' ? words[0] : OWN_NAME;

  self->uid = self->gid = OWN;
  if (number_of (name, &self->uid))
    self->gid = self->uid;
  else if (strcmp (name, "root") == 0)
    self->uid = self->gid = 0;
  else if (strcmp (name, OWN_NAME) != 0 && !find_name (name, passwd, self))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "user: there is no user \"%s\"", name);
      return NULL;
    }
  if (words[0] != NULL && words[1] != NULL && !number_of (words[1], &self->gid))
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "user: the group must be a number");
      return NULL;
    }
  self->name = g_strdup (g_ascii_isdigit (name[0]) ? self->uid == 0 ? "root" : "user" : name);
  self->home = g_strdup ("/home/" OWN_NAME);
  return g_steal_pointer (&self);
}
