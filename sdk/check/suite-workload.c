/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a workload: every operation in every state, and what each promises.
 */
#include <string.h>

#include "suites.h"

#define NONE KIT_CODE (NOT_FOUND)
#define NO KIT_CODE (CONFLICT)
#define OK KIT_OK
#define MAY (OK | NO)
#define CHANGES (MAY | KIT_LACKING)

/* Outcomes by state: absent, created, running, paused, exited; and the state that a success leaves, NULL = the same. */
static const struct
{
  const char *name;
  TholeSlot slot;
  KitOutcomes outcomes[KIT_N_STATES];
  const char *then[KIT_N_STATES];
  const char *program, *text, *options;
} operations[] = {
  { "inspect", THOLE_SLOT_WORKLOAD_INSPECT, { NONE, OK, OK, OK, OK } },
  { "recover", THOLE_SLOT_WORKLOAD_RECOVER, { OK, OK, OK, OK, OK } },
  { "logs", THOLE_SLOT_WORKLOAD_LOGS, { NONE, OK, OK, OK, OK } },
  { "stats", THOLE_SLOT_WORKLOAD_STATS, { NONE, NO, OK, MAY, NO } },
  { "update", THOLE_SLOT_WORKLOAD_UPDATE, { NONE, CHANGES, CHANGES, CHANGES, CHANGES } },
  { "run", THOLE_SLOT_EXEC_RUN, { NONE, NO, OK, NO, NO }, .program = "exit" },
  { "open", THOLE_SLOT_EXEC_OPEN, { NONE, NO, OK, NO, NO }, .program = "exit" },
  { "attach", THOLE_SLOT_EXEC_ATTACH, { NONE, MAY, OK, MAY, NO } },
  { "create", THOLE_SLOT_WORKLOAD_CREATE, { OK, OK, OK, OK, OK }, { "created" }, .program = "forever" },
  { "unpause", THOLE_SLOT_WORKLOAD_UNPAUSE, { NONE, MAY, OK, OK, MAY }, { [KIT_PAUSED] = "running" } },
  { "start", THOLE_SLOT_WORKLOAD_START, { NONE, OK, OK, MAY, OK }, { [KIT_CREATED] = "running" } },
  { "pause", THOLE_SLOT_WORKLOAD_PAUSE, { NONE, NO, OK, OK, NO }, { [KIT_RUNNING] = "paused" } },
  { "kill", THOLE_SLOT_WORKLOAD_KILL, { NONE, NO, OK, OK, NO }, { [KIT_RUNNING] = "exited", [KIT_PAUSED] = "exited" }, .text = "SIGKILL" },
  { "stop", THOLE_SLOT_WORKLOAD_STOP, { NONE, OK, OK, OK, OK }, { [KIT_RUNNING] = "exited", [KIT_PAUSED] = "exited" },
    .options = "{'signal': <'SIGTERM'>, 'grace': <0.0>}" },
  { "remove", THOLE_SLOT_WORKLOAD_REMOVE, { OK, OK, NO, NO, OK }, { "gone", "gone", NULL, NULL, "gone" } },
  { "remove-force", THOLE_SLOT_WORKLOAD_REMOVE, { OK, OK, OK, OK, OK }, { "gone", "gone", "gone", "gone", "gone" },
    .options = "{'force': <true>}" },
};

static void
check_then (Kit *kit, const char *id, const char *name, const char *then)
{
  g_autoptr(GVariant) now = NULL;

  if (strcmp (then, "gone") == 0)
    {
      g_autoptr(GVariant) list = kit_list (kit, THOLE_SLOT_WORKLOAD_LIST);

      kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_INSPECT, &(TholeSlotArgs) { .id = id }), NONE);
      KIT_CHECK (kit, !kit_list_has (list, id), "it is listed after %s", name);
      return;
    }
  /* start and stop return when it is so; what a signal does takes its time */
  now = strcmp (name, "kill") == 0 ? kit_wait_state (kit, id, then) : kit_inspect (kit, id);
  KIT_CHECK (kit, now == NULL || strcmp (thole_dict_string (now, "state", ""), then) == 0, "after %s it is %s, not %s", name,
             thole_dict_string (now, "state", ""), then);
}

