/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs cases in a child, so that a driver that crashes or hangs costs the case and not the run, and counts.
 */
#pragma once

#include "suites.h"

typedef enum
{
  KIT_PASSED,
  KIT_FAILED,
  KIT_SKIPPED,
  KIT_UNKNOWN,  /* not yet run */
} KitResult;

typedef struct
{
  KitResult result;
  char *text;   /* what is wrong, or why it was skipped; "" else */
  char *note;   /* what is worth knowing all the same */
} KitVerdict;

/* TRUE when no case failed. @json: one object instead of TAP, at the end. */
gboolean kit_run_all (const KitSettings *settings, GPtrArray *cases, gboolean json);
