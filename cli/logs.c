/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "logs.h"

#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "lines.h"
#include "thole-dict.h"
#include "thole-json.h"
#include "wait.h"

#define NDJSON "application/x-ndjson"

void
cli_logs_clear (CliLogs *logs)
{
  g_clear_pointer (&logs->last, g_free);
}

static char *
make_path (const char *id, CliLogs *logs)
{
  g_autofree char *base = cli_path ("/v1/workloads/%s/logs", id);
  g_autoptr(GString) path = g_string_new (base);

  if (logs->follow)
    cli_query (path, "follow", "true");
  if (logs->last == NULL)
    cli_query (path, "tail", logs->tail);
  cli_query (path, "since", logs->last != NULL ? logs->last : logs->since);
  cli_query (path, "until", logs->until);
  cli_query (path, "stream", logs->stream);
  if (logs->timestamps)
    cli_query (path, "timestamps", "true");
  return g_string_free (g_steal_pointer (&path), FALSE);
}

static gboolean
write_stamped (CliLogs *logs, guint index, const char *time, const char *bytes, gsize length)
{
  g_autoptr(GString) out = g_string_sized_new (length + 64);

  while (length > 0)
    {
      const char *end = memchr (bytes, '\n', length);
      gsize line = end != NULL ? (gsize) (end - bytes) + 1 : length;

      if (!logs->inside[index])
        g_string_append_printf (out, "%s ", time);
      g_string_append_len (out, bytes, (gssize) line);
      logs->inside[index] = end == NULL;
      bytes += line;
      length -= line;
    }
  return cli_write (index == 0 ? STDOUT_FILENO : STDERR_FILENO, out->str, out->len);
}

/* a record that was printed before the connection broke comes again, because `since` includes its time */
static gboolean
is_repeated (CliLogs *logs, const char *time)
{
  if (*time == '\0')
    return FALSE;
  if (logs->last == NULL || strcmp (logs->last, time) != 0)
    {
      g_free (logs->last);
      logs->last = g_strdup (time);
      logs->seen = 1;
      logs->skip = 0;
      return FALSE;
    }
  if (logs->skip > 0)
    {
      logs->skip--;
      return TRUE;
    }
  logs->seen++;
  return FALSE;
}

static gboolean
copy_record (CliLogs *logs, const char *line, gsize length, GError **error)
{
  g_autoptr(GVariant) record = thole_json_parse (line, length, error);
  const char *time, *text, *encoded;
  g_autofree guchar *decoded = NULL;
  guint index;

  if (record == NULL || !g_variant_is_of_type (record, G_VARIANT_TYPE_VARDICT))
    {
      g_clear_error (error);
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon sent a log record that cannot be read"));
      return FALSE;
    }
  time = thole_dict_string (record, "time", "");
  logs->count++;
  if (is_repeated (logs, time))
    return TRUE;
  if (logs->raw)
    {
      logs->reader_gone = !cli_write (STDOUT_FILENO, line, length) || !cli_write (STDOUT_FILENO, "\n", 1);
      return TRUE;
    }
  index = strcmp (thole_dict_string (record, "stream", "stdout"), "stderr") == 0;
  text = thole_dict_string (record, "text", "");
  length = strlen (text);
  encoded = thole_dict_string (record, "text_base64", NULL);
  if (encoded != NULL)
    text = (const char *) (decoded = g_base64_decode (encoded, &length));
  if (logs->timestamps)
    logs->reader_gone = !write_stamped (logs, index, time, text, length);
  else
    logs->reader_gone = !cli_write (index == 0 ? STDOUT_FILENO : STDERR_FILENO, text, length);
  return TRUE;
}

static gboolean
copy_records (CliLines *lines, CliLogs *logs, GCancellable *cancellable, GError **error)
{
  const char *line;
  gsize length;
  g_autoptr(GError) fault = NULL;

  while (!logs->reader_gone && (line = cli_lines_next (lines, &length, cancellable, &fault)) != NULL)
    if (length > 0 && !copy_record (logs, line, length, error))
      return FALSE;
  if (fault != NULL)
    g_propagate_error (error, g_steal_pointer (&fault));
  return error == NULL || *error == NULL;
}

