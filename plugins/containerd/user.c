/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Users by the files of an image.
 */
#include <string.h>

#include "spec.h"

#define GROUPS_MAX 256

void
ctr_user_free (CtrUser *self)
{
  g_array_unref (self->groups);
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

/* The line of @file whose field @at is @value, in at least @count fields. Returns: (transfer full) (nullable) */
static char **
find_line (const char *file, guint at, const char *value, guint count)
{
  g_auto(GStrv) lines = g_strsplit (file, "\n", 65536);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto(GStrv) fields = g_strsplit (lines[i], ":", -1);

      if (g_strv_length (fields) >= count && strcmp (fields[at], value) == 0)
        return g_steal_pointer (&fields);
    }
  return NULL;
}

static void
add_groups (CtrUser *self, const char *name, const char *file)
{
  g_auto(GStrv) lines = g_strsplit (file, "\n", 65536);

  for (guint i = 0; lines[i] != NULL && self->groups->len < GROUPS_MAX; i++)
    {
      g_auto(GStrv) fields = g_strsplit (lines[i], ":", -1);
      g_auto(GStrv) members = g_strv_length (fields) >= 4 ? g_strsplit (fields[3], ",", -1) : g_new0 (char *, 1);
      guint32 gid;

      if (g_strv_contains ((const char *const *) members, name) && number_of (fields[2], &gid) && gid != self->gid)
        g_array_append_val (self->groups, gid);
    }
}

static gboolean
take_group (CtrUser *self, const char *word, const char *file, GError **error)
{
  g_auto(GStrv) line = NULL;

  if (number_of (word, &self->gid))
    return TRUE;
  line = find_line (file, 0, word, 3);
  if (line != NULL && number_of (line[2], &self->gid))
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "user: the image has no group \"%s\"", word);
  return FALSE;
}

CtrUser *
ctr_user_find (const char *user, const char *passwd, const char *group, GError **error)
{
  g_autoptr(CtrUser) self = g_new0 (CtrUser, 1);
  g_auto(GStrv) words = g_strsplit (user[0] != '\0' ? user : "0", ":", 2);
  g_auto(GStrv) line = NULL;
  gboolean by_number = number_of (words[0], &self->uid);

  self->groups = g_array_new (FALSE, FALSE, sizeof (guint32));
  line = find_line (passwd, by_number ? 2 : 0, words[0], 6);
  if (!by_number && strcmp (words[0], "root") != 0 && (line == NULL || !number_of (line[2], &self->uid)))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "user: the image has no user \"%s\"", words[0]);
      return NULL;
    }
  if (line != NULL && (!number_of (line[2], &self->uid) || !number_of (line[3], &self->gid)))
    self->gid = 0;
  self->home = g_strdup (line != NULL && line[5][0] == '/' ? line[5] : self->uid == 0 ? "/root" : "/");
  if (words[1] != NULL && !take_group (self, words[1], group, error))
    return NULL;
  if (line != NULL && words[1] == NULL)
    add_groups (self, line[0], group);
  return g_steal_pointer (&self);
}
