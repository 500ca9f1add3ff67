/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events/cursor.h"

#include <string.h>

#define PAGE_SIZE 128

typedef struct
{
  TholeStream stream;
  TholeEventCursor *cursor;
  TholeEventFilter *filter;
  TholeEvent *current; /* the item that was given last: its type is in use */
  gboolean asleep;     /* gave WAIT, ready() not called yet */
  GQueue *queue;       /* that holds the link now (nullable) */
  GList link;
} Follower;

static void
enqueue (Follower *self, GQueue *queue)
{
  self->queue = queue;
  g_queue_push_tail_link (queue, &self->link);
}

static void
dequeue (Follower *self)
{
  if (self->queue != NULL)
    g_queue_unlink (self->queue, &self->link);
  self->queue = NULL;
}

static void
wake_up (Follower *self)
{
  if (!self->asleep)
    return;
  self->asleep = FALSE;
  if (self->stream.ready != NULL)
    self->stream.ready (self->stream.reader);
}

static void
page_came (gpointer user_data)
{
  wake_up (user_data);
}

static void
give (Follower *self, TholeEvent *event, TholeItem *item)
{
  g_clear_pointer (&self->current, thole_event_unref);
  self->current = event;
  *item = (TholeItem){ .id = event->seq, .type = event->type, .time = event->time,
                       .subject = event->subject, .owner = event->owner, .data = g_bytes_ref (thole_event_json (event)) };
}

/* says what is missing and stands before what goes on; the number lets a reader that is cut off now resume there */
static void
give_gap (Follower *self, TholeItem *item)
{
  TholeEventCursor *cursor = self->cursor;
  char *data = g_strdup_printf ("{\"from\":%" G_GINT64_FORMAT ",\"to\":%" G_GINT64_FORMAT "}", cursor->position + 1,
                                cursor->kept);

  cursor->position = cursor->kept - 1;
  *item = (TholeItem){ .id = cursor->position, .type = "gap", .data = g_bytes_new_take (data, strlen (data)) };
}

static TholeStreamResult
follower_next (TholeStream *stream, TholeItem *item, GError **error)
{
  Follower *self = (Follower *) stream;
  TholeCursorResult result;
  TholeEvent *event = NULL;

  /* a reader that did not wait for ready() is not called for this wait any more */
  self->asleep = FALSE;
  dequeue (self);
  if (self->cursor->log->db == NULL)
    return THOLE_STREAM_END;
  while ((result = thole_event_cursor_next (self->cursor, &event, error)) == THOLE_CURSOR_EVENT)
    {
      if (thole_event_filter_takes (self->filter, event))
        {
          give (self, event, item);
          return THOLE_STREAM_ITEM;
        }
      thole_event_unref (event);
    }
  if (result == THOLE_CURSOR_FAILED)
    return THOLE_STREAM_ERROR;
  if (result == THOLE_CURSOR_GAP)
    {
      give_gap (self, item);
      return THOLE_STREAM_ITEM;
    }
  self->asleep = TRUE;
  if (result == THOLE_CURSOR_NEWEST)
    enqueue (self, &self->cursor->log->waiting);
  return THOLE_STREAM_WAIT;
}

static void
follower_close (TholeStream *stream)
{
  Follower *self = (Follower *) stream;

  self->cursor->log->readers--;
  dequeue (self);
  g_clear_pointer (&self->current, thole_event_unref);
  thole_event_filter_free (self->filter);
  thole_event_cursor_free (self->cursor);
  g_free (self);
}

/* passes over what the reader does not want, so that it sleeps on; FALSE: there is something for it */
static gboolean
skip_unwanted (Follower *self)
{
  TholeEventCursor *cursor = self->cursor;
  TholeEventLog *log = cursor->log;

  while (cursor->position < log->newest)
    {
      gint64 seq = cursor->position + 1;

      if (seq < thole_event_log_oldest_in_ring (log)
          || thole_event_filter_takes (self->filter, log->ring[seq % log->size]))
        return FALSE;
      cursor->position = seq;
    }
  return TRUE;
}

/* one run for all that was published since the last */
void
thole_event_log_wake (TholeEventLog *log)
{
  GQueue waking = G_QUEUE_INIT;
  GList *link;

  log->ref_count++;
  while ((link = g_queue_pop_head_link (&log->waiting)) != NULL)
    enqueue (link->data, &waking);
  while ((link = g_queue_pop_head_link (&waking)) != NULL)
    {
      Follower *follower = link->data;

      follower->queue = NULL;
      if (log->db != NULL && skip_unwanted (follower))
        enqueue (follower, &log->waiting);
      else
        wake_up (follower);
    }
  thole_event_log_unref (log);
}

TholeStream *
thole_event_log_follow (TholeEventLog *self, gint64 after, TholeEventFilter *filter, GError **error)
{
  Follower *follower;

  if (!thole_event_log_check (self, after, error))
    {
      thole_event_filter_free (filter);
      return NULL;
    }
  follower = g_new0 (Follower, 1);
  follower->stream.next = follower_next;
  follower->stream.close = follower_close;
  follower->stream.begin = after;
  follower->filter = filter;
  follower->link.data = follower;
  follower->cursor = thole_event_cursor_new (self, after, PAGE_SIZE, page_came, follower);
  self->readers++;
  return &follower->stream;
}
