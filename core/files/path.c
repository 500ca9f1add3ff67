/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/path.h"

#include <string.h>

static const char *
fault_of_part (const char *part)
{
  if (strcmp (part, "..") == 0 || strcmp (part, ".") == 0)
    return "must not have the parts . and ..";
  return strlen (part) > THOLE_FILE_NAME_MAX ? "has a part of more than 255 bytes" : NULL;
}

char *
thole_file_path (const char *path, const char *pointer, TholeProblem *problem)
{
  g_auto (GStrv) parts = NULL;
  g_autoptr (GString) good = g_string_new (NULL);
  const char *fault = path[0] != '/' ? "must be absolute: it begins with /"
                      : strlen (path) > THOLE_FILE_PATH_MAX ? "has more than 4096 bytes" : NULL;

  parts = g_strsplit (fault == NULL ? path : "", "/", -1);
  for (guint i = 0; parts[i] != NULL && fault == NULL; i++)
    {
      fault = fault_of_part (parts[i]);
      if (parts[i][0] != '\0')
        g_string_append_printf (good, "/%s", parts[i]);
    }
  if (fault != NULL)
    {
      thole_problem_add (problem, pointer, "format", "%s", fault);
      return NULL;
    }
  return good->len > 0 ? g_strdup (good->str) : g_strdup ("/");
}

char *
thole_file_split (const char *path, char **name)
{
  const char *slash = strrchr (path, '/');

  *name = g_strdup (slash + 1);
  return slash == path ? g_strdup ("/") : g_strndup (path, (gsize) (slash - path));
}

gboolean
thole_file_climbs (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  return g_strv_contains ((const char *const *) parts, "..");
}

char *
thole_file_step (const char *path, char **rest)
{
  g_autofree char *at = g_strdup (path);

  for (const char *left = *rest; left[0] != '\0';)
    {
      g_autofree char *part = g_strndup (left, strcspn (left, "/")), *name = NULL, *before = g_steal_pointer (&at);

      left += strlen (part);
      left += strspn (left, "/");
      if (strcmp (part, "..") == 0)
        at = thole_file_split (before, &name);
      else if (part[0] == '\0' || strcmp (part, ".") == 0)
        at = g_steal_pointer (&before);
      else if (strlen (before) + strlen (part) + 1 > THOLE_FILE_PATH_MAX)
        return NULL;
      else
        {
          g_autofree char *whole = g_strdup (left);

          g_free (*rest);
          *rest = g_steal_pointer (&whole);
          return g_strconcat (strcmp (before, "/") == 0 ? "" : before, "/", part, NULL);
        }
    }
  (*rest)[0] = '\0';
  return g_steal_pointer (&at);
}
