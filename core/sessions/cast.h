/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lines of a recording as asciinema, version 2, has them. Pure text: neither files nor clocks.
 */
#pragma once

#include <glib.h>

#define THOLE_CAST_TYPE "application/x-asciicast"

/* The begin of a character whose end has not come; kept by whoever records, one a channel. */
typedef struct
{
  guint8 bytes[3];
  guint8 length;
} TholeCarry;

void thole_cast_head   (GString *out, guint rows, guint cols, gint64 begun_at, const char *term);
/* @time: µs since the begin */
void thole_cast_output (GString *out, gint64 time, const char *text, gsize length);
void thole_cast_resize (GString *out, gint64 time, guint rows, guint cols);
/* Something to say that is no output, as where bytes are missing. */
void thole_cast_mark   (GString *out, gint64 time, const char *text);

/* Appends what is whole of @carry and @data as valid UTF-8 and keeps the rest. What is no UTF-8 becomes U+FFFD, one for each longest
 * piece that a character could have begun with. */
void thole_carry_feed  (TholeCarry *carry, const guint8 *data, gsize length, GString *out);
/* Nothing more comes. */
void thole_carry_end   (TholeCarry *carry, GString *out);
