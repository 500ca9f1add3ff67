/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * create: under a lease the image is unpacked, a snapshot made of it, files put into that; at last the container itself. Whoever finds a
 * container finds a whole one.
 */
#include <string.h>

#include "agent.h"
#include "content.h"
#include "health.h"
#include "lease.h"
#include "net.h"
#include "place.h"
#include "rootfs.h"
#include "slots.h"
#include "spec.h"
#include "thole-tar.h"
#include "thing.h"
#include "unpack.h"
#include "volume.h"

#define FILES_MAX (64 * 1024 * 1024)
#define APPLY_SECONDS 120.0
#define TAR_TYPE "application/vnd.oci.image.layer.v1.tar"

typedef struct
{
  CtrJob job;
  char *id, *container;
  GVariant *spec, *secrets, *agent;
  CtrImage *image;
  CtrUser *user;
  Ctr__SnapshotMounts *mounts;
  char *archive;      /* (nullable): digest of the blob with the files */
  gboolean leased;
  gboolean first;     /* others that want the same wait for this one */
  gboolean again;     /* a snapshot was left behind, and is being made anew */
  gboolean unpacked;  /* the layers were looked at */
} Create;

static void look (GTask *task);

/* Those that want the same look for it anew. */
static void
wake_others (Create *self)
{
  GPtrArray *list = g_hash_table_lookup (self->job.driver->creating, self->container);
  g_autoptr(GPtrArray) waiting = g_ptr_array_ref (list);

  g_hash_table_remove (self->job.driver->creating, self->container);
  for (guint i = 0; i < waiting->len; i++)
    ctr_wait_end (g_ptr_array_index (waiting, i), NULL, NULL);
}

static void
create_clear (gpointer data)
{
  Create *self = data;

  if (self->first)
    wake_others (self);
  if (self->leased)
    ctr_lease_drop (self->job.driver, self->container);
  g_free (self->id);
  g_free (self->container);
  g_free (self->archive);
  g_clear_pointer (&self->spec, g_variant_unref);
  g_clear_pointer (&self->secrets, g_variant_unref);
  g_clear_pointer (&self->agent, g_variant_unref);
  g_clear_pointer (&self->image, ctr_image_unref);
  g_clear_pointer (&self->user, ctr_user_free);
  if (self->mounts != NULL)
    ctr_message_free (&self->mounts->base);
}

static void
call_leased (GTask *task, const char *method, ProtobufCMessage *message, const ProtobufCMessageDescriptor *reply, double seconds,
             CtrNext next)
{
  Create *self = g_task_get_task_data (task);
  CtrCall call = { .method = method, .message = message, .reply = reply, .lease = self->container, .seconds = seconds };

  ctr_call (task, &call, next);
}

static void
succeed (GTask *task, gboolean adopted)
{
  Create *self = g_task_get_task_data (task);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "engine_id", "s", self->container);
  g_variant_dict_insert_value (&out, "handle", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, self->container, strlen (self->container), 1));
  g_variant_dict_insert (&out, "adopted", "b", adopted);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

/* undo ------------------------------------------------------------------------------------------------ */

static void
on_undone (GTask *task, gpointer value, GError *error)
{
  g_task_return_boolean (task, TRUE);
}

/* What the lease kept goes with it; the snapshot at once, so that nothing stands in the way of a repetition. */
static void
undo (GTask *task, const GError *error)
{
  Create *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  g_autoptr(GTask) own = ctr_job_new (driver, sizeof (CtrJob), NULL, NULL, NULL, NULL, NULL);
  Ctr__SnapshotKey request = CTR__SNAPSHOT_KEY__INIT;
  CtrCall call = { .method = "Snapshots/Remove", .message = &request.base };

  request.snapshotter = driver->config->snapshotter;
  request.key = self->container;
  ctr_call (own, &call, on_undone);
  ctr_place_remove (driver, self->container);
  ctr_fail (task, error);
}

static void
undo_taking (GTask *task, GError *error)
{
  undo (task, error);
  g_error_free (error);
}

/* the container --------------------------------------------------------------------------------------- */

static void
on_existing (GTask *task, gpointer value, GError *error)
{
  /* its snapshot has this name, too: it is not touched */
  if (error != NULL)
    ctr_fail (task, error);
  else
    succeed (task, TRUE);
}

static void
on_created (GTask *task, gpointer value, GError *error)
{
  Create *self = g_task_get_task_data (task);

  if (ctr_is (error, THOLE_ERROR_EXISTS))
    ctr_thing_find_any (task, self->id, on_existing);
  else if (ctr_is_unsure (error))
    ctr_fail (task, error); /* there may be a container now that needs its snapshot; one that is not used goes with the lease */
  else if (error != NULL)
    undo (task, error);
  else
    succeed (task, FALSE);
}

