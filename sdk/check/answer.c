/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Answers against schema.md: types, keys that are always there, states that are known.
 */
#include <string.h>

#include "kit.h"

typedef struct
{
  const char *key, *type;
  gboolean always;
} Key;

static const Key workload_keys[] = {
  { "id", "s", TRUE }, { "instance", "s", TRUE }, { "role", "s" }, { "engine_id", "s", TRUE }, { "state", "s", TRUE },
  { "exit_code", "x" }, { "exit_signal", "s" }, { "oom", "b" }, { "reason", "s" }, { "started_at", "x" },
  { "finished_at", "x" }, { "pid", "x" }, { "health", "s" }, { "addresses", "as" }, { "ports", "aa{sv}" }, { "image", "s" },
  { "restarts", "x" }, { NULL },
};
static const Key created_keys[] = { { "engine_id", "s", TRUE }, { "handle", "ay" }, { "adopted", "b", TRUE }, { NULL } };
static const Key stats_keys[] = {
  { "time", "x", TRUE }, { "cpu_seconds", "d" }, { "cpu", "d" }, { "memory", "x" }, { "memory_limit", "x" }, { "pids", "x" },
  { "net_rx", "x" }, { "net_tx", "x" }, { "disk_read", "x" }, { "disk_write", "x" }, { NULL },
};
static const Key ran_keys[] = {
  { "exit_code", "x", TRUE }, { "exit_signal", "s" }, { "stdout", "ay" }, { "stderr", "ay" }, { "truncated", "b" }, { NULL },
};
static const Key image_keys[] = {
  { "id", "s", TRUE }, { "references", "as" }, { "size", "x" }, { "created_at", "x" }, { "architecture", "s" }, { "digests", "as" },
  { NULL },
};
static const Key volume_keys[] = {
  { "id", "s", TRUE }, { "engine_id", "s", TRUE }, { "name", "s" }, { "labels", "a{ss}" }, { "created_at", "x" }, { "size", "x" },
  { "mountpoint", "s" }, { "adopted", "b" }, { NULL },
};
static const Key fact_keys[] = {
  { "engine", "s", TRUE }, { "version", "s", TRUE }, { "api_version", "s" }, { "os", "s" }, { "architecture", "s" },
  { "healthy", "b" }, { "health", "s" }, { "cpus", "d" }, { "memory", "x" }, { "limits", "a{sv}" }, { "durable", "b" },
  { "logs_kept", "b" }, { "logs_split", "b" }, { "remote", "b" }, { NULL },
};

static const char *const states[]
  = { "created", "starting", "running", "paused", "exited", "removing", "failed", "gone", NULL };

static void
check_keys (KitCall *call, GVariant *dict, const Key *keys)
{
  for (; keys->key != NULL; keys++)
    {
      g_autoptr(GVariant) value = g_variant_lookup_value (dict, keys->key, NULL);
      g_autoptr(GVariant) fits = value != NULL ? thole_dict_value (dict, keys->key, keys->type) : NULL;

      if (value == NULL && keys->always)
        kit_fault (call->kit, "the answer of %s lacks the key %s", call->name, keys->key);
      else if (value != NULL && fits == NULL)
        kit_fault (call->kit, "the answer of %s has %s of the type %s, not %s", call->name, keys->key,
                   g_variant_get_type_string (value), keys->type);
    }
}

static void
check_workload (KitCall *call, GVariant *dict)
{
  const char *state = thole_dict_string (dict, "state", "");

  check_keys (call, dict, workload_keys);
  if (!g_strv_contains (states, state))
    kit_fault (call->kit, "the answer of %s has the state “%s”, which schema.md does not know", call->name, state);
  if (strcmp (thole_dict_string (dict, "instance", ""), call->kit->instance) != 0)
    kit_fault (call->kit, "the answer of %s is of another instance, %s", call->name, thole_dict_string (dict, "instance", ""));
  if (strcmp (state, "exited") == 0 && thole_dict_int (dict, "exit_code", -99999) == -99999)
    kit_fault (call->kit, "the answer of %s has no exit_code though it has exited", call->name);
}

static void
check_dict (KitCall *call, GVariant *dict)
{
  const Key *keys = NULL;

  switch ((int) call->slot)
    {
    case THOLE_SLOT_WORKLOAD_LIST:
    case THOLE_SLOT_WORKLOAD_INSPECT:
    case THOLE_SLOT_WORKLOAD_RECOVER:
      check_workload (call, dict);
      return;
    case THOLE_SLOT_WORKLOAD_CREATE:
      keys = created_keys;
      break;
    case THOLE_SLOT_WORKLOAD_STATS:
      keys = stats_keys;
      break;
    case THOLE_SLOT_EXEC_RUN:
      keys = ran_keys;
      break;
    case THOLE_SLOT_IMAGE_LIST:
    case THOLE_SLOT_IMAGE_PULL:
      keys = image_keys;
      break;
    case THOLE_SLOT_VOLUME_LIST:
    case THOLE_SLOT_VOLUME_CREATE:
    case THOLE_SLOT_VOLUME_SNAPSHOT:
      keys = volume_keys;
      break;
    case THOLE_N_SLOTS:
      keys = fact_keys;
      break;
    default:
      return;
    }
  check_keys (call, dict, keys);
}

/* FALSE with a fault when it is not even of that type. */
static gboolean
check_type (KitCall *call, const char *type)
{
  GVariant *value = call->out.value;

  if (value == NULL)
    kit_fault (call->kit, "%s succeeds and gives nothing", call->name);
  else if (g_variant_is_floating (value))
    kit_fault (call->kit, "%s gives a floating value", call->name);
  else if (!g_variant_is_of_type (value, G_VARIANT_TYPE (type)))
    kit_fault (call->kit, "%s gives the type %s, not %s", call->name, g_variant_get_type_string (value), type);
  else if (!g_variant_is_normal_form (value))
    kit_fault (call->kit, "%s gives a value that is not in normal form", call->name);
  else
    return TRUE;
  return FALSE;
}

static void
check_dicts (KitCall *call)
{
  if (!check_type (call, "aa{sv}"))
    return;
  for (gsize i = 0; i < g_variant_n_children (call->out.value); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (call->out.value, i);

      check_dict (call, one);
    }
}

static void
check_stream (KitCall *call, gboolean with_id)
{
  if (!G_IS_IO_STREAM (call->out.stream))
    kit_fault (call->kit, "%s succeeds and gives no stream", call->name);
  if (with_id && (call->out.exec_id == NULL || strlen (call->out.exec_id) > 256))
    kit_fault (call->kit, "%s gives %s", call->name, call->out.exec_id == NULL ? "no exec id" : "an exec id of more than 256 bytes");
}

void
kit_check_answer (KitCall *call)
{
  TholeSlotGives gives = call->slot < THOLE_N_SLOTS ? thole_slot_info (call->slot)->gives : THOLE_GIVES_DICT;

  switch (gives)
    {
    case THOLE_GIVES_NOTHING:
      break;
    case THOLE_GIVES_DICT:
      if (check_type (call, "a{sv}"))
        check_dict (call, call->out.value);
      break;
    case THOLE_GIVES_DICTS:
      check_dicts (call);
      break;
    case THOLE_GIVES_STREAM:
      check_stream (call, FALSE);
      break;
    case THOLE_GIVES_STREAM_AND_ID:
      check_stream (call, TRUE);
      break;
    }
}
