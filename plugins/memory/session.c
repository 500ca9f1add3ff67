/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "session.h"

#include <string.h>

#include "feed.h"
#include "log.h"
#include "thole-dict.h"

#define BUFFER 65536
#define PART 16384

struct _MemSession
{
  guint references;
  TholeDriver *driver;   /* NULL = over: nothing more will come */
  char *id;              /* "" = attached to the main process */
  GList link;            /* in driver->sessions */
  GByteArray *out;       /* records for the reader */
  GByteArray *in;        /* the beginning of a record from the writer */
  gboolean tty;
  gboolean deaf;         /* nobody reads any more */
  MemProcess *process;   /* of its own */
  MemWorkload *workload; /* attached to; NULL once that has ended */
  MemWaiter waiter;
  MemLog *log;
  guint64 position;
};

static void
session_unref (gpointer data)
{
  MemSession *self = data;

  if (--self->references > 0)
    return;
  g_byte_array_unref (self->out);
  g_byte_array_unref (self->in);
  g_clear_pointer (&self->log, mem_log_unref);
  g_free (self->id);
  g_free (self);
}

static void
session_over (MemSession *self)
{
  if (self->driver == NULL)
    return;
  g_queue_unlink (&self->driver->sessions, &self->link);
  self->driver = NULL;
  if (self->workload != NULL)
    mem_workload_unwait (g_steal_pointer (&self->workload), &self->waiter);
  g_clear_pointer (&self->process, mem_process_free);
  session_unref (self);
}

static MemSession *
session_new (TholeDriver *driver, const char *id)
{
  MemSession *self = g_new0 (MemSession, 1);

  self->references = 1;
  self->driver = driver;
  self->id = g_strdup (id);
  self->out = g_byte_array_new ();
  self->in = g_byte_array_new ();
  self->link.data = self;
  g_queue_push_tail_link (&driver->sessions, &self->link);
  return self;
}

/* what the log has since the last look, as far as there is room */
static void
take_log (MemSession *self)
{
  MemLogRecord record;

  while (self->out->len < BUFFER && mem_log_read (self->log, &self->position, &record))
    thole_record_append (self->out, record.stream == 2 ? THOLE_RECORD_STDERR : THOLE_RECORD_STDOUT, record.data,
                         record.length);
}

static MemFeedResult
session_fill (gpointer data, GByteArray *out)
{
  MemSession *self = data;
  gboolean stalled = self->out->len >= BUFFER;

  if (self->workload != NULL)
    take_log (self);
  if (self->out->len == 0)
    return self->driver != NULL ? MEM_FEED_WAIT : MEM_FEED_END;
  g_byte_array_append (out, self->out->data, self->out->len);
  g_byte_array_set_size (self->out, 0);
  if (stalled && self->process != NULL)
    mem_process_go_on (self->process, mem_now (self->driver));
  return MEM_FEED_MORE;
}

static void
feed_closed (gpointer data)
{
  MemSession *self = data;

  self->deaf = TRUE;
  g_byte_array_set_size (self->out, 0);
  if (self->process != NULL)
    mem_process_go_on (self->process, mem_now (self->driver));
  else
    session_over (self);
  session_unref (self);
}

static MemProgram *
program_of (MemSession *self)
{
  if (self->process != NULL)
    return mem_process_program (self->process);
  return self->workload != NULL && self->workload->stdin_open ? self->workload->program : NULL;
}

static void
session_go_on (MemSession *self)
{
  gint64 now;

  if (self->driver == NULL)
    return;
  now = mem_now (self->driver);
  if (self->process != NULL)
    mem_process_go_on (self->process, now);
  else if (self->workload != NULL)
    mem_workload_go_on (self->workload, now);
}

static gboolean
drain_room (gpointer data)
{
  MemProgram *program = program_of (data);

  return program == NULL || mem_program_pending_input (program) < BUFFER;
}

static gboolean
drain_take (gpointer data, const guint8 *bytes, gsize length, GError **error)
{
  MemSession *self = data;
  gssize whole = 0;
  gsize at = 0;
  TholeRecordKind kind;
  const guint8 *body;
  gsize body_length;

  g_byte_array_append (self->in, bytes, (guint) length);
  while ((whole = thole_record_parse (self->in->data + at, self->in->len - at, &kind, &body, &body_length)) > 0)
    {
      MemProgram *program = program_of (self);

      if (kind != THOLE_RECORD_STDIN)
        break;
      if (program != NULL)
        mem_program_input (program, body, body_length);
      at += (gsize) whole;
    }
  if (whole != 0)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not an input record");
      return FALSE;
    }
  g_byte_array_remove_range (self->in, 0, (guint) at);
  session_go_on (self);
  return TRUE;
}

