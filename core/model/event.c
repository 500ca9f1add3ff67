/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/event.h"

#include "thole-dict.h"
#include "thole-json.h"

TholeEvent *
thole_event_new (gint64 time, const char *type, const char *subject, const char *owner, const char *actor, char *data)
{
  TholeEvent *event = g_new0 (TholeEvent, 1);

  event->ref_count = 1;
  event->time = time;
  event->type = g_strdup (type);
  event->subject = g_strdup (subject);
  event->owner = g_strdup (owner);
  event->actor = g_strdup (actor);
  event->data = data != NULL ? data : g_strdup ("{}");
  return event;
}

TholeEvent *
thole_event_ref (TholeEvent *event)
{
  g_atomic_int_inc (&event->ref_count);
  return event;
}

void
thole_event_unref (TholeEvent *event)
{
  if (!g_atomic_int_dec_and_test (&event->ref_count))
    return;
  g_free (event->type);
  g_free (event->subject);
  g_free (event->owner);
  g_free (event->actor);
  g_free (event->data);
  g_clear_pointer (&event->json, g_bytes_unref);
  g_free (event);
}

static GBytes *
render (TholeEvent *event)
{
  GString *out = g_string_sized_new (256);
  char time[THOLE_TIME_LENGTH];
  gsize length;

  g_string_append_printf (out, "{\"seq\":%" G_GINT64_FORMAT ",\"time\":\"%s\",\"type\":", event->seq,
                          thole_time_format (event->time, time));
  thole_json_append_string (out, event->type);
  g_string_append (out, ",\"subject\":");
  thole_json_append_string (out, event->subject);
  g_string_append (out, ",\"actor\":");
  thole_json_append_string (out, event->actor);
  g_string_append (out, ",\"data\":");
  g_string_append (out, event->data);
  g_string_append_c (out, '}');
  length = out->len;
  return g_bytes_new_take (g_realloc (g_string_free (out, FALSE), length), length);
}

GBytes *
thole_event_json (TholeEvent *event)
{
  if (event->json == NULL)
    event->json = render (event);
  return event->json;
}
