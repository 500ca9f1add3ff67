/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/strict.h"

#include <string.h>

#define MAX_METHOD 32
#define MAX_NAME 64
#define MAX_LENGTH_DIGITS 18

static const struct
{
  const char *name;
  TholeHeader header;
} names[] = {
  { "host", THOLE_HEADER_HOST },
  { "authorization", THOLE_HEADER_AUTHORIZATION },
  { "accept", THOLE_HEADER_ACCEPT },
  { "content-length", THOLE_HEADER_CONTENT_LENGTH },
  { "content-type", THOLE_HEADER_CONTENT_TYPE },
  { "expect", THOLE_HEADER_EXPECT },
  { "idempotency-key", THOLE_HEADER_IDEMPOTENCY_KEY },
  { "if-match", THOLE_HEADER_IF_MATCH },
  { "if-none-match", THOLE_HEADER_IF_NONE_MATCH },
  { "last-event-id", THOLE_HEADER_LAST_EVENT_ID },
  { "transfer-encoding", THOLE_HEADER_TRANSFER_ENCODING },
  { "accept-charset", THOLE_HEADER_PLAIN },
  { "accept-encoding", THOLE_HEADER_PLAIN },
  { "accept-language", THOLE_HEADER_PLAIN },
  { "access-control-request-headers", THOLE_HEADER_PLAIN },
  { "access-control-request-method", THOLE_HEADER_CORS_METHOD },
  { "baggage", THOLE_HEADER_PLAIN },
  { "cache-control", THOLE_HEADER_PLAIN },
  { "connection", THOLE_HEADER_CONNECTION },
  { "cookie", THOLE_HEADER_COOKIE },
  { "date", THOLE_HEADER_PLAIN },
  { "dnt", THOLE_HEADER_PLAIN },
  { "forwarded", THOLE_HEADER_PLAIN },
  { "from", THOLE_HEADER_PLAIN },
  { "if-modified-since", THOLE_HEADER_PLAIN },
  { "if-range", THOLE_HEADER_IF_RANGE },
  { "if-unmodified-since", THOLE_HEADER_PLAIN },
  { "keep-alive", THOLE_HEADER_PLAIN },
  { "origin", THOLE_HEADER_ORIGIN },
  { "pragma", THOLE_HEADER_PLAIN },
  { "priority", THOLE_HEADER_PLAIN },
  { "proxy-connection", THOLE_HEADER_PLAIN },
  { "range", THOLE_HEADER_RANGE },
  { "referer", THOLE_HEADER_PLAIN },
  { "sec-ch-ua", THOLE_HEADER_PLAIN },
  { "sec-ch-ua-mobile", THOLE_HEADER_PLAIN },
  { "sec-ch-ua-platform", THOLE_HEADER_PLAIN },
  { "sec-fetch-dest", THOLE_HEADER_PLAIN },
  { "sec-fetch-mode", THOLE_HEADER_PLAIN },
  { "sec-fetch-site", THOLE_HEADER_FETCH_SITE },
  { "sec-fetch-user", THOLE_HEADER_PLAIN },
  { "sec-websocket-extensions", THOLE_HEADER_PLAIN },
  { "sec-websocket-key", THOLE_HEADER_WS_KEY },
  { "sec-websocket-protocol", THOLE_HEADER_WS_PROTOCOL },
  { "sec-websocket-version", THOLE_HEADER_WS_VERSION },
  { "te", THOLE_HEADER_PLAIN },
  { "traceparent", THOLE_HEADER_PLAIN },
  { "tracestate", THOLE_HEADER_PLAIN },
  { "upgrade", THOLE_HEADER_UPGRADE },
  { "upgrade-insecure-requests", THOLE_HEADER_PLAIN },
  { "user-agent", THOLE_HEADER_PLAIN },
  { "via", THOLE_HEADER_PLAIN },
  { "x-csrf-token", THOLE_HEADER_CSRF },
  { "x-dev-user", THOLE_HEADER_DEV_USER },
  { "x-forwarded-for", THOLE_HEADER_FORWARDED_FOR },
  { "x-forwarded-host", THOLE_HEADER_PLAIN },
  { "x-forwarded-port", THOLE_HEADER_PLAIN },
  { "x-forwarded-proto", THOLE_HEADER_FORWARDED_PROTO },
  { "x-real-ip", THOLE_HEADER_PLAIN },
  { "x-request-id", THOLE_HEADER_PLAIN },
  { "x-requested-with", THOLE_HEADER_PLAIN },
};

