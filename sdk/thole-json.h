/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON (RFC 8259) to and from GVariant, strict. One implementation for the daemon and its drivers.
 *
 * object -> a{sv}, array -> av, string -> s, true/false -> b, null -> () (the empty tuple), integers -> x
 * (t above G_MAXINT64; larger ones are refused), numbers with a fraction or an exponent -> d.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* GVariant itself gives `()` in place of what lies more than 128 of its own levels deep, and an object in an object
 * takes three: so what is accepted here can always be read, also inside further dictionaries. */
#define THOLE_JSON_MAX_DEPTH 32

/**
 * thole_json_parse:
 * @text: bytes, need not end with NUL
 * @length: their count
 *
 * Refuses what is not RFC 8259 to the letter: bad UTF-8, duplicate keys, depth above THOLE_JSON_MAX_DEPTH, integers that do not fit, NUL
 * (also as \u0000), lone surrogates, numbers that are not finite, trailing text. THOLE_ERROR_MALFORMED says what and at which byte.
 *
 * Returns: (transfer full): a value that does not float
 */
GVariant *thole_json_parse (const char *text, gsize length, GError **error);

/**
 * thole_json_append:
 *
 * Appends @value as JSON, without white space. Understands every type that thole_json_parse() makes and also
 * a{ss}, as, aa{sv}, i u n q y v, maybe types (nothing = null), and ay (base64). Doubles that are not finite become null.
 */
void thole_json_append (GString *out, GVariant *value);

/* Appends @text as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void thole_json_append_string (GString *out, const char *text);
void thole_json_append_string_len (GString *out, const char *text, gsize length);

/* Appends a double in the shortest form that reads back the same; null when it is not finite. */
void thole_json_append_double (GString *out, double value);

/* Returns: (transfer full): @value as JSON text */
char *thole_json_to_string (GVariant *value);

G_END_DECLS
