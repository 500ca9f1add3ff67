/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What holds for every slot.
 */
#include "leak.h"
#include "suites.h"

/* What an id, an exec or a reference gives that nobody has ever heard of. */
static const struct
{
  TholeSlot slot;
  KitOutcomes outcomes;
} unknown[] = {
  { THOLE_SLOT_WORKLOAD_INSPECT, KIT_CODE (NOT_FOUND) }, { THOLE_SLOT_WORKLOAD_START, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_WORKLOAD_STOP, KIT_CODE (NOT_FOUND) },    { THOLE_SLOT_WORKLOAD_KILL, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_WORKLOAD_PAUSE, KIT_CODE (NOT_FOUND) },   { THOLE_SLOT_WORKLOAD_UNPAUSE, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_WORKLOAD_REMOVE, KIT_OK },                { THOLE_SLOT_WORKLOAD_UPDATE, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_WORKLOAD_RECOVER, KIT_OK },               { THOLE_SLOT_WORKLOAD_LOGS, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_WORKLOAD_STATS, KIT_CODE (NOT_FOUND) },   { THOLE_SLOT_EXEC_RUN, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_EXEC_OPEN, KIT_CODE (NOT_FOUND) },        { THOLE_SLOT_EXEC_ATTACH, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_EXEC_RESIZE, KIT_CODE (NOT_FOUND) },      { THOLE_SLOT_EXEC_SIGNAL, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_AGENT_CONNECT, KIT_CODE (NOT_FOUND) | KIT_LACKING }, { THOLE_SLOT_FILES_GET, KIT_CODE (NOT_FOUND) },
  { THOLE_SLOT_FILES_PUT, KIT_CODE (NOT_FOUND) },        { THOLE_SLOT_IMAGE_REMOVE, KIT_OK },
  { THOLE_SLOT_VOLUME_SNAPSHOT, KIT_CODE (NOT_FOUND) },  { THOLE_SLOT_VOLUME_REMOVE, KIT_OK },
};

/* Slots that may be called many times with the same arguments. */
static const struct
{
  TholeSlot slot;
  guint at_once;
} repeated[] = {
  { THOLE_SLOT_WORKLOAD_LIST, 200 },   { THOLE_SLOT_WORKLOAD_INSPECT, 50 }, { THOLE_SLOT_WORKLOAD_CREATE, 20 },
  { THOLE_SLOT_WORKLOAD_START, 20 },   { THOLE_SLOT_WORKLOAD_STOP, 20 },    { THOLE_SLOT_WORKLOAD_REMOVE, 20 },
  { THOLE_SLOT_WORKLOAD_RECOVER, 50 }, { THOLE_SLOT_WORKLOAD_LOGS, 20 },    { THOLE_SLOT_WORKLOAD_STATS, 20 },
  { THOLE_SLOT_EXEC_RUN, 10 },         { THOLE_SLOT_EXEC_OPEN, 10 },        { THOLE_SLOT_FILES_GET, 10 },
  { THOLE_SLOT_IMAGE_LIST, 200 },      { THOLE_SLOT_IMAGE_REMOVE, 20 },     { THOLE_SLOT_VOLUME_LIST, 200 },
  { THOLE_SLOT_VOLUME_CREATE, 20 },    { THOLE_SLOT_VOLUME_REMOVE, 20 },
};

static const TholeSlot leaky[] = {
  THOLE_SLOT_WORKLOAD_LIST, THOLE_SLOT_WORKLOAD_INSPECT, THOLE_SLOT_WORKLOAD_START, THOLE_SLOT_WORKLOAD_STOP,
  THOLE_SLOT_WORKLOAD_RECOVER, THOLE_SLOT_WORKLOAD_LOGS, THOLE_SLOT_WORKLOAD_STATS, THOLE_SLOT_EXEC_RUN, THOLE_SLOT_EXEC_OPEN,
  THOLE_SLOT_FILES_GET, THOLE_SLOT_FILES_PUT, THOLE_SLOT_IMAGE_LIST, THOLE_SLOT_IMAGE_REMOVE, THOLE_SLOT_VOLUME_LIST,
};