static gboolean
copy_text (CliLines *lines, CliLogs *logs, GCancellable *cancellable, GError **error)
{
  const char *bytes;
  gsize length;
  g_autoptr(GError) fault = NULL;

  while (!logs->reader_gone && (bytes = cli_lines_bytes (lines, &length, cancellable, &fault)) != NULL)
    logs->reader_gone = !cli_write (STDOUT_FILENO, bytes, length);
  if (fault == NULL)
    return TRUE;
  /* without records there is no place to go on from */
  g_set_error (error, CLI_ERROR, CLI_FAILED, "%s", fault->message);
  return FALSE;
}

static gboolean
copy_once (Cli *self, const char *id, CliLogs *logs, GCancellable *cancellable, guint64 *connection, GError **error)
{
  g_autofree char *path = make_path (id, logs);
  g_autoptr(CliLines) lines = NULL;
  g_auto(CliStream) stream = { NULL };

  if (!cli_client_stream (self->client, path, NDJSON, -1, cancellable, &stream, NULL, error))
    return FALSE;
  lines = cli_lines_new (stream.input);
  logs->opened = TRUE;
  logs->skip = logs->seen;
  *connection = stream.connection;
  logs->plain = g_strcmp0 (stream.type, NDJSON) != 0;
  return logs->plain ? copy_text (lines, logs, cancellable, error) : copy_records (lines, logs, cancellable, error);
}

/* Was the end that came the end of the log? A connection that is used once more was in order to its last chunk; while
 * the workload runs a followed log has no end. */
static gboolean
is_whole (Cli *self, const char *id, CliLogs *logs, guint64 connection, GCancellable *cancellable, gboolean *whole,
          GError **error)
{
  g_autofree char *path = cli_path ("/v1/workloads/%s", id);
  g_autoptr(CliReply) reply = NULL;
  const char *state;

  *whole = TRUE;
  if (logs->reader_gone || logs->plain || (logs->count > 0 && logs->last == NULL))
    return TRUE;
  reply = cli_client_call (self->client, "GET", path, NULL, CLI_ANSWER_TIME, cancellable, error);
  if (reply == NULL)
    return FALSE;
  if (reply->status != 200 || reply->body == NULL || !g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    return TRUE;
  state = thole_dict_string (reply->body, "state", "");
  *whole = reply->connection == connection && !(logs->follow && cli_state_among ("running,paused,stopping", state));
  return TRUE;
}

/* an engine may end a followed log with its program though the reader is far behind (dockerd does): what is left is read
 * once more */
static gboolean
copy_rest (Cli *self, const char *id, CliLogs *logs, GCancellable *cancellable, GError **error)
{
  g_autoptr(GError) fault = NULL;
  guint64 connection;
  gboolean copied;

  if (!logs->follow || logs->plain || logs->reader_gone || (logs->count > 0 && logs->last == NULL))
    return TRUE;
  logs->follow = FALSE;
  copied = copy_once (self, id, logs, cancellable, &connection, &fault);
  logs->follow = TRUE;
  if (copied || g_error_matches (fault, CLI_ERROR, CLI_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&fault));
  return FALSE;
}

gboolean
cli_logs_copy (Cli *self, const char *id, CliLogs *logs, GCancellable *cancellable, GError **error)
{
  gint64 broken = 0; /* since when nothing came but failures */

  while (TRUE)
    {
      g_autoptr(GError) fault = NULL;
      gboolean whole = FALSE, copied;
      guint64 before = logs->count, connection = 0;

      copied = copy_once (self, id, logs, cancellable, &connection, &fault)
               && is_whole (self, id, logs, connection, cancellable, &whole, &fault);
      if (copied && whole)
        return copy_rest (self, id, logs, cancellable, error);
      if (copied)
        broken = 0;
      else if (broken == 0 || logs->count > before)
        broken = g_get_monotonic_time ();
      /* what was never there is reported at once; what broke is taken up again */
      if (fault != NULL && (!g_error_matches (fault, CLI_ERROR, CLI_UNREACHABLE) || !logs->opened
                            || g_get_monotonic_time () - broken > CLI_PATIENCE * G_USEC_PER_SEC))
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return FALSE;
        }
      cli_sleep (0.2, cancellable);
    }
}