static inline gboolean
is_token_char (guchar c)
{
  return g_ascii_isalnum (c) || (c > 0x20 && c < 0x7f && strchr ("!#$%&'*+-.^_`|~", c) != NULL);
}

static gboolean
is_control (guchar c)
{
  return (c < 0x20 && c != '\t') || c == 0x7f;
}

static gboolean
equals (const char *text, gsize length, const char *word)
{
  return strlen (word) == length && g_ascii_strncasecmp (text, word, length) == 0;
}

static gboolean
begins (const char *text, gsize length, const char *word)
{
  gsize n = strlen (word);

  return length > n && g_ascii_strncasecmp (text, word, n) == 0;
}

static TholeHeader
header_find (const char *name, gsize length)
{
  char first = g_ascii_tolower (name[0]);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].name[0] == first && equals (name, length, names[i].name))
      return names[i].header;
  return THOLE_HEADER_UNKNOWN;
}

static void
fault (TholeHead *head, const char *text)
{
  if (head->fault == NULL)
    head->fault = text;
}

static gboolean
is_digits (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isdigit (text[i]))
      return FALSE;
  return length > 0 && length <= MAX_LENGTH_DIGITS;
}

static gboolean
is_host (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (text[i]) && strchr (".-_:[]%~", text[i]) == NULL)
      return FALSE;
  return length <= 300;
}

/* lists, which may come in several fields */
static gboolean
may_repeat (TholeHeader header)
{
  return header == THOLE_HEADER_ACCEPT || header == THOLE_HEADER_CONNECTION ||
         header == THOLE_HEADER_UPGRADE || header == THOLE_HEADER_WS_PROTOCOL;
}

static void
check_value (TholeHead *head, TholeHeader header, const char *value, gsize length)
{
  if (header == THOLE_HEADER_CONTENT_LENGTH && !is_digits (value, length))
    fault (head, "Content-Length is not a plain number");
  else if (header == THOLE_HEADER_TRANSFER_ENCODING && !equals (value, length, "chunked"))
    fault (head, "this Transfer-Encoding is not understood");
  else if (header == THOLE_HEADER_HOST && !is_host (value, length))
    fault (head, "Host is not a host");
}

void
thole_head_add (TholeHead *head, const char *name, gsize name_length, const char *value,
                gsize value_length)
{
  TholeHeader header;

  if (++head->n_fields > THOLE_HEAD_MAX_FIELDS)
    {
      fault (head, "too many header fields");
      return;
    }
  if (name_length > MAX_NAME || !thole_strict_token (name, name_length))
    {
      fault (head, "a header name is not a token");
      return;
    }
  header = header_find (name, name_length);
  if (header == THOLE_HEADER_UNKNOWN)
    {
      /* what a folded line becomes when it is glued to its name */
      if (begins (name, name_length, "content-length") ||
          begins (name, name_length, "transfer-encoding"))
        fault (head, "a header name is ambiguous");
      head->unknown = TRUE;
      return;
    }
  if (header == THOLE_HEADER_PLAIN)
    return;
  if (head->values[header].text != NULL && !may_repeat (header))
    {
      fault (head, header == THOLE_HEADER_HOST ? "two Host fields"
                                               : "a header field that may come once came twice");
      return;
    }
  head->values[header] = (TholeSpan) { value, value_length };
  check_value (head, header, value, value_length);
}

