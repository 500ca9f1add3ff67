/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-09
 */
#include "access/audit-export.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-json.h"

typedef struct
{
  char *folder, *path;
  int reader; /* -1 = nobody reads */
} Fixture;

static void
begin_reading (Fixture *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_strlcpy (address.sun_path, self->path, sizeof address.sun_path);
  self->reader = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint (bind (self->reader, (const struct sockaddr *) &address, sizeof address), ==, 0);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = g_dir_make_tmp ("thole-export-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "log", NULL);
  self->reader = -1;
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  if (self->reader >= 0)
    close (self->reader);
  g_remove (self->path);
  g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self->path);
}

/* Returns: (transfer full) (nullable): the next datagram with its end */
static char *
next (Fixture *self, gsize *length)
{
  char text[8192];
  gssize got = recv (self->reader, text, sizeof text - 1, 0);

  if (got < 0)
    return NULL;
  text[got] = '\0';
  *length = (gsize) got;
  return g_memdup2 (text, (gsize) got + 1);
}

static void
send_row (TholeAuditExport *export, gint64 seq, const char *target, const char *decision)
{
  const char *texts[THOLE_AUDIT_N_TEXTS] = { "us-1", "key ak-1", "192.0.2.1", "workload.stop", target, decision,
                                             "workload.stop", "done", "rq-1" };
  TholeAuditRow *row = thole_audit_row_new (1000000, texts);

  row->seq = seq;
  g_strlcpy (row->hash, "abc", sizeof row->hash);
  thole_audit_export_row (export, row);
  thole_audit_row_free (row);
}

static void
test_syslog (Fixture *self, gconstpointer data)
{
  TholeAuditExport *export = thole_audit_export_new (THOLE_AUDIT_TO_SYSLOG, self->path, thole_clock_system ());
  g_autofree char *text = NULL;
  g_autofree char *second = NULL;
  g_autofree char *begin = g_strdup_printf (" thole-audit[%d]: @cee: {", (int) getpid ());
  g_autoptr (GVariant) row = NULL;
  gsize length;

  begin_reading (self);
  send_row (export, 7, "a \"b\"\nc", "allowed");
  send_row (export, 8, "wl-1", "denied");
  text = next (self, &length);
  second = next (self, &length);
  g_assert_nonnull (text);
  g_assert_nonnull (second);
  g_assert_true (g_str_has_prefix (text, "<85>"));
  g_assert_true (g_str_has_prefix (second, "<84>"));
  g_assert_true (g_regex_match_simple ("^<85>[A-Z][a-z]{2} [ 0-9]\\d \\d\\d:\\d\\d:\\d\\d thole-audit", text, 0, 0));
  g_assert_nonnull (strstr (text, begin));
  g_assert_null (strchr (text, '\n'));
  row = thole_json_parse (strchr (text, '{'), strlen (strchr (text, '{')), NULL);
  g_assert_nonnull (row);
  g_assert_cmpint (thole_dict_int (row, "seq", 0), ==, 7);
  g_assert_cmpstr (thole_dict_string (row, "target", NULL), ==, "a \"b\"\nc");
  g_assert_cmpstr (thole_dict_string (row, "hash", NULL), ==, "abc");
  thole_audit_export_free (export);
}

static void
test_journal (Fixture *self, gconstpointer data)
{
  TholeAuditExport *export = thole_audit_export_new (THOLE_AUDIT_TO_JOURNAL, self->path, thole_clock_system ());
  static const char lines[] = "THOLE_AUDIT_TARGET\n\3\0\0\0\0\0\0\0a\nb\n";
  g_autofree char *text = NULL;
  gsize length;

  begin_reading (self);
  send_row (export, 7, "a\nb", "allowed");
  text = next (self, &length);
  g_assert_nonnull (text);
  g_assert_nonnull (memmem (text, length, lines, sizeof lines - 1));
  for (const char *const *field = (const char *const[]) { "PRIORITY=5\n", "SYSLOG_IDENTIFIER=thole-audit\n", "SYSLOG_FACILITY=10\n",
                                                          "THOLE_AUDIT_SEQ=7\n", "THOLE_AUDIT_ACTOR=us-1\n",
                                                          "THOLE_AUDIT_ACTION=workload.stop\n", "THOLE_AUDIT_HASH=abc\n",
                                                          "THOLE_AUDIT_TIME=1970-01-01T00:00:01.000Z\n", NULL };
       *field != NULL; field++)
    g_assert_nonnull (memmem (text, length, *field, strlen (*field)));
  g_assert_cmpint (text[length - 1], ==, '\n');
  thole_audit_export_free (export);
}

/* nobody reads, then somebody does: what fits is kept, the rest is named, and no call has waited */
static void
test_nobody_reads (Fixture *self, gconstpointer data)
{
  TholeAuditExport *export = thole_audit_export_new (THOLE_AUDIT_TO_SYSLOG, self->path, thole_clock_system ());
  guint n = 0;
  g_autofree char *last = NULL;
  char *text;
  gsize length;

  for (gint64 seq = 1; seq <= 10000; seq++)
    send_row (export, seq, "wl-1", "allowed");
  g_assert_nonnull (strstr (((const GString *) data)->str, "rows from 4097 on are left out"));
  g_assert_cmpuint (thole_audit_export_left (export), ==, 4096);
  begin_reading (self);
  /* the reader's own queue is short, so it is slow, too */
  while (n < 4097)
    {
      text = next (self, &length);
      if (text == NULL)
        {
          g_main_context_iteration (NULL, TRUE);
          continue;
        }
      g_free (last);
      last = text;
      n++;
    }
  g_assert_nonnull (strstr (last, "rows 4097 to 10000 were left out"));
  send_row (export, 10001, "wl-1", "allowed");
  while ((text = next (self, &length)) == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (strstr (text, "\"seq\":10001"));
  g_free (text);
  thole_audit_export_free (export);
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer said)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append (said, fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

int
main (int argc, char **argv)
{
  GString *said = g_string_new (NULL);
  int result;

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, said, NULL);
  g_test_add ("/audit-export/syslog", Fixture, NULL, set_up, test_syslog, tear_down);
  g_test_add ("/audit-export/journal", Fixture, NULL, set_up, test_journal, tear_down);
  g_test_add ("/audit-export/nobody-reads", Fixture, said, set_up, test_nobody_reads, tear_down);
  result = g_test_run ();
  g_string_free (said, TRUE);
  return result;
}
