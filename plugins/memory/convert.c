/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "convert.h"

#include <string.h>

#include "log.h"
#include "pack.h"
#include "thole-dict.h"
#include "workload.h"

#define MIB (1024.0 * 1024.0)

char *
mem_engine_id (MemWorkload *workload)
{
  /* looks like the ids of other engines, and no two are alike: the factor is odd */
  return g_strdup_printf ("%016" G_GINT64_MODIFIER "x",
                          workload->serial * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
}

static GVariant *
published_ports (MemWorkload *workload)
{
  GVariantBuilder ports;

  g_variant_builder_init (&ports, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < workload->ports->len; i++)
    {
      const MemPort *port = &g_array_index (workload->ports, MemPort, i);
      MemPack dict;

      mem_pack_begin (&dict);
      mem_pack_number (&dict, "container", port->container);
      mem_pack_number (&dict, "host", port->published);
      mem_pack_text (&dict, "protocol", mem_transports[port->transport]);
      mem_pack_text (&dict, "address", port->address != NULL ? port->address : "");
      g_variant_builder_add_value (&ports, mem_pack_end (&dict));
    }
  return g_variant_builder_end (&ports);
}

static void
add_address (MemPack *dict, MemWorkload *workload)
{
  char address[20];
  const char *list[] = { address, NULL };
  guint number = (guint) (workload->serial % (1u << 22)) + 2;

  if (workload->host_network)
    g_strlcpy (address, "127.0.0.1", sizeof address);
  else
    g_snprintf (address, sizeof address, "10.%u.%u.%u", 64 + (number >> 16), number >> 8 & 0xff, number & 0xff);
  mem_pack_value (dict, "addresses", g_variant_new_strv (list, 1));
}

static void
add_end (MemPack *dict, MemWorkload *workload)
{
  mem_pack_number (dict, "exit_code", workload->exit_code);
  mem_pack_text (dict, "exit_signal", workload->exit_signal != 0 ? thole_signal_name (workload->exit_signal) : "");
  mem_pack_boolean (dict, "oom", workload->oom);
  mem_pack_number (dict, "finished_at", workload->finished_at);
  if (*workload->reason != '\0')
    mem_pack_text (dict, "reason", workload->reason);
}

GVariant *
mem_convert_workload (MemWorkload *workload)
{
  static const char *const states[] = { "created", "running", "paused", "exited" };
  g_autofree char *engine_id = mem_engine_id (workload);
  MemPack dict;

  mem_pack_begin (&dict);
  mem_pack_text (&dict, "id", workload->id);
  mem_pack_text (&dict, "instance", workload->instance);
  if (workload->install)
    mem_pack_text (&dict, "role", "install");
  mem_pack_text (&dict, "engine_id", engine_id);
  mem_pack_text (&dict, "state", states[workload->state]);
  if (workload->image != NULL)
    mem_pack_text (&dict, "image", workload->image);
  if (workload->started_at != 0)
    mem_pack_number (&dict, "started_at", workload->started_at);
  if (workload->state == MEM_EXITED)
    add_end (&dict, workload);
  if (workload->health != NULL)
    mem_pack_text (&dict, "health", mem_workload_health (workload));
  if (mem_workload_is_alive (workload) && !workload->no_network)
    add_address (&dict, workload);
  if (mem_workload_is_alive (workload) && workload->ports != NULL)
    mem_pack_value (&dict, "ports", published_ports (workload));
  return mem_pack_end (&dict);
}

GVariant *
mem_convert_gone (const char *id, const char *instance)
{
  MemPack dict;

  mem_pack_begin (&dict);
  mem_pack_text (&dict, "id", id);
  mem_pack_text (&dict, "instance", instance);
  mem_pack_text (&dict, "engine_id", "");
  mem_pack_text (&dict, "state", "gone");
  return mem_pack_end (&dict);
}

GVariant *
mem_convert_image (MemImage *image)
{
  const char *references[] = { image->reference, NULL };
  g_autofree char *id = g_strconcat ("sha256:", image->id, NULL);
  g_autofree char *digest = g_strdup_printf ("%.*s@%s", (int) strcspn (image->reference, "@"), image->reference, id);
  const char *digests[] = { digest, NULL };
  MemPack dict;

  mem_pack_begin (&dict);
  mem_pack_text (&dict, "id", id);
  mem_pack_value (&dict, "references", g_variant_new_strv (references, 1));
  mem_pack_number (&dict, "size", image->size);
  mem_pack_number (&dict, "created_at", image->created_at);
  mem_pack_text (&dict, "architecture", "amd64");
  mem_pack_value (&dict, "digests", g_variant_new_strv (digests, 1));
  return mem_pack_end (&dict);
}

GVariant *
mem_convert_volume (MemVolume *volume, gboolean adopted)
{
  g_autofree char *mountpoint = g_strconcat ("/memory/volumes/", volume->id, NULL);
  g_autofree char *engine_id = g_strconcat ("memory-", volume->id, NULL);
  MemPack dict;

  mem_pack_begin (&dict);
  mem_pack_text (&dict, "id", volume->id);
  mem_pack_text (&dict, "engine_id", engine_id);
  mem_pack_text (&dict, "name", volume->name != NULL ? volume->name : "");
  if (volume->labels != NULL)
    mem_pack_value (&dict, "labels", volume->labels);
  mem_pack_number (&dict, "created_at", volume->created_at);
  mem_pack_number (&dict, "size", volume->size);
  mem_pack_text (&dict, "mountpoint", mountpoint);
  mem_pack_boolean (&dict, "adopted", adopted);
  return mem_pack_end (&dict);
}

/* plausible, and the same for the same workload at the same age */
GVariant *
mem_convert_stats (MemWorkload *workload, gint64 now)
{
  guint seed = g_str_hash (workload->id);
  gint64 until = workload->state == MEM_PAUSED ? workload->paused_at : now;
  double age = (double) MAX (until - workload->base, 0) / G_USEC_PER_SEC;
  double cores = workload->state == MEM_PAUSED ? 0 : (1 + seed % 50) / 1000.0;
  double memory = (4 + seed % 60) * MIB + MIN (age, 1000) * 1024;
  guint64 written = workload->log != NULL ? mem_log_end (workload->log) : 0;
  MemPack dict;

  mem_pack_begin (&dict);
  if (workload->memory_limit > 0)
    memory = MIN (memory, (double) workload->memory_limit);
  mem_pack_number (&dict, "time", now);
  mem_pack_value (&dict, "cpu_seconds", g_variant_new_double (age * (1 + seed % 50) / 1000.0));
  mem_pack_value (&dict, "cpu", g_variant_new_double (cores));
  mem_pack_number (&dict, "memory", (gint64) memory);
  mem_pack_number (&dict, "memory_limit", workload->memory_limit);
  mem_pack_number (&dict, "pids", 1);
  mem_pack_number (&dict, "net_rx", (gint64) (age * (100 + seed % 1000)));
  mem_pack_number (&dict, "net_tx", (gint64) (age * (50 + seed % 500)));
  mem_pack_number (&dict, "disk_read", (gint64) (seed % 100000));
  mem_pack_number (&dict, "disk_write", (gint64) written);
  return mem_pack_end (&dict);
}
