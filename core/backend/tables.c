/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/tables.h"

#include <string.h>

#include "thole-json.h"

/* a driver that lists more interfaces than this is broken */
#define MAX_INTERFACES 64

G_DEFINE_QUARK (thole-load-error, thole_load_error)

#define PAIR(part, slot)                                               \
  .start = G_STRUCT_OFFSET (TholeTables, part.slot##_async),           \
  .finish = G_STRUCT_OFFSET (TholeTables, part.slot##_finish)
#define WORKLOAD(slot) .name = "workload." #slot, .table = THOLE_TABLE_WORKLOAD, PAIR (workload, slot)
#define EXEC(slot) .name = "exec." #slot, .table = THOLE_TABLE_EXEC, PAIR (exec, slot)
#define AGENT(slot) .name = "agent." #slot, .table = THOLE_TABLE_AGENT, PAIR (agent, slot)
#define FILES(slot) .name = "files." #slot, .table = THOLE_TABLE_FILES, PAIR (files, slot)
#define IMAGE(slot) .name = "image." #slot, .table = THOLE_TABLE_IMAGE, PAIR (image, slot)
#define VOLUME(slot) .name = "volume." #slot, .table = THOLE_TABLE_VOLUME, PAIR (volume, slot)
#define SHAPE(takes_, gives_) .takes = THOLE_TAKES_##takes_, .gives = THOLE_GIVES_##gives_

/* The one table of slots: names, capabilities, offsets, pairs, signatures and deadlines come from here. */
static const TholeSlotInfo slots[THOLE_N_SLOTS] = {
  [THOLE_SLOT_WORKLOAD_LIST] = { WORKLOAD (list), SHAPE (OPTIONS, DICTS), .deadline = 60 },
  [THOLE_SLOT_WORKLOAD_INSPECT] =
    { WORKLOAD (inspect), SHAPE (ID, DICT), .deadline = 30, .managing = TRUE },
  [THOLE_SLOT_WORKLOAD_CREATE] =
    { WORKLOAD (create), SHAPE (ID_DICT, DICT), .deadline = 300, .managing = TRUE },
  [THOLE_SLOT_WORKLOAD_START] =
    { WORKLOAD (start), SHAPE (ID, NOTHING), .deadline = 120, .managing = TRUE },
  [THOLE_SLOT_WORKLOAD_STOP] =
    { WORKLOAD (stop), SHAPE (ID, NOTHING), .deadline = 60, .managing = TRUE },
  [THOLE_SLOT_WORKLOAD_KILL] = { WORKLOAD (kill), SHAPE (ID_TEXT, NOTHING), .deadline = 30 },
  [THOLE_SLOT_WORKLOAD_PAUSE] = { WORKLOAD (pause), SHAPE (ID, NOTHING), .deadline = 60 },
  [THOLE_SLOT_WORKLOAD_UNPAUSE] = { WORKLOAD (unpause), SHAPE (ID, NOTHING), .deadline = 60 },
  [THOLE_SLOT_WORKLOAD_REMOVE] =
    { WORKLOAD (remove), SHAPE (ID, NOTHING), .deadline = 120, .managing = TRUE },
  [THOLE_SLOT_WORKLOAD_UPDATE] = { WORKLOAD (update), SHAPE (ID_DICT, NOTHING), .deadline = 60 },
  [THOLE_SLOT_WORKLOAD_RECOVER] =
    { WORKLOAD (recover), SHAPE (ID, DICT), .deadline = 30, .managing = TRUE },
  [THOLE_SLOT_WORKLOAD_LOGS] = { WORKLOAD (logs), SHAPE (ID, STREAM), .deadline = 30 },
  [THOLE_SLOT_WORKLOAD_STATS] = { WORKLOAD (stats), SHAPE (ID, DICT), .deadline = 30 },
  [THOLE_SLOT_EXEC_RUN] = { EXEC (run), SHAPE (ID_DICT, DICT), .deadline = 30 },
  [THOLE_SLOT_EXEC_OPEN] = { EXEC (open), SHAPE (ID_DICT, STREAM_AND_ID), .deadline = 30 },
  [THOLE_SLOT_EXEC_ATTACH] = { EXEC (attach), SHAPE (ID, STREAM), .deadline = 30 },
  [THOLE_SLOT_EXEC_RESIZE] = { EXEC (resize), SHAPE (ID_TEXT_SIZE, NOTHING), .deadline = 15 },
  [THOLE_SLOT_EXEC_SIGNAL] = { EXEC (signal), SHAPE (ID_TEXT_SIGNAL, NOTHING), .deadline = 30 },
  [THOLE_SLOT_AGENT_INSTALL] = { AGENT (install), SHAPE (ID, DICT), .deadline = 60 },
  [THOLE_SLOT_AGENT_CONNECT] = { AGENT (connect), SHAPE (ID, STREAM), .deadline = 30 },
  [THOLE_SLOT_FILES_GET] = { FILES (get), SHAPE (ID_TEXT, STREAM), .deadline = 60 },
  [THOLE_SLOT_FILES_PUT] = { FILES (put), SHAPE (ID_TEXT_TAR, NOTHING), .deadline = 3600 },
  [THOLE_SLOT_IMAGE_LIST] = { IMAGE (list), SHAPE (OPTIONS, DICTS), .deadline = 60 },
  [THOLE_SLOT_IMAGE_PULL] =
    { IMAGE (pull), SHAPE (TEXT, DICT), .deadline = 3600, .foreign = TRUE },
  [THOLE_SLOT_IMAGE_REMOVE] = { IMAGE (remove), SHAPE (TEXT, NOTHING), .deadline = 120 },
  [THOLE_SLOT_VOLUME_LIST] = { VOLUME (list), SHAPE (OPTIONS, DICTS), .deadline = 60 },
  [THOLE_SLOT_VOLUME_CREATE] = { VOLUME (create), SHAPE (ID_DICT, DICT), .deadline = 120 },
  [THOLE_SLOT_VOLUME_SNAPSHOT] = { VOLUME (snapshot), SHAPE (ID_TEXT, DICT), .deadline = 600 },
  [THOLE_SLOT_VOLUME_REMOVE] = { VOLUME (remove), SHAPE (ID, NOTHING), .deadline = 120 },
};

/* `first` is the size that the table had in release 1.0; it never changes again. */
#define TABLE(name_, part_, Type, last)                                   \
  { .name = name_, .offset = G_STRUCT_OFFSET (TholeTables, part_),        \
    .size = sizeof (Type), .first = G_STRUCT_OFFSET (Type, last) + sizeof (gpointer) }

static const struct
{
  const char *name;
  gsize offset, size, first;
} tables[THOLE_N_TABLES] = {
  [THOLE_TABLE_WORKLOAD] = TABLE ("workload/1", workload, TholeWorkloadOps, stats_finish),
  [THOLE_TABLE_EXEC] = TABLE ("exec/1", exec, TholeExecOps, resize_finish),
  [THOLE_TABLE_AGENT] = TABLE ("agent/1", agent, TholeAgentOps, connect_finish),
  [THOLE_TABLE_FILES] = TABLE ("files/1", files, TholeFilesOps, put_finish),
  [THOLE_TABLE_IMAGE] = TABLE ("image/1", image, TholeImageOps, remove_finish),
  [THOLE_TABLE_VOLUME] = TABLE ("volume/1", volume, TholeVolumeOps, remove_finish),
};

#define FIRST_DRIVER_SIZE (G_STRUCT_OFFSET (TholeDriverOps, close_finish) + sizeof (gpointer))
#define FIRST_PLUGIN_SIZE (G_STRUCT_OFFSET (TholePlugin, interfaces) + sizeof (gpointer))

const TholeSlotInfo *
thole_slot_info (TholeSlot slot)
{
  g_return_val_if_fail (slot < THOLE_N_SLOTS, NULL);
  return &slots[slot];
}

const char *
thole_slot_name (TholeSlot slot)
{
  return slot < THOLE_N_SLOTS ? slots[slot].name : "?";
}

const char *
thole_table_name (TholeTableId table)
{
  return table < THOLE_N_TABLES ? tables[table].name : "?";
}

int
thole_table_find (const char *name)
{
  for (guint i = 0; i < THOLE_N_TABLES; i++)
    if (strcmp (tables[i].name, name) == 0)
      return (int) i;
  return -1;
}

GCallback
thole_tables_slot (const TholeTables *self, gsize offset)
{
  return *(const GCallback *) ((const guint8 *) self + offset);
}

gboolean
thole_tables_has (const TholeTables *self, TholeSlot slot)
{
  return slot < THOLE_N_SLOTS && thole_tables_slot (self, slots[slot].start) != NULL;
}

static gboolean
check_size (const char *what, gsize theirs, gsize first, GError **error)
{
  if (theirs < first)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SIZE,
                   "its table %s is %" G_GSIZE_FORMAT " bytes long, the first release had %" G_GSIZE_FORMAT,
                   what, theirs, first);
      return FALSE;
    }
  if (theirs % sizeof (gpointer) != 0)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SIZE,
                   "the size %" G_GSIZE_FORMAT " of its table %s is no multiple of %" G_GSIZE_FORMAT,
                   theirs, what, sizeof (gpointer));
      return FALSE;
    }
  return TRUE;
}

