/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events/log.h"

#include <string.h>

static gboolean
type_takes (const char *pattern, const char *type)
{
  gsize length = strlen (pattern);

  if (length == 0 || pattern[length - 1] != '*')
    return strcmp (pattern, type) == 0;
  /* "workload.*": up to the dot */
  return (length == 1 || pattern[length - 2] == '.') && strncmp (pattern, type, length - 1) == 0;
}

gboolean
thole_event_filter_takes (const TholeEventFilter *filter, const TholeEvent *event)
{
  gboolean found;

  if (filter == NULL)
    return TRUE;
  if (filter->subject != NULL && strcmp (filter->subject, event->subject) != 0)
    return FALSE;
  if (filter->owner != NULL && strcmp (filter->owner, event->owner) != 0
      && (filter->mates == NULL || !g_hash_table_contains (filter->mates, event->owner)))
    return FALSE;
  found = filter->types == NULL;
  for (guint i = 0; !found && filter->types[i] != NULL; i++)
    found = type_takes (filter->types[i], event->type);
  return found;
}

void
thole_event_filter_free (TholeEventFilter *filter)
{
  if (filter == NULL)
    return;
  g_strfreev (filter->types);
  g_free (filter->subject);
  g_free (filter->owner);
  g_clear_pointer (&filter->mates, g_hash_table_unref);
  g_free (filter);
}
