/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "pull-progress.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define LAYERS_MAX 1024

typedef struct
{
  gint64 done, total;
} Layer;

void
docker_pull_progress_init (DockerPullProgress *self)
{
  self->layers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->message = g_strdup ("");
}

void
docker_pull_progress_clear (DockerPullProgress *self)
{
  g_clear_pointer (&self->layers, g_hash_table_unref);
  g_clear_pointer (&self->message, g_free);
  g_clear_pointer (&self->failure, g_free);
}

static void
note_layer (DockerPullProgress *self, const char *id, const char *status, GVariant *detail)
{
  Layer *layer = g_hash_table_lookup (self->layers, id);
  Layer before;

  if (layer == NULL && g_hash_table_size (self->layers) >= LAYERS_MAX)
    return;
  if (layer == NULL)
    g_hash_table_insert (self->layers, g_strdup (id), layer = g_new0 (Layer, 1));
  before = *layer;
  if (strcmp (status, "Downloading") == 0 && detail != NULL)
    {
      layer->total = MAX (thole_dict_int (detail, "total", 0), 0);
      layer->done = CLAMP (thole_dict_int (detail, "current", 0), 0, MAX (layer->total, 0));
    }
  else if (strcmp (status, "Download complete") == 0 || strcmp (status, "Pull complete") == 0)
    layer->done = layer->total;
  else if (strcmp (status, "Extracting") == 0)
    {
      /* a layer that was too small to be seen downloading */
      if (layer->total == 0 && detail != NULL)
        layer->total = MAX (thole_dict_int (detail, "total", 0), 0);
      layer->done = layer->total;
    }
  self->done += layer->done - before.done;
  self->total += layer->total - before.total;
}

void
docker_pull_progress_line (DockerPullProgress *self, const char *line, gsize length)
{
  g_autoptr(GVariant) json = thole_json_parse (line, length, NULL);
  g_autoptr(GVariant) detail = thole_dict_value (json, "progressDetail", "a{sv}");
  const char *status = json != NULL ? thole_dict_string (json, "status", "") : "";
  const char *id = json != NULL ? thole_dict_string (json, "id", "") : "";
  const char *error = json != NULL ? thole_dict_string (json, "error", NULL) : NULL;

  if (error != NULL)
    {
      g_free (self->failure);
      self->failure = g_strdup (error);
      return;
    }
  if (id[0] != '\0' && !g_str_has_prefix (status, "Pulling from"))
    note_layer (self, id, status, detail);
  if (status[0] != '\0')
    {
      g_free (self->message);
      self->message = g_strdup (status);
    }
}
