/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-frames.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-error.h"

guint64
thole_agent_get (const guint8 *from, guint bytes)
{
  guint64 value = 0;

  for (guint i = 0; i < bytes; i++)
    value = value << 8 | from[i];
  return value;
}

static void
set_number (guint8 *to, guint64 value, guint bytes)
{
  for (guint i = bytes; i > 0; i--, value >>= 8)
    to[i - 1] = (guint8) value;
}

void
thole_agent_put (GByteArray *out, guint64 value, guint bytes)
{
  guint8 text[8];

  set_number (text, value, bytes);
  g_byte_array_append (out, text, bytes);
}

guint
thole_agent_begin (GByteArray *out, guint8 type, guint16 channel)
{
  guint frame = out->len;

  thole_agent_put (out, 0, 4);
  thole_agent_put (out, type, 1);
  thole_agent_put (out, 0, 1);
  thole_agent_put (out, channel, 2);
  return frame;
}

void
thole_agent_end_with (GByteArray *out, guint frame, gsize more)
{
  set_number (out->data + frame, out->len - frame - THOLE_AGENT_HEADER + more, 4);
}

void
thole_agent_end (GByteArray *out, guint frame)
{
  thole_agent_end_with (out, frame, 0);
}

void
thole_agent_field (GByteArray *out, guint16 tag, gconstpointer data, gsize length)
{
  thole_agent_put (out, tag, 2);
  thole_agent_put (out, length, 2);
  g_byte_array_append (out, data, (guint) length);
}

void
thole_agent_field_number (GByteArray *out, guint16 tag, guint64 value)
{
  guint8 text[8];

  set_number (text, value, 8);
  thole_agent_field (out, tag, text, 8);
}

gboolean
thole_agent_next_field (const guint8 **data, gsize *length, TholeAgentField *field)
{
  if (*length < 4 || thole_agent_get (*data + 2, 2) > *length - 4)
    return FALSE;
  field->tag = (guint16) thole_agent_get (*data, 2);
  field->length = (gsize) thole_agent_get (*data + 2, 2);
  field->data = *data + 4;
  *data += 4 + field->length;
  *length -= 4 + field->length;
  return TRUE;
}

guint64
thole_agent_field_value (const TholeAgentField *field)
{
  return field->length >= 1 && field->length <= 8 ? thole_agent_get (field->data, (guint) field->length) : 0;
}

char *
thole_agent_field_text (const TholeAgentField *field)
{
  return g_utf8_make_valid ((const char *) field->data, (gssize) field->length);
}

static gboolean
find_field (const guint8 *data, gsize length, guint16 tag, TholeAgentField *field)
{
  while (thole_agent_next_field (&data, &length, field))
    if (field->tag == tag)
      return TRUE;
  return FALSE;
}

guint64
thole_agent_find_number (const guint8 *data, gsize length, guint16 tag, guint64 fallback)
{
  TholeAgentField field;

  return find_field (data, length, tag, &field) ? thole_agent_field_value (&field) : fallback;
}

char *
thole_agent_find_text (const guint8 *data, gsize length, guint16 tag)
{
  TholeAgentField field;

  return find_field (data, length, tag, &field) ? thole_agent_field_text (&field) : NULL;
}

/* how a key of a dictionary is written: a text, a list of texts, NAME=VALUE pairs, a number or one of some words */
typedef struct
{
  const char *key;
  guint16 tag;
  char form; /* s text, l list, e environment, u number, b boolean, w word, t time, number of bytes */
  const char *words[5];
} Key;

static const Key request_keys[] = {
  { "id", THOLE_AGENT_TAG_ID, 's' },
  { "name", THOLE_AGENT_TAG_NAME, 's' },
  { "command", THOLE_AGENT_TAG_ARGUMENT, 'l' },
  { "env", THOLE_AGENT_TAG_ENV, 'e' },
  { "working_dir", THOLE_AGENT_TAG_FOLDER, 's' },
  { "user", THOLE_AGENT_TAG_USER, 's' },
  { "tty", THOLE_AGENT_TAG_TTY, 'b' },
  { "rows", THOLE_AGENT_TAG_ROWS, 'u' },
  { "cols", THOLE_AGENT_TAG_COLS, 'u' },
  { "term", THOLE_AGENT_TAG_TERM, 's' },
  { "scrollback", THOLE_AGENT_TAG_RING, 'u' },
  { "flow", THOLE_AGENT_TAG_FLOW, 'w', { "latest", "lossless" } },
  { "detached", THOLE_AGENT_TAG_DETACHED, 'w', { "wait", "run" } },
  { "signal", THOLE_AGENT_TAG_SIGNAL, 'u' },
  { "grace_ms", THOLE_AGENT_TAG_GRACE, 'u' },
};

