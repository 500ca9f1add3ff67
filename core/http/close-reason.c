/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/codec.h"

#include <string.h>

#include "http/ws-frame.h"
#include "thole-json.h"

#define REASON_MAX 123

/* 4000 and the status that HTTP would have given, except for ends that WebSocket knows itself */
static const struct
{
  guint code;
  const char *word;
} ends[] = {
  [THOLE_VIEWER_ENDED] = { THOLE_WS_NORMAL, "ended" },
  [THOLE_VIEWER_REMOVED] = { 4410, "removed" },
  [THOLE_VIEWER_WORKLOAD_GONE] = { 4409, "workload_gone" },
  [THOLE_VIEWER_LOST] = { 4503, "lost" },
  [THOLE_VIEWER_RESTARTING] = { THOLE_WS_GOING_AWAY, "restarting" },
  [THOLE_VIEWER_FORBIDDEN] = { 4403, "forbidden" },
  [THOLE_VIEWER_TOO_MANY] = { 4429, "too_many_viewers" },
  [THOLE_VIEWER_PROTOCOL] = { 4400, "malformed" },
};

guint
thole_close_code (TholeViewerEnd end)
{
  return ends[MIN ((guint) end, G_N_ELEMENTS (ends) - 1)].code;
}

const char *
thole_close_word (TholeViewerEnd end)
{
  return ends[MIN ((guint) end, G_N_ELEMENTS (ends) - 1)].word;
}

char *
thole_close_reason (const char *word, const char *detail)
{
  g_autoptr(GString) out = g_string_new ("{\"code\":");
  gsize length = detail != NULL ? strlen (detail) : 0;
  gsize begin;

  thole_json_append_string (out, word);
  begin = out->len;
  while (length > 0)
    {
      const char *end;

      g_string_append (out, ",\"detail\":");
      /* never half a character */
      if (!g_utf8_validate_len (detail, length, &end))
        length = (gsize) (end - detail);
      thole_json_append_string_len (out, detail, length);
      if (out->len < REASON_MAX || length == 0)
        break;
      length -= MIN (length, MAX (1, (out->len - REASON_MAX) / 6));
      g_string_truncate (out, begin);
    }
  g_string_append_c (out, '}');
  return g_string_free (g_steal_pointer (&out), FALSE);
}