/* Every table begins with its size. */
static gboolean
copy_table (const char *what, gpointer ours, gsize size, gconstpointer theirs, gsize first, GError **error)
{
  gsize their_size = *(const gsize *) theirs;

  if (!check_size (what, their_size, first, error))
    return FALSE;
  memcpy (ours, theirs, MIN (their_size, size));
  return TRUE;
}

static gboolean
check_pairs (const TholeTables *self, TholeTableId table, GError **error)
{
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    {
      gboolean start = thole_tables_slot (self, slots[i].start) != NULL;
      gboolean finish = thole_tables_slot (self, slots[i].finish) != NULL;

      if (slots[i].table == table && start != finish)
        {
          g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SLOT, "its slot %s has no %s", slots[i].name,
                       start ? "_finish" : "_async");
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_mandatory (const TholeTables *self, GError **error)
{
  const char *has = NULL, *lacks = NULL;

  if ((self->tables & (1u << THOLE_TABLE_WORKLOAD)) == 0)
    return TRUE;
  if (!thole_tables_has (self, THOLE_SLOT_WORKLOAD_LIST))
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SLOT, "its mandatory slot workload.list is empty");
      return FALSE;
    }
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    if (slots[i].managing)
      *(thole_tables_has (self, i) ? &has : &lacks) = slots[i].name;
  if (has != NULL && lacks != NULL)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SLOT,
                   "it has the slot %s but not %s, which is mandatory beside it", has, lacks);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_driver_ops (const TholeDriverOps *ops, GError **error)
{
  if (ops->open != NULL && ops->probe_async != NULL && ops->probe_finish != NULL
      && ops->close_async != NULL && ops->close_finish != NULL)
    return TRUE;
  g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SLOT,
               "its driver table has an empty slot; open, probe and close are mandatory");
  return FALSE;
}