static const Key session_keys[] = {
  { "id", THOLE_AGENT_TAG_ID, 's' },
  { "name", THOLE_AGENT_TAG_NAME, 's' },
  { "state", THOLE_AGENT_TAG_STATE, 'w', { "starting", "running", "ending", "exited" } },
  { "pid", THOLE_AGENT_TAG_PID, 't' },
  { "tty", THOLE_AGENT_TAG_TTY, 'b' },
  { "rows", THOLE_AGENT_TAG_ROWS, 'u' },
  { "cols", THOLE_AGENT_TAG_COLS, 'u' },
  { "flow", THOLE_AGENT_TAG_FLOW, 'w', { "latest", "lossless" } },
  { "detached", THOLE_AGENT_TAG_DETACHED, 'w', { "wait", "run" } },
  { "scrollback", THOLE_AGENT_TAG_RING, 't' },
  { "head", THOLE_AGENT_TAG_HEAD, 't' },
  { "tail", THOLE_AGENT_TAG_TAIL, 't' },
  { "stdin_taken", THOLE_AGENT_TAG_TAKEN, 't' },
  { "stdin_received", THOLE_AGENT_TAG_RECEIVED, 't' },
  { "stdin_ended", THOLE_AGENT_TAG_INPUT_ENDED, 'b' },
  { "viewers", THOLE_AGENT_TAG_VIEWERS, 'u' },
  { "created_at", THOLE_AGENT_TAG_CREATED_AT, 't' },
  { "output_at", THOLE_AGENT_TAG_OUTPUT_AT, 't' },
  { "input_at", THOLE_AGENT_TAG_INPUT_AT, 't' },
  { "waiting", THOLE_AGENT_TAG_WAITING, 'b' },
  { "existed", THOLE_AGENT_TAG_EXISTED, 'b' },
  { "exit_code", THOLE_AGENT_TAG_CODE, 't' },
  { "exit_signal", THOLE_AGENT_TAG_EXIT_SIGNAL, 't' },
};

static gboolean
encode_text (GByteArray *out, const Key *key, const char *text, GError **error)
{
  gsize length = strlen (text);

  if (length > THOLE_AGENT_MAX_PAYLOAD - 4096)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s is too long for the agent", key->key);
      return FALSE;
    }
  thole_agent_field (out, key->tag, text, length);
  return TRUE;
}

static gboolean
encode_env (GByteArray *out, const Key *key, GVariant *arguments, GError **error)
{
  g_autoptr(GVariant) env = thole_dict_value (arguments, key->key, "a{ss}");
  const char *name, *value;
  GVariantIter iter;
  gboolean good = TRUE;

  if (env == NULL)
    return TRUE;
  g_variant_iter_init (&iter, env);
  while (good && g_variant_iter_next (&iter, "{&s&s}", &name, &value))
    {
      g_autofree char *text = g_strconcat (name, "=", value, NULL);

      good = encode_text (out, key, text, error);
    }
  return good;
}

