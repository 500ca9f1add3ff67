/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files, images, volumes, the agent.
 */
#include <string.h>

#include "stream.h"
#include "suites.h"
#include "tar.h"

/* files -------------------------------------------------------------------------------------------------- */

static const gsize sizes[] = { 0, 1, 511, 512, 513, 300000 };

static void
there_and_back (Kit *kit, const KitCase *one)
{
  gsize size = sizes[one->row];
  g_autofree char *content = g_strnfill (size, 'k');
  g_autoptr(GInputStream) tar = kit_tar ("round.txt", content, size);
  const char *id = kit_thing (kit, one->column ? KIT_RUNNING : KIT_CREATED);
  /* an engine may need a program that runs */
  KitOutcomes outcomes = one->column ? KIT_OK : KIT_OK | KIT_CODE (CONFLICT);
  g_autoptr(GByteArray) bytes = NULL;
  g_autoptr(GBytes) found = NULL;
  KitCall *call;

  if (id == NULL)
    return;
  call = kit_call (kit, THOLE_SLOT_FILES_PUT, &(TholeSlotArgs) { .id = id, .text = "/", .tar = tar });
  if (!kit_expect (call, outcomes) || kit_outcome (call) != KIT_OK)
    return;
  call = kit_call (kit, THOLE_SLOT_FILES_GET, &(TholeSlotArgs) { .id = id, .text = "/round.txt" });
  if (!kit_expect (call, KIT_OK) || (bytes = kit_read (kit, g_io_stream_get_input_stream (call->out.stream), 64 << 20)) == NULL)
    return;
  found = kit_untar (bytes);
  KIT_CHECK (kit, found != NULL && g_bytes_get_size (found) == size && (size == 0 || memcmp (g_bytes_get_data (found, NULL), content, size) == 0),
             "of %" G_GSIZE_FORMAT " bytes %" G_GSIZE_FORMAT " come back, or others", size, found != NULL ? g_bytes_get_size (found) : 0);
}

static void
no_path (Kit *kit, const KitCase *one)
{
  g_autoptr(GInputStream) tar = kit_tar ("x.txt", "x", 1);
  const char *id = kit_thing (kit, KIT_RUNNING);

  if (id != NULL)
    kit_expect (kit_call (kit, (TholeSlot) one->row, &(TholeSlotArgs) { .id = id, .text = "/no/such/place", .tar = tar }), KIT_CODE (NOT_FOUND));
}

static void
broken_tar (Kit *kit, const KitCase *one)
{
  g_autoptr(GInputStream) tar = g_memory_input_stream_new_from_data ("this is no archive at all, but text", 35, NULL);
  const char *id = kit_thing (kit, KIT_RUNNING);

  if (id != NULL)
    kit_expect (kit_call (kit, THOLE_SLOT_FILES_PUT, &(TholeSlotArgs) { .id = id, .text = "/", .tar = tar }),
                KIT_CODE (INVALID) | KIT_CODE (FAILED));
}

/* images ------------------------------------------------------------------------------------------------- */

static void
image_listed (Kit *kit, const KitCase *one)
{
  g_autoptr(GVariant) list = NULL;
  gboolean found = FALSE;

  if (kit->settings->image[0] == '\0')
    kit_skip (kit, "[check] names no image");
  if (kit->settings->image[0] == '\0' || !kit_need_image (kit))
    return;
  list = kit_list (kit, THOLE_SLOT_IMAGE_LIST);
  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) image = g_variant_get_child_value (list, i);
      g_auto(GStrv) references = thole_dict_strv (image, "references");

      found |= g_strv_contains ((const char *const *) references, kit->settings->image);
    }
  KIT_CHECK (kit, found, "%s is not listed", kit->settings->image);
}

