/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "unpack.h"

#include <string.h>

#define APPLY_SECONDS 1800.0
#define RESTARTS_MAX 3

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  CtrImage *image;
  char *lease;
  guint layer;   /* the one that is at work */
  guint restarts;
  char *key;     /* (nullable): of the snapshot into which it is unpacked */
} Unpack;

static void
unpack_clear (gpointer data)
{
  Unpack *self = data;

  g_object_unref (self->outer);
  ctr_image_unref (self->image);
  g_free (self->lease);
  g_free (self->key);
}

static void
unpack_end (GTask *task, GError *error)
{
  Unpack *self = g_task_get_task_data (task);
  g_autoptr(GError) own = error != NULL ? g_error_copy (error) : NULL;

  self->next (self->outer, NULL, own);
  g_task_return_boolean (task, TRUE);
}

/* A step of this task under its lease. */
static void
call_leased (GTask *task, const char *method, ProtobufCMessage *message, const ProtobufCMessageDescriptor *reply, double seconds,
             CtrNext next)
{
  Unpack *self = g_task_get_task_data (task);
  CtrCall call = { .method = method, .message = message, .reply = reply, .lease = self->lease, .seconds = seconds };

  ctr_call (task, &call, next);
}

/* the image's hold on its snapshot -------------------------------------------------------------------- */

static void
on_held (GTask *task, gpointer value, GError *error)
{
  unpack_end (task, error);
}

static void
hold (GTask *task)
{
  Unpack *self = g_task_get_task_data (task);
  g_autofree char *key = g_strconcat ("containerd.io/gc.ref.snapshot.", self->job.driver->config->snapshotter, NULL);
  g_autofree char *path = g_strconcat ("labels.", key, NULL);
  Ctr__Label label = CTR__LABEL__INIT;
  Ctr__Label *labels[] = { &label };
  Ctr__ContentInfo info = CTR__CONTENT_INFO__INIT;
  Ctr__FieldMask mask = CTR__FIELD_MASK__INIT;
  Ctr__ContentInfoMessage request = CTR__CONTENT_INFO_MESSAGE__INIT;

  if (self->image->layers->len == 0)
    {
      unpack_end (task, NULL);
      return;
    }
  label.key = key;
  label.value = self->image->chain;
  info.digest = self->image->config_digest;
  info.labels = labels;
  info.n_labels = 1;
  mask.paths = &path;
  mask.n_paths = 1;
  request.info = &info;
  request.update_mask = &mask;
  call_leased (task, "Content/Update", &request.base, NULL, 0, on_held);
}

/* one layer ------------------------------------------------------------------------------------------- */

static void look_at_layer (GTask *task);

static void
on_dropped (GTask *task, gpointer value, GError *error)
{
  g_task_return_boolean (task, TRUE);
}

static void
drop_key (GTask *task)
{
  Unpack *self = g_task_get_task_data (task);
  g_autoptr(GTask) own = ctr_job_new (self->job.driver, sizeof (CtrJob), NULL, NULL, NULL, NULL, NULL);
  Ctr__SnapshotKey request = CTR__SNAPSHOT_KEY__INIT;
  CtrCall call = { .method = "Snapshots/Remove", .message = &request.base };

  request.snapshotter = self->job.driver->config->snapshotter;
  request.key = self->key;
  ctr_call (own, &call, on_dropped);
  g_clear_pointer (&self->key, g_free);
}

static void
on_committed (GTask *task, gpointer value, GError *error)
{
  Unpack *self = g_task_get_task_data (task);

  if (error != NULL)
    drop_key (task);
  /* another one may have unpacked the same meanwhile */
  if (error != NULL && !ctr_is (error, THOLE_ERROR_EXISTS))
    {
      unpack_end (task, error);
      return;
    }
  g_clear_pointer (&self->key, g_free);
  self->layer++;
  look_at_layer (task);
}

