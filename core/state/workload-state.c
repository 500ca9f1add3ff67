/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/workload-state.h"

#define S(name) (1u << THOLE_WORKLOAD_STATE_##name)
#define TO(name) THOLE_WORKLOAD_STATE_##name
#define WANT(name) THOLE_WORKLOAD_DESIRED_STATE_##name
#define ALL ((1u << THOLE_WORKLOAD_N_STATE) - 1)
#define RESTING (S (STOPPED) | S (CRASHED) | S (ERROR))

/* next states that depend on the workload */
enum
{
  STAY = -1,   /* the state it is in */
  LAUNCH = -2, /* provisioning, installing or starting: whatever is still to be done first */
  SETTLE = -3, /* where what is desired leads, now that nothing runs */
  KEEP = -1,   /* desired state: as it was */
};

typedef struct
{
  TholeInput input;
  guint from;
  int to;
  int desired;
  guint effects;
} Row;

/* the first row that fits counts */
static const Row rows[] = {
  { THOLE_INPUT_START, RESTING, LAUNCH, WANT (RUNNING), THOLE_EFFECT_BEGIN },
  { THOLE_INPUT_START, S (PROVISIONING), STAY, WANT (RUNNING), THOLE_EFFECT_NONE },
  { THOLE_INPUT_START, S (RUNNING) | S (STARTING) | S (INSTALLING), STAY, WANT (RUNNING), THOLE_EFFECT_SAME },

  { THOLE_INPUT_STOP, S (RUNNING) | S (PAUSED) | S (STARTING) | S (INSTALLING), TO (STOPPING), WANT (STOPPED), 0 },
  { THOLE_INPUT_STOP, S (PROVISIONING), STAY, WANT (STOPPED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_STOP, S (STOPPING), STAY, WANT (STOPPED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_STOP, RESTING, STAY, WANT (STOPPED), THOLE_EFFECT_SAME },

  { THOLE_INPUT_RESTART, S (RUNNING) | S (PAUSED), TO (STOPPING), WANT (RUNNING), THOLE_EFFECT_BEGIN },
  { THOLE_INPUT_RESTART, RESTING, LAUNCH, WANT (RUNNING), THOLE_EFFECT_BEGIN },

  { THOLE_INPUT_KILL, S (RUNNING) | S (PAUSED) | S (STARTING) | S (STOPPING) | S (INSTALLING), TO (STOPPING), WANT (STOPPED), 0 },
  { THOLE_INPUT_KILL, S (ERROR), TO (STOPPING), WANT (STOPPED), 0 },

  { THOLE_INPUT_PAUSE, S (RUNNING), STAY, WANT (PAUSED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_PAUSE, S (PAUSED), STAY, WANT (PAUSED), THOLE_EFFECT_SAME },
  { THOLE_INPUT_UNPAUSE, S (PAUSED), STAY, WANT (RUNNING), THOLE_EFFECT_NONE },
  { THOLE_INPUT_UNPAUSE, S (RUNNING), STAY, WANT (RUNNING), THOLE_EFFECT_SAME },

  { THOLE_INPUT_SUSPEND, S (RUNNING) | S (PAUSED) | S (STARTING) | S (INSTALLING) | S (STOPPING), TO (STOPPING), WANT (SUSPENDED), 0 },
  { THOLE_INPUT_SUSPEND, S (PROVISIONING), STAY, WANT (SUSPENDED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_SUSPEND, RESTING, TO (SUSPENDED), WANT (SUSPENDED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_SUSPEND, S (SUSPENDED), STAY, WANT (SUSPENDED), THOLE_EFFECT_SAME },
  { THOLE_INPUT_UNSUSPEND, S (SUSPENDED), TO (STOPPED), WANT (STOPPED), THOLE_EFFECT_NONE },

  { THOLE_INPUT_DELETE, RESTING | S (SUSPENDED) | S (PROVISIONING), TO (DELETING), WANT (DELETED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_DELETE, S (DELETING), STAY, WANT (DELETED), THOLE_EFFECT_SAME },
  { THOLE_INPUT_FORCE_DELETE, S (DELETING), STAY, WANT (DELETED), THOLE_EFFECT_SAME },
  { THOLE_INPUT_FORCE_DELETE, ALL, TO (DELETING), WANT (DELETED), THOLE_EFFECT_NONE },

  { THOLE_INPUT_UPDATE, ALL & ~S (DELETING) & ~S (TRANSFERRING), STAY, KEEP, THOLE_EFFECT_NONE },

  { THOLE_INPUT_CREATED, S (PROVISIONING), SETTLE, KEEP, THOLE_EFFECT_NONE },
  { THOLE_INPUT_INSTALLED, S (INSTALLING), SETTLE, KEEP, THOLE_EFFECT_NONE },
  { THOLE_INPUT_STARTED, S (STARTING) | RESTING, TO (RUNNING), KEEP, THOLE_EFFECT_NONE },
  { THOLE_INPUT_STARTED_LATE, S (ERROR), TO (STOPPING), KEEP, THOLE_EFFECT_NONE },
  /* it is locked: what somebody starts at the engine is stopped again */
  { THOLE_INPUT_STARTED, S (SUSPENDED), TO (STOPPING), WANT (SUSPENDED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_EXITED, S (RUNNING) | S (PAUSED) | S (STARTING), TO (STOPPED), KEEP, THOLE_EFFECT_RAN },
  { THOLE_INPUT_CRASHED, S (RUNNING) | S (PAUSED) | S (STARTING), TO (CRASHED), KEEP, THOLE_EFFECT_RAN },
  { THOLE_INPUT_STOPPED, S (STOPPING), SETTLE, KEEP, THOLE_EFFECT_RAN },
  { THOLE_INPUT_STOPPED, S (RUNNING) | S (PAUSED) | S (STARTING), TO (STOPPED), WANT (STOPPED), THOLE_EFFECT_RAN },
  { THOLE_INPUT_PAUSED, S (RUNNING), TO (PAUSED), WANT (PAUSED), THOLE_EFFECT_NONE },
  { THOLE_INPUT_UNPAUSED, S (PAUSED), TO (RUNNING), WANT (RUNNING), THOLE_EFFECT_NONE },
  { THOLE_INPUT_UPDATED, ALL & ~S (DELETING), STAY, KEEP, THOLE_EFFECT_NONE },
  { THOLE_INPUT_FAILED, ALL & ~S (DELETING) & ~S (SUSPENDED), TO (ERROR), KEEP, THOLE_EFFECT_NONE },
  { THOLE_INPUT_MISSING, S (SUSPENDED), STAY, KEEP, THOLE_EFFECT_NONE },
  { THOLE_INPUT_MISSING, ALL & ~S (PROVISIONING) & ~S (DELETING), TO (ERROR), KEEP, THOLE_EFFECT_NONE },
  { THOLE_INPUT_RETRY, RESTING, LAUNCH, WANT (RUNNING), THOLE_EFFECT_NONE },
};

static TholeState
launch (const TholeWorkload *workload, gboolean has_install)
{
  if (workload->engine_id[0] == '\0')
    return TO (PROVISIONING);
  return has_install && !workload->installed ? TO (INSTALLING) : TO (STARTING);
}

static TholeState
settle (const TholeWorkload *workload, gboolean has_install, TholeInput input)
{
  switch (workload->desired_state)
    {
    case WANT (RUNNING):
    case WANT (PAUSED):
      if (input == THOLE_INPUT_INSTALLED)
        return TO (STARTING);
      return has_install && !workload->installed ? TO (INSTALLING) : TO (STARTING);
    case WANT (SUSPENDED):
      return TO (SUSPENDED);
    case WANT (DELETED):
      return TO (DELETING);
    default:
      return TO (STOPPED);
    }
}

TholeTransition
thole_state_next (const TholeWorkload *workload, gboolean has_install, TholeInput input)
{
  TholeTransition out = { .legal = FALSE, .state = workload->state, .desired = KEEP };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const Row *row = &rows[i];

      if (row->input != input || !(row->from & (1u << workload->state)))
        continue;
      out.legal = TRUE;
      out.desired = row->desired;
      out.effects = row->effects;
      if (row->to == LAUNCH)
        out.state = launch (workload, has_install);
      else if (row->to == SETTLE)
        out.state = settle (workload, has_install, input);
      else if (row->to != STAY)
        out.state = row->to;
      return out;
    }
  return out;
}

gboolean
thole_state_rests (const TholeWorkload *workload)
{
  switch (workload->state)
    {
    case TO (STOPPED):
    case TO (CRASHED):
    case TO (ERROR):
    case TO (SUSPENDED):
      return TRUE;
    case TO (RUNNING):
      return workload->desired_state != WANT (PAUSED);
    case TO (PAUSED):
      return workload->desired_state == WANT (PAUSED);
    default:
      return FALSE;
    }
}

gboolean
thole_state_alive (TholeState state)
{
  return (S (RUNNING) | S (PAUSED) | S (STARTING) | S (STOPPING) | S (INSTALLING)) & (1u << state);
}

const char *
thole_state_name (TholeState state)
{
  return thole_record_choice (&thole_workload_type, "state", state);
}

const char *
thole_input_name (TholeInput input)
{
  static const char *const names[THOLE_N_REQUESTS] = { "start", "stop", "restart", "kill", "pause", "unpause",
                                                       "suspend", "unsuspend", "delete", "delete with force", "update" };

  return input < THOLE_N_REQUESTS ? names[input] : "report";
}

char *
thole_state_allowed (const TholeWorkload *workload)
{
  GString *out = g_string_new (NULL);

  for (int input = 0; input < THOLE_N_REQUESTS; input++)
    {
      TholeTransition next = thole_state_next (workload, FALSE, input);

      if (!next.legal || (next.effects & THOLE_EFFECT_SAME) != 0)
        continue;
      g_string_append_printf (out, "%s%s", out->len > 0 ? ", " : "", thole_input_name (input));
    }
  return g_string_free (out, FALSE);
}