/* The registry of the configured image is there, and has no other. */
static void
image_unknown (Kit *kit, const KitCase *one)
{
  const char *slash = strchr (kit->settings->image, '/');
  g_autofree char *host = slash != NULL ? g_strndup (kit->settings->image, (gsize) (slash - kit->settings->image)) : NULL;
  g_autofree char *reference = g_strconcat (host != NULL ? host : "", "/thole-no-such-image:1", NULL);

  if (host == NULL || strpbrk (host, ".:") == NULL)
    {
      kit_skip (kit, "the image of [check] names no registry");
      return;
    }
  kit_expect (kit_call (kit, THOLE_SLOT_IMAGE_PULL, &(TholeSlotArgs) { .text = reference }), KIT_CODE (IMAGE_NOT_FOUND));
}

static void
image_malformed (Kit *kit, const KitCase *one)
{
  static const char *const bad[] = { "", "Upper/Case:1", "a b", "name@sha256:short", ":1", "../x" };

  kit_expect (kit_call (kit, THOLE_SLOT_IMAGE_PULL, &(TholeSlotArgs) { .text = bad[one->row] }),
              KIT_CODE (INVALID) | KIT_CODE (IMAGE_NOT_FOUND));
}

/* volumes ------------------------------------------------------------------------------------------------ */

static gboolean
make_volume (Kit *kit, const char *id, const char *keys)
{
  g_autoptr(GVariant) spec = kit_dict (keys);

  return kit_expect (kit_call (kit, THOLE_SLOT_VOLUME_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec }), KIT_OK);
}

static void
remove_volume (Kit *kit, const char *id, KitOutcomes outcomes)
{
  if (!kit->lost)
    kit_expect (kit_call (kit, THOLE_SLOT_VOLUME_REMOVE, &(TholeSlotArgs) { .id = id }), outcomes);
}

static void
volume_listed (Kit *kit, const KitCase *one)
{
  g_autofree char *id = kit_fresh (kit, "volume");
  g_autoptr(GVariant) before = NULL, after = NULL;

  if (!make_volume (kit, id, "{'name': <'check'>, 'labels': <{'a': 'b'}>}"))
    return;
  before = kit_list (kit, THOLE_SLOT_VOLUME_LIST);
  remove_volume (kit, id, KIT_OK);
  after = kit_list (kit, THOLE_SLOT_VOLUME_LIST);
  KIT_CHECK (kit, kit_list_has (before, id), "a volume that was made is not listed");
  KIT_CHECK (kit, !kit_list_has (after, id), "a volume that was removed is listed");
}

static void
volume_twice (Kit *kit, const KitCase *one)
{
  g_autofree char *id = kit_fresh (kit, "volume");
  g_autoptr(GVariant) spec = kit_dict ("{'name': <'check'>}");
  KitCall *call;

  if (!make_volume (kit, id, "{'name': <'check'>}"))
    return;
  call = kit_call (kit, THOLE_SLOT_VOLUME_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec });
  if (kit_expect (call, KIT_OK) && !thole_dict_boolean (call->out.value, "adopted", FALSE))
    kit_fault (kit, "a create that was repeated does not say that the volume was there");
  remove_volume (kit, id, KIT_OK);
  remove_volume (kit, id, KIT_OK);
}

/* What one writes another reads, after the first is gone; and what is used cannot be removed. */
static void
volume_kept (Kit *kit, const KitCase *one)
{
  g_auto(GStrv) words = kit_settings_program (kit->settings, "write", "/kept/text");
  g_autofree char *volume = kit_fresh (kit, "volume"), *first = NULL, *second = NULL;
  g_autofree char *keys = g_strdup_printf ("{'mounts': <[{'target': <'/kept'>, 'volume': <'%s'>}]>}", volume);
  g_autoptr(GVariant) written = NULL, command = kit_command (kit, "print", "/kept/text", NULL), bytes = NULL;
  KitCall *call;

  if (words == NULL)
    kit_skip (kit, "[check] says that there is no program write");
  if (words == NULL || !kit_need_image (kit) || !make_volume (kit, volume, "{'name': <'check'>}"))
    return;
  if ((first = kit_run (kit, "write", "/kept/text", keys)) != NULL)
    written = kit_wait_state (kit, first, "exited");
  kit_remove (kit, first);
  if ((second = kit_run (kit, "forever", NULL, keys)) != NULL)
    {
      remove_volume (kit, volume, KIT_CODE (CONFLICT));
      call = kit_call (kit, THOLE_SLOT_EXEC_RUN, &(TholeSlotArgs) { .id = second, .dict = command });
      if (kit_expect (call, KIT_OK))
        bytes = thole_dict_value (call->out.value, "stdout", "ay");
      if (bytes != NULL && (g_variant_n_children (bytes) != 5 || memcmp (g_variant_get_data (bytes), "kept\n", 5) != 0))
        kit_fault (kit, "what one workload wrote another does not read");
    }
  kit_remove (kit, second);
  remove_volume (kit, volume, KIT_OK);
}

