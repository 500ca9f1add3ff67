/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/audit-export.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "thole-dict.h"

#define SYSLOG_PATH "/dev/log"
#define JOURNAL_PATH "/run/systemd/journal/socket"
#define IDENTIFIER "thole-audit"
#define FACILITY 10          /* authpriv */
#define MAX_LEFT 4096        /* rows that wait for the reader */
#define AT_ONCE 256          /* rows before others get their turn */
#define PAUSE (250 * 1000)   /* µs until it is tried again when nothing was taken */
#define SOON (2 * 1000)      /* and when some was: the reader's own queue is short */

enum { PRIORITY_WARNING = 4, PRIORITY_NOTICE = 5 };

struct _TholeAuditExport
{
  TholeAuditTo to;
  TholeClock *clock;
  struct sockaddr_un address;
  int fd;
  GQueue left;               /* of GBytes */
  GSource *retry;
  gint64 dropped_from, dropped_to; /* numbers, 0 = none */
};

TholeAuditExport *
thole_audit_export_new (TholeAuditTo to, const char *path, TholeClock *clock)
{
  TholeAuditExport *self = g_new0 (TholeAuditExport, 1);
  const char *standard = to == THOLE_AUDIT_TO_SYSLOG ? SYSLOG_PATH : JOURNAL_PATH;

  self->to = to;
  self->clock = clock;
  self->address.sun_family = AF_UNIX;
  g_strlcpy (self->address.sun_path, path[0] != '\0' ? path : standard, sizeof self->address.sun_path);
  self->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0)
    g_warning ("the audit cannot be sent on: %s", g_strerror (errno));
  return self;
}

/* what is said ---------------------------------------------------------------------------------------------- */

/* "Jan  1 00:00:00" in any locale, as syslog wants it */
static void
append_stamp (GString *text, gint64 now)
{
  static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  time_t seconds = (time_t) (now / G_USEC_PER_SEC);
  struct tm local;

  localtime_r (&seconds, &local);
  g_string_append_printf (text, "%s %2d %02d:%02d:%02d", months[local.tm_mon], local.tm_mday, local.tm_hour, local.tm_min,
                          local.tm_sec);
}

/* a value with a line feed has its length before it instead of `=` */
static void
append_field (GString *text, const char *key, const char *value)
{
  guint64 length = GUINT64_TO_LE (strlen (value));

  g_string_append (text, key);
  if (strchr (value, '\n') == NULL)
    g_string_append_printf (text, "=%s\n", value);
  else
    {
      g_string_append_c (text, '\n');
      g_string_append_len (text, (const char *) &length, sizeof length);
      g_string_append_printf (text, "%s\n", value);
    }
}

static void
append_head (TholeAuditExport *self, GString *text, int priority, const char *message)
{
  char number[16];

  if (self->to == THOLE_AUDIT_TO_SYSLOG)
    {
      g_string_append_printf (text, "<%d>", FACILITY * 8 + priority);
      append_stamp (text, thole_clock_now (self->clock));
      g_string_append_printf (text, " " IDENTIFIER "[%d]: ", (int) getpid ());
      return;
    }
  append_field (text, "MESSAGE", message);
  g_snprintf (number, sizeof number, "%d", priority);
  append_field (text, "PRIORITY", number);
  append_field (text, "SYSLOG_FACILITY", G_STRINGIFY (FACILITY));
  append_field (text, "SYSLOG_IDENTIFIER", IDENTIFIER);
}

static void
append_fields (GString *text, const TholeAuditRow *row)
{
  char time[THOLE_TIME_LENGTH], number[32];

  g_snprintf (number, sizeof number, "%" G_GINT64_FORMAT, row->seq);
  append_field (text, "THOLE_AUDIT_SEQ", number);
  append_field (text, "THOLE_AUDIT_TIME", thole_time_format (row->time, time));
  for (guint i = 0; i < THOLE_AUDIT_N_TEXTS; i++)
    {
      g_autofree char *name = g_ascii_strup (thole_audit_names[i], -1);
      g_autofree char *key = g_strconcat ("THOLE_AUDIT_", name, NULL);

      append_field (text, key, row->texts[i]);
    }
  append_field (text, "THOLE_AUDIT_HASH", row->hash);
}

