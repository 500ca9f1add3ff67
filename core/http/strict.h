/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Judges request heads before and beside the HTTP library, which is more lenient than is safe.
 * Pure: bytes in, verdict out.
 */
#pragma once

#include <glib.h>

/* The names that are read; the rest is known but not looked at, or unknown. */
typedef enum
{
  THOLE_HEADER_ACCEPT,
  THOLE_HEADER_AUTHORIZATION,
  THOLE_HEADER_CONNECTION,
  THOLE_HEADER_CONTENT_LENGTH,
  THOLE_HEADER_CONTENT_TYPE,
  THOLE_HEADER_COOKIE,
  THOLE_HEADER_CORS_METHOD,
  THOLE_HEADER_CSRF,
  THOLE_HEADER_DEV_USER,
  THOLE_HEADER_EXPECT,
  THOLE_HEADER_FETCH_SITE,
  THOLE_HEADER_FORWARDED_FOR,
  THOLE_HEADER_FORWARDED_PROTO,
  THOLE_HEADER_HOST,
  THOLE_HEADER_IDEMPOTENCY_KEY,
  THOLE_HEADER_IF_MATCH,
  THOLE_HEADER_IF_NONE_MATCH,
  THOLE_HEADER_IF_RANGE,
  THOLE_HEADER_LAST_EVENT_ID,
  THOLE_HEADER_ORIGIN,
  THOLE_HEADER_RANGE,
  THOLE_HEADER_TRANSFER_ENCODING,
  THOLE_HEADER_UPGRADE,
  THOLE_HEADER_WS_KEY,
  THOLE_HEADER_WS_PROTOCOL,
  THOLE_HEADER_WS_VERSION,
  THOLE_N_HEADERS,
  THOLE_HEADER_PLAIN = THOLE_N_HEADERS,
  THOLE_HEADER_UNKNOWN,
} TholeHeader;

typedef struct
{
  const char *text; /* NULL = not there; not always ended by NUL */
  gsize length;
} TholeSpan;

#define THOLE_HEAD_MAX_FIELDS 100

/* The fields of one head, gathered one by one. */
typedef struct
{
  TholeSpan values[THOLE_N_HEADERS];
  guint n_fields;
  gboolean unknown;  /* some name was not known: the library may have glued a folded line to it */
  const char *fault; /* (nullable): the first thing wrong, a sentence for people */
} TholeHead;

/* The spans of @head point to @name and @value. */
void thole_head_add    (TholeHead *head, const char *name, gsize name_length,
                        const char *value, gsize value_length);
/* What can only be said of all fields together. @http11: the version asks for a Host. */
void thole_head_finish (TholeHead *head, gboolean http11);

typedef enum
{
  THOLE_STRICT_MORE, /* not complete yet */
  THOLE_STRICT_GOOD, /* complete */
  THOLE_STRICT_BAD,  /* head.fault says why */
} TholeStrictResult;

typedef struct
{
  gsize line;        /* begin of the first line that is not judged yet */
  guint n_lines;
  gboolean http11;
  TholeHead head;
} TholeStrict;

/* Judges a head that arrives in pieces: @data is each time everything so far, @self begins as
 * zeros. No folded lines, NUL, control characters, bare LF or CR, blanks before a colon, second
 * Host, second or odd Content-Length or Transfer-Encoding, nor both of these. */
TholeStrictResult thole_strict_feed (TholeStrict *self, const char *data, gsize length);

/* Is @text a token of RFC 9110? */
gboolean thole_strict_token (const char *text, gsize length);
