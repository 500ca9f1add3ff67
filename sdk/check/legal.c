/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One legal call of every slot, for what is asked of each of them.
 */
#include "suites.h"
#include "tar.h"

#define RUNNING (KIT_MANAGES | KIT_NEEDS (WORKLOAD_LIST))

guint64
kit_legal_needs (TholeSlot slot)
{
  guint64 self = (guint64) 1 << slot;

  switch ((int) slot)
    {
    case THOLE_SLOT_WORKLOAD_LIST:
    case THOLE_SLOT_IMAGE_LIST:
    case THOLE_SLOT_IMAGE_PULL:
    case THOLE_SLOT_IMAGE_REMOVE:
    case THOLE_SLOT_VOLUME_LIST:
    case THOLE_SLOT_AGENT_INSTALL:
      return self;
    case THOLE_SLOT_VOLUME_CREATE:
    case THOLE_SLOT_VOLUME_SNAPSHOT:
    case THOLE_SLOT_VOLUME_REMOVE:
      return self | KIT_NEEDS (VOLUME_CREATE) | KIT_NEEDS (VOLUME_REMOVE);
    case THOLE_SLOT_EXEC_RESIZE:
    case THOLE_SLOT_EXEC_SIGNAL:
      return self | RUNNING | KIT_NEEDS (EXEC_OPEN);
    case THOLE_SLOT_AGENT_CONNECT:
      return self | RUNNING | KIT_NEEDS (AGENT_INSTALL);
    case THOLE_SLOT_FILES_GET:
      return self | RUNNING | KIT_NEEDS (FILES_PUT);
    default:
      return self | RUNNING;
    }
}

gboolean
kit_takes_options (TholeSlot slot)
{
  return thole_slot_info (slot)->takes != THOLE_TAKES_ID_TEXT_SIZE;
}

static gboolean
borrow (Kit *self, KitState state, KitLegal *out)
{
  out->args.id = kit_thing (self, state);
  return out->args.id != NULL;
}

static gboolean
name_one (Kit *self, const char *word, KitLegal *out)
{
  out->id = kit_fresh (self, word);
  out->args.id = out->id;
  return TRUE;
}

static gboolean
make_created (Kit *self, KitLegal *out)
{
  g_autoptr(GVariant) spec = kit_spec (self, "forever", NULL, NULL);

  return kit_need_image (self) && name_one (self, "own", out) && kit_create (self, out->id, spec);
}

static gboolean
make_volume (Kit *self, KitLegal *out)
{
  g_autoptr(GVariant) spec = kit_dict ("{'name': <'check'>}");

  return name_one (self, "volume", out)
         && kit_expect (kit_call (self, THOLE_SLOT_VOLUME_CREATE, &(TholeSlotArgs) { .id = out->id, .dict = spec }), KIT_OK);
}

static gboolean
open_exec (Kit *self, const char *program, const char *more, KitLegal *out)
{
  g_autoptr(GVariant) command = kit_command (self, program, NULL, more);
  KitCall *call;

  if (!borrow (self, KIT_RUNNING, out))
    return FALSE;
  call = kit_call (self, THOLE_SLOT_EXEC_OPEN, &(TholeSlotArgs) { .id = out->args.id, .dict = command });
  if (!kit_expect (call, KIT_OK))
    return FALSE;
  out->stream = g_steal_pointer (&call->out.stream);
  out->text = g_steal_pointer (&call->out.exec_id);
  out->args.text = out->text;
  return TRUE;
}

static gboolean
put_file (Kit *self, KitLegal *out)
{
  g_autoptr(GInputStream) tar = kit_tar ("check.txt", "text\n", 5);

  return borrow (self, KIT_RUNNING, out)
         && kit_expect (kit_call (self, THOLE_SLOT_FILES_PUT, &(TholeSlotArgs) { .id = out->args.id, .text = "/", .tar = tar }), KIT_OK);
}

