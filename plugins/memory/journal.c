/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "spec.h"
#include "thole-dict.h"
#include "thole-error.h"
#include "thole-json.h"
#include "workload.h"

struct _MemJournal
{
  char *path;
  int lock;
  int file;
};

static const char *const state_names[] = { "created", "running", "paused", "exited" };
static const char *const node_names[] = { "file", "folder", "link" };

/* writing */

static void
add_text (GVariantBuilder *line, const char *key, const char *value)
{
  g_variant_builder_add (line, "{sv}", key, g_variant_new_string (value));
}

static void
add_number (GVariantBuilder *line, const char *key, gint64 value)
{
  g_variant_builder_add (line, "{sv}", key, g_variant_new_int64 (value));
}

static void
begin_line (GVariantBuilder *line, const char *kind, const char *id)
{
  g_variant_builder_init (line, G_VARIANT_TYPE_VARDICT);
  add_text (line, "kind", kind);
  add_text (line, "id", id);
}

static gboolean
write_all (int file, const char *data, gsize length)
{
  while (length > 0)
    {
      gssize written = write (file, data, length);

      if (written < 0 && errno != EINTR)
        return FALSE;
      if (written > 0)
        {
          data += written;
          length -= (gsize) written;
        }
    }
  return TRUE;
}

/* a fault on demand has no use for an engine that forgets: it stops here and now */
static void
write_line (MemWorld *world, GVariantBuilder *builder)
{
  g_autoptr (GVariant) line = g_variant_ref_sink (g_variant_builder_end (builder));
  g_autoptr (GString) text = NULL;

  if (world->journal == NULL || world->loading)
    return;
  text = g_string_new ("");
  thole_json_append (text, line);
  g_string_append_c (text, '\n');
  if (!write_all (world->journal->file, text->str, text->len))
    g_error ("cannot write %s: %s", world->journal->path, g_strerror (errno));
}

static gboolean
is_silent (MemWorld *world)
{
  return world->journal == NULL || world->loading;
}

void
mem_journal_created (MemWorkload *workload, GVariant *spec)
{
  GVariantBuilder line;
  GVariantDict kept;

  if (is_silent (workload->world))
    return;
  g_variant_dict_init (&kept, spec);
  g_variant_dict_remove (&kept, "files");
  begin_line (&line, "workload", workload->id);
  add_text (&line, "instance", workload->instance);
  add_number (&line, "serial", (gint64) workload->serial);
  add_number (&line, "created_at", workload->created_at);
  g_variant_builder_add (&line, "{sv}", "spec", g_variant_dict_end (&kept));
  write_line (workload->world, &line);
}

void
mem_journal_workload (MemWorkload *workload)
{
  GVariantBuilder line;

  if (is_silent (workload->world))
    return;
  begin_line (&line, "state", workload->id);
  add_text (&line, "state", state_names[workload->state]);
  add_number (&line, "started_at", workload->started_at);
  add_number (&line, "finished_at", workload->finished_at);
  add_number (&line, "base", workload->base);
  add_number (&line, "paused_at", workload->paused_at);
  add_number (&line, "kill_at", workload->kill_at);
  add_number (&line, "term_at", workload->term_at);
  add_number (&line, "term_signal", workload->term_signal);
  add_number (&line, "memory_limit", workload->memory_limit);
  add_number (&line, "exit_code", workload->exit_code);
  add_number (&line, "exit_signal", workload->exit_signal);
  add_number (&line, "oom", workload->oom);
  add_text (&line, "reason", workload->reason);
  write_line (workload->world, &line);
}

void
mem_journal_image (MemWorld *world, MemImage *image)
{
  GVariantBuilder line;

  if (is_silent (world))
    return;
  begin_line (&line, "image", image->reference);
  add_number (&line, "created_at", image->created_at);
  write_line (world, &line);
}

void
mem_journal_volume (MemWorld *world, MemVolume *volume)
{
  GVariantBuilder line;

  if (is_silent (world))
    return;
  begin_line (&line, "volume", volume->id);
  add_text (&line, "instance", volume->instance);
  add_text (&line, "name", volume->name != NULL ? volume->name : "");
  add_number (&line, "created_at", volume->created_at);
  add_number (&line, "size", volume->size);
  if (volume->labels != NULL)
    g_variant_builder_add (&line, "{sv}", "labels", volume->labels);
  write_line (world, &line);
}

void
mem_journal_gone (MemWorld *world, const char *kind, const char *id)
{
  GVariantBuilder line;

  if (is_silent (world))
    return;
  begin_line (&line, "gone", id);
  add_text (&line, "of", kind);
  write_line (world, &line);
}

