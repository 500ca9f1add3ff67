/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cancelling ends a call, once, with success or as cancelled, and leaves a driver that goes on.
 */
#include "suites.h"

typedef enum
{
  BEFORE,  /* the cancellable was cancelled when the call began */
  AT_ONCE, /* right after the call had returned */
  DURING,  /* when the loop has turned for some ms */
  AFTER,   /* when it had answered */
  N_PHASES
} Phase;

static const char *const phases[N_PHASES] = { "before", "at-once", "during", "after" };

static void
cancel (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  Phase phase = (Phase) one->column;
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  KitLegal legal;
  KitCall *call;

  if (!kit_legal (kit, slot, NULL, &legal))
    return;
  if (phase == BEFORE)
    g_cancellable_cancel (cancellable);
  call = kit_begin (kit, slot, &legal.args, cancellable);
  if (phase == DURING)
    kit_pause (kit, 2);
  if (phase != AFTER)
    g_cancellable_cancel (cancellable);
  if (kit_wait (call))
    kit_expect (call, legal.outcomes | (phase == AFTER ? 0 : KIT_CANCELLED));
  g_cancellable_cancel (cancellable);
  if (!kit->lost)
    kit_pause (kit, 10);
  if (!kit->lost && kit_has (kit, THOLE_SLOT_WORKLOAD_LIST))
    kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_LIST, &(TholeSlotArgs) { 0 }), KIT_OK);
  kit_legal_clear (kit, slot, &legal);
}

/* What a create that was given up has made or not: it can be repeated, and what comes of it starts. */
static void
create_again (Kit *kit, const KitCase *one)
{
  for (guint i = 0; i < 4 && !kit_failed (kit); i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      g_autofree char *id = kit_fresh (kit, "again");
      g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, NULL);
      KitCall *call;

      if (!kit_need_image (kit))
        return;
      call = kit_begin (kit, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec }, cancellable);
      if (i > 0)
        kit_pause (kit, i * i * 4);
      g_cancellable_cancel (cancellable);
      if (!kit_wait (call))
        return;
      kit_expect (call, KIT_OK | KIT_CANCELLED);
      if (kit_create (kit, id, spec) && kit_start (kit, id))
        g_clear_pointer (&call->out.value, g_variant_unref);
      kit_remove (kit, id);
    }
}

void
suite_cancel (GPtrArray *cases)
{
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    for (guint j = 0; j < N_PHASES; j++)
      kit_add (cases, &(KitCase) { .run = cancel, .needs = kit_legal_needs (i), .row = (int) i, .column = (int) j }, "cancel/%s/%s",
               thole_slot_name (i), phases[j]);
  kit_add (cases, &(KitCase) { .run = create_again, .needs = KIT_MANAGES }, "cancel/create-again");
}