static void
operate (Kit *kit, const KitCase *one)
{
  KitState state = (KitState) one->column;
  TholeSlot slot = operations[one->row].slot;
  const char *then = operations[one->row].then[state], *program = operations[one->row].program;
  const char *id = kit_thing (kit, state);
  g_autoptr(GVariant) dict = NULL, options = NULL;
  KitCall *call;

  if (id == NULL)
    return;
  if (program != NULL)
    dict = slot == THOLE_SLOT_WORKLOAD_CREATE ? kit_spec (kit, program, "0", NULL) : kit_command (kit, program, "0", NULL);
  else
    dict = kit_dict ("{'resources': <{'memory': <int64 268435456>}>}");
  if (operations[one->row].options != NULL)
    options = kit_dict (operations[one->row].options);
  call = kit_call (kit, slot, &(TholeSlotArgs) { .id = id, .text = operations[one->row].text, .dict = dict, .options = options });
  if (!kit_expect (call, operations[one->row].outcomes[state]))
    return;
  if (slot == THOLE_SLOT_WORKLOAD_CREATE && thole_dict_boolean (call->out.value, "adopted", FALSE) != (state != KIT_ABSENT))
    kit_fault (kit, "create of what is %s says adopted = %s", kit_state_name (state), state == KIT_ABSENT ? "true" : "false");
  if (slot == THOLE_SLOT_WORKLOAD_RECOVER)
    {
      const char *found = thole_dict_string (call->out.value, "state", "");

      KIT_CHECK (kit, strcmp (found, state == KIT_ABSENT ? "gone" : kit_state_name (state)) == 0, "recover of what is %s finds it %s",
                 kit_state_name (state), found);
    }
  if (kit_outcome (call) == KIT_OK && then != NULL)
    check_then (kit, id, operations[one->row].name, then);
  /* an operation that was refused, or has no effect, has none */
  else if (state != KIT_ABSENT && slot != THOLE_SLOT_WORKLOAD_START)
    check_then (kit, id, operations[one->row].name, kit_state_name (state));
  if (state == KIT_ABSENT && slot == THOLE_SLOT_WORKLOAD_CREATE)
    kit_remove (kit, id);
}

/* ends --------------------------------------------------------------------------------------------------- */

static const char *const codes[] = { "0", "1", "2", "42", "127", "255" };

static gboolean
has_program (Kit *kit, const char *name)
{
  g_auto(GStrv) words = kit_settings_program (kit->settings, name, "0");

  if (words == NULL)
    kit_skip (kit, "[check] says that there is no program %s", name);
  return words != NULL && kit_need_image (kit);
}

static void
exit_code (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL;
  g_autoptr(GVariant) ended = NULL;

  if (!has_program (kit, "exit") || (id = kit_run (kit, "exit", codes[one->row], NULL)) == NULL)
    return;
  ended = kit_wait_state (kit, id, "exited");
  kit_remove (kit, id);
  KIT_CHECK (kit, ended != NULL, "it did not end");
  KIT_CHECK (kit, thole_dict_int (ended, "exit_code", -1) == atoi (codes[one->row]), "its exit code is %d, not %s",
             (int) thole_dict_int (ended, "exit_code", -1), codes[one->row]);
  KIT_CHECK (kit, thole_dict_string (ended, "exit_signal", "")[0] == '\0', "it ended by the signal %s",
             thole_dict_string (ended, "exit_signal", ""));
  KIT_CHECK (kit, !thole_dict_boolean (ended, "oom", FALSE), "it ended for want of memory");
  KIT_CHECK (kit, thole_dict_int (ended, "finished_at", 0) >= thole_dict_int (ended, "started_at", 0), "it ended before it began");
}

static void
killed (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL;
  g_autoptr(GVariant) ended = NULL;

  if (!has_program (kit, "forever") || (id = kit_run (kit, "forever", NULL, NULL)) == NULL)
    return;
  kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_KILL, &(TholeSlotArgs) { .id = id, .text = "SIGKILL" }), KIT_OK);
  ended = kit_wait_state (kit, id, "exited");
  kit_remove (kit, id);
  KIT_CHECK (kit, ended != NULL, "it did not end");
  KIT_CHECK (kit, thole_dict_int (ended, "exit_code", -1) == 137, "its exit code is %d, not 137", (int) thole_dict_int (ended, "exit_code", -1));
  KIT_CHECK (kit, strcmp (thole_dict_string (ended, "exit_signal", ""), "SIGKILL") == 0, "it ended by “%s”, not SIGKILL",
             thole_dict_string (ended, "exit_signal", ""));
}

static void
bad_signal (Kit *kit, const KitCase *one)
{
  const char *id = kit_thing (kit, KIT_RUNNING);

  if (id != NULL)
    kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_KILL, &(TholeSlotArgs) { .id = id, .text = "SIGNONSENSE" }), KIT_CODE (INVALID));
}

/* obedient, 0: the signal ends it; stubborn, 1: nothing but SIGKILL does, after the grace */
static void
stopped (Kit *kit, const KitCase *one)
{
  gboolean stubborn = one->row == 1;
  g_autofree char *id = NULL;
  g_autoptr(GVariant) ended = NULL;
  gint64 code;

  if (!has_program (kit, stubborn ? "stubborn" : "forever") || (id = kit_run (kit, stubborn ? "stubborn" : "forever", NULL, NULL)) == NULL)
    return;
  /* until its trap stands */
  kit_pause (kit, 300);
  kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_STOP,
                        &(TholeSlotArgs) { .id = id, .options = g_variant_new_parsed ("{'signal': <'SIGTERM'>, 'grace': <%d>}", stubborn ? 0.5 : 50.0) }),
              KIT_OK);
  ended = kit_inspect (kit, id);
  kit_remove (kit, id);
  KIT_CHECK (kit, ended != NULL && strcmp (thole_dict_string (ended, "state", ""), "exited") == 0, "it has not ended when stop returns");
  code = thole_dict_int (ended, "exit_code", -1);
  /* a slow machine may not have come to its trap: then it ended by the signal itself */
  KIT_CHECK (kit, stubborn ? code == 137 || code == 143 : code == 0 || code == 143, "its exit code is %d", (int) code);
}

