/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "world.h"

#include <string.h>

#include "journal.h"
#include "tree.h"
#include "workload.h"

#define FAIR_SHARE 256

/* The one exception to "no global state": engines that outlive a driver within a process (README.md, `engine`). */
static GHashTable *named_worlds;

static void
image_free (MemImage *image)
{
  g_free (image->reference);
  g_free (image->id);
  g_free (image);
}

static void
volume_free (MemVolume *volume)
{
  g_free (volume->id);
  g_free (volume->name);
  g_ref_string_release (volume->instance);
  g_clear_pointer (&volume->labels, g_variant_unref);
  mem_tree_free (volume->tree);
  g_free (volume);
}

static void
come_up_when_due (MemDue *due, MemWorld *world, gint64 at)
{
  mem_world_come_up (world);
}

static MemWorld *
mem_world_new (const char *name, gsize log_bytes)
{
  MemWorld *self = g_new0 (MemWorld, 1);

  self->name = g_strdup (name);
  self->log_bytes = log_bytes;
  self->workloads = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) mem_workload_free);
  self->images = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) image_free);
  self->volumes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) volume_free);
  self->ports = g_hash_table_new (NULL, NULL);
  self->crashes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->calls = g_hash_table_new (g_str_hash, g_str_equal);
  self->schedule = g_sequence_new (NULL);
  self->watchers = g_ptr_array_new ();
  self->up.fire = come_up_when_due;
  return self;
}

static void
mem_world_free (MemWorld *self)
{
  g_hash_table_unref (self->workloads);
  g_hash_table_unref (self->images);
  g_hash_table_unref (self->volumes);
  g_hash_table_unref (self->ports);
  g_hash_table_unref (self->crashes);
  g_hash_table_unref (self->calls);
  g_sequence_free (self->schedule);
  g_ptr_array_unref (self->watchers);
  g_clear_pointer (&self->journal, mem_journal_close);
  g_free (self->name);
  g_free (self);
}

MemWorld *
mem_world_acquire (const char *name, gsize log_bytes)
{
  MemWorld *self = NULL;

  if (name != NULL && named_worlds == NULL)
    named_worlds = g_hash_table_new (g_str_hash, g_str_equal);
  if (name != NULL)
    self = g_hash_table_lookup (named_worlds, name);
  if (self == NULL)
    {
      self = mem_world_new (name, log_bytes);
      if (name != NULL)
        g_hash_table_insert (named_worlds, self->name, self);
    }
  self->references++;
  return self;
}

void
mem_world_release (MemWorld *self)
{
  if (--self->references > 0)
    return;
  if (self->name == NULL || g_hash_table_lookup (named_worlds, self->name) != self)
    mem_world_free (self);
}

void
mem_world_forget (MemWorld *self)
{
  if (self->name != NULL && g_hash_table_lookup (named_worlds, self->name) == self)
    g_hash_table_remove (named_worlds, self->name);
}

gint64
mem_world_next (MemWorld *self)
{
  GSequenceIter *first = g_sequence_get_begin_iter (self->schedule);

  return g_sequence_iter_is_end (first) ? G_MAXINT64 : ((MemDue *) g_sequence_get (first))->at;
}

/* one watcher's clock moves the world: the first's */
static void
arm (MemWorld *self)
{
  MemWatcher *watcher;

  if (self->watchers->len == 0)
    return;
  watcher = self->watchers->pdata[0];
  watcher->arm (watcher, mem_world_next (self));
}

void
mem_world_watch (MemWorld *self, MemWatcher *watcher)
{
  g_ptr_array_add (self->watchers, watcher);
  arm (self);
}

void
mem_world_unwatch (MemWorld *self, MemWatcher *watcher)
{
  watcher->arm (watcher, G_MAXINT64);
  g_ptr_array_remove (self->watchers, watcher);
  arm (self);
}

void
mem_world_keep_only (MemWorld *self, MemWatcher *watcher)
{
  g_ptr_array_set_size (self->watchers, 0);
  mem_world_watch (self, watcher);
}

static int
compare_dues (gconstpointer a, gconstpointer b, gpointer data)
{
  const MemDue *first = a;
  const MemDue *second = b;

  return first->at < second->at ? -1 : first->at > second->at;
}