static void
drain_closed (gpointer data)
{
  MemSession *self = data;

  if (self->process != NULL)
    {
      mem_program_input (mem_process_program (self->process), NULL, 0);
      session_go_on (self);
    }
  session_unref (self);
}

static const MemDrainFuncs drain_funcs = { drain_room, drain_take, drain_closed };

static GIOStream *
session_stream (MemSession *self)
{
  g_autoptr (GInputStream) input = mem_feed_new (session_fill, self, feed_closed);
  g_autoptr (GOutputStream) output = mem_drain_new (&drain_funcs, self);

  self->references += 2;
  return thole_stream_new (input, output);
}

static void
process_output (gpointer data, guint8 stream, const char *bytes, gsize length)
{
  MemSession *self = data;

  if (!self->deaf)
    thole_record_append (self->out, stream == 2 && !self->tty ? THOLE_RECORD_STDERR : THOLE_RECORD_STDOUT, bytes,
                         length);
}

static gboolean
process_full (gpointer data)
{
  MemSession *self = data;

  return self->out->len >= BUFFER;
}

static void
append_exit (MemSession *self, const MemProgramEnd *end)
{
  if (!self->deaf)
    thole_record_append_exit (self->out, end->exit_code, (guint8) end->signal);
}

static void
process_ended (gpointer data, const MemProgramEnd *end)
{
  append_exit (data, end);
  session_over (data);
}

static const MemProcessFuncs process_funcs = { process_output, process_full, process_ended };

GIOStream *
mem_session_open (TholeDriver *driver, MemWorkload *workload, GVariant *command, const char *id, GError **error)
{
  MemSession *self = session_new (driver, id);
  GIOStream *stream;

  self->tty = thole_dict_boolean (command, "tty", FALSE);
  self->process = mem_process_new (workload, command, &process_funcs, self, mem_now (driver), error);
  if (self->process == NULL)
    {
      session_over (self);
      return NULL;
    }
  mem_program_resize (mem_process_program (self->process), (guint) thole_dict_int (command, "rows", 24),
                      (guint) thole_dict_int (command, "cols", 80));
  if (!thole_dict_boolean (command, "stdin", FALSE))
    mem_program_input (mem_process_program (self->process), NULL, 0);
  stream = session_stream (self);
  mem_process_go_on (self->process, mem_now (driver));
  return stream;
}

static void
main_ended (gpointer data, MemWorkload *workload)
{
  MemSession *self = data;
  MemProgramEnd end = { .exit_code = workload->exit_code, .signal = workload->exit_signal };

  take_log (self);
  self->workload = NULL;
  append_exit (self, &end);
  session_over (self);
}

GIOStream *
mem_session_attach (TholeDriver *driver, MemWorkload *workload, GError **error)
{
  MemSession *self;

  if (!mem_workload_is_alive (workload))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "%s does not run", workload->id);
      return NULL;
    }
  if (workload->log == NULL)
    workload->log = mem_log_new (workload->world->log_bytes);
  self = session_new (driver, "");
  self->log = mem_log_ref (workload->log);
  self->position = mem_log_end (workload->log);
  self->workload = workload;
  self->waiter.ended = main_ended;
  self->waiter.data = self;
  mem_workload_wait (workload, &self->waiter);
  return session_stream (self);
}

static MemSession *
find_opened (TholeDriver *driver, const char *id)
{
  for (GList *link = driver->sessions.head; link != NULL; link = link->next)
    {
      MemSession *self = link->data;

      if (strcmp (self->id, id) == 0 && self->process != NULL)
        return self;
    }
  return NULL;
}

gboolean
mem_session_resize (TholeDriver *driver, const char *id, guint rows, guint cols)
{
  MemSession *self = find_opened (driver, id);

  if (self == NULL)
    return FALSE;
  mem_program_resize (mem_process_program (self->process), rows, cols);
  mem_process_go_on (self->process, mem_now (driver));
  return TRUE;
}

gboolean
mem_session_signal (TholeDriver *driver, const char *id, int signal)
{
  MemSession *self = find_opened (driver, id);

  if (self == NULL)
    return FALSE;
  mem_process_signal (self->process, signal, mem_now (driver));
  return TRUE;
}

void
mem_sessions_lose (TholeDriver *driver)
{
  while (driver->sessions.head != NULL)
    session_over (driver->sessions.head->data);
}
