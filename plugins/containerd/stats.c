/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "stats.h"

#include <string.h>

#include "proto/metrics.pb-c.h"
#include "thing.h"

/* the kernel's words for "no limit" */
#define NO_LIMIT ((guint64) 1 << 60)

static void
put (GVariantDict *out, const char *key, guint64 value)
{
  g_variant_dict_insert (out, key, "x", (gint64) MIN (value, (guint64) G_MAXINT64));
}

/* pages that can be dropped at once are not use */
static void
put_memory (GVariantDict *out, guint64 usage, guint64 cache, guint64 limit)
{
  put (out, "memory", usage > cache ? usage - cache : 0);
  put (out, "memory_limit", limit < NO_LIMIT ? limit : 0);
}

static void
put_one (GVariantDict *out, const Ctr__MetricsOne *metrics)
{
  guint64 received = 0, sent = 0, read = 0, written = 0;

  if (metrics->cpu != NULL && metrics->cpu->usage != NULL)
    g_variant_dict_insert (out, "cpu_seconds", "d", (double) metrics->cpu->usage->total / 1e9);
  if (metrics->memory != NULL && metrics->memory->usage != NULL)
    put_memory (out, metrics->memory->usage->usage, metrics->memory->total_inactive_file, metrics->memory->usage->limit);
  for (gsize i = 0; i < metrics->n_network; i++)
    {
      received += metrics->network[i]->rx_bytes;
      sent += metrics->network[i]->tx_bytes;
    }
  for (gsize i = 0; metrics->blocks != NULL && i < metrics->blocks->n_bytes; i++)
    {
      const Ctr__BlockOne *block = metrics->blocks->bytes[i];

      if (g_ascii_strcasecmp (block->op, "read") == 0)
        read += block->value;
      else if (g_ascii_strcasecmp (block->op, "write") == 0)
        written += block->value;
    }
  put (out, "pids", metrics->pids != NULL ? metrics->pids->current : 0);
  put (out, "net_rx", received);
  put (out, "net_tx", sent);
  put (out, "disk_read", read);
  put (out, "disk_write", written);
}

static void
put_two (GVariantDict *out, const Ctr__MetricsTwo *metrics)
{
  guint64 read = 0, written = 0;

  if (metrics->cpu != NULL)
    g_variant_dict_insert (out, "cpu_seconds", "d", (double) metrics->cpu->usage_usec / 1e6);
  if (metrics->memory != NULL)
    put_memory (out, metrics->memory->usage, metrics->memory->inactive_file, metrics->memory->usage_limit);
  for (gsize i = 0; metrics->blocks != NULL && i < metrics->blocks->n_usage; i++)
    {
      read += metrics->blocks->usage[i]->rbytes;
      written += metrics->blocks->usage[i]->wbytes;
    }
  put (out, "pids", metrics->pids != NULL ? metrics->pids->current : 0);
  put (out, "disk_read", read);
  put (out, "disk_write", written);
}

GVariant *
ctr_stats_sample (const Ctr__Metric *metric)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  const Ctr__Any *data = metric->data;
  gboolean two = data != NULL && strstr (data->type_url, "cgroups.v2") != NULL;
  ProtobufCMessage *message = NULL;

  if (data != NULL)
    message = protobuf_c_message_unpack (two ? &ctr__metrics_two__descriptor : &ctr__metrics_one__descriptor, NULL, data->value.len,
                                         data->value.data);
  if (message == NULL)
    return NULL;
  g_variant_dict_insert (&out, "time", "x", ctr_time_of (metric->timestamp));
  if (two)
    put_two (&out, (Ctr__MetricsTwo *) message);
  else
    put_one (&out, (Ctr__MetricsOne *) message);
  ctr_message_free (message);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}