void
thole_head_finish (TholeHead *head, gboolean http11)
{
  if (head->values[THOLE_HEADER_TRANSFER_ENCODING].text != NULL)
    {
      if (head->values[THOLE_HEADER_CONTENT_LENGTH].text != NULL)
        fault (head, "Content-Length together with Transfer-Encoding");
      if (!http11)
        fault (head, "Transfer-Encoding in HTTP/1.0");
    }
  if (http11 && head->values[THOLE_HEADER_HOST].text == NULL)
    fault (head, "no Host field");
}

gboolean
thole_strict_token (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!is_token_char ((guchar) text[i]))
      return FALSE;
  return length > 0;
}

/* METHOD SP TARGET SP HTTP/1.x */
static void
judge_request_line (TholeStrict *self, const char *line, gsize length)
{
  const char *end = line + length;
  const char *target = memchr (line, ' ', length);
  const char *version;

  if (target == NULL || target - line > MAX_METHOD ||
      !thole_strict_token (line, (gsize) (target - line)))
    {
      fault (&self->head, "the request line does not begin with a method");
      return;
    }
  target++;
  version = memchr (target, ' ', (gsize) (end - target));
  if (version == NULL || version == target)
    {
      fault (&self->head, "the request line is not METHOD TARGET VERSION");
      return;
    }
  for (const char *c = target; c < version; c++)
    if ((guchar) *c <= 0x20 || (guchar) *c >= 0x7f)
      {
        fault (&self->head, "the request target has a character that must be percent-encoded");
        return;
      }
  version++;
  self->http11 = end - version == 8 && memcmp (version, "HTTP/1.1", 8) == 0;
  if (!self->http11 && !(end - version == 8 && memcmp (version, "HTTP/1.0", 8) == 0))
    fault (&self->head, "the version is not HTTP/1.0 or HTTP/1.1");
}

static void
judge_field (TholeStrict *self, const char *line, gsize length)
{
  const char *colon = memchr (line, ':', length);
  const char *value, *end = line + length;

  if (line[0] == ' ' || line[0] == '\t')
    {
      fault (&self->head, "a header line is folded");
      return;
    }
  if (colon == NULL)
    {
      fault (&self->head, "a header line has no colon");
      return;
    }
  value = colon + 1;
  while (value < end && (*value == ' ' || *value == '\t'))
    value++;
  while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  thole_head_add (&self->head, line, (gsize) (colon - line), value, (gsize) (end - value));
}

static gboolean
has_control (const char *line, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (is_control ((guchar) line[i]))
      return TRUE;
  return FALSE;
}

/* the piece of a line that has come so far; its CR may be the last byte */
static TholeStrictResult
judge_rest (TholeStrict *self, const char *rest, gsize length)
{
  if (length > 0 && rest[length - 1] == '\r')
    length--;
  if (has_control (rest, length))
    fault (&self->head, "a control character in the head");
  return self->head.fault != NULL ? THOLE_STRICT_BAD : THOLE_STRICT_MORE;
}

TholeStrictResult
thole_strict_feed (TholeStrict *self, const char *data, gsize length)
{
  while (self->head.fault == NULL)
    {
      const char *line = data + self->line;
      const char *feed = memchr (line, '\n', length - self->line);
      gsize size;

      if (feed == NULL)
        return judge_rest (self, line, length - self->line);
      size = (gsize) (feed - line);
      self->line += size + 1;
      if (size == 0 || line[size - 1] != '\r')
        fault (&self->head, "a line does not end with CR LF");
      else if (has_control (line, --size))
        fault (&self->head, "a control character in the head");
      else if (self->n_lines++ == 0)
        judge_request_line (self, line, size);
      else if (size > 0)
        judge_field (self, line, size);
      else
        {
          thole_head_finish (&self->head, self->http11);
          return self->head.fault != NULL ? THOLE_STRICT_BAD : THOLE_STRICT_GOOD;
        }
    }
  return THOLE_STRICT_BAD;
}
