/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct _TholeLog
{
  gint written;           /* GLogLevelFlags; atomic: any thread writes */
  GLogLevelFlags fatal;   /* of G_DEBUG=fatal-warnings and -criticals, which GLib leaves to the writer */
  gboolean journal;
};

static const char *
level_name (GLogLevelFlags level)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return "ERROR";
  if (level & G_LOG_LEVEL_WARNING)
    return "WARN";
  return level & G_LOG_LEVEL_DEBUG ? "DEBUG" : "INFO";
}

static void
append_escaped (GString *out, const char *text, gsize length)
{
  for (gsize i = 0; i < length && out->len < THOLE_LOG_LINE_MAX; i++)
    {
      guchar c = (guchar) text[i];

      if (c == '\n')
        g_string_append (out, "\\n");
      else if (c < 0x20 || c == 0x7f)
        g_string_append_printf (out, "\\x%02x", c);
      /* C1 control characters in UTF-8, which some terminals obey */
      else if (c == 0xc2 && i + 1 < length && (guchar) text[i + 1] < 0xa0)
        g_string_append_printf (out, "\\x%02x", (guchar) text[++i]);
      else
        g_string_append_c (out, (char) c);
    }
}

static void
append_pair (GString *out, const char *key, const char *text, gsize length)
{
  gboolean quoted = length == 0;

  for (gsize i = 0; i < length && !quoted; i++)
    quoted = text[i] == ' ' || text[i] == '"' || text[i] == '=';
  g_string_append_c (out, ' ');
  for (; *key != '\0'; key++)
    g_string_append_c (out, g_ascii_tolower (*key));
  g_string_append (out, quoted ? "=\"" : "=");
  append_escaped (out, text, length);
  if (quoted)
    g_string_append_c (out, '"');
}

static gsize
field_length (const GLogField *field)
{
  return field->length < 0 ? strlen (field->value) : (gsize) field->length;
}

void
thole_log_format (GString *out, GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  const GLogField *domain = NULL, *message = NULL;
  g_autoptr(GString) line = g_string_sized_new (160);

  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      message = &fields[i];
    else if (strcmp (fields[i].key, "GLIB_DOMAIN") == 0)
      domain = &fields[i];
  g_string_append (line, level_name (level));
  g_string_append_c (line, ' ');
  if (domain != NULL)
    append_escaped (line, domain->value, field_length (domain));
  else
    g_string_append (line, "thole");
  g_string_append (line, ": ");
  if (message != NULL)
    append_escaped (line, message->value, field_length (message));
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_has_prefix (fields[i].key, "THOLE_"))
      append_pair (line, fields[i].key + strlen ("THOLE_"), fields[i].value, field_length (&fields[i]));
  if (line->len >= THOLE_LOG_LINE_MAX)
    {
      g_string_truncate (line, THOLE_LOG_LINE_MAX - strlen ("...\n"));
      g_string_append (line, "...");
    }
  g_string_append_c (line, '\n');
  g_string_append_len (out, line->str, (gssize) line->len);
}

/* Standard error is the journal's stream when JOURNAL_STREAM names the file behind it; who has redirected it wants lines. */
static gboolean
is_journal (int fd)
{
  const char *text = g_getenv ("JOURNAL_STREAM");
  g_autofree char *ours = NULL;
  struct stat status;

  if (text == NULL || fstat (fd, &status) != 0)
    return FALSE;
  ours = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) status.st_dev, (guint64) status.st_ino);
  return strcmp (text, ours) == 0;
}

static gboolean
write_journal (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  g_autofree GLogField *all = g_new (GLogField, n_fields + 1);

  memcpy (all, fields, n_fields * sizeof *fields);
  all[n_fields] = (GLogField) { "SYSLOG_IDENTIFIER", "tholed", -1 };
  return g_log_writer_journald (level, all, n_fields + 1, NULL) == G_LOG_WRITER_HANDLED;
}

static GLogWriterOutput
write_fields (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  TholeLog *self = user_data;
  g_autoptr(GString) line = NULL;

  if ((level & (GLogLevelFlags) g_atomic_int_get (&self->written)) == 0)
    return G_LOG_WRITER_HANDLED;
  if (!self->journal || !write_journal (level, fields, n_fields))
    {
      gssize written;

      line = g_string_sized_new (160);
      thole_log_format (line, level, fields, n_fields);
      /* one write a line; when nobody reads there is nobody to tell */
      written = write (STDERR_FILENO, line->str, line->len);
      (void) written;
    }
  if (level & self->fatal & G_LOG_LEVEL_MASK)
    abort ();
  return G_LOG_WRITER_HANDLED;
}

void
thole_log_set_level (TholeLog *self, const char *level)
{
  static const struct
  {
    const char *name;
    GLogLevelFlags written;
  } levels[] = {
    { "debug", G_LOG_LEVEL_MASK },
    { "info", G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_DEBUG },
    { "warn", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR },
    { "error", G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR },
  };
  GLogLevelFlags written = levels[1].written;

  for (guint i = 0; i < G_N_ELEMENTS (levels); i++)
    if (g_strcmp0 (levels[i].name, level) == 0)
      written = levels[i].written;
  g_atomic_int_set (&self->written, (gint) written);
}

TholeLog *
thole_log_setup (const char *level)
{
  TholeLog *self = g_new0 (TholeLog, 1);

  thole_log_set_level (self, level);
  self->fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_always_fatal (self->fatal);
  self->journal = is_journal (STDERR_FILENO);
  g_log_set_writer_func (write_fields, self, g_free);
  return self;
}
