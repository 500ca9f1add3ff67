/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Open, probe and close: again and again, several at once, in the middle of calls.
 */
#include <string.h>

#include "leak.h"
#include "stream.h"
#include "suites.h"

static void
open_and_close (Kit *kit, const KitCase *one)
{
  if (kit_open (kit))
    kit_close (kit);
}

static gboolean
turn_unprobed (Kit *kit, gpointer data)
{
  g_autoptr(GError) error = NULL;

  kit->driver = kit_open_raw (kit, NULL, &error);
  if (kit->driver == NULL)
    kit_fault (kit, "open refuses the configuration: %s", error != NULL ? error->message : "it does not say why");
  kit_close (kit);
  return !kit->lost;
}

static gboolean
turn_probed (Kit *kit, gpointer data)
{
  gboolean good = kit_open (kit);

  kit_close (kit);
  return good && !kit->lost;
}

static void
open_many_times (Kit *kit, const KitCase *one)
{
  kit_check_leaks (kit, "open and close", kit->settings->brief ? 25 : 112, turn_unprobed, NULL);
}

static void
probe_many_times (Kit *kit, const KitCase *one)
{
  kit_check_leaks (kit, "open, probe and close", kit->settings->brief ? 10 : 20, turn_probed, NULL);
}

static void
probe_again (Kit *kit, const KitCase *one)
{
  for (guint i = 0; i < 5 && !kit_failed (kit); i++)
    {
      KitCall *call = kit_probe (kit);

      KIT_CHECK (kit, call->callbacks == 0 || call->probe == THOLE_PROBE_READY, "a driver that was ready is not when asked again");
    }
}

/* Two backends of one driver know nothing of each other. */
static void
open_two (Kit *kit, const KitCase *one)
{
  TholeDriver *first;
  TholeHost *host;

  if (!kit_open (kit))
    return;
  first = g_steal_pointer (&kit->driver);
  host = g_steal_pointer (&kit->host);
  if (kit_open (kit))
    {
      kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_LIST, &(TholeSlotArgs) { 0 }), KIT_OK);
      kit_close (kit);
    }
  kit->driver = first;
  kit->host = host;
  if (kit->lost)
    return;
  kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_LIST, &(TholeSlotArgs) { 0 }), KIT_OK);
  kit_close (kit);
}

/* As the daemon does: what is pending is cancelled, and close begins at once. */
static void
close_pending (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  KitCall *calls[10], *closing;
  KitLegal legal;
  guint n = one->column;

  if (!kit_open (kit))
    return;
  if (!kit_legal (kit, slot, NULL, &legal))
    {
      kit_close (kit);
      return;
    }
  for (guint i = 0; i < n; i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();

      calls[i] = kit_begin (kit, slot, &legal.args, cancellable);
    }
  for (guint i = 0; i < n; i++)
    g_cancellable_cancel (calls[i]->cancellable);
  closing = kit_begin_close (kit);
  kit_end_close (kit, closing);
  kit->lost |= kit_failed (kit);
  g_clear_object (&legal.stream);
  /* what it worked on is gone with the driver, as the sweep of the end sees */
  if (!kit->lost && kit_open (kit))
    kit_legal_clear (kit, slot, &legal);
}

/* A stream that somebody still holds can be let go when its driver is gone. */
static void
close_with_stream (Kit *kit, const KitCase *one)
{
  TholeSlot slot = (TholeSlot) one->row;
  g_autoptr(GIOStream) stream = NULL;
  KitLegal legal;
  KitCall *call;

  if (!kit_open (kit) || !kit_legal (kit, slot, NULL, &legal))
    return;
  if (slot == THOLE_SLOT_WORKLOAD_LOGS)
    legal.args.options = g_variant_new_parsed ("{'follow': <true>, 'tail': <int64 -1>, 'stdout': <true>, 'stderr': <true>}");
  call = kit_call (kit, slot, &legal.args);
  if (kit_expect (call, KIT_OK))
    stream = g_steal_pointer (&call->out.stream);
  kit_close (kit);
  if (stream != NULL && !kit->lost)
    kit_close_stream (kit, stream);
  if (!kit->lost && kit_open (kit))
    kit_legal_clear (kit, slot, &legal);
}

/* After a restart of the daemon: the same workload, as it was. */
static void
find_again (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL;
  g_autoptr(GVariant) list = NULL, now = NULL;
  KitCall *call;

  if (!kit_open (kit) || !kit_need_image (kit) || (id = kit_run (kit, "forever", NULL, NULL)) == NULL)
    return;
  kit_close (kit);
  if (!kit_open (kit))
    return;
  list = kit_list (kit, THOLE_SLOT_WORKLOAD_LIST);
  KIT_CHECK (kit, kit_list_has (list, id), "list does not have what was there before the driver was opened again");
  call = kit_call (kit, THOLE_SLOT_WORKLOAD_RECOVER, &(TholeSlotArgs) { .id = id });
  KIT_CHECK (kit, kit_expect (call, KIT_OK) && strcmp (thole_dict_string (call->out.value, "state", ""), "running") == 0,
             "recover does not find it running after the driver was opened again");
  now = kit_inspect (kit, id);
  KIT_CHECK (kit, now != NULL && strcmp (thole_dict_string (now, "state", ""), "running") == 0, "inspect does not find it running");
  kit_remove (kit, id);
}