/* One answer, in the right context, after the call has returned: kit.c looks at all of it. */
static void
answer_once (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  KitLegal legal;

  if (!kit_legal (kit, slot, NULL, &legal))
    return;
  kit_expect (kit_call (kit, slot, &legal.args), legal.outcomes);
  if (!kit->lost)
    kit_pause (kit, 20);
  kit_legal_clear (kit, slot, &legal);
}

static void
unknown_id (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  g_autofree char *id = kit_fresh (kit, "unknown");
  g_autofree char *other = kit_fresh (kit, "other");
  const char *text = slot == THOLE_SLOT_IMAGE_REMOVE  ? "localhost/thole-no-such-image:0"
                     : slot == THOLE_SLOT_WORKLOAD_KILL ? "SIGTERM"
                     : thole_slot_info (slot)->table == THOLE_TABLE_FILES ? "/etc"
                                                                          : other;
  g_autoptr(GVariant) dict = thole_slot_info (slot)->table == THOLE_TABLE_EXEC ? kit_command (kit, "exit", "0", NULL)
                                                                               : kit_dict ("{'resources': <{'memory': <int64 268435456>}>}");
  g_autoptr(GInputStream) tar = g_memory_input_stream_new ();
  KitCall *call = kit_call (kit, slot, &(TholeSlotArgs) { .id = id, .text = text, .dict = dict, .tar = tar, .rows = 24, .cols = 80,
                                                         .signal = "SIGTERM" });

  if (kit_expect (call, unknown[one->column].outcomes) && slot == THOLE_SLOT_WORKLOAD_RECOVER
      && g_strcmp0 (thole_dict_string (call->out.value, "state", ""), "gone") != 0)
    kit_fault (kit, "recover of an unknown id gives the state “%s”, not gone", thole_dict_string (call->out.value, "state", ""));
}

/* An exec that nobody opened, in a workload that runs. */
static void
unknown_exec (Kit *kit, const KitCase *one)
{
  const char *id = kit_thing (kit, KIT_RUNNING);
  g_autofree char *other = kit_fresh (kit, "exec");

  if (id != NULL)
    kit_expect (kit_call (kit, (TholeSlot) one->row,
                          &(TholeSlotArgs) { .id = id, .text = other, .rows = 24, .cols = 80, .signal = "SIGTERM" }),
                KIT_CODE (NOT_FOUND));
}

static void
option (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  gboolean must = one->column;
  KitLegal legal;

  if (!kit_legal (kit, slot, must ? "!a_key_that_must_be_understood" : "a_key_of_another_release", &legal))
    return;
  kit_expect (kit_call (kit, slot, &legal.args), must ? KIT_LACKING : legal.outcomes & ~KIT_LACKING);
  kit_legal_clear (kit, slot, &legal);
}

static void
check_running (Kit *kit, const char *id)
{
  g_autoptr(GVariant) now = kit_inspect (kit, id);

  KIT_CHECK (kit, now == NULL || g_strcmp0 (thole_dict_string (now, "state", ""), "running") == 0, "of many starts none has started it");
}

static void
at_once (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  guint n = repeated[one->column].at_once, fresh = 0;
  g_autofree KitCall **calls = g_new0 (KitCall *, n);
  KitLegal legal;

  if (!kit_legal (kit, slot, NULL, &legal))
    return;
  /* one of them starts it, the others may be told so */
  if (slot == THOLE_SLOT_WORKLOAD_START)
    legal.outcomes |= KIT_CODE (BUSY);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();

      calls[i] = kit_begin (kit, slot, &legal.args, cancellable);
    }
  for (guint i = 0; i < n && !kit->lost; i++)
    if (kit_wait (calls[i]) && kit_expect (calls[i], legal.outcomes) && calls[i]->out.value != NULL)
      fresh += !thole_dict_boolean (calls[i]->out.value, "adopted", FALSE);
  if (slot == THOLE_SLOT_WORKLOAD_START && !kit_failed (kit))
    check_running (kit, legal.args.id);
  /* of volumes some engines cannot tell who came first */
  if (((slot == THOLE_SLOT_WORKLOAD_CREATE && fresh != 1) || (slot == THOLE_SLOT_VOLUME_CREATE && fresh < 1)) && !kit_failed (kit))
    kit_fault (kit, "of %u calls of %s with one id %u say that they made it", n, thole_slot_name (slot), fresh);
  kit_forget (kit);
  kit_legal_clear (kit, slot, &legal);
}

