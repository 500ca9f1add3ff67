/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "workload.h"

#include <signal.h>
#include <string.h>

#include "health.h"
#include "journal.h"
#include "log.h"
#include "ports.h"
#include "spec.h"
#include "thole-dict.h"
#include "thole-error.h"
#include "tree.h"

static void
emit (MemWorkload *self, const char *action)
{
  GVariantBuilder event;

  g_variant_builder_init (&event, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&event, "{sv}", "kind", g_variant_new_string ("workload"));
  g_variant_builder_add (&event, "{sv}", "id", g_variant_new_string (self->id));
  g_variant_builder_add (&event, "{sv}", "action", g_variant_new_string (action));
  g_variant_builder_add (&event, "{sv}", "role", g_variant_new_string (self->install ? "install" : "main"));
  mem_world_emit (self->world, self->instance, g_variant_builder_end (&event));
}

gboolean
mem_workload_is_alive (MemWorkload *self)
{
  return self->state == MEM_RUNNING || self->state == MEM_PAUSED;
}

/* the place that its main program runs in */

static void
place_output (gpointer owner, guint8 stream, const char *data, gsize length, gint64 time)
{
  MemWorkload *self = owner;

  if (self->log == NULL)
    self->log = mem_log_new (self->world->log_bytes);
  mem_log_append (self->log, self->tty ? 1 : stream, time, data, length);
}

static const char *
place_variable (gpointer owner, const char *name)
{
  return mem_workload_variable (owner, name);
}

static GBytes *
place_read (gpointer owner, const char *path)
{
  return mem_workload_read (owner, path);
}

static gboolean
place_write (gpointer owner, const char *path, const char *text, gint64 time)
{
  g_autoptr (GBytes) content = g_bytes_new (text, strlen (text));

  return mem_workload_write (owner, path, content, 0644, time, NULL);
}

static void
place_health (gpointer owner, const char *state)
{
  mem_workload_set_health (owner, state);
}

static const MemProgramPlace place = {
  place_output, NULL, place_variable, place_read, place_write, place_health,
};

const char *
mem_workload_variable (MemWorkload *self, const char *name)
{
  const char *value = NULL;
  GBytes *secret;

  if (strcmp (name, "PWD") == 0)
    return self->working_dir != NULL ? self->working_dir : "/";
  if (strcmp (name, "USER") == 0)
    return self->user != NULL ? self->user : "root";
  if (self->env != NULL && g_variant_lookup (self->env, name, "&s", &value))
    return value;
  secret = self->secrets != NULL ? g_hash_table_lookup (self->secrets, name) : NULL;
  return secret != NULL ? g_bytes_get_data (secret, NULL) : NULL;
}

static void
plan (MemWorkload *self)
{
  gint64 at = G_MAXINT64;

  if (mem_workload_is_alive (self))
    at = self->kill_at;
  if (self->state == MEM_RUNNING && self->program != NULL)
    at = MIN (at, mem_program_wake (self->program));
  if (self->state == MEM_RUNNING && self->health != NULL)
    at = MIN (at, self->health->next);
  mem_world_schedule (self->world, &self->due, at);
}

void
mem_workload_go_on (MemWorkload *self, gint64 now)
{
  const MemProgramEnd *end = NULL;

  if (self->state == MEM_RUNNING && self->program != NULL)
    {
      mem_program_advance (self->program, now);
      end = mem_program_end (self->program);
    }
  if (end != NULL)
    mem_workload_end (self, end, "", end->time);
  else
    plan (self);
}

/* up to what has to happen next besides, so that all keeps its order */
static gint64
until (MemWorkload *self, gint64 now)
{
  gint64 next = MIN (now, self->kill_at);

  return self->health != NULL ? MIN (next, self->health->next) : next;
}

static void
fire (MemDue *due, MemWorld *world, gint64 at)
{
  MemWorkload *self = (MemWorkload *) ((char *) due - G_STRUCT_OFFSET (MemWorkload, due));

  if (self->kill_at <= at)
    {
      mem_workload_signal (self, SIGKILL, at);
      return;
    }
  if (self->state == MEM_RUNNING && self->health != NULL && self->health->next <= at)
    mem_health_check (self, at);
  mem_workload_go_on (self, MAX (until (self, world->now), at));
}