static const char *
volume_of_tree (MemWorld *world, MemTree *tree)
{
  GHashTableIter iter;
  MemVolume *volume;

  g_hash_table_iter_init (&iter, world->volumes);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &volume))
    if (volume->tree == tree)
      return volume->id;
  return NULL;
}

static void
write_node (MemWorld *world, const char *of, const char *id, const char *inside, const MemNode *node)
{
  GVariantBuilder line;
  gsize length;

  begin_line (&line, "file", id);
  add_text (&line, "of", of);
  add_text (&line, "path", inside);
  add_text (&line, "node", node_names[node->kind]);
  add_number (&line, "mode", node->mode);
  add_number (&line, "mtime", node->mtime);
  if (node->target != NULL)
    add_text (&line, "target", node->target);
  if (node->content != NULL)
    {
      const guint8 *data = g_bytes_get_data (node->content, &length);
      g_autofree char *text = g_base64_encode (data, length);

      add_text (&line, "content", text);
    }
  write_line (world, &line);
}

void
mem_journal_file (MemWorkload *workload, MemTree *tree, const char *inside, const MemNode *node)
{
  gboolean own = tree == workload->tree;

  if (is_silent (workload->world))
    return;
  write_node (workload->world, own ? "workload" : "volume",
              own ? workload->id : volume_of_tree (workload->world, tree), inside, node);
}

typedef struct
{
  MemWorld *world;
  const char *id;
} TreeOf;

static void
write_volume_node (gpointer data, const char *path, const MemNode *node)
{
  const TreeOf *of = data;

  write_node (of->world, "volume", of->id, path, node);
}

void
mem_journal_tree (MemWorld *world, MemVolume *volume)
{
  TreeOf of = { world, volume->id };

  if (!is_silent (world))
    mem_tree_each (volume->tree, "/", write_volume_node, &of);
}

void
mem_journal_crash (MemWorld *world, const char *rule)
{
  GVariantBuilder line;

  begin_line (&line, "crash", rule);
  write_line (world, &line);
}

/* reading */

static guint
index_of (const char *const *names, guint n_names, const char *name)
{
  for (guint i = 0; i < n_names; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  return 0;
}

static void
load_workload (MemWorld *world, const char *id, GVariant *line)
{
  g_autoptr (GVariant) spec = thole_dict_value (line, "spec", "a{sv}");
  guint64 serial = (guint64) thole_dict_int (line, "serial", 0);

  if (spec == NULL)
    return;
  if (mem_world_workload (world, id) != NULL)
    g_hash_table_remove (world->workloads, id);
  mem_workload_restore (world, thole_dict_string (line, "instance", ""), id, serial, spec,
                        thole_dict_int (line, "created_at", 0));
  world->serial = MAX (world->serial, serial);
}

static void
load_state (MemWorld *world, const char *id, GVariant *line)
{
  MemWorkload *workload = mem_world_workload (world, id);

  if (workload == NULL)
    return;
  workload->state = (guint8) index_of (state_names, G_N_ELEMENTS (state_names), thole_dict_string (line, "state", ""));
  workload->started_at = thole_dict_int (line, "started_at", 0);
  workload->finished_at = thole_dict_int (line, "finished_at", 0);
  workload->base = thole_dict_int (line, "base", 0);
  workload->paused_at = thole_dict_int (line, "paused_at", 0);
  workload->kill_at = thole_dict_int (line, "kill_at", G_MAXINT64);
  workload->term_at = thole_dict_int (line, "term_at", 0);
  workload->term_signal = (guint8) thole_dict_int (line, "term_signal", 0);
  workload->memory_limit = thole_dict_int (line, "memory_limit", 0);
  workload->exit_code = (guint8) thole_dict_int (line, "exit_code", 0);
  workload->exit_signal = (guint8) thole_dict_int (line, "exit_signal", 0);
  workload->oom = thole_dict_int (line, "oom", 0) != 0;
  workload->reason = g_intern_string (thole_dict_string (line, "reason", ""));
}

static void
load_volume (MemWorld *world, const char *id, GVariant *line)
{
  MemVolume *volume = mem_world_add_volume (world, id, thole_dict_string (line, "instance", ""),
                                            thole_dict_int (line, "created_at", 0));

  volume->name = g_strdup (thole_dict_string (line, "name", ""));
  volume->size = thole_dict_int (line, "size", 0);
  volume->labels = mem_dict_strings (line, "labels");
}

static void
load_file (MemWorld *world, const char *id, GVariant *line)
{
  gboolean own = strcmp (thole_dict_string (line, "of", ""), "workload") == 0;
  MemWorkload *workload = own ? mem_world_workload (world, id) : NULL;
  MemVolume *volume = own ? NULL : mem_world_volume (world, id);
  const char *content = thole_dict_string (line, "content", NULL);
  g_autoptr (GBytes) bytes = NULL;
  gsize length;
  MemTree *tree = volume != NULL ? volume->tree : NULL;

  if (workload != NULL && workload->tree == NULL)
    workload->tree = mem_tree_new ();
  if (workload != NULL)
    tree = workload->tree;
  if (tree == NULL)
    return;
  if (content != NULL)
    {
      guint8 *data = g_base64_decode (content, &length);

      bytes = g_bytes_new_take (data, length);
    }
  mem_tree_put (tree, thole_dict_string (line, "path", "/"),
                mem_node_new ((MemNodeKind) index_of (node_names, G_N_ELEMENTS (node_names),
                                                      thole_dict_string (line, "node", "")),
                              (guint) thole_dict_int (line, "mode", 0), thole_dict_int (line, "mtime", 0), bytes,
                              thole_dict_string (line, "target", NULL)),
                NULL);
}

static void
load_gone (MemWorld *world, const char *id, GVariant *line)
{
  const char *of = thole_dict_string (line, "of", "");

  if (strcmp (of, "workload") == 0)
    g_hash_table_remove (world->workloads, id);
  else if (strcmp (of, "image") == 0)
    g_hash_table_remove (world->images, id);
  else
    g_hash_table_remove (world->volumes, id);
}

static void
load_crash (MemWorld *world, const char *rule)
{
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (world->crashes, rule));

  g_hash_table_replace (world->crashes, g_strdup (rule), GUINT_TO_POINTER (count + 1));
}

