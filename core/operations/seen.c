/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/seen.h"

#include "operations/timebase.h"

#include "state/restart-policy.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

typedef enum { SEEN_CREATED, SEEN_STARTING, SEEN_RUNNING, SEEN_PAUSED, SEEN_ENDED, SEEN_REMOVING, SEEN_GONE } Seen;

const char *
thole_seen_state (GVariant *seen)
{
  return seen != NULL ? thole_dict_string (seen, "state", "failed") : "gone";
}

static Seen
classify (GVariant *seen)
{
  static const struct { const char *word; Seen seen; } words[] = {
    { "created", SEEN_CREATED }, { "starting", SEEN_STARTING }, { "running", SEEN_RUNNING },
    { "paused", SEEN_PAUSED }, { "exited", SEEN_ENDED }, { "failed", SEEN_ENDED }, { "removing", SEEN_REMOVING }, { "gone", SEEN_GONE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].word, thole_seen_state (seen)) == 0)
      return words[i].seen;
  return SEEN_ENDED;
}

/* how a run ended: asked for, well, or not */
static TholeInput
ending (TholeSubject *subject, GVariant *seen)
{
  const TholeWorkload *now = subject->now;
  const char *signal = thole_dict_string (seen, "exit_signal", "");

  if (thole_dict_boolean (seen, "oom", FALSE) || subject->outage)
    return THOLE_INPUT_CRASHED;
  if (signal[0] != '\0' && g_str_has_prefix (now->intent, "signal:") && strcmp (now->intent + 7, signal) == 0)
    return THOLE_INPUT_STOPPED;
  if (strcmp (thole_seen_state (seen), "exited") == 0 && thole_dict_int (seen, "exit_code", 0) == 0)
    return THOLE_INPUT_EXITED;
  return THOLE_INPUT_CRASHED;
}

static gboolean
changed_json (const char *stored, GVariant *seen, const char *key, const char *type)
{
  g_autoptr (GVariant) value = thole_dict_value (seen, key, type);
  g_autofree char *text = value != NULL ? thole_json_to_string (value) : NULL;

  return text != NULL && g_strcmp0 (text, stored) != 0;
}

static gboolean
details_differ (const TholeWorkload *now, GVariant *seen)
{
  int health = thole_record_parse_choice (&thole_workload_type, "health", thole_dict_string (seen, "health", ""));

  return (health > THOLE_WORKLOAD_HEALTH_NONE && health != now->health) || changed_json (now->addresses, seen, "addresses", "as")
         || changed_json (now->ports, seen, "ports", "aa{sv}");
}

/* a run that is not the recorded one: it began later than that */
static gboolean
ran_anew (const TholeWorkload *now, GVariant *seen)
{
  return thole_dict_int (seen, "started_at", 0) > now->started_at;
}

TholeVerdict
thole_seen_judge (TholeSubject *subject, GVariant *seen, TholeInput *input)
{
  const TholeWorkload *now = subject->now;
  Seen what = classify (seen);

  /* neither a run nor an end: what comes of it will be told */
  if (what == SEEN_STARTING)
    return THOLE_SEEN_NOTHING;
  switch (now->state)
    {
    case THOLE_WORKLOAD_STATE_RUNNING:
    case THOLE_WORKLOAD_STATE_PAUSED:
      if (what == SEEN_RUNNING && now->state == THOLE_WORKLOAD_STATE_PAUSED)
        *input = THOLE_INPUT_UNPAUSED;
      else if (what == SEEN_PAUSED && now->state == THOLE_WORKLOAD_STATE_RUNNING)
        *input = THOLE_INPUT_PAUSED;
      else if (what == SEEN_RUNNING || what == SEEN_PAUSED)
        return details_differ (now, seen) ? THOLE_SEEN_DETAILS : THOLE_SEEN_NOTHING;
      else
        *input = what == SEEN_GONE || what == SEEN_REMOVING ? THOLE_INPUT_MISSING : ending (subject, seen);
      return THOLE_SEEN_INPUT;
    case THOLE_WORKLOAD_STATE_STARTING:
      *input = what == SEEN_GONE ? THOLE_INPUT_MISSING : THOLE_INPUT_STARTED;
      return what == SEEN_RUNNING || what == SEEN_GONE || (what == SEEN_ENDED && ran_anew (now, seen))
             ? THOLE_SEEN_INPUT : THOLE_SEEN_NOTHING;
    case THOLE_WORKLOAD_STATE_STOPPING:
      /* its install step may still run beside it: the stop takes care of both */
      if (subject->has_install)
        return THOLE_SEEN_NOTHING;
      *input = what == SEEN_GONE ? THOLE_INPUT_MISSING : THOLE_INPUT_STOPPED;
      return what == SEEN_ENDED || what == SEEN_CREATED || what == SEEN_GONE ? THOLE_SEEN_INPUT : THOLE_SEEN_NOTHING;
    case THOLE_WORKLOAD_STATE_STOPPED:
    case THOLE_WORKLOAD_STATE_CRASHED:
    case THOLE_WORKLOAD_STATE_ERROR:
      *input = what == SEEN_RUNNING || what == SEEN_PAUSED ? THOLE_INPUT_STARTED : THOLE_INPUT_MISSING;
      if (what == SEEN_RUNNING || what == SEEN_PAUSED)
        return THOLE_SEEN_INPUT;
      return what == SEEN_GONE && now->engine_id[0] != '\0' ? THOLE_SEEN_INPUT : THOLE_SEEN_NOTHING;
    case THOLE_WORKLOAD_STATE_SUSPENDED:
      *input = what == SEEN_RUNNING || what == SEEN_PAUSED ? THOLE_INPUT_STARTED : THOLE_INPUT_MISSING;
      return what == SEEN_RUNNING || what == SEEN_PAUSED || (what == SEEN_GONE && now->engine_id[0] != '\0')
             ? THOLE_SEEN_INPUT : THOLE_SEEN_NOTHING;
    default:
      return THOLE_SEEN_NOTHING;
    }
}