static void
run_again (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL;
  g_autoptr(GVariant) first = NULL, second = NULL;

  if (!has_program (kit, "exit") || (id = kit_run (kit, "exit", "3", NULL)) == NULL || (first = kit_wait_state (kit, id, "exited")) == NULL)
    return;
  if (kit_start (kit, id))
    second = kit_wait_state (kit, id, "exited");
  kit_remove (kit, id);
  KIT_CHECK (kit, second != NULL && thole_dict_int (second, "exit_code", -1) == 3, "it does not run a second time");
  KIT_CHECK (kit, thole_dict_int (second, "started_at", 0) >= thole_dict_int (first, "started_at", 0), "its second run began before its first");
}

static void
same_engine_id (Kit *kit, const KitCase *one)
{
  g_autofree char *id = kit_fresh (kit, "same");
  g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, NULL);
  KitCall *first, *second;

  if (!kit_need_image (kit))
    return;
  first = kit_call (kit, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec });
  second = kit_call (kit, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec });
  if (kit_expect (first, KIT_OK) && kit_expect (second, KIT_OK)
      && strcmp (thole_dict_string (first->out.value, "engine_id", ""), thole_dict_string (second->out.value, "engine_id", "?")) != 0)
    kit_fault (kit, "a create that was repeated has made a second object");
  kit_remove (kit, id);
}

static void
listed (Kit *kit, const KitCase *one)
{
  g_autofree char *first = kit_fresh (kit, "first"), *second = kit_fresh (kit, "second");
  g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, NULL), list = NULL;

  if (!kit_need_image (kit) || !kit_create (kit, first, spec) || !kit_create (kit, second, spec))
    return;
  list = kit_list (kit, THOLE_SLOT_WORKLOAD_LIST);
  if (!kit_list_has (list, first) || !kit_list_has (list, second))
    kit_fault (kit, "what was created is not listed");
  kit_remove (kit, first);
  kit_remove (kit, second);
}

static void
role_kept (Kit *kit, const KitCase *one)
{
  g_autofree char *id = kit_fresh (kit, "role");
  g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, "{'role': <'install'>}"), now = NULL;

  if (!kit_need_image (kit) || !kit_create (kit, id, spec))
    return;
  now = kit_inspect (kit, id);
  kit_remove (kit, id);
  KIT_CHECK (kit, now == NULL || strcmp (thole_dict_string (now, "role", "main"), "install") == 0, "the role install comes back as %s",
             thole_dict_string (now, "role", "main"));
}

/* Nothing is left of it, so that the same id can be made anew. */
static void
made_anew (Kit *kit, const KitCase *one)
{
  g_autofree char *id = kit_fresh (kit, "anew");
  g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, NULL);

  for (guint i = 0; i < 3 && !kit_failed (kit); i++)
    {
      KitCall *call;

      if (!kit_need_image (kit))
        return;
      call = kit_call (kit, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec });
      if (kit_expect (call, KIT_OK) && thole_dict_boolean (call->out.value, "adopted", TRUE))
        kit_fault (kit, "after remove, create finds it still there");
      kit_start (kit, id);
      kit_remove (kit, id);
    }
}

void
suite_workload (GPtrArray *cases)
{
  static const struct
  {
    const char *name;
    KitRun run;
    int row;
    guint64 needs;
  } more[] = {
    { "killed", killed, 0, KIT_NEEDS (WORKLOAD_KILL) }, { "kill-bad-signal", bad_signal, 0, KIT_NEEDS (WORKLOAD_KILL) },
    { "stop-obedient", stopped, 0 }, { "stop-stubborn", stopped, 1 }, { "run-again", run_again }, { "same-engine-id", same_engine_id },
    { "listed", listed }, { "role", role_kept }, { "made-anew", made_anew },
  };

  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    for (guint state = 0; state < KIT_N_STATES; state++)
      kit_add (cases, &(KitCase) { .run = operate, .row = (int) i, .column = (int) state,
                                   .needs = KIT_MANAGES | (guint64) 1 << operations[i].slot
                                            | (state == KIT_PAUSED ? KIT_NEEDS (WORKLOAD_PAUSE) : 0) },
               "workload/%s/%s", kit_state_name (state), operations[i].name);
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    kit_add (cases, &(KitCase) { .run = exit_code, .row = (int) i, .needs = KIT_MANAGES }, "workload/exit-code/%s", codes[i]);
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    kit_add (cases, &(KitCase) { .run = more[i].run, .row = more[i].row, .needs = KIT_MANAGES | more[i].needs }, "workload/%s", more[i].name);
}
