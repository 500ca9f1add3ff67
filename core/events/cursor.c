/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events/cursor.h"

#include "thole-error.h"

/* what the readers hold in pages together, in events; a page has a few at least */
#define PAGES 4096
#define PAGE_LEAST 16

static void
drop_page (TholeEventCursor *self)
{
  if (self->page == NULL)
    return;
  g_clear_pointer (&self->page, g_ptr_array_unref);
  self->log->pages--;
}

static void
cursor_unref (TholeEventCursor *self)
{
  if (--self->ref_count > 0)
    return;
  drop_page (self);
  g_clear_error (&self->error);
  g_object_unref (self->cancellable);
  thole_event_log_unref (self->log);
  g_free (self);
}

TholeEventCursor *
thole_event_cursor_new (TholeEventLog *log, gint64 after, guint page_size, void (*ready) (gpointer user_data),
                        gpointer user_data)
{
  TholeEventCursor *self = g_new0 (TholeEventCursor, 1);

  log->ref_count++;
  self->ref_count = 1;
  self->log = log;
  self->position = after;
  self->page_size = page_size;
  self->cancellable = g_cancellable_new ();
  self->ready = ready;
  self->user_data = user_data;
  return self;
}

void
thole_event_cursor_free (TholeEventCursor *self)
{
  self->ready = NULL;
  g_cancellable_cancel (self->cancellable);
  cursor_unref (self);
}

static void
read_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeEventCursor *self = user_data;

  self->page = thole_db_events_finish (self->log->db, result, &self->error);
  self->log->pages -= self->page == NULL;
  self->next = 0;
  self->reading = FALSE;
  if (self->ready != NULL)
    self->ready (self->user_data);
  cursor_unref (self);
}

static void
begin_reading (TholeEventCursor *self)
{
  guint share = MAX (PAGES / ++self->log->pages, PAGE_LEAST);

  self->reading = TRUE;
  self->ref_count++;
  thole_db_events_async (self->log->db, self->position, MIN (self->page_size, share), self->cancellable,
                         read_done, self);
}

/* the next event from memory; NULL when the store has to be asked */
static TholeEvent *
look_in_memory (TholeEventCursor *self)
{
  gint64 seq = self->position + 1;
  TholeEvent *event;

  if (seq >= thole_event_log_oldest_in_ring (self->log))
    {
      drop_page (self);
      return self->log->ring[seq % self->log->size];
    }
  if (self->page == NULL || self->next >= self->page->len)
    return NULL;
  event = self->page->pdata[self->next];
  return event->seq == seq ? event : NULL;
}

/* a page came that does not go on where we are: what is between was forgotten */
static TholeCursorResult
meet_gap (TholeEventCursor *self, GError **error)
{
  TholeEvent *first = self->page->len > 0 ? self->page->pdata[0] : NULL;

  if (first != NULL && first->seq > self->position)
    {
      /* what came is what goes on */
      self->kept = first->seq;
      return THOLE_CURSOR_GAP;
    }
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "event %" G_GINT64_FORMAT " is missing in the store",
               self->position + 1);
  drop_page (self);
  return THOLE_CURSOR_FAILED;
}

/* is the next one forgotten, as far as is known without asking the store? */
static gboolean
next_is_gone (TholeEventCursor *self)
{
  gint64 kept = MIN (thole_event_log_oldest (self->log), thole_event_log_oldest_in_ring (self->log));

  if (self->position + 1 >= kept)
    return FALSE;
  self->kept = kept;
  return TRUE;
}

TholeCursorResult
thole_event_cursor_next (TholeEventCursor *self, TholeEvent **event, GError **error)
{
  gboolean fresh = self->page != NULL && self->next == 0;
  TholeEvent *found;

  if (self->log->db == NULL)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the daemon shuts down");
      return THOLE_CURSOR_FAILED;
    }
  if (self->reading)
    return THOLE_CURSOR_READS;
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return THOLE_CURSOR_FAILED;
    }
  if (self->position >= self->log->newest)
    return THOLE_CURSOR_NEWEST;
  found = look_in_memory (self);
  if (found != NULL)
    {
      *event = thole_event_ref (found);
      self->position++;
      /* what was seen need not stay in memory */
      if (self->page != NULL && ++self->next == self->page->len)
        drop_page (self);
      return THOLE_CURSOR_EVENT;
    }
  if (fresh)
    return meet_gap (self, error);
  drop_page (self);
  if (next_is_gone (self))
    return THOLE_CURSOR_GAP;
  begin_reading (self);
  return THOLE_CURSOR_READS;
}