void
mem_world_schedule (MemWorld *self, MemDue *due, gint64 at)
{
  gint64 before;

  if ((due->place == NULL && at == G_MAXINT64) || (due->place != NULL && due->at == at))
    return;
  before = mem_world_next (self);
  g_clear_pointer (&due->place, g_sequence_remove);
  due->at = at;
  if (at != G_MAXINT64)
    due->place = g_sequence_insert_sorted (self->schedule, due, compare_dues, NULL);
  if (mem_world_next (self) != before)
    arm (self);
}

gboolean
mem_world_advance (MemWorld *self, gint64 now)
{
  self->now = now;
  for (guint share = 0; share < FAIR_SHARE; share++)
    {
      GSequenceIter *first = g_sequence_get_begin_iter (self->schedule);
      MemDue *due;

      if (g_sequence_iter_is_end (first))
        return FALSE;
      due = g_sequence_get (first);
      if (due->at > now)
        return FALSE;
      g_clear_pointer (&due->place, g_sequence_remove);
      due->fire (due, self, due->at);
    }
  return mem_world_next (self) <= now;
}

void
mem_world_emit (MemWorld *self, const char *instance, GVariant *event)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (event);

  if (self->loading || self->down || self->deaf)
    return;
  for (guint i = 0; i < self->watchers->len; i++)
    {
      MemWatcher *watcher = self->watchers->pdata[i];

      if (instance == NULL || strcmp (watcher->instance, instance) == 0)
        watcher->event (watcher, owned);
    }
}

void
mem_world_go_down (MemWorld *self, gint64 now, gint64 lasting, gboolean kill, const char *reason)
{
  MemProgramEnd end = { .ended = TRUE, .exit_code = 137, .signal = 9 };

  self->down = TRUE;
  for (GList *link = self->order.head; kill && link != NULL; link = link->next)
    if (mem_workload_is_alive (link->data))
      mem_workload_end (link->data, &end, "engine_restarted", now);
  mem_world_schedule (self, &self->up, lasting == G_MAXINT64 ? G_MAXINT64 : now + lasting);
  for (guint i = 0; i < self->watchers->len; i++)
    {
      MemWatcher *watcher = self->watchers->pdata[i];

      watcher->down (watcher, reason);
    }
}

void
mem_world_come_up (MemWorld *self)
{
  mem_world_schedule (self, &self->up, G_MAXINT64);
  self->down = FALSE;
}

MemWorkload *
mem_world_workload (MemWorld *self, const char *id)
{
  return g_hash_table_lookup (self->workloads, id);
}

char *
mem_reference_full (const char *reference)
{
  const char *slash = strrchr (reference, '/');
  const char *last = slash != NULL ? slash + 1 : reference;

  if (*reference == '\0' || strchr (last, ':') != NULL || strchr (last, '@') != NULL)
    return g_strdup (reference);
  return g_strconcat (reference, ":latest", NULL);
}

MemImage *
mem_world_image (MemWorld *self, const char *reference)
{
  g_autofree char *full = mem_reference_full (reference);

  return g_hash_table_lookup (self->images, full);
}

MemImage *
mem_world_add_image (MemWorld *self, const char *reference, gint64 now)
{
  MemImage *image = mem_world_image (self, reference);

  if (image != NULL)
    return image;
  image = g_new0 (MemImage, 1);
  image->reference = mem_reference_full (reference);
  image->id = g_compute_checksum_for_string (G_CHECKSUM_SHA256, image->reference, -1);
  image->size = 1000000 + (gint64) (g_str_hash (image->reference) % 4000000);
  image->created_at = now;
  g_hash_table_insert (self->images, image->reference, image);
  mem_journal_image (self, image);
  return image;
}

MemVolume *
mem_world_volume (MemWorld *self, const char *id)
{
  return g_hash_table_lookup (self->volumes, id);
}

MemVolume *
mem_world_add_volume (MemWorld *self, const char *id, const char *instance, gint64 now)
{
  MemVolume *volume = g_new0 (MemVolume, 1);

  volume->id = g_strdup (id);
  volume->instance = g_ref_string_new_intern (instance);
  volume->created_at = now;
  volume->tree = mem_tree_new ();
  g_hash_table_insert (self->volumes, volume->id, volume);
  return volume;
}

void
mem_world_remove_volume (MemWorld *self, MemVolume *volume)
{
  mem_journal_gone (self, "volume", volume->id);
  g_hash_table_remove (self->volumes, volume->id);
}