static void
load_line (MemWorld *world, const char *text, gsize length)
{
  g_autoptr (GVariant) line = thole_json_parse (text, length, NULL);
  const char *kind;
  const char *id;

  /* the last line of a killed process may be half of one */
  if (line == NULL || !g_variant_is_of_type (line, G_VARIANT_TYPE_VARDICT))
    return;
  kind = thole_dict_string (line, "kind", "");
  id = thole_dict_string (line, "id", "");
  if (strcmp (kind, "workload") == 0)
    load_workload (world, id, line);
  else if (strcmp (kind, "state") == 0)
    load_state (world, id, line);
  else if (strcmp (kind, "image") == 0)
    mem_world_add_image (world, id, thole_dict_int (line, "created_at", 0));
  else if (strcmp (kind, "volume") == 0)
    load_volume (world, id, line);
  else if (strcmp (kind, "file") == 0)
    load_file (world, id, line);
  else if (strcmp (kind, "gone") == 0)
    load_gone (world, id, line);
  else if (strcmp (kind, "crash") == 0)
    load_crash (world, id);
}

/* Reads all whole lines; @whole (out): where the last of them ends. */
static gboolean
load (MemJournal *self, MemWorld *world, gsize *whole, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;
  gsize at = 0;

  *whole = 0;
  if (!g_file_test (self->path, G_FILE_TEST_EXISTS))
    return TRUE;
  if (!g_file_get_contents (self->path, &text, &length, error))
    return FALSE;
  for (const char *end; (end = memchr (text + at, '\n', length - at)) != NULL; at = (gsize) (end - text) + 1)
    load_line (world, text + at, (gsize) (end - text) - at);
  *whole = at;
  return TRUE;
}

void
mem_journal_close (MemJournal *self)
{
  if (self->file >= 0)
    close (self->file);
  if (self->lock >= 0)
    close (self->lock);
  g_free (self->path);
  g_free (self);
}

static MemJournal *
fail (MemJournal *self, int code, GError **error)
{
  g_set_error (error, THOLE_ERROR, code, "state_file %s: %s", self->path, g_strerror (errno));
  mem_journal_close (self);
  return NULL;
}

MemJournal *
mem_journal_open (MemWorld *world, const char *path, GError **error)
{
  g_autofree char *lock = g_strconcat (path, ".lock", NULL);
  g_autoptr (GError) reason = NULL;
  MemJournal *self = g_new0 (MemJournal, 1);
  gsize whole;
  gboolean loaded;

  self->path = g_strdup (path);
  self->file = -1;
  self->lock = g_open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (self->lock < 0)
    return fail (self, THOLE_ERROR_FAILED, error);
  if (flock (self->lock, LOCK_EX | LOCK_NB) < 0)
    return fail (self, THOLE_ERROR_UNAVAILABLE, error);
  world->loading = TRUE;
  loaded = load (self, world, &whole, &reason);
  for (GList *link = world->order.head; link != NULL; link = link->next)
    mem_workload_resume (link->data);
  world->loading = FALSE;
  if (!loaded)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "state_file: %s", reason->message);
      mem_journal_close (self);
      return NULL;
    }
  self->file = g_open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (self->file < 0 || ftruncate (self->file, (off_t) whole) < 0)
    return fail (self, THOLE_ERROR_FAILED, error);
  return self;
}
