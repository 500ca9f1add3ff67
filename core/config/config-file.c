/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

char *
thole_config_unescape (const char *text)
{
  static const char from[] = "sntr\\;", to[] = " \n\t\r\\;";
  g_autoptr(GString) out = g_string_sized_new (strlen (text));

  for (const char *p = text; *p != '\0'; p++)
    {
      const char *found;

      if (*p != '\\')
        {
          g_string_append_c (out, *p);
          continue;
        }
      found = *++p != '\0' ? strchr (from, *p) : NULL;
      if (found == NULL)
        return NULL;
      g_string_append_c (out, to[found - from]);
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

char **
thole_config_split (const char *text, gboolean escapes)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();

  for (const char *begin = text, *p = text;; p++)
    {
      g_autofree char *part = NULL;
      g_autofree char *plain = NULL;

      if (escapes && p[0] == '\\' && p[1] != '\0')
        {
          p++;
          continue;
        }
      if (*p != ';' && *p != '\0')
        continue;
      part = g_strstrip (g_strndup (begin, (gsize) (p - begin)));
      plain = escapes ? thole_config_unescape (part) : g_strdup (part);
      if (plain == NULL)
        return NULL;
      if (plain[0] != '\0')
        g_strv_builder_add (builder, plain);
      if (*p == '\0')
        return g_strv_builder_end (builder);
      begin = p + 1;
    }
}

/* lines ------------------------------------------------------------------------------------------------------- */

/* `#` behind white space */
static void
cut_comment (char *line)
{
  for (char *p = line; *p != '\0'; p++)
    if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t'))
      {
        *p = '\0';
        break;
      }
}

static void
read_section (const TholeConfigReader *reader, char *line, char **section, const char *where)
{
  gsize length = strlen (line);

  g_clear_pointer (section, g_free);
  if (length < 3 || line[length - 1] != ']')
    {
      reader->fault (reader->user_data, where, "expected [SECTION]");
      return;
    }
  *section = g_strstrip (g_strndup (line + 1, length - 2));
  reader->section (reader->user_data, *section, where);
}

static void
read_key (const TholeConfigReader *reader, char *line, const char *section, const char *where)
{
  char *equals = strchr (line, '=');

  if (equals == NULL || equals == line)
    {
      reader->fault (reader->user_data, where, "expected KEY=VALUE, [SECTION] or a comment");
      return;
    }
  *equals = '\0';
  if (section == NULL)
    reader->fault (reader->user_data, where, "a key outside of a section");
  else
    reader->key (reader->user_data, section, g_strchomp (line), g_strchug (equals + 1), where);
}

static void
read_lines (const char *path, char *text, const TholeConfigReader *reader)
{
  g_autofree char *section = NULL;
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *where = g_strdup_printf ("%s:%u", path, i + 1);
      char *line = lines[i];

      cut_comment (line);
      line = g_strstrip (line);
      if (line[0] == '[')
        read_section (reader, line, &section, where);
      else if (line[0] != '\0')
        read_key (reader, line, section, where);
    }
}

/* Returns FALSE with errno set; plain reads, because GFile loads modules that the daemon has no other use for. */
static gboolean
read_text (const char *path, char *text, gsize size, gsize *length)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gssize got = 0;
  int saved;

  *length = 0;
  if (fd < 0)
    return FALSE;
  while (*length < size && ((got = read (fd, text + *length, size - *length)) > 0 || (got < 0 && errno == EINTR)))
    *length += (gsize) MAX (got, 0);
  saved = errno;
  close (fd);
  errno = saved;
  return got >= 0;
}

void
thole_config_read_file (const char *path, const TholeConfigReader *reader)
{
  g_autofree char *text = g_malloc (THOLE_CONFIG_FILE_MAX + 2);
  gsize length;

  if (!read_text (path, text, THOLE_CONFIG_FILE_MAX + 1, &length))
    {
      g_autofree char *what = g_strdup_printf ("cannot be read: %s", g_strerror (errno));

      reader->fault (reader->user_data, path, what);
      return;
    }
  text[length] = '\0';
  if (length > THOLE_CONFIG_FILE_MAX)
    reader->fault (reader->user_data, path, "is larger than 1 MiB");
  else if (strlen (text) != length || !g_utf8_validate (text, (gssize) length, NULL))
    reader->fault (reader->user_data, path, "is not UTF-8 text");
  else
    read_lines (path, text, reader);
}