/* agent -------------------------------------------------------------------------------------------------- */

static void
agent_connects (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream = NULL;
  KitLegal legal;
  KitCall *call;

  if (!kit_legal (kit, THOLE_SLOT_AGENT_CONNECT, NULL, &legal))
    return;
  for (int i = 0; i < one->row && !kit_failed (kit); i++)
    {
      call = kit_call (kit, THOLE_SLOT_AGENT_CONNECT, &legal.args);
      g_clear_object (&stream);
      if (kit_expect (call, KIT_OK))
        stream = g_steal_pointer (&call->out.stream);
      if (stream != NULL)
        kit_close_stream (kit, stream);
    }
  kit_legal_clear (kit, THOLE_SLOT_AGENT_CONNECT, &legal);
}

void
suite_goods (GPtrArray *cases)
{
  const guint64 files = KIT_MANAGES | KIT_NEEDS (FILES_GET) | KIT_NEEDS (FILES_PUT);
  const guint64 volumes = KIT_NEEDS (VOLUME_CREATE) | KIT_NEEDS (VOLUME_REMOVE) | KIT_NEEDS (VOLUME_LIST);

  for (guint i = 0; i < 2 * G_N_ELEMENTS (sizes); i++)
    kit_add (cases, &(KitCase) { .run = there_and_back, .row = (int) i / 2, .column = i % 2, .needs = files }, "goods/files/%s/%" G_GSIZE_FORMAT,
             i % 2 == 0 ? "created" : "running", sizes[i / 2]);
  kit_add (cases, &(KitCase) { .run = no_path, .row = THOLE_SLOT_FILES_GET, .needs = files }, "goods/files/get-no-such-path");
  kit_add (cases, &(KitCase) { .run = no_path, .row = THOLE_SLOT_FILES_PUT, .needs = files }, "goods/files/put-no-such-path");
  kit_add (cases, &(KitCase) { .run = broken_tar, .needs = files }, "goods/files/put-no-archive");
  kit_add (cases, &(KitCase) { .run = image_listed, .needs = KIT_NEEDS (IMAGE_LIST) }, "goods/image/listed");
  kit_add (cases, &(KitCase) { .run = image_unknown, .needs = KIT_NEEDS (IMAGE_PULL) }, "goods/image/unknown");
  for (int i = 0; i < 6; i++)
    kit_add (cases, &(KitCase) { .run = image_malformed, .row = i, .needs = KIT_NEEDS (IMAGE_PULL) }, "goods/image/malformed/%d", i + 1);
  kit_add (cases, &(KitCase) { .run = volume_listed, .needs = volumes }, "goods/volume/listed");
  kit_add (cases, &(KitCase) { .run = volume_twice, .needs = volumes }, "goods/volume/twice");
  kit_add (cases, &(KitCase) { .run = volume_kept, .needs = volumes | KIT_MANAGES | KIT_NEEDS (EXEC_RUN) }, "goods/volume/kept");
  kit_add (cases, &(KitCase) { .run = agent_connects, .row = 1, .needs = kit_legal_needs (THOLE_SLOT_AGENT_CONNECT) }, "goods/agent/connect");
  kit_add (cases, &(KitCase) { .run = agent_connects, .row = 5, .needs = kit_legal_needs (THOLE_SLOT_AGENT_CONNECT) }, "goods/agent/connect-again");
}