static gboolean
read_interface (TholeTables *self, const TholeInterface *interface, GError **error)
{
  int table = thole_table_find (interface->name);

  /* one of a newer daemon */
  if (table < 0)
    return TRUE;
  if (interface->ops == NULL || (self->tables & (1u << table)) != 0)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_INTERFACE, "it lists the interface %s %s",
                   interface->name, interface->ops == NULL ? "without a table" : "twice");
      return FALSE;
    }
  self->tables |= 1u << table;
  return copy_table (interface->name, (guint8 *) self + tables[table].offset, tables[table].size,
                     interface->ops, tables[table].first, error)
         && check_pairs (self, table, error);
}

static gboolean
read_interfaces (TholeTables *self, const TholeInterface *interfaces, GError **error)
{
  for (guint i = 0; interfaces != NULL && interfaces[i].name != NULL; i++)
    {
      if (i == MAX_INTERFACES)
        {
          g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_INTERFACE,
                       "its list of interfaces does not end after %d", MAX_INTERFACES);
          return FALSE;
        }
      if (!read_interface (self, &interfaces[i], error))
        return FALSE;
    }
  if (self->tables == 0)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_INTERFACE,
                   "it has no interface that this daemon knows");
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_descriptor (const TholePlugin *plugin, GError **error)
{
  /* the place of this member is the same in every ABI */
  if (plugin->abi != THOLE_DRIVER_ABI)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_ABI,
                   "it is made for driver ABI %u, this daemon has %d", plugin->abi, THOLE_DRIVER_ABI);
      return FALSE;
    }
  if (!check_size ("descriptor", plugin->struct_size, FIRST_PLUGIN_SIZE, error))
    return FALSE;
  if (plugin->id == NULL || plugin->version == NULL || plugin->driver == NULL)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SYMBOL,
                   "its descriptor has no %s", plugin->id == NULL ? "id"
                                               : plugin->version == NULL ? "version" : "driver table");
      return FALSE;
    }
  return TRUE;
}

TholeTables *
thole_tables_new (const TholePlugin *plugin, GError **error)
{
  g_autoptr(TholeTables) self = g_rc_box_new0 (TholeTables);

  if (!check_descriptor (plugin, error)
      || !copy_table ("driver", &self->driver, sizeof self->driver, plugin->driver, FIRST_DRIVER_SIZE, error)
      || !check_driver_ops (&self->driver, error)
      || !read_interfaces (self, plugin->interfaces, error)
      || !check_mandatory (self, error))
    return NULL;
  self->id = g_utf8_make_valid (plugin->id, -1);
  self->version = g_utf8_make_valid (plugin->version, -1);
  return g_steal_pointer (&self);
}

TholeTables *
thole_tables_ref (TholeTables *self)
{
  return g_rc_box_acquire (self);
}

static void
clear_tables (gpointer data)
{
  TholeTables *self = data;

  g_free (self->id);
  g_free (self->version);
}

void
thole_tables_unref (TholeTables *self)
{
  g_rc_box_release_full (self, clear_tables);
}

void
thole_tables_render_interfaces (const TholeTables *self, GString *out)
{
  const char *comma = "";

  for (guint i = 0; i < THOLE_N_TABLES; i++)
    if ((self->tables & (1u << i)) != 0)
      {
        g_string_append (out, comma);
        thole_json_append_string (out, tables[i].name);
        comma = ",";
      }
}

void
thole_tables_render_capabilities (const TholeTables *self, GString *out)
{
  const char *comma = "";

  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    if (thole_tables_has (self, i))
      {
        g_string_append (out, comma);
        thole_json_append_string (out, slots[i].name);
        comma = ",";
      }
}
