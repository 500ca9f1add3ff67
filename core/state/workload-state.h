/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The states of a workload: one table of (state, input) -> (state, effects). Pure: no I/O, no time, no memory of its own.
 */
#pragma once

#include "records.h"

typedef int TholeState; /* a TholeWorkloadState, as records keep it */

typedef enum
{
  /* what a caller asks for */
  THOLE_INPUT_START,
  THOLE_INPUT_STOP,
  THOLE_INPUT_RESTART,
  THOLE_INPUT_KILL,
  THOLE_INPUT_PAUSE,
  THOLE_INPUT_UNPAUSE,
  THOLE_INPUT_SUSPEND,
  THOLE_INPUT_UNSUSPEND,
  THOLE_INPUT_DELETE,
  THOLE_INPUT_FORCE_DELETE,
  THOLE_INPUT_UPDATE,
  THOLE_N_REQUESTS,

  /* what became of it at the engine */
  THOLE_INPUT_CREATED = THOLE_N_REQUESTS, /* the engine has the object */
  THOLE_INPUT_INSTALLED,                  /* the install step ended well */
  THOLE_INPUT_STARTED,                    /* it runs */
  THOLE_INPUT_STARTED_LATE,               /* it runs after the daemon gave it up */
  THOLE_INPUT_EXITED,                     /* it ended by itself, exit code 0 */
  THOLE_INPUT_CRASHED,                    /* it ended by itself otherwise, or its engine went away with it */
  THOLE_INPUT_STOPPED,                    /* it ended because it was asked to */
  THOLE_INPUT_PAUSED,
  THOLE_INPUT_UNPAUSED,
  THOLE_INPUT_UPDATED,                    /* changed limits are in force */
  THOLE_INPUT_FAILED,                     /* the engine cannot do it */
  THOLE_INPUT_MISSING,                    /* the engine has no such object */
  THOLE_INPUT_RETRY,                      /* the restart policy starts it again, or makes it again */
  THOLE_N_INPUTS
} TholeInput;

/* What follows from a transition, beside the new state. */
typedef enum
{
  THOLE_EFFECT_NONE = 0,
  THOLE_EFFECT_SAME = 1 << 0,  /* it is so already: nothing to do */
  THOLE_EFFECT_BEGIN = 1 << 1, /* a person began a new life: failures and restarts are forgotten */
  THOLE_EFFECT_RAN = 1 << 2,   /* the last run is over: exit code and end are recorded */
} TholeEffect;

typedef struct
{
  gboolean legal;
  TholeState state;
  int desired;       /* TholeWorkloadDesiredState, -1 = as it was */
  guint effects;
} TholeTransition;

/* What follows @input in the state of @workload. The state after CREATED, STOPPED and START depends on what is desired and
 * on whether an install step is still to be done. */
TholeTransition thole_state_next   (const TholeWorkload *workload, gboolean has_install, TholeInput input);

/* Does this state last until something happens (as opposed to: the daemon is at work on it)? */
gboolean        thole_state_rests  (const TholeWorkload *workload);
/* May there be a process at the engine? */
gboolean        thole_state_alive  (TholeState state);

const char     *thole_state_name   (TholeState state);
/* "start", "stop": requests only */
const char     *thole_input_name   (TholeInput input);
/* Returns: (transfer full): "start, delete": the requests that are legal now, for the error text */
char           *thole_state_allowed (const TholeWorkload *workload);
