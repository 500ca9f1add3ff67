/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events/cursor.h"

#define PAGE_SIZE 1000
#define MAX_LOOKED 10000

typedef struct
{
  TholeEventCursor *cursor;
  TholeEventFilter *filter;
  GPtrArray *events;
  guint limit, looked;
  gint64 next;
} Page;

static void
page_free (gpointer data)
{
  Page *page = data;

  g_clear_pointer (&page->cursor, thole_event_cursor_free);
  thole_event_filter_free (page->filter);
  g_clear_pointer (&page->events, g_ptr_array_unref);
  g_free (page);
}

static void
fill_page (gpointer user_data)
{
  GTask *task = user_data;
  Page *page = g_task_get_task_data (task);
  TholeCursorResult result = THOLE_CURSOR_EVENT;
  TholeEvent *event = NULL;
  GError *error = NULL;

  while (page->events->len < page->limit && page->looked < MAX_LOOKED
         && (result = thole_event_cursor_next (page->cursor, &event, &error)) == THOLE_CURSOR_EVENT)
    {
      page->looked++;
      if (thole_event_filter_takes (page->filter, event))
        g_ptr_array_add (page->events, event);
      else
        thole_event_unref (event);
    }
  if (result == THOLE_CURSOR_READS)
    return;
  page->next = page->cursor->position;
  if (result == THOLE_CURSOR_GAP && page->events->len == 0)
    thole_event_gone (page->next, page->cursor->kept, &error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_ptr_array_ref (page->events), (GDestroyNotify) g_ptr_array_unref);
  g_object_unref (task);
}

void
thole_event_log_page_async (TholeEventLog *self, gint64 after, guint limit, TholeEventFilter *filter,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  Page *page = g_new0 (Page, 1);
  GError *error = NULL;

  g_task_set_source_tag (task, thole_event_log_page_async);
  g_task_set_task_data (task, page, page_free);
  page->filter = filter;
  page->limit = limit;
  if (!thole_event_log_check (self, after, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  page->events = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_event_unref);
  page->cursor = thole_event_cursor_new (self, after, filter == NULL ? MIN (PAGE_SIZE, limit) : PAGE_SIZE, fill_page,
                                         task);
  fill_page (task);
}

GPtrArray *
thole_event_log_page_finish (TholeEventLog *self, GAsyncResult *result, gint64 *next, GError **error)
{
  Page *page;
  GPtrArray *events;

  g_return_val_if_fail (g_async_result_is_tagged (result, thole_event_log_page_async), NULL);
  page = g_task_get_task_data (G_TASK (result));
  events = g_task_propagate_pointer (G_TASK (result), error);
  if (events != NULL && next != NULL)
    *next = page->next;
  return events;
}