static void
tell_waiters (MemWorkload *self)
{
  while (self->waiters != NULL)
    {
      MemWaiter *waiter = self->waiters->data;

      self->waiters = g_slist_delete_link (self->waiters, self->waiters);
      waiter->ended (waiter->data, self);
    }
}

static MemWorkload *
mem_workload_new (MemWorld *world, const char *instance, const char *id, gint64 now)
{
  MemWorkload *self = g_new0 (MemWorkload, 1);

  self->world = world;
  self->id = g_strdup (id);
  self->instance = g_ref_string_new_intern (instance);
  self->created_at = now;
  self->kill_at = G_MAXINT64;
  self->reason = "";
  self->due.fire = fire;
  self->link.data = self;
  return self;
}

void
mem_workload_free (MemWorkload *self)
{
  tell_waiters (self);
  mem_world_schedule (self->world, &self->due, G_MAXINT64);
  mem_ports_release (self);
  mem_spec_clear (self);
  if (self->link.prev != NULL || self->link.next != NULL || self->world->order.head == &self->link)
    g_queue_unlink (&self->world->order, &self->link);
  g_clear_pointer (&self->program, mem_program_free);
  g_clear_pointer (&self->health, mem_health_free);
  g_clear_pointer (&self->log, mem_log_unref);
  g_clear_pointer (&self->tree, mem_tree_free);
  g_clear_pointer (&self->secrets, g_hash_table_unref);
  g_ref_string_release (self->instance);
  g_free (self->id);
  g_free (self);
}

MemWorkload *
mem_workload_restore (MemWorld *world, const char *instance, const char *id, guint64 serial, GVariant *spec,
                      gint64 created_at)
{
  MemWorkload *self = mem_workload_new (world, instance, id, created_at);

  self->serial = serial;
  mem_spec_apply (self, spec);
  g_hash_table_replace (world->workloads, self->id, self);
  g_queue_push_tail_link (&world->order, &self->link);
  return self;
}

/* Returns: (transfer full) (nullable) */
static GHashTable *
take_secrets (GVariant *secrets)
{
  GHashTable *table;
  GVariantIter iter;
  const char *name;
  GVariant *bytes;

  if (secrets == NULL)
    return NULL;
  table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  g_variant_iter_init (&iter, secrets);
  while (g_variant_iter_loop (&iter, "{&s@ay}", &name, &bytes))
    {
      gsize length;
      const char *data = g_variant_get_fixed_array (bytes, &length, 1);
      char *text = g_malloc (length + 1);

      memcpy (text, data, length);
      text[length] = '\0';
      g_hash_table_replace (table, g_strdup (name), g_bytes_new_take (text, length));
    }
  return table;
}

MemWorkload *
mem_workload_create (MemWorld *world, const char *instance, const char *id, GVariant *spec, GVariant *secrets,
                     gint64 now, gboolean *adopted, GError **error)
{
  MemWorkload *self = mem_world_workload (world, id);

  if (self != NULL && strcmp (self->instance, instance) == 0)
    {
      *adopted = TRUE;
      return self;
    }
  if (self != NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_EXISTS, "%s exists and belongs to another instance", id);
      return NULL;
    }
  if (!mem_spec_check (world, spec, error))
    return NULL;
  self = mem_workload_restore (world, instance, id, ++world->serial, spec, now);
  self->secrets = take_secrets (secrets);
  mem_journal_created (self, spec);
  mem_spec_write_files (self, spec, now);
  emit (self, "create");
  *adopted = FALSE;
  return self;
}

static void
begin_program (MemWorkload *self)
{
  g_clear_pointer (&self->program, mem_program_free);
  if (self->words != NULL)
    self->program = mem_program_new (&place, self, self->words, self->base);
}