static GBytes *
datagram_of (TholeAuditExport *self, const TholeAuditRow *row)
{
  gboolean denied = strcmp (row->texts[THOLE_AUDIT_DECISION], "denied") == 0;
  g_autofree char *message = g_strdup_printf ("%s %s %s: %s", row->texts[THOLE_AUDIT_ACTOR], row->texts[THOLE_AUDIT_ACTION],
                                              row->texts[THOLE_AUDIT_TARGET], row->texts[THOLE_AUDIT_RESULT]);
  GString *text = g_string_new (NULL);

  append_head (self, text, denied ? PRIORITY_WARNING : PRIORITY_NOTICE, message);
  if (self->to == THOLE_AUDIT_TO_JOURNAL)
    append_fields (text, row);
  else
    {
      g_string_append (text, "@cee: ");
      thole_audit_row_json (row, text);
    }
  return g_string_free_to_bytes (text);
}

/* what was left out can still be had of the daemon by its numbers */
static GBytes *
dropped_datagram (TholeAuditExport *self)
{
  g_autofree char *message = g_strdup_printf ("rows %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " were left out: the log was not read",
                                              self->dropped_from, self->dropped_to);
  GString *text = g_string_new (NULL);

  append_head (self, text, PRIORITY_WARNING, message);
  if (self->to == THOLE_AUDIT_TO_SYSLOG)
    g_string_append (text, message);
  return g_string_free_to_bytes (text);
}

/* sending --------------------------------------------------------------------------------------------------- */

/* FALSE: it has to wait */
static gboolean
send_one (TholeAuditExport *self, GBytes *datagram)
{
  gsize length;
  const void *data = g_bytes_get_data (datagram, &length);

  if (sendto (self->fd, data, length, MSG_NOSIGNAL, (const struct sockaddr *) &self->address, sizeof self->address) >= 0)
    return TRUE;
  if (errno != EMSGSIZE)
    return FALSE;
  g_warning ("a row of the audit is too large to be sent on");
  return TRUE;
}

static gboolean
send_left (TholeAuditExport *self, guint most)
{
  for (guint n = 0; n < most; n++)
    {
      GBytes *datagram = g_queue_peek_head (&self->left);

      if (datagram == NULL && self->dropped_from != 0)
        {
          g_queue_push_tail (&self->left, dropped_datagram (self));
          self->dropped_from = self->dropped_to = 0;
          continue;
        }
      if (datagram == NULL || !send_one (self, datagram))
        break;
      g_bytes_unref (g_queue_pop_head (&self->left));
    }
  return self->left.length == 0;
}

static gboolean
try_again (gpointer user_data)
{
  TholeAuditExport *self = user_data;
  guint before = self->left.length;

  thole_source_clear (&self->retry);
  if (!send_left (self, AT_ONCE))
    self->retry = thole_clock_timer (self->clock, self->left.length < before ? SOON : PAUSE, try_again, self);
  return G_SOURCE_REMOVE;
}

void
thole_audit_export_row (gpointer data, const TholeAuditRow *row)
{
  TholeAuditExport *self = data;

  /* once some are left out all are until the log is read again, so that one range tells which */
  if (self->left.length >= MAX_LEFT || self->dropped_from != 0)
    {
      if (self->dropped_from == 0)
        g_warning ("the audit is not read at %s: rows from %" G_GINT64_FORMAT " on are left out", self->address.sun_path, row->seq);
      self->dropped_from = self->dropped_from == 0 ? row->seq : self->dropped_from;
      self->dropped_to = row->seq;
      return;
    }
  g_queue_push_tail (&self->left, datagram_of (self, row));
  if (self->retry == NULL && !send_left (self, AT_ONCE))
    self->retry = thole_clock_timer (self->clock, PAUSE, try_again, self);
}

guint
thole_audit_export_left (TholeAuditExport *self)
{
  return self->left.length;
}

void
thole_audit_export_free (TholeAuditExport *self)
{
  send_left (self, MAX_LEFT + 1);
  if (self->left.length > 0)
    g_warning ("%u rows of the audit were not sent on: nobody reads at %s", self->left.length, self->address.sun_path);
  thole_source_clear (&self->retry);
  g_queue_clear_full (&self->left, (GDestroyNotify) g_bytes_unref);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}