typedef struct
{
  TholeSlot slot;
  KitLegal *legal;
} Leak;

static gboolean
call_again (Kit *kit, gpointer data)
{
  Leak *leak = data;
  g_autoptr(GByteArray) bytes = NULL;
  KitCall *call;

  if (leak->legal->tar != NULL)
    g_seekable_seek (G_SEEKABLE (leak->legal->tar), 0, G_SEEK_SET, NULL, NULL);
  call = kit_call (kit, leak->slot, &leak->legal->args);
  if (call->out.stream != NULL)
    bytes = kit_read (kit, g_io_stream_get_input_stream (call->out.stream), 1 << 20);
  if (call->out.stream != NULL && bytes == NULL)
    return FALSE;
  return kit_expect (call, leak->legal->outcomes);
}

static void
leaks (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  gboolean dear = thole_slot_info (slot)->table == THOLE_TABLE_EXEC || thole_slot_info (slot)->table == THOLE_TABLE_FILES;
  KitLegal legal;
  Leak leak = { slot, &legal };

  if (!kit_legal (kit, slot, NULL, &legal))
    return;
  kit_check_leaks (kit, thole_slot_name (slot), dear ? 16 : kit->settings->brief ? 20 : 100, call_again, &leak);
  kit_legal_clear (kit, slot, &legal);
}

void
suite_call (GPtrArray *cases)
{
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    kit_add (cases, &(KitCase) { .run = answer_once, .needs = kit_legal_needs (i), .row = (int) i }, "call/%s/once", thole_slot_name (i));
  for (guint i = 0; i < G_N_ELEMENTS (unknown); i++)
    kit_add (cases, &(KitCase) { .run = unknown_id, .needs = (guint64) 1 << unknown[i].slot, .row = (int) unknown[i].slot, .column = (int) i },
             "call/%s/unknown-id", thole_slot_name (unknown[i].slot));
  for (guint i = THOLE_SLOT_EXEC_RESIZE; i <= THOLE_SLOT_EXEC_SIGNAL; i++)
    kit_add (cases, &(KitCase) { .run = unknown_exec, .needs = kit_legal_needs (i), .row = (int) i }, "call/%s/unknown-exec",
             thole_slot_name (i));
  for (guint i = 0; i < 2 * THOLE_N_SLOTS; i++)
    if (kit_takes_options (i / 2))
      kit_add (cases, &(KitCase) { .run = option, .needs = kit_legal_needs (i / 2), .row = (int) i / 2, .column = i % 2 },
               "call/%s/%s", thole_slot_name (i / 2), i % 2 == 0 ? "unknown-option" : "must-option");
  for (guint i = 0; i < G_N_ELEMENTS (repeated); i++)
    kit_add (cases, &(KitCase) { .run = at_once, .needs = kit_legal_needs (repeated[i].slot), .row = (int) repeated[i].slot, .column = (int) i },
             "call/%s/at-once-%u", thole_slot_name (repeated[i].slot), repeated[i].at_once);
  for (guint i = 0; i < G_N_ELEMENTS (leaky); i++)
    kit_add (cases, &(KitCase) { .run = leaks, .needs = kit_legal_needs (leaky[i]), .row = (int) leaky[i] }, "call/%s/leaks",
             thole_slot_name (leaky[i]));
}
