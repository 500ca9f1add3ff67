/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "convert.h"

#include <string.h>

#include "log.h"
#include "thole-dict.h"
#include "workload.h"

#define MIB (1024.0 * 1024.0)

static void
add (GVariantBuilder *dict, const char *key, GVariant *value)
{
  g_variant_builder_add_value (dict, g_variant_new_dict_entry (g_variant_new_string (key), g_variant_new_variant (value)));
}

static void
add_text (GVariantBuilder *dict, const char *key, const char *value)
{
  add (dict, key, g_variant_new_string (value));
}

static void
add_number (GVariantBuilder *dict, const char *key, gint64 value)
{
  add (dict, key, g_variant_new_int64 (value));
}

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
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      add_number (&dict, "container", port->container);
      add_number (&dict, "host", port->published);
      add_text (&dict, "protocol", mem_transports[port->transport]);
      add_text (&dict, "address", port->address != NULL ? port->address : "");
      g_variant_builder_add_value (&ports, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&ports);
}

static void
add_address (GVariantBuilder *dict, MemWorkload *workload)
{
  char address[20];
  const char *list[] = { address, NULL };
  guint number = (guint) (workload->serial % (1u << 22)) + 2;

  g_snprintf (address, sizeof address, "10.%u.%u.%u", 64 + (number >> 16), number >> 8 & 0xff, number & 0xff);
  add (dict, "addresses", g_variant_new_strv (list, 1));
}

static void
add_end (GVariantBuilder *dict, MemWorkload *workload)
{
  add_number (dict, "exit_code", workload->exit_code);
  add_text (dict, "exit_signal", workload->exit_signal != 0 ? thole_signal_name (workload->exit_signal) : "");
  add (dict, "oom", g_variant_new_boolean (workload->oom));
  add_number (dict, "finished_at", workload->finished_at);
  if (*workload->reason != '\0')
    add_text (dict, "reason", workload->reason);
}

GVariant *
mem_convert_workload (MemWorkload *workload)
{
  static const char *const states[] = { "created", "running", "paused", "exited" };
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_text (&dict, "id", workload->id);
  add_text (&dict, "instance", workload->instance);
  if (workload->install)
    add_text (&dict, "role", "install");
  add (&dict, "engine_id", g_variant_new_take_string (mem_engine_id (workload)));
  add_text (&dict, "state", states[workload->state]);
  if (workload->image != NULL)
    add_text (&dict, "image", workload->image);
  if (workload->started_at != 0)
    add_number (&dict, "started_at", workload->started_at);
  if (workload->state == MEM_EXITED)
    add_end (&dict, workload);
  if (workload->health != NULL)
    add_text (&dict, "health", mem_workload_health (workload));
  if (mem_workload_is_alive (workload) && !workload->no_network)
    add_address (&dict, workload);
  if (mem_workload_is_alive (workload) && workload->ports != NULL)
    add (&dict, "ports", published_ports (workload));
  return g_variant_builder_end (&dict);
}

GVariant *
mem_convert_gone (const char *id, const char *instance)
{
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_text (&dict, "id", id);
  add_text (&dict, "instance", instance);
  add_text (&dict, "engine_id", "");
  add_text (&dict, "state", "gone");
  return g_variant_builder_end (&dict);
}

GVariant *
mem_convert_image (MemImage *image)
{
  const char *references[] = { image->reference, NULL };
  g_autofree char *id = g_strconcat ("sha256:", image->id, NULL);
  g_autofree char *digest = g_strdup_printf ("%.*s@%s", (int) strcspn (image->reference, "@"), image->reference, id);
  const char *digests[] = { digest, NULL };
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_text (&dict, "id", id);
  add (&dict, "references", g_variant_new_strv (references, 1));
  add_number (&dict, "size", image->size);
  add_number (&dict, "created_at", image->created_at);
  add_text (&dict, "architecture", "amd64");
  add (&dict, "digests", g_variant_new_strv (digests, 1));
  return g_variant_builder_end (&dict);
}

GVariant *
mem_convert_volume (MemVolume *volume, gboolean adopted)
{
  g_autofree char *mountpoint = g_strconcat ("/memory/volumes/", volume->id, NULL);
  g_autofree char *engine_id = g_strconcat ("memory-", volume->id, NULL);
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_text (&dict, "id", volume->id);
  add_text (&dict, "engine_id", engine_id);
  add_text (&dict, "name", volume->name != NULL ? volume->name : "");
  if (volume->labels != NULL)
    add (&dict, "labels", volume->labels);
  add_number (&dict, "created_at", volume->created_at);
  add_number (&dict, "size", volume->size);
  add_text (&dict, "mountpoint", mountpoint);
  add (&dict, "adopted", g_variant_new_boolean (adopted));
  return g_variant_builder_end (&dict);
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
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  if (workload->memory_limit > 0)
    memory = MIN (memory, (double) workload->memory_limit);
  add_number (&dict, "time", now);
  add (&dict, "cpu_seconds", g_variant_new_double (age * (1 + seed % 50) / 1000.0));
  add (&dict, "cpu", g_variant_new_double (cores));
  add_number (&dict, "memory", (gint64) memory);
  add_number (&dict, "memory_limit", workload->memory_limit);
  add_number (&dict, "pids", 1);
  add_number (&dict, "net_rx", (gint64) (age * (100 + seed % 1000)));
  add_number (&dict, "net_tx", (gint64) (age * (50 + seed % 500)));
  add_number (&dict, "disk_read", (gint64) (seed % 100000));
  add_number (&dict, "disk_write", (gint64) written);
  return g_variant_builder_end (&dict);
}