static gboolean
make_with_agent (Kit *self, KitLegal *out)
{
  g_autoptr(GVariant) spec = kit_spec (self, "forever", NULL, NULL);
  KitCall *call;

  if (!kit_need_image (self) || !name_one (self, "agent", out))
    return FALSE;
  call = kit_call (self, THOLE_SLOT_AGENT_INSTALL,
                   &(TholeSlotArgs) { .id = out->id, .options = g_variant_new_parsed ("{'binary': <%s>}", self->settings->agent) });
  if (!kit_expect (call, KIT_OK))
    return FALSE;
  return kit_expect (kit_call (self, THOLE_SLOT_WORKLOAD_CREATE,
                               &(TholeSlotArgs) { .id = out->id, .dict = spec, .options = call->out.value }), KIT_OK)
         && kit_start (self, out->id);
}

/* of agent/1 */
static gboolean
legal_agent (Kit *self, TholeSlot slot, KitLegal *out)
{
  if (self->settings->agent[0] == '\0')
    {
      kit_skip (self, "[check] names no agent");
      return FALSE;
    }
  if (slot == THOLE_SLOT_AGENT_CONNECT)
    return make_with_agent (self, out);
  out->options = g_variant_ref_sink (g_variant_new_parsed ("{'binary': <%s>}", self->settings->agent));
  return name_one (self, "agent", out);
}

/* of image/1 and volume/1 */
static gboolean
legal_goods (Kit *self, TholeSlot slot, KitLegal *out)
{
  switch ((int) slot)
    {
    case THOLE_SLOT_IMAGE_PULL:
      out->args.text = self->settings->image;
      /* it may be of no registry */
      out->outcomes = KIT_OK | KIT_CODE (IMAGE_NOT_FOUND) | KIT_CODE (UNAVAILABLE) | KIT_CODE (AUTH) | KIT_CODE (FAILED);
      if (self->settings->image[0] == '\0')
        kit_skip (self, "[check] names no image");
      return self->settings->image[0] != '\0';
    case THOLE_SLOT_IMAGE_REMOVE:
      out->args.text = "localhost/thole-no-such-image:0";
      return TRUE;
    case THOLE_SLOT_VOLUME_CREATE:
      out->dict = kit_dict ("{'name': <'check'>}");
      return name_one (self, "volume", out);
    case THOLE_SLOT_VOLUME_REMOVE:
      return make_volume (self, out);
    case THOLE_SLOT_VOLUME_SNAPSHOT:
      out->text = kit_fresh (self, "snapshot");
      out->args.text = out->text;
      return make_volume (self, out);
    default:
      return TRUE;
    }
}

static gboolean
legal_exec (Kit *self, TholeSlot slot, KitLegal *out)
{
  switch ((int) slot)
    {
    case THOLE_SLOT_EXEC_RESIZE:
      out->args.rows = 30;
      out->args.cols = 90;
      return open_exec (self, "cat", "{'tty': <true>, 'stdin': <true>, 'rows': <uint32 24>, 'cols': <uint32 80>}", out);
    case THOLE_SLOT_EXEC_SIGNAL:
      out->args.signal = "SIGKILL";
      return open_exec (self, "forever", NULL, out);
    case THOLE_SLOT_EXEC_ATTACH:
      return borrow (self, KIT_RUNNING, out);
    default:
      out->dict = kit_command (self, "exit", "0", NULL);
      return borrow (self, KIT_RUNNING, out);
    }
}

static gboolean
legal_workload (Kit *self, TholeSlot slot, KitLegal *out)
{
  switch ((int) slot)
    {
    case THOLE_SLOT_WORKLOAD_LIST:
      return TRUE;
    case THOLE_SLOT_WORKLOAD_CREATE:
      out->dict = kit_spec (self, "forever", NULL, NULL);
      return kit_need_image (self) && name_one (self, "own", out);
    case THOLE_SLOT_WORKLOAD_START:
    case THOLE_SLOT_WORKLOAD_REMOVE:
      return make_created (self, out);
    case THOLE_SLOT_WORKLOAD_STOP:
      out->options = kit_dict ("{'signal': <'SIGTERM'>, 'grace': <5.0>}");
      return borrow (self, KIT_RUNNING, out);
    case THOLE_SLOT_WORKLOAD_KILL:
      out->args.text = "SIGKILL";
      return borrow (self, KIT_RUNNING, out);
    case THOLE_SLOT_WORKLOAD_UPDATE:
      out->dict = kit_dict ("{'resources': <{'memory': <int64 268435456>}>}");
      out->outcomes |= KIT_CODE (CONFLICT) | KIT_LACKING;
      return borrow (self, KIT_RUNNING, out);
    case THOLE_SLOT_WORKLOAD_LOGS:
      out->options = kit_dict ("{'follow': <false>, 'tail': <int64 -1>, 'stdout': <true>, 'stderr': <true>}");
      return borrow (self, KIT_RUNNING, out);
    default:
      return borrow (self, KIT_RUNNING, out);
    }
}