static void
on_applied (GTask *task, gpointer value, GError *error)
{
  Unpack *self = g_task_get_task_data (task);
  Ctr__DiffApplied *reply = value;
  g_autofree char *name = ctr_image_chain (self->image->diff_ids, self->layer + 1);
  Ctr__SnapshotCommit request = CTR__SNAPSHOT_COMMIT__INIT;
  g_autoptr(GError) wrong = NULL;

  if (error == NULL && (reply->applied == NULL || strcmp (reply->applied->digest, self->image->diff_ids[self->layer]) != 0))
    error = wrong = g_error_new (THOLE_ERROR, THOLE_ERROR_INVALID, "a layer of %s is not what its configuration says", self->image->name);
  if (error != NULL)
    {
      drop_key (task);
      unpack_end (task, error);
      return;
    }
  request.snapshotter = self->job.driver->config->snapshotter;
  request.name = name;
  request.key = self->key;
  call_leased (task, "Snapshots/Commit", &request.base, NULL, 0, on_committed);
}

static void
on_prepared (GTask *task, gpointer value, GError *error)
{
  Unpack *self = g_task_get_task_data (task);
  Ctr__SnapshotMounts *reply = value;
  CtrLayer *layer = g_ptr_array_index (self->image->layers, self->layer);
  Ctr__Descriptor descriptor = CTR__DESCRIPTOR__INIT;
  Ctr__DiffApply request = CTR__DIFF_APPLY__INIT;

  if (error != NULL)
    g_clear_pointer (&self->key, g_free);
  /* the layer below was there, and went with the image that held it */
  if (ctr_is (error, THOLE_ERROR_NOT_FOUND) && self->layer > 0 && self->restarts < RESTARTS_MAX)
    {
      self->restarts++;
      self->layer = 0;
      look_at_layer (task);
      return;
    }
  if (error != NULL)
    {
      unpack_end (task, error);
      return;
    }
  descriptor.media_type = layer->media_type;
  descriptor.digest = layer->digest;
  descriptor.size = layer->size;
  request.diff = &descriptor;
  request.mounts = reply->mounts;
  request.n_mounts = reply->n_mounts;
  call_leased (task, "Diff/Apply", &request.base, &ctr__diff_applied__descriptor, APPLY_SECONDS, on_applied);
}

static void
on_looked (GTask *task, gpointer value, GError *error)
{
  Unpack *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  g_autofree char *parent = NULL;
  Ctr__SnapshotPrepare request = CTR__SNAPSHOT_PREPARE__INIT;

  if (error == NULL)
    {
      self->layer++;
      look_at_layer (task);
      return;
    }
  if (!ctr_is (error, THOLE_ERROR_NOT_FOUND))
    {
      unpack_end (task, error);
      return;
    }
  parent = ctr_image_chain (self->image->diff_ids, self->layer);
  self->key = g_strdup_printf ("thole-unpack-%" G_GINT64_FORMAT "-%u", ctr_now (driver), driver->serial++);
  request.snapshotter = driver->config->snapshotter;
  request.key = self->key;
  request.parent = parent;
  call_leased (task, "Snapshots/Prepare", &request.base, &ctr__snapshot_mounts__descriptor, 0, on_prepared);
}

static void
look_at_layer (GTask *task)
{
  Unpack *self = g_task_get_task_data (task);
  g_autofree char *name = NULL;
  Ctr__SnapshotKey request = CTR__SNAPSHOT_KEY__INIT;

  if (self->layer == self->image->layers->len)
    {
      hold (task);
      return;
    }
  name = ctr_image_chain (self->image->diff_ids, self->layer + 1);
  request.snapshotter = self->job.driver->config->snapshotter;
  request.key = name;
  call_leased (task, "Snapshots/Stat", &request.base, &ctr__snapshot_stat__descriptor, 0, on_looked);
}

void
ctr_unpack (GTask *task, CtrImage *image, const char *lease, CtrNext next)
{
  g_autoptr(GTask) inner = ctr_job_new (ctr_driver_of (task), sizeof (Unpack), unpack_clear, NULL, g_task_get_cancellable (task), NULL,
                                        NULL);
  Unpack *self = g_task_get_task_data (inner);

  self->outer = g_object_ref (task);
  self->next = next;
  self->image = ctr_image_ref (image);
  self->lease = g_strdup (lease);
  look_at_layer (inner);
}
