/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How many uploads there are at once, and whose: each has a file. Nobody has more than a quarter of the berths, and an eighth of them is
 * kept for administrators.
 */
#pragma once

#include <glib.h>

#define THOLE_BERTHS 64

typedef struct _TholeBerths TholeBerths;

TholeBerths *thole_berths_new   (void);
TholeBerths *thole_berths_ref   (TholeBerths *self);
void         thole_berths_unref (TholeBerths *self);

/* @who: name of a principal. Returns: FALSE: there is none left for it */
gboolean     thole_berths_take  (TholeBerths *self, const char *who, gboolean admin);
void         thole_berths_leave (TholeBerths *self, const char *who);
