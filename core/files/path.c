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

char *
thole_file_follow (const char *path, const char *target)
{
  g_autofree char *whole = NULL;
  g_auto (GStrv) parts = NULL;
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  g_autoptr (GString) good = g_string_new (NULL);

  whole = target[0] == '/' ? g_strdup (target) : g_strdup_printf ("%s/../%s", path, target);
  parts = g_strsplit (whole, "/", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    if (strcmp (parts[i], "..") == 0)
      g_ptr_array_set_size (kept, MAX ((gint) kept->len - 1, 0));
    else if (parts[i][0] != '\0' && strcmp (parts[i], ".") != 0)
      g_ptr_array_add (kept, parts[i]);
  for (guint i = 0; i < kept->len; i++)
    g_string_append_printf (good, "/%s", (const char *) kept->pdata[i]);
  if (good->len > THOLE_FILE_PATH_MAX)
    return NULL;
  return good->len > 0 ? g_strdup (good->str) : g_strdup ("/");
}
