/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/progress.h"

#include "operations/tracker.h"
#include "thole-dict.h"

guint64
thole_progress_begin (TholeOperations *operations, const char *operation)
{
  guint64 token = ++operations->last_token;

  if (operation[0] != '\0')
    g_hash_table_replace (operations->tokens, GSIZE_TO_POINTER (token), g_strdup (operation));
  return token;
}

void
thole_progress_end (TholeOperations *operations, guint64 token)
{
  g_hash_table_remove (operations->tokens, GSIZE_TO_POINTER (token));
}

void
thole_progress_report (TholeOperations *operations, GVariant *event)
{
  gsize token = (gsize) thole_dict_int (event, "token", 0);
  const char *id = g_hash_table_lookup (operations->tokens, GSIZE_TO_POINTER (token));
  TholeTracker *tracker = id != NULL ? thole_tracker_find (operations, id) : NULL;

  if (tracker != NULL)
    thole_tracker_progress (tracker, MAX (0, thole_dict_int (event, "done", 0)), MAX (0, thole_dict_int (event, "total", 0)),
                            thole_dict_string (event, "unit", "bytes"), thole_dict_string (event, "message", ""));
}