static void
add_label (GPtrArray *list, const char *key, const char *value)
{
  Ctr__Label *label = g_new (Ctr__Label, 1);

  ctr__label__init (label);
  label->key = (char *) key;
  label->value = (char *) value;
  g_ptr_array_add (list, label);
}

static const char *
stdio_of (GVariant *spec)
{
  gboolean tty = thole_dict_boolean (spec, "tty", FALSE), input = thole_dict_boolean (spec, "stdin", FALSE);

  return tty ? (input ? "tty stdin" : "tty") : (input ? "stdin" : "");
}

static GPtrArray *
make_labels (Create *self, GVariant *users)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);
  GVariantIter iter;
  const char *key, *value;

  if (users != NULL)
    g_variant_iter_init (&iter, users);
  /* the engine bounds a label to 4096 bytes in all, and refuses the container */
  while (users != NULL && g_variant_iter_next (&iter, "{&s&s}", &key, &value))
    if (!g_str_has_prefix (key, "org.thole.") && !g_str_has_prefix (key, "containerd.io/") && value[0] != '\0')
      add_label (list, key, value);
  add_label (list, CTR_LABEL_ID, self->id);
  add_label (list, CTR_LABEL_INSTANCE, self->job.driver->config->instance);
  add_label (list, CTR_LABEL_ROLE, thole_dict_string (self->spec, "role", "main"));
  add_label (list, CTR_LABEL_STDIO, stdio_of (self->spec));
  add_label (list, CTR_LABEL_NAME, thole_dict_string (self->spec, "name", ""));
  return list;
}

/* With stdin but no terminal the shim cannot start the logger itself: the runtime does, on two pipes. */
static char *
make_hook (Create *self)
{
  TholeDriver *driver = self->job.driver;
  g_autofree char *log = ctr_place_path (driver, self->container, "log");
  g_autofree char *out = g_build_filename (driver->config->runtime_dir, self->container, "out", NULL);
  g_autofree char *err = g_build_filename (driver->config->runtime_dir, self->container, "err", NULL);
  g_autofree char *max = g_strdup_printf ("%" G_GINT64_FORMAT, driver->config->log_max_size);
  g_autoptr(GString) hook = NULL;

  if (strcmp (stdio_of (self->spec), "stdin") != 0)
    return NULL;
  hook = g_string_new ("[{\"path\":");
  thole_json_append_string (hook, driver->config->logger);
  g_string_append (hook, ",\"args\":");
  ctr_json_strings (hook, (const char *const[]){ "thole-log", "dir", log, "max", max, "out", out, "err", err, NULL });
  g_string_append (hook, "}]");
  return g_string_free (g_steal_pointer (&hook), FALSE);
}

static char *
make_spec (Create *self, GError **error)
{
  TholeDriver *driver = self->job.driver;
  const char *given = thole_dict_string (self->spec, "hostname", "");
  const char *hostname = given[0] != '\0' ? given : self->container + MAX ((int) strlen (self->container) - 12, 0);
  gboolean host_network = strcmp (thole_dict_string (self->spec, "network", ""), "host") == 0;
  g_autofree char *cgroup = g_build_filename (driver->config->cgroup_parent, self->container, NULL);
  g_autofree char *etc = ctr_place_path (driver, self->container, NULL);
  g_autofree char *hook = make_hook (self);
  g_autoptr(GVariant) agent_mounts = ctr_agent_mounts (self->agent);
  CtrSpecPlace place = {
    .container = self->container, .cgroup = cgroup, .etc_folder = etc, .hook = hook, .secrets = self->secrets,
    .agent_mounts = agent_mounts, .user = self->user,
  };

  if (!ctr_place_make (driver, self->container, self->id, hostname, host_network, error)
      || !ctr_health_plan (driver, self->container, self->spec, error)
      || !ctr_volumes_note (driver, self->container, self->spec, error) || !ctr_net_plan (driver, self->container, self->spec, error))
    return NULL;
  ctr_agent_open (self->agent, self->user->uid, self->user->gid);
  return ctr_spec_make (self->spec, self->image, &place, error);
}

static void
make_container (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  GError *error = NULL;
  g_autofree char *json = make_spec (self, &error);
  g_autoptr(GVariant) users = thole_dict_value (self->spec, "labels", "a{ss}");
  g_autoptr(GPtrArray) labels = NULL;
  Ctr__Any any = CTR__ANY__INIT;
  Ctr__Runtime runtime = CTR__RUNTIME__INIT;
  Ctr__Container container = CTR__CONTAINER__INIT;
  Ctr__ContainerMessage request = CTR__CONTAINER_MESSAGE__INIT;

  if (json == NULL)
    {
      undo_taking (task, error);
      return;
    }
  labels = make_labels (self, users);
  any.type_url = (char *) CTR_SPEC_TYPE;
  any.value.data = (guint8 *) json;
  any.value.len = strlen (json);
  runtime.name = driver->config->runtime;
  container.id = self->container;
  container.labels = (Ctr__Label **) labels->pdata;
  container.n_labels = labels->len;
  container.image = self->image->name;
  container.runtime = &runtime;
  container.spec = &any;
  container.snapshotter = driver->config->snapshotter;
  container.snapshot_key = self->container;
  request.container = &container;
  /* before: its event may come earlier than the answer */
  ctr_thing_note (driver, &container);
  call_leased (task, "Containers/Create", &request.base, &ctr__container_message__descriptor, 0, on_created);
}

