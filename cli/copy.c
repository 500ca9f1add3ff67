/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy-work.h"

#include <string.h>

#include "thole-dict.h"

#define TICK 100 /* milliseconds */

void
cli_side_clear (CliSide *side)
{
  g_clear_pointer (&side->workload, g_free);
  g_clear_pointer (&side->path, g_free);
}

gboolean
cli_side_parse (CliSide *side, const char *text, GError **error)
{
  const char *colon = strchr (text, ':');
  const char *path = text;

  *side = (CliSide) { 0 };
  if (*text != '/' && *text != '.' && colon != NULL && colon != text)
    path = colon + 1;
  if (*path == '\0')
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” has no path: NAME:PATH is a path in a workload"), text);
      return FALSE;
    }
  side->content = strcmp (path, ".") == 0 || g_str_has_suffix (path, "/.");
  side->folder = side->content || g_str_has_suffix (path, "/") || g_str_has_suffix (path, "/..") || strcmp (path, "..") == 0;
  if (path == text)
    {
      side->path = g_strdup (path);
      return TRUE;
    }
  side->workload = g_strndup (text, (gsize) (colon - text));
  side->path = g_canonicalize_filename (path, "/");
  side->content |= strcmp (side->path, "/") == 0;
  return TRUE;
}

GString *
cli_copy_url (const CliSide *side, const char *verb, const char *path)
{
  g_autofree char *base = cli_path ("/v1/workloads/%s/files", side->workload);
  GString *url = g_string_new (base);

  g_string_append (url, verb);
  cli_query (url, "path", path != NULL ? path : side->path);
  return url;
}

gboolean
cli_copy_is_folder (CliReply *reply)
{
  return reply != NULL && reply->status == 409 && reply->body != NULL && g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT)
         && strcmp (thole_dict_string (reply->body, "code", ""), "conflict") == 0;
}

static gboolean
on_tick (gpointer user_data)
{
  CliCopy *self = user_data;
  guint64 done = self->source != NULL ? cli_source_taken (self->source) : self->done;
  g_autoptr(GVariant) shown = NULL;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "message", "s", self->label);
  g_variant_dict_insert (&dict, "progress_done", "x", (gint64) done);
  g_variant_dict_insert (&dict, "progress_total", "x", MAX (self->total, 0));
  g_variant_dict_insert (&dict, "progress_unit", "s", "bytes");
  shown = g_variant_ref_sink (g_variant_dict_end (&dict));
  cli_progress_show (self->progress, shown);
  return G_SOURCE_CONTINUE;
}

static void
on_interrupted (guint count, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

void
cli_copy_begin (CliCopy *self, Cli *cli, const CliSide *from, const CliSide *to)
{
  *self = (CliCopy) { .cli = cli, .from = from, .to = to, .cancellable = g_cancellable_new (), .total = -1 };
  cli_interrupt_begin (&self->interrupt, on_interrupted, self->cancellable);
  if (to->workload == NULL && strcmp (to->path, "-") == 0)
    return;
  self->label = g_path_get_basename (from->path);
  self->progress = cli_progress_new (TRUE);
  self->tick = g_timeout_source_new (TICK);
  g_source_set_callback (self->tick, on_tick, self, NULL);
  g_source_attach (self->tick, NULL);
}

int
cli_copy_end (CliCopy *self, int code, GError **error)
{
  gboolean cancelled = g_cancellable_is_cancelled (self->cancellable);

  if (self->tick != NULL)
    g_source_destroy (self->tick);
  g_clear_pointer (&self->tick, g_source_unref);
  g_clear_pointer (&self->progress, cli_progress_free);
  cli_interrupt_end (&self->interrupt);
  g_clear_object (&self->source);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->label, g_free);
  if (!cancelled || code == CLI_DONE)
    return code;
  g_clear_error (error);
  return 130;
}