gboolean
mem_workload_start (MemWorkload *self, gint64 now, GError **error)
{
  if (mem_workload_is_alive (self))
    return TRUE;
  if (self->words != NULL && !mem_program_check (self->words, error))
    return FALSE;
  if (!mem_ports_claim (self, error))
    return FALSE;
  self->state = MEM_RUNNING;
  self->started_at = self->base = now;
  self->finished_at = 0;
  self->kill_at = G_MAXINT64;
  self->term_at = 0;
  self->held_signal = 0;
  self->oom = FALSE;
  self->reason = "";
  begin_program (self);
  mem_health_begin (self, now);
  mem_journal_workload (self);
  emit (self, "start");
  mem_workload_go_on (self, now);
  return TRUE;
}

void
mem_workload_end (MemWorkload *self, const MemProgramEnd *end, const char *reason, gint64 now)
{
  self->state = MEM_EXITED;
  self->exit_code = (guint8) end->exit_code;
  self->exit_signal = (guint8) end->signal;
  self->oom = end->oom;
  self->reason = reason;
  self->finished_at = now;
  self->kill_at = G_MAXINT64;
  g_clear_pointer (&self->program, mem_program_free);
  mem_ports_release (self);
  plan (self);
  mem_journal_workload (self);
  if (self->oom)
    emit (self, "oom");
  emit (self, "exit");
  tell_waiters (self);
}

static void
end_by_signal (MemWorkload *self, int signal, gint64 now)
{
  MemProgramEnd end = { .ended = TRUE, .exit_code = 128 + signal, .signal = signal };

  mem_workload_end (self, &end, "", now);
}

void
mem_workload_signal (MemWorkload *self, int signal, gint64 now)
{
  if (!mem_workload_is_alive (self))
    return;
  if (signal == SIGKILL || (self->program == NULL && self->state == MEM_RUNNING && mem_signal_ends (signal)))
    {
      end_by_signal (self, signal, now);
      return;
    }
  if (self->state == MEM_PAUSED)
    {
      self->held_signal = (guint8) signal;
      return;
    }
  if (self->program == NULL)
    return;
  if (self->term_at == 0 && mem_signal_ends (signal))
    {
      self->term_at = now;
      self->term_signal = (guint8) signal;
    }
  mem_program_signal (self->program, signal, now);
  mem_workload_go_on (self, now);
  if (mem_workload_is_alive (self))
    mem_journal_workload (self);
}

void
mem_workload_stop (MemWorkload *self, int signal, gint64 grace, gint64 now)
{
  if (!mem_workload_is_alive (self))
    return;
  self->kill_at = MIN (self->kill_at, now + grace);
  mem_workload_signal (self, signal, now);
  if (!mem_workload_is_alive (self))
    return;
  plan (self);
  mem_journal_workload (self);
}

void
mem_workload_pause (MemWorkload *self, gint64 now)
{
  if (self->state != MEM_RUNNING)
    return;
  self->state = MEM_PAUSED;
  self->paused_at = now;
  plan (self);
  mem_journal_workload (self);
  emit (self, "pause");
}

void
mem_workload_unpause (MemWorkload *self, gint64 now)
{
  gint64 pause = now - self->paused_at;
  int signal = self->held_signal;

  if (self->state != MEM_PAUSED)
    return;
  self->state = MEM_RUNNING;
  self->base += pause;
  self->held_signal = 0;
  if (self->program != NULL)
    mem_program_shift (self->program, pause);
  if (self->health != NULL && self->health->next != G_MAXINT64)
    self->health->next += pause;
  mem_journal_workload (self);
  emit (self, "unpause");
  if (signal != 0)
    mem_workload_signal (self, signal, now);
  else
    mem_workload_go_on (self, now);
}

void
mem_workload_update (MemWorkload *self, GVariant *changes)
{
  g_autoptr (GVariant) resources = thole_dict_value (changes, "resources", "a{sv}");

  if (resources != NULL)
    self->memory_limit = thole_dict_int (resources, "memory", self->memory_limit);
  mem_journal_workload (self);
  emit (self, "update");
}

void
mem_workload_remove (MemWorkload *self, gboolean silent, gint64 now)
{
  MemWorld *world = self->world;
  gboolean deaf = world->deaf;

  world->deaf = deaf || silent;
  if (mem_workload_is_alive (self))
    end_by_signal (self, SIGKILL, now);
  mem_journal_gone (world, "workload", self->id);
  emit (self, "remove");
  g_hash_table_remove (world->workloads, self->id);
  world->deaf = deaf;
}