/* files ----------------------------------------------------------------------------------------------- */

static void
on_archive_removed (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    undo (task, error);
  else
    make_container (task);
}

static void
on_applied (GTask *task, gpointer value, GError *error)
{
  Create *self = g_task_get_task_data (task);
  Ctr__ContentDigest request = CTR__CONTENT_DIGEST__INIT;

  if (error != NULL)
    {
      undo (task, error);
      return;
    }
  /* secrets may be among them: not until the next collection of garbage */
  request.digest = self->archive;
  call_leased (task, "Content/Delete", &request.base, NULL, 0, on_archive_removed);
}

static void
on_archive_stored (GTask *task, gpointer value, GError *error)
{
  Create *self = g_task_get_task_data (task);
  Ctr__Descriptor descriptor = CTR__DESCRIPTOR__INIT;
  Ctr__DiffApply request = CTR__DIFF_APPLY__INIT;

  if (error != NULL)
    {
      undo (task, error);
      return;
    }
  descriptor.media_type = (char *) TAR_TYPE;
  descriptor.digest = self->archive;
  request.diff = &descriptor;
  request.mounts = self->mounts->mounts;
  request.n_mounts = self->mounts->n_mounts;
  call_leased (task, "Diff/Apply", &request.base, &ctr__diff_applied__descriptor, APPLY_SECONDS, on_applied);
}

static gboolean
append_file (Create *self, GByteArray *archive, const char *path, GVariant *content, guint mode, GError **error)
{
  g_autofree char *canonical = path[0] == '/' ? g_canonicalize_filename (path, "/") : g_strdup ("");
  gsize length = 0;
  const char *data = content != NULL ? g_variant_get_fixed_array (content, &length, 1) : NULL;

  if (strcmp (canonical, path) != 0 || path[1] == '\0')
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "files: \"%s\" is not a plain absolute path", path);
  else if (archive->len + length > FILES_MAX)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "files: more than %d bytes", FILES_MAX);
  else
    {
      thole_tar_append_file (archive, &(TholeTarEntry) {
        .kind = THOLE_TAR_FILE,
        .name = path + strspn (path, "/"),
        .mode = mode,
        .uid = self->user->uid,
        .gid = self->user->gid,
        .size = length,
        .mtime = ctr_now (self->job.driver) / G_USEC_PER_SEC,
      }, data);
      return TRUE;
    }
  return FALSE;
}

/* Files of the spec, and secrets whose name is a path. */
static gboolean
make_archive (Create *self, GByteArray *archive, GError **error)
{
  g_autoptr(GVariant) files = thole_dict_value (self->spec, "files", "aa{sv}");
  GVariantIter iter;
  const char *name;
  GVariant *bytes;

  for (gsize i = 0; files != NULL && i < g_variant_n_children (files); i++)
    {
      g_autoptr(GVariant) file = g_variant_get_child_value (files, i);
      g_autoptr(GVariant) content = thole_dict_value (file, "content", "ay");

      if (!append_file (self, archive, thole_dict_string (file, "path", ""), content, (guint) thole_dict_int (file, "mode", 0644), error))
        return FALSE;
    }
  if (self->secrets != NULL)
    g_variant_iter_init (&iter, self->secrets);
  while (self->secrets != NULL && g_variant_iter_next (&iter, "{&s@ay}", &name, &bytes))
    {
      g_autoptr(GVariant) owned = bytes;

      if (name[0] == '/' && !append_file (self, archive, name, owned, 0400, error))
        return FALSE;
    }
  return TRUE;
}