static void
set_json (char **member, GVariant *seen, const char *key, const char *type)
{
  g_autoptr (GVariant) value = thole_dict_value (seen, key, type);

  if (value != NULL)
    {
      g_free (*member);
      *member = thole_json_to_string (value);
    }
}

void
thole_seen_copy (TholeChange *change, GVariant *seen)
{
  TholeWorkload *next = change->next;
  Seen what = classify (seen);
  int health;

  if (what == SEEN_GONE)
    {
      thole_record_set (&next->engine_id, "");
      thole_record_set (&next->handle, "");
      next->installed = FALSE;
      return;
    }
  thole_record_set (&next->engine_id, thole_dict_string (seen, "engine_id", next->engine_id));
  next->started_at = MAX (next->started_at, thole_dict_int (seen, "started_at", next->started_at));
  set_json (&next->addresses, seen, "addresses", "as");
  set_json (&next->ports, seen, "ports", "aa{sv}");
  health = thole_record_parse_choice (&thole_workload_type, "health", thole_dict_string (seen, "health", ""));
  if (health > THOLE_WORKLOAD_HEALTH_NONE && (what == SEEN_RUNNING || what == SEEN_PAUSED))
    next->health = health;
  if (what != SEEN_ENDED || !(change->transition.effects & THOLE_EFFECT_RAN))
    return;
  next->exit_code = thole_dict_int (seen, "exit_code", 0);
  thole_record_set (&next->exit_signal, thole_dict_string (seen, "exit_signal", ""));
  /* engines note the start after the fact: a short run can end before it "began" */
  next->stopped_at = MAX (next->started_at, thole_dict_int (seen, "finished_at", next->updated_at));
}

/* an answer from before its end may have come since: that does not mean that it outlived its engine */
static gboolean
just_left (TholeSubject *subject)
{
  return subject->left_at != 0 && thole_clock_monotonic (subject->operations->clock) - subject->left_at < THOLE_LAST_BREATH;
}

static void
ending_reason (TholeChange *change, GVariant *seen)
{
  const char *words = thole_dict_string (seen, "reason", "");
  const char *signal = thole_dict_string (seen, "exit_signal", "");
  g_autofree char *text = NULL;

  if (thole_dict_boolean (seen, "oom", FALSE))
    thole_change_reason (change, "oom_killed", "it used more memory than its limit");
  else if (change->subject->outage || (signal[0] != '\0' && just_left (change->subject)))
    thole_change_reason (change, "engine_restarted", "its engine stopped and took it along");
  else if (signal[0] != '\0')
    thole_change_reason (change, "signalled", signal);
  else if (classify (seen) != SEEN_ENDED)
    thole_change_reason (change, "exited", "its engine does not know how");
  else
    {
      text = g_strdup_printf ("exit code %" G_GINT64_FORMAT "%s%s", thole_dict_int (seen, "exit_code", 0),
                              words[0] != '\0' ? ", " : "", words);
      thole_change_reason (change, "exited", text);
    }
}

void
thole_seen_ended (TholeChange *change, GVariant *seen, TholeInput input)
{
  TholeWorkload *next = change->next;
  g_autoptr (GVariant) policy = thole_dict_value (thole_subject_spec (change->subject), "restart", "a{sv}");
  TholeRestart restart = thole_restart_read (policy);
  gboolean wanted = next->desired_state == THOLE_WORKLOAD_DESIRED_STATE_RUNNING
                    || next->desired_state == THOLE_WORKLOAD_DESIRED_STATE_PAUSED;
  TholeRestartDecision decision;
  gint64 ran = next->started_at != 0 && next->stopped_at > next->started_at ? next->stopped_at - next->started_at : 0;

  if (input == THOLE_INPUT_MISSING)
    {
      thole_change_reason (change, "engine_object_missing", "the engine no longer has it");
      next->health = THOLE_WORKLOAD_HEALTH_NONE;
      if (restart.policy != THOLE_RESTART_ALWAYS || !wanted)
        return;
    }
  else if (input == THOLE_INPUT_CRASHED)
    ending_reason (change, seen);
  else if (input == THOLE_INPUT_STOPPED)
    return;
  next->health = THOLE_WORKLOAD_HEALTH_NONE;
  decision = thole_restart_decide (&restart, input != THOLE_INPUT_EXITED, ran, next->failures);
  next->failures = decision.failures;
  if (!wanted || !decision.again)
    {
      next->desired_state = THOLE_WORKLOAD_DESIRED_STATE_STOPPED;
      if (wanted && decision.gave_up)
        {
          g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT " failures in a row; the last: %s",
                                                   next->failures, next->state_reason);

          thole_change_reason (change, "crash_loop", text);
        }
      return;
    }
  next->desired_state = THOLE_WORKLOAD_DESIRED_STATE_RUNNING;
  next->deadline_at = thole_timebase_now (change->subject->operations) + MAX (1, decision.after);
}
