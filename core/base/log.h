/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where log lines go: the journal with all their fields when it listens, else one line each on standard error:
 * `LEVEL domain: message key=value`. Write one with g_info() and friends, or with g_log_structured() and fields
 * named THOLE_KEY, which become key=value.
 */
#pragma once

#include <glib.h>

#define THOLE_LOG_LINE_MAX 4096

typedef struct _TholeLog TholeLog;

/* @level: least that is written: debug, info, warn or error. To be called once in a process, since GLib has one writer.
 * Returns: (transfer none): lives as long as the process */
TholeLog *thole_log_setup     (const char *level);
void      thole_log_set_level (TholeLog *self, const char *level);

/* Appends one line with its end, at most THOLE_LOG_LINE_MAX bytes; control characters are escaped. */
void      thole_log_format    (GString *out, GLogLevelFlags level, const GLogField *fields, gsize n_fields);
