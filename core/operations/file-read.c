/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/file-list.h"
#include "operations/verb.h"

#include <string.h>

/* the part that is asked for */
typedef struct
{
  guint64 from, length;
  gboolean part;       /* not all of it */
  gboolean outside;
} Range;

/* FALSE: it is no number */
static gboolean
number (const char *text, guint64 *value)
{
  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, value, NULL);
}

/* RFC 9110: one range; a field that is not understood is as if it was not there */
static gboolean
parse_range (const char *text, guint64 size, Range *range)
{
  g_auto (GStrv) ends = NULL;
  guint64 first = 0, last = G_MAXINT64;

  if (text == NULL || !g_str_has_prefix (text, "bytes=") || strchr (text, ',') != NULL)
    return FALSE;
  ends = g_strsplit (text + strlen ("bytes="), "-", 2);
  if (g_strv_length (ends) != 2 || (ends[0][0] != '\0' && !number (ends[0], &first)) || (ends[1][0] != '\0' && !number (ends[1], &last)))
    return FALSE;
  if (ends[0][0] == '\0')
    {
      /* the last so many bytes */
      if (ends[1][0] == '\0')
        return FALSE;
      range->outside = last == 0 || size == 0; /* bytes=-0 */
      range->length = MIN (last, size);
      range->from = size - range->length;
      return TRUE;
    }
  if (last < first)
    return FALSE;
  range->outside = first >= size;
  range->from = first;
  range->length = range->outside ? 0 : MIN (last, size - 1) - first + 1;
  return TRUE;
}

static Range
range_of (TholeCall *call, guint64 size, gint64 modified)
{
  gint64 most = thole_query_int (call, "length", -1);
  Range range = { .length = size };

  if ((call->range_of == 0 || call->range_of == modified) && parse_range (call->range, size, &range))
    {
      range.part = TRUE;
      return range;
    }
  range.from = MIN ((guint64) thole_query_int (call, "offset", 0), size);
  range.length = most >= 0 ? MIN ((guint64) most, size - range.from) : size - range.from;
  return range;
}

static void
found (TholeCall *call, const TholeTarEntry *entry)
{
  TholeFileWork *work = call->state;
  Range range = range_of (call, entry->size, entry->mtime);
  TholeReply *reply = &call->reply;

  if (entry->kind != THOLE_TAR_FILE)
    {
      thole_call_fail (call, THOLE_ERROR_CONFLICT, entry->kind == THOLE_TAR_FOLDER
                       ? "%s is a folder: list it (file.list), or get it whole (file.archive)" : "%s is not a file", work->path);
      return;
    }
  if (range.outside)
    {
      thole_call_fail (call, THOLE_ERROR_RANGE, "%s has %" G_GUINT64_FORMAT " bytes", work->path, entry->size);
      return;
    }
  reply->type = "application/octet-stream";
  reply->sized = TRUE;
  reply->size = (gint64) range.length;
  reply->modified = MAX (entry->mtime, 0);
  if (range.part)
    reply->range = g_strdup_printf ("bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, range.from,
                                    range.from + range.length - 1, entry->size);
  thole_call_stream (call, THOLE_REPLY_FILE, thole_archive_content (work->archive, range.from, range.length));
}

void
thole_op_file_read (TholeCall *call)
{
  TholeFileWork *work;

  if (thole_query_boolean (call, "list"))
    {
      thole_file_list (call);
      return;
    }
  work = thole_file_begin (call, THOLE_SLOT_FILES_GET);
  if (work == NULL)
    return;
  work->follow = TRUE;
  work->found = found;
  thole_file_look (call);
}

/* a whole folder ---------------------------------------------------------------------------------------- */

static void
archive_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeFileWork *work = call->state;
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GError) error = NULL;

  call->operations->calls--;
  if (!thole_backend_call_finish (work->backend, result, &out, &error))
    {
      thole_call_error (call, error);
      return;
    }
  work->archive = thole_archive_new (g_steal_pointer (&out.stream));
  call->reply.type = "application/x-tar";
  thole_call_stream (call, THOLE_REPLY_FILE, thole_archive_whole (work->archive));
}

void
thole_op_file_archive (TholeCall *call)
{
  TholeFileWork *work = thole_file_begin (call, THOLE_SLOT_FILES_GET);
  TholeSlotArgs args;

  if (work == NULL)
    return;
  args = (TholeSlotArgs) { .id = work->subject->now->id, .text = work->path };
  call->operations->calls++;
  thole_backend_call_async (work->backend, THOLE_SLOT_FILES_GET, &args, call->cancellable, archive_opened, call);
}