/* Workloads of another daemon are not seen and not touched. */
static void
stay_apart (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL, *own = g_strdup (kit->instance), *other = g_uuid_string_random ();
  g_autoptr(GVariant) list = NULL, now = NULL;

  if (!kit_open (kit) || !kit_need_image (kit) || (id = kit_run (kit, "forever", NULL, NULL)) == NULL)
    return;
  kit_close (kit);
  g_free (kit->instance);
  kit->instance = g_steal_pointer (&other);
  if (kit_open (kit))
    {
      list = kit_list (kit, THOLE_SLOT_WORKLOAD_LIST);
      if (kit_list_has (list, id))
        kit_fault (kit, "another instance lists it");
      kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_INSPECT, &(TholeSlotArgs) { .id = id }), KIT_CODE (NOT_FOUND));
      kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_STOP, &(TholeSlotArgs) { .id = id }), KIT_CODE (NOT_FOUND));
      kit_remove (kit, id);
      kit_close (kit);
    }
  g_free (kit->instance);
  kit->instance = g_steal_pointer (&own);
  if (!kit_open (kit))
    return;
  now = kit_inspect (kit, id);
  KIT_CHECK (kit, now != NULL && strcmp (thole_dict_string (now, "state", ""), "running") == 0, "another instance has touched it");
  kit_remove (kit, id);
}

static void
refuse_config (Kit *kit, const KitCase *one)
{
  static const char *const bad[] = { "", "nonsense", "-1", "://", "/no/such/place" };
  const TholeManifestKey *keys = (const TholeManifestKey *) (gpointer) kit->settings->manifest->keys->data;

  for (guint i = 0; i < kit->settings->manifest->keys->len; i++)
    for (guint j = 0; j < G_N_ELEMENTS (bad); j++)
      {
        g_autoptr(GVariant) more = g_variant_ref_sink (g_variant_new_parsed ("{%s: <%s>}", keys[i].name, bad[j]));
        g_autoptr(GError) error = NULL;

        kit->driver = kit_open_raw (kit, more, &error);
        if (kit->driver == NULL && (error == NULL || error->domain != THOLE_ERROR))
          kit_fault (kit, "open with %s=%s gives %s", keys[i].name, bad[j], error == NULL ? "no reason" : "an error of a foreign domain");
        if (kit->driver != NULL && error != NULL)
          kit_fault (kit, "open with %s=%s succeeds with an error", keys[i].name, bad[j]);
        kit_close (kit);
      }
}

void
suite_open (GPtrArray *cases)
{
  static const TholeSlot pending[] = {
    THOLE_SLOT_WORKLOAD_LIST, THOLE_SLOT_WORKLOAD_INSPECT, THOLE_SLOT_WORKLOAD_CREATE, THOLE_SLOT_WORKLOAD_START,
    THOLE_SLOT_WORKLOAD_STOP, THOLE_SLOT_WORKLOAD_LOGS, THOLE_SLOT_WORKLOAD_STATS, THOLE_SLOT_EXEC_RUN, THOLE_SLOT_EXEC_OPEN,
    THOLE_SLOT_FILES_PUT, THOLE_SLOT_IMAGE_LIST, THOLE_SLOT_VOLUME_LIST,
  };
  static const TholeSlot streams[] = { THOLE_SLOT_WORKLOAD_LOGS, THOLE_SLOT_EXEC_OPEN, THOLE_SLOT_EXEC_ATTACH, THOLE_SLOT_FILES_GET };

  kit_add (cases, &(KitCase) { .run = open_and_close, .closed = TRUE }, "open/once");
  kit_add (cases, &(KitCase) { .run = open_many_times, .closed = TRUE }, "open/many-times");
  kit_add (cases, &(KitCase) { .run = probe_many_times, .closed = TRUE }, "open/many-times-probed");
  kit_add (cases, &(KitCase) { .run = probe_again }, "open/probe-again");
  kit_add (cases, &(KitCase) { .run = open_two, .needs = KIT_NEEDS (WORKLOAD_LIST), .closed = TRUE }, "open/two");
  kit_add (cases, &(KitCase) { .run = refuse_config, .closed = TRUE }, "open/bad-configuration");
  kit_add (cases, &(KitCase) { .run = find_again, .needs = KIT_MANAGES, .closed = TRUE }, "open/find-again");
  kit_add (cases, &(KitCase) { .run = stay_apart, .needs = KIT_MANAGES, .closed = TRUE }, "open/other-instance");
  for (guint i = 0; i < G_N_ELEMENTS (pending); i++)
    kit_add (cases, &(KitCase) { .run = close_pending, .needs = kit_legal_needs (pending[i]), .row = (int) pending[i],
                                 .column = pending[i] == THOLE_SLOT_FILES_PUT ? 1 : 10, .closed = TRUE },
             "open/close-pending/%s", thole_slot_name (pending[i]));
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    kit_add (cases, &(KitCase) { .run = close_with_stream, .needs = kit_legal_needs (streams[i]), .row = (int) streams[i], .closed = TRUE },
             "open/close-stream/%s", thole_slot_name (streams[i]));
}
