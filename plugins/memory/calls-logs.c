/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "calls-logs.h"

#include "driver.h"
#include "feed.h"
#include "log.h"
#include "thole-dict.h"
#include "workload.h"

#define PART 16384

typedef struct
{
  MemLog *log;
  guint64 position;
  guint64 end;           /* where it stops when it does not follow */
  guint mask;            /* of streams */
  gint64 since, until;
  MemWorkload *workload; /* (nullable): followed while it runs */
  MemWaiter waiter;
  TholeDriver *driver;   /* (nullable): of whose readers it is one */
  GList link;
} LogReader;

static void
log_reader_leave (LogReader *self)
{
  if (self->workload != NULL)
    mem_workload_unwait (self->workload, &self->waiter);
  if (self->driver != NULL)
    g_queue_unlink (&self->driver->log_readers, &self->link);
  self->workload = NULL;
  self->driver = NULL;
}

static void
log_reader_free (gpointer data)
{
  LogReader *self = data;

  log_reader_leave (self);
  mem_log_unref (self->log);
  g_free (self);
}

/* what came before the end is still read */
static void
log_reader_ended (gpointer data, MemWorkload *workload)
{
  LogReader *self = data;

  self->workload = NULL;
  self->end = mem_log_end (self->log);
}

static MemFeedResult
log_reader_fill (gpointer data, GByteArray *out)
{
  LogReader *self = data;
  MemLogRecord record;

  while (out->len < PART && (self->workload != NULL || self->position < self->end)
         && mem_log_read (self->log, &self->position, &record))
    if ((self->mask >> record.stream & 1) != 0 && record.time >= self->since
        && (self->until == 0 || record.time <= self->until))
      thole_log_record_append (out, record.stream, record.time, record.data, record.length);
  if (out->len > 0)
    return MEM_FEED_MORE;
  return self->workload != NULL ? MEM_FEED_WAIT : MEM_FEED_END;
}

static void
work_logs (MemCall *call)
{
  GVariant *options = call->options;
  MemWorkload *workload = mem_call_workload (call);
  g_autoptr (GInputStream) input = NULL;
  LogReader *reader;

  if (workload == NULL)
    return;
  if (workload->log == NULL)
    workload->log = mem_log_new (workload->world->log_bytes);
  reader = g_new0 (LogReader, 1);
  reader->log = mem_log_ref (workload->log);
  reader->mask = (thole_dict_boolean (options, "stdout", TRUE) ? 2u : 0)
                 | (thole_dict_boolean (options, "stderr", TRUE) ? 4u : 0);
  reader->since = thole_dict_int (options, "since", 0);
  reader->until = thole_dict_int (options, "until", 0);
  reader->position = mem_log_tail (reader->log, thole_dict_int (options, "tail", -1), reader->mask);
  reader->end = mem_log_end (reader->log);
  if (thole_dict_boolean (options, "follow", FALSE) && mem_workload_is_alive (workload))
    {
      reader->workload = workload;
      reader->driver = call->driver;
      reader->link.data = reader;
      g_queue_push_tail_link (&call->driver->log_readers, &reader->link);
      reader->waiter.ended = log_reader_ended;
      reader->waiter.data = reader;
      mem_workload_wait (workload, &reader->waiter);
    }
  input = mem_feed_new (log_reader_fill, reader, log_reader_free);
  mem_call_return (call, thole_stream_new (input, NULL), g_object_unref);
}

void
mem_logs_lose (TholeDriver *driver)
{
  while (driver->log_readers.head != NULL)
    {
      LogReader *reader = driver->log_readers.head->data;

      log_reader_leave (reader);
      reader->end = mem_log_end (reader->log);
    }
}

void
mem_logs_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.logs", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_logs);
}

GIOStream *
mem_logs_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}
