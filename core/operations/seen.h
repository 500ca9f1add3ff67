/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an engine says of a workload, judged against the record: a driver's report is an input, never the truth.
 */
#pragma once

#include "operations/subject.h"

typedef enum
{
  THOLE_SEEN_NOTHING,  /* it is as recorded */
  THOLE_SEEN_DETAILS,  /* the same state, but health, addresses or ports changed */
  THOLE_SEEN_INPUT,    /* a transition */
} TholeVerdict;

/* @seen: a "workload" dictionary of sdk/schema.md, NULL = the engine has no such object. */
TholeVerdict thole_seen_judge  (TholeSubject *subject, GVariant *seen, TholeInput *input);
/* Writes what @seen tells into the record under change. */
void         thole_seen_copy   (TholeChange *change, GVariant *seen);
/* The state of @seen: "gone" for NULL. */
const char  *thole_seen_state  (GVariant *seen);
/* After EXITED, CRASHED or MISSING was applied: the reason, and what the restart policy says. */
void         thole_seen_ended  (TholeChange *change, GVariant *seen, TholeInput input);