static void
write_files (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  GByteArray *archive = g_byte_array_new ();
  g_autoptr(GBytes) bytes = NULL;
  GError *error = NULL;
  gboolean made = make_archive (self, archive, &error);

  if (archive->len > 0)
    thole_tar_append_end (archive);
  bytes = g_byte_array_free_to_bytes (archive);
  if (!made)
    undo_taking (task, error);
  else if (g_bytes_get_size (bytes) == 0)
    make_container (task);
  else
    {
      self->archive = ctr_digest_of (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      ctr_content_write (task, self->archive, bytes, NULL, self->container, on_archive_stored);
    }
}

/* the snapshot ---------------------------------------------------------------------------------------- */

static void prepare (GTask *task);
static void on_unpacked (GTask *task, gpointer value, GError *error);

static void
on_old_removed (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else
    prepare (task);
}

static void
on_prepared (GTask *task, gpointer value, GError *error)
{
  Create *self = g_task_get_task_data (task);
  Ctr__SnapshotMounts *reply = value;
  g_autoptr(GVariant) settings = ctr_image_settings (self->image);
  const char *given = thole_dict_string (self->spec, "user", "");
  g_autofree char *passwd = NULL, *group = NULL;
  GError *wrong = NULL;

  if (ctr_is (error, THOLE_ERROR_EXISTS) && !self->again)
    {
      Ctr__SnapshotKey request = CTR__SNAPSHOT_KEY__INIT;

      self->again = TRUE;
      request.snapshotter = self->job.driver->config->snapshotter;
      request.key = self->container;
      call_leased (task, "Snapshots/Remove", &request.base, NULL, 0, on_old_removed);
      return;
    }
  /* most images lie unpacked: only without its parent are the layers looked at */
  if (ctr_is (error, THOLE_ERROR_NOT_FOUND) && !self->unpacked)
    {
      self->unpacked = TRUE;
      ctr_unpack (task, self->image, self->container, on_unpacked);
      return;
    }
  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->mounts = (Ctr__SnapshotMounts *) ctr_message_copy (&reply->base);
  passwd = ctr_rootfs_read (reply->mounts, reply->n_mounts, "/etc/passwd");
  group = ctr_rootfs_read (reply->mounts, reply->n_mounts, "/etc/group");
  self->user = ctr_user_find (given[0] != '\0' ? given : thole_dict_string (settings, "User", ""), passwd, group, &wrong);
  if (self->user == NULL)
    undo_taking (task, wrong);
  else
    write_files (task);
}

static void
prepare (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  Ctr__SnapshotPrepare request = CTR__SNAPSHOT_PREPARE__INIT;

  request.snapshotter = self->job.driver->config->snapshotter;
  request.key = self->container;
  request.parent = self->image->chain;
  call_leased (task, "Snapshots/Prepare", &request.base, &ctr__snapshot_mounts__descriptor, 0, on_prepared);
}

static void
on_unpacked (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    prepare (task);
}

static void
on_image (GTask *task, gpointer value, GError *error)
{
  Create *self = g_task_get_task_data (task);

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->image = ctr_image_ref (value);
  prepare (task);
}

static void
on_leased (GTask *task, gpointer value, GError *error)
{
  Create *self = g_task_get_task_data (task);
  GError *wrong = NULL;
  g_autofree char *name = NULL;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->leased = TRUE;
  name = ctr_reference_parse (thole_dict_string (self->spec, "image", ""), NULL, NULL, NULL, &wrong);
  if (name == NULL)
    g_task_return_error (task, wrong);
  else
    ctr_image_load (task, name, on_image);
}

static gboolean
resolve_volumes (Create *self, GError **error)
{
  GVariant *resolved = ctr_volumes_resolve (self->job.driver, self->spec, error);

  if (resolved == NULL)
    return FALSE;
  g_variant_unref (self->spec);
  self->spec = resolved;
  return TRUE;
}

static void
on_looked (GTask *task, gpointer value, GError *error)
{
  Create *self = g_task_get_task_data (task);
  GError *wrong = NULL;

  if (error == NULL)
    succeed (task, TRUE);
  else if (!ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else if (!resolve_volumes (self, &wrong) || !ctr_spec_check (self->spec, ctr_net_is_bridged (self->job.driver->config, self->spec), &wrong))
    g_task_return_error (task, wrong);
  else
    ctr_lease_make (task, self->container, on_leased);
}

static void
on_waited (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    look (task);
}

/* One at a time: both would make the same snapshot. */
static void
look (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  GPtrArray *waiting = g_hash_table_lookup (self->job.driver->creating, self->container);

  if (waiting != NULL)
    {
      g_ptr_array_add (waiting, ctr_wait_new (task, on_waited));
      return;
    }
  self->first = TRUE;
  g_hash_table_insert (self->job.driver->creating, g_strdup (self->container), g_ptr_array_new ());
  ctr_thing_find_any (task, self->id, on_looked);
}

void
ctr_create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Create), create_clear, options, cancellable, callback, user_data);
  Create *create = task != NULL ? g_task_get_task_data (task) : NULL;

  if (create == NULL)
    return;
  create->id = g_strdup (id);
  create->container = ctr_thing_name (self->config->instance, id);
  create->spec = g_variant_ref (spec);
  create->secrets = thole_dict_value (options, "secrets", "a{say}");
  create->agent = thole_dict_value (options, "agent", "a{sv}");
  look (task);
}