static gboolean
encode_list (GByteArray *out, const Key *key, GVariant *arguments, GError **error)
{
  g_auto(GStrv) list = thole_dict_strv (arguments, key->key);

  for (guint i = 0; list[i] != NULL; i++)
    if (!encode_text (out, key, list[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
encode_word (GByteArray *out, const Key *key, const char *word, GError **error)
{
  for (guint i = 0; key->words[i] != NULL; i++)
    if (strcmp (key->words[i], word) == 0)
      {
        thole_agent_field_number (out, key->tag, i);
        return TRUE;
      }
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s cannot be “%s”", key->key, word);
  return FALSE;
}

static gboolean
encode_key (GByteArray *out, const Key *key, GVariant *arguments, GError **error)
{
  const char *text = thole_dict_string (arguments, key->key, NULL);

  switch (key->form)
    {
    case 's':
      return text == NULL || encode_text (out, key, text, error);
    case 'w':
      return text == NULL || encode_word (out, key, text, error);
    case 'l':
      return encode_list (out, key, arguments, error);
    case 'e':
      return encode_env (out, key, arguments, error);
    case 'b':
      thole_agent_field_number (out, key->tag, thole_dict_boolean (arguments, key->key, FALSE));
      return TRUE;
    default:
      {
        gint64 value = thole_dict_int (arguments, key->key, -1);

        if (value >= 0)
          thole_agent_field_number (out, key->tag, (guint64) value);
        return TRUE;
      }
    }
}

gboolean
thole_agent_encode (GByteArray *out, GVariant *arguments, GError **error)
{
  guint begin = out->len;

  for (guint i = 0; i < G_N_ELEMENTS (request_keys); i++)
    if (!encode_key (out, &request_keys[i], arguments, error))
      return FALSE;
  if (out->len - begin > THOLE_AGENT_MAX_PAYLOAD - 16)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID,
                   "Command and environment of a session may have %d bytes together, not %u", THOLE_AGENT_MAX_PAYLOAD - 16,
                   out->len - begin);
      return FALSE;
    }
  return TRUE;
}

static GVariant *
decode_value (const Key *key, const TholeAgentField *field)
{
  guint64 number = thole_agent_field_value (field);

  switch (key->form)
    {
    case 's':
      return g_variant_new_take_string (thole_agent_field_text (field));
    case 'w':
      for (guint i = 0; key->words[i] != NULL; i++)
        if (i == number)
          return g_variant_new_string (key->words[i]);
      return g_variant_new_string ("unknown");
    case 'b':
      return g_variant_new_boolean (number != 0);
    case 'u':
      return g_variant_new_uint32 ((guint32) MIN (number, G_MAXUINT32));
    default:
      return g_variant_new_int64 ((gint64) MIN (number, (guint64) G_MAXINT64));
    }
}

GVariant *
thole_agent_decode (const guint8 *data, gsize length)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  TholeAgentField field;

  while (thole_agent_next_field (&data, &length, &field))
    for (guint i = 0; i < G_N_ELEMENTS (session_keys); i++)
      if (session_keys[i].tag == field.tag)
        g_variant_dict_insert_value (&dict, session_keys[i].key, decode_value (&session_keys[i], &field));
  if (length != 0)
    return NULL;
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

GError *
thole_agent_error (guint code, const char *text)
{
  static const struct { int code; const char *text; } meanings[] = {
    [THOLE_AGENT_INVALID] = { THOLE_ERROR_INVALID, "The agent does not take this" },
    [THOLE_AGENT_NOT_FOUND] = { THOLE_ERROR_NOT_FOUND, "The agent has no such session" },
    [THOLE_AGENT_LIMIT] = { THOLE_ERROR_LIMIT, "The agent holds as many sessions as it may" },
    [THOLE_AGENT_DENIED] = { THOLE_ERROR_DENIED, "The agent may not do this" },
    [THOLE_AGENT_NO_PROGRAM] = { THOLE_ERROR_INVALID, "There is no such program" },
    [THOLE_AGENT_NO_USER] = { THOLE_ERROR_INVALID, "There is no such user" },
    [THOLE_AGENT_NO_FOLDER] = { THOLE_ERROR_INVALID, "There is no such folder" },
    [THOLE_AGENT_FAILED] = { THOLE_ERROR_FAILED, "The agent failed" },
    [THOLE_AGENT_ENDED] = { THOLE_ERROR_CONFLICT, "The program has ended" },
    [THOLE_AGENT_CLOSED] = { THOLE_ERROR_CONFLICT, "The session was closed" },
    [THOLE_AGENT_BUSY] = { THOLE_ERROR_CONFLICT, "The same was asked again" },
  };
  gboolean known = code < G_N_ELEMENTS (meanings) && meanings[code].text != NULL;

  return g_error_new (THOLE_ERROR, known ? meanings[code].code : THOLE_ERROR_FAILED, "%s%s%s",
                      known ? meanings[code].text : "The agent failed", text != NULL && *text != '\0' ? ": " : "",
                      text != NULL ? text : "");
}