static gboolean
legal_files (Kit *self, TholeSlot slot, KitLegal *out)
{
  if (slot == THOLE_SLOT_FILES_GET)
    {
      out->args.text = "/check.txt";
      return put_file (self, out);
    }
  out->args.text = "/";
  out->tar = kit_tar ("check.txt", "text\n", 5);
  return borrow (self, KIT_RUNNING, out);
}

static void
add_option (KitLegal *legal, const char *unknown)
{
  g_auto(GVariantDict) options = G_VARIANT_DICT_INIT (legal->options);

  g_variant_dict_insert (&options, unknown, "s", "of no use");
  g_clear_pointer (&legal->options, g_variant_unref);
  legal->options = g_variant_ref_sink (g_variant_dict_end (&options));
}

gboolean
kit_legal (Kit *self, TholeSlot slot, const char *unknown, KitLegal *out)
{
  static gboolean (*const makers[THOLE_N_TABLES]) (Kit *, TholeSlot, KitLegal *) = {
    [THOLE_TABLE_WORKLOAD] = legal_workload, [THOLE_TABLE_EXEC] = legal_exec, [THOLE_TABLE_AGENT] = legal_agent,
    [THOLE_TABLE_FILES] = legal_files, [THOLE_TABLE_IMAGE] = legal_goods, [THOLE_TABLE_VOLUME] = legal_goods,
  };

  *out = (KitLegal) { .outcomes = KIT_OK };
  if (!makers[thole_slot_info (slot)->table] (self, slot, out))
    {
      kit_legal_clear (self, slot, out);
      return FALSE;
    }
  if (unknown != NULL)
    add_option (out, unknown);
  out->args.dict = out->dict;
  out->args.options = out->options;
  out->args.tar = out->tar;
  return TRUE;
}

void
kit_legal_clear (Kit *self, TholeSlot slot, KitLegal *legal)
{
  TholeTableId table = thole_slot_info (slot)->table;
  gboolean ends = slot == THOLE_SLOT_WORKLOAD_STOP || slot == THOLE_SLOT_WORKLOAD_KILL || slot == THOLE_SLOT_WORKLOAD_PAUSE;

  /* it may come to its end only now, so the next case gets another */
  if (ends && self->things[KIT_RUNNING] != NULL)
    {
      kit_remove (self, self->things[KIT_RUNNING]);
      g_clear_pointer (&self->things[KIT_RUNNING], g_free);
    }
  g_clear_object (&legal->stream);
  if (legal->id != NULL && !self->lost && table == THOLE_TABLE_VOLUME)
    kit_call (self, THOLE_SLOT_VOLUME_REMOVE, &(TholeSlotArgs) { .id = legal->id });
  if (slot == THOLE_SLOT_VOLUME_SNAPSHOT && legal->text != NULL && !self->lost)
    kit_call (self, THOLE_SLOT_VOLUME_REMOVE, &(TholeSlotArgs) { .id = legal->text });
  if (legal->id != NULL && table != THOLE_TABLE_VOLUME && kit_has (self, THOLE_SLOT_WORKLOAD_REMOVE))
    kit_remove (self, legal->id);
  g_clear_pointer (&legal->dict, g_variant_unref);
  g_clear_pointer (&legal->options, g_variant_unref);
  g_clear_object (&legal->tar);
  g_clear_pointer (&legal->id, g_free);
  g_clear_pointer (&legal->text, g_free);
}