void
mem_workload_set_health (MemWorkload *self, const char *state)
{
  if (mem_health_set (self, state))
    emit (self, "health");
}

const char *
mem_workload_health (MemWorkload *self)
{
  return self->health != NULL ? self->health->state : "none";
}

void
mem_workload_wait (MemWorkload *self, MemWaiter *waiter)
{
  self->waiters = g_slist_prepend (self->waiters, waiter);
}

void
mem_workload_unwait (MemWorkload *self, MemWaiter *waiter)
{
  self->waiters = g_slist_remove (self->waiters, waiter);
}

/* up to @until, or as far as it gets */
static void
replay (MemWorkload *self, gint64 until)
{
  while (mem_program_end (self->program) == NULL && mem_program_wake (self->program) <= until)
    mem_program_advance (self->program, until);
}

void
mem_workload_resume (MemWorkload *self)
{
  if (!mem_workload_is_alive (self))
    return;
  mem_ports_claim (self, NULL);
  mem_health_begin (self, self->base);
  begin_program (self);
  if (self->program != NULL && self->term_at != 0)
    {
      replay (self, self->term_at);
      mem_program_signal (self->program, self->term_signal, self->term_at);
    }
  if (self->program != NULL && self->state == MEM_PAUSED)
    replay (self, self->paused_at);
  plan (self);
}

MemTree *
mem_workload_tree (MemWorkload *self, const char *path, char **inside)
{
  gsize longest = 0;
  MemTree *tree = NULL;
  gsize count = self->mounts != NULL ? g_variant_n_children (self->mounts) : 0;

  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) mount = g_variant_get_child_value (self->mounts, i);
      g_autofree char *target = mem_path_normal (thole_dict_string (mount, "target", "/"));
      MemVolume *volume = mem_world_volume (self->world, thole_dict_string (mount, "volume", ""));
      gsize length = target != NULL ? strlen (target) : 0;

      if (volume == NULL || length <= longest || strncmp (path, target, length) != 0)
        continue;
      if (path[length] != '\0' && path[length] != '/')
        continue;
      longest = length;
      tree = volume->tree;
    }
  *inside = g_strdup (path[longest] != '\0' ? path + longest : "/");
  if (tree != NULL)
    return tree;
  if (self->tree == NULL)
    self->tree = mem_tree_new ();
  return self->tree;
}

GBytes *
mem_workload_read (MemWorkload *self, const char *path)
{
  g_autofree char *normal = mem_path_normal (path);
  g_autofree char *inside = NULL;
  const MemNode *node;
  MemTree *tree;
  GBytes *secret;

  if (normal == NULL)
    return NULL;
  secret = self->secrets != NULL && normal[0] == '/' ? g_hash_table_lookup (self->secrets, normal) : NULL;
  if (secret != NULL)
    return g_bytes_ref (secret);
  tree = mem_workload_tree (self, normal, &inside);
  node = mem_tree_find (tree, inside);
  if (node == NULL || node->kind != MEM_NODE_FILE)
    return NULL;
  return node->content != NULL ? g_bytes_ref (node->content) : g_bytes_new (NULL, 0);
}

gboolean
mem_workload_put (MemWorkload *self, const char *path, MemNode *node, GError **error)
{
  g_autoptr (MemNode) owned = node;
  g_autofree char *normal = mem_path_normal (path);
  g_autofree char *inside = NULL;
  MemTree *tree;

  if (normal == NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s leaves the root", path);
      return FALSE;
    }
  tree = mem_workload_tree (self, normal, &inside);
  if (!mem_tree_put (tree, inside, mem_node_copy (owned), error))
    return FALSE;
  mem_journal_file (self, tree, inside, owned);
  return TRUE;
}

gboolean
mem_workload_write (MemWorkload *self, const char *path, GBytes *content, guint mode, gint64 time, GError **error)
{
  return mem_workload_put (self, path, mem_node_new (MEM_NODE_FILE, mode, time, content, NULL), error);
}
