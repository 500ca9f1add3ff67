/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit.h"

#include <sodium.h>
#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

const char *const thole_audit_names[THOLE_AUDIT_N_TEXTS] = {
  "actor", "credential", "address", "action", "target", "decision", "reason", "result", "request", "detail",
};

TholeAuditRow *
thole_audit_row_new (gint64 time, const char *const texts[THOLE_AUDIT_N_TEXTS])
{
  TholeAuditRow *row = g_new0 (TholeAuditRow, 1);

  row->time = time;
  for (guint i = 0; i < THOLE_AUDIT_N_TEXTS; i++)
    row->texts[i] = g_strdup (texts[i] != NULL ? texts[i] : "");
  return row;
}

void
thole_audit_row_free (TholeAuditRow *row)
{
  for (guint i = 0; i < THOLE_AUDIT_N_TEXTS; i++)
    g_free (row->texts[i]);
  g_free (row);
}

void
thole_audit_row_json (const TholeAuditRow *row, GString *json)
{
  char time[THOLE_TIME_LENGTH];

  g_string_append_printf (json, "{\"seq\":%" G_GINT64_FORMAT ",\"time\":\"%s\"", row->seq, thole_time_format (row->time, time));
  for (guint i = 0; i < THOLE_AUDIT_N_TEXTS; i++)
    {
      g_string_append_printf (json, ",\"%s\":", thole_audit_names[i]);
      thole_json_append_string (json, row->texts[i]);
    }
  g_string_append_printf (json, ",\"hash\":\"%s\"}", row->hash);
}

static void
feed_number (crypto_generichash_state *state, gint64 number)
{
  guint64 bytes = GUINT64_TO_LE ((guint64) number);

  crypto_generichash_update (state, (const guchar *) &bytes, sizeof bytes);
}

/* with its length, so that nothing can move from one text to the next */
static void
feed_text (crypto_generichash_state *state, const char *text)
{
  feed_number (state, (gint64) strlen (text));
  crypto_generichash_update (state, (const guchar *) text, strlen (text));
}

void
thole_audit_hash (const guchar *key, const TholeAuditHead *head, const TholeAuditRow *row, guchar out[THOLE_AUDIT_HASH])
{
  crypto_generichash_state state;

  crypto_generichash_init (&state, key, THOLE_AUDIT_HASH, THOLE_AUDIT_HASH);
  feed_text (&state, "row");
  crypto_generichash_update (&state, head->hash, THOLE_AUDIT_HASH);
  feed_number (&state, head->seq + 1);
  feed_number (&state, row->time);
  for (guint i = 0; i < THOLE_AUDIT_DETAIL; i++)
    feed_text (&state, row->texts[i]);
  /* rows from before there was one keep their hash */
  if (row->texts[THOLE_AUDIT_DETAIL][0] != '\0')
    feed_text (&state, row->texts[THOLE_AUDIT_DETAIL]);
  crypto_generichash_final (&state, out, THOLE_AUDIT_HASH);
}

static void
seal_of (const guchar *key, const TholeAuditHead *head, guchar out[THOLE_AUDIT_HASH])
{
  crypto_generichash_state state;

  crypto_generichash_init (&state, key, THOLE_AUDIT_HASH, THOLE_AUDIT_HASH);
  feed_text (&state, "anchor");
  crypto_generichash_update (&state, head->hash, THOLE_AUDIT_HASH);
  feed_number (&state, head->seq);
  crypto_generichash_final (&state, out, THOLE_AUDIT_HASH);
}

char *
thole_audit_seal (const guchar *key, const TholeAuditHead *head)
{
  char hash[THOLE_AUDIT_HEX + 1], seal[THOLE_AUDIT_HEX + 1];
  guchar bytes[THOLE_AUDIT_HASH];

  seal_of (key, head, bytes);
  sodium_bin2hex (hash, sizeof hash, head->hash, THOLE_AUDIT_HASH);
  sodium_bin2hex (seal, sizeof seal, bytes, sizeof bytes);
  return g_strdup_printf ("%" G_GINT64_FORMAT " %s %s", head->seq, hash, seal);
}

gboolean
thole_audit_open (const guchar *key, const char *sealed, TholeAuditHead *head)
{
  g_auto (GStrv) words = g_strsplit (sealed, " ", 4);
  guchar seal[THOLE_AUDIT_HASH], wanted[THOLE_AUDIT_HASH];
  TholeAuditHead read = { 0 };
  gsize length[2] = { 0 };

  if (g_strv_length (words) != 3 || !g_ascii_string_to_signed (words[0], 10, 0, G_MAXINT64, &read.seq, NULL)
      || sodium_hex2bin (read.hash, sizeof read.hash, words[1], strlen (words[1]), NULL, &length[0], NULL) != 0
      || sodium_hex2bin (seal, sizeof seal, words[2], strlen (words[2]), NULL, &length[1], NULL) != 0
      || length[0] != THOLE_AUDIT_HASH || length[1] != THOLE_AUDIT_HASH)
    return FALSE;
  seal_of (key, &read, wanted);
  if (sodium_memcmp (seal, wanted, sizeof seal) != 0)
    return FALSE;
  *head = read;
  return TRUE;
}

void
thole_audit_query_clear (TholeAuditQuery *query)
{
  for (guint i = 0; i < THOLE_AUDIT_N_TEXTS; i++)
    g_clear_pointer (&query->texts[i], g_free);
}

void
thole_audit_verdict_free (TholeAuditVerdict *verdict)
{
  g_free (verdict->why);
  g_free (verdict);
}
