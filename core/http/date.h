/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Dates as HTTP writes them (RFC 9110, IMF-fixdate): "Sun, 06 Nov 1994 08:49:37 GMT", in English whatever the locale.
 */
#pragma once

#include "http/strict.h"

#define THOLE_DATE_LENGTH 32

/* @seconds since the epoch. Returns: FALSE when there is no such date */
gboolean thole_date_format (gint64 seconds, char date[THOLE_DATE_LENGTH]);
/* Only exactly this form. */
gboolean thole_date_parse  (TholeSpan text, gint64 *seconds);
