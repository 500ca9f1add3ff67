/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "image/1" pull. The engine has no client for registries, so: the documents, then the layers into its store, some at a time, unpacked, and
 * at last the name; all under a lease. An archive of this machine takes the same way.
 */
#include <string.h>

#include "archive.h"
#include "content.h"
#include "image.h"
#include "lease.h"
#include "registry.h"
#include "unpack.h"

#define PIECE (512 * 1024)
#define LANES 3
#define TRIES_MAX 5
#define TELL_EVERY (G_USEC_PER_SEC / 5)
#define ACCEPT "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, " \
               "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

/* A document of the image, as it came. */
typedef struct
{
  GBytes *bytes;
  char *digest;
  char *type;
} Document;

typedef struct
{
  CtrJob job;
  CtrRegistry *registry;            /* or */
  CtrArchive *archive;
  char *name, *version, *lease;
  gboolean leased;                  /* or it may be */
  Document index, manifest, config; /* the index is optional */
  CtrImage *image;
  guint layer;                      /* the next one that nobody fetches yet */
  guint lanes;                      /* how many fetch */
  GCancellable *fetching;
  gulong watch;                     /* of the pull's own cancellable */
  GError *failure;                  /* the first one */
  gint64 done, total, told;
  guint64 token;
} Pull;

/* One of those that fetch layers, one after the other. */
typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrLayer *layer;
  CtrIngest *ingest;
  GInputStream *stream;
  guint8 *piece;
  gint64 left;                      /* of the layer */
  guint tries;
} Lane;

static void
document_clear (Document *self)
{
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self->digest);
  g_free (self->type);
}

static void
pull_clear (gpointer data)
{
  Pull *self = data;

  if (self->leased)
    ctr_lease_drop (self->job.driver, self->lease);
  g_clear_object (&self->fetching);
  g_clear_error (&self->failure);
  g_clear_pointer (&self->registry, ctr_registry_free);
  g_clear_pointer (&self->archive, ctr_archive_unref);
  g_clear_pointer (&self->image, ctr_image_unref);
  document_clear (&self->index);
  document_clear (&self->manifest);
  document_clear (&self->config);
  g_free (self->name);
  g_free (self->version);
  g_free (self->lease);
}

static void
report (Pull *self, gboolean now)
{
  g_auto(GVariantDict) event = G_VARIANT_DICT_INIT (NULL);
  gint64 time = g_get_monotonic_time ();

  if (self->token == 0 || (!now && time - self->told < TELL_EVERY))
    return;
  self->told = time;
  g_variant_dict_insert (&event, "kind", "s", "progress");
  g_variant_dict_insert (&event, "token", "t", self->token);
  g_variant_dict_insert (&event, "done", "x", self->done);
  g_variant_dict_insert (&event, "total", "x", self->total);
  g_variant_dict_insert (&event, "unit", "s", "bytes");
  g_variant_dict_insert (&event, "message", "s", self->name);
  ctr_event (self->job.driver, g_variant_dict_end (&event));
}

/* the name -------------------------------------------------------------------------------------------- */

static void
on_named (GTask *task, gpointer value, GError *error)
{
  Pull *self = g_task_get_task_data (task);

  if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_pointer (task, ctr_image_show (self->image), (GDestroyNotify) g_variant_unref);
}

static void
put_name (GTask *task, const char *method, CtrNext next)
{
  Pull *self = g_task_get_task_data (task);
  Document *top = self->index.bytes != NULL ? &self->index : &self->manifest;
  Ctr__Descriptor target = CTR__DESCRIPTOR__INIT;
  Ctr__Image image = CTR__IMAGE__INIT;
  Ctr__ImageMessage request = CTR__IMAGE_MESSAGE__INIT;
  CtrCall call = { .method = method, .message = &request.base };

  target.media_type = top->type;
  target.digest = top->digest;
  target.size = (gint64) g_bytes_get_size (top->bytes);
  image.name = self->name;
  image.target = &target;
  request.image = &image;
  ctr_call (task, &call, next);
}

static void
on_name_made (GTask *task, gpointer value, GError *error)
{
  if (ctr_is (error, THOLE_ERROR_EXISTS))
    put_name (task, "Images/Update", on_named);
  else
    on_named (task, value, error);
}

static void
on_unpacked (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    put_name (task, "Images/Create", on_name_made);
}

/* the documents into the store: what refers comes after what it refers to ------------------------------ */

static void
on_index_stored (GTask *task, gpointer value, GError *error)
{
  Pull *self = g_task_get_task_data (task);

  if (error != NULL)
    ctr_fail (task, error);
  else
    ctr_unpack (task, self->image, self->lease, on_unpacked);
}

static void
on_manifest_stored (GTask *task, gpointer value, GError *error)
{
  Pull *self = g_task_get_task_data (task);
  const char *labels[] = { "containerd.io/gc.ref.content.m.0", self->manifest.digest, NULL };

  if (error != NULL || self->index.bytes == NULL)
    on_index_stored (task, value, error);
  else
    ctr_content_write (task, self->index.digest, self->index.bytes, labels, self->lease, on_index_stored);
}

static void
on_config_stored (GTask *task, gpointer value, GError *error)
{
  Pull *self = g_task_get_task_data (task);
  g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func (g_free);

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  g_ptr_array_add (labels, g_strdup ("containerd.io/gc.ref.content.config"));
  g_ptr_array_add (labels, g_strdup (self->config.digest));
  for (guint i = 0; i < self->image->layers->len; i++)
    {
      CtrLayer *layer = g_ptr_array_index (self->image->layers, i);

      g_ptr_array_add (labels, g_strdup_printf ("containerd.io/gc.ref.content.l.%u", i));
      g_ptr_array_add (labels, g_strdup (layer->digest));
    }
  g_ptr_array_add (labels, NULL);
  ctr_content_write (task, self->manifest.digest, self->manifest.bytes, (const char *const *) labels->pdata, self->lease,
                     on_manifest_stored);
}

/* layers ---------------------------------------------------------------------------------------------- */

static void begin_layer (GTask *lane);
static void try_layer (GTask *lane);

static void
lane_clear (gpointer data)
{
  Lane *self = data;

  g_clear_pointer (&self->ingest, ctr_ingest_free);
  g_clear_object (&self->stream);
  g_object_unref (self->outer);
  g_free (self->piece);
}

static Pull *
pull_of (GTask *lane)
{
  return g_task_get_task_data (((Lane *) g_task_get_task_data (lane))->outer);
}

/* All have come to their end. */
static void
end_layers (GTask *task)
{
  Pull *self = g_task_get_task_data (task);

  if (self->watch != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (task), self->watch);
  if (self->failure != NULL)
    {
      g_task_return_error (task, g_steal_pointer (&self->failure));
      return;
    }
  report (self, TRUE);
  ctr_content_write (task, self->config.digest, self->config.bytes, NULL, self->lease, on_config_stored);
}

/* The first failure ends the others, too. */
static void
end_lane (GTask *lane, const GError *error)
{
  Lane *self = g_task_get_task_data (lane);
  g_autoptr(GTask) task = g_object_ref (self->outer);
  Pull *pull = g_task_get_task_data (task);

  g_clear_pointer (&self->ingest, ctr_ingest_free);
  g_clear_object (&self->stream);
  pull->lanes--;
  if (error != NULL && pull->failure == NULL)
    {
      pull->failure = g_error_copy (error);
      g_cancellable_cancel (pull->fetching);
    }
  g_task_return_boolean (lane, TRUE);
  if (pull->lanes == 0)
    end_layers (task);
}

static void
end_layer (GTask *lane)
{
  Lane *self = g_task_get_task_data (lane);

  g_clear_pointer (&self->ingest, ctr_ingest_free);
  g_clear_object (&self->stream);
  begin_layer (lane);
}

static void
on_layer_committed (GTask *lane, gpointer value, GError *error)
{
  Pull *pull = pull_of (lane);
  g_autoptr(GError) wrong = NULL;

  /* it has its digest from the archive alone, and the engine has found another */
  if (ctr_is (error, THOLE_ERROR_CONFLICT) && pull->archive != NULL)
    error = wrong = g_error_new (THOLE_ERROR, THOLE_ERROR_INVALID, "a layer of %s is damaged: %s", pull->name, error->message);
  if (error != NULL && !ctr_is (error, THOLE_ERROR_EXISTS))
    end_lane (lane, error);
  else
    end_layer (lane);
}

static void read_layer (GTask *lane, gpointer value, GError *error);

/* @n bytes, 0 = the end, -1 = @failure (transfer full) */
static void
take_piece (GTask *lane, gssize n, GError *failure)
{
  Lane *self = g_task_get_task_data (lane);
  Pull *pull = pull_of (lane);
  g_autoptr(GError) error = failure;

  if (n > self->left)
    error = g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "the registry gives more of a layer of %s than its manifest says", pull->name);
  if (error != NULL)
    {
      end_lane (lane, error);
      return;
    }
  self->left -= n;
  pull->done += n;
  report (pull, FALSE);
  if (n > 0)
    ctr_ingest_write (self->ingest, self->piece, (gsize) n, read_layer);
  else
    ctr_ingest_commit (self->ingest, NULL, on_layer_committed);
}

static void
on_layer_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) lane = user_data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  take_piece (lane, n, n < 0 ? ctr_transport_error (error) : NULL);
}

static void
on_archive_layer_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) lane = user_data;
  GError *error = NULL;
  gssize n = ctr_archive_read_finish (result, &error);

  take_piece (lane, n, error);
}

static void
read_layer (GTask *lane, gpointer value, GError *error)
{
  Lane *self = g_task_get_task_data (lane);
  Pull *pull = pull_of (lane);

  /* another pull has brought it meanwhile: the engine says of a new try whether it has all of it */
  if (ctr_is (error, THOLE_ERROR_EXISTS) && self->tries < TRIES_MAX)
    {
      pull->done -= self->layer->size - self->left;
      try_layer (lane);
    }
  else if (error != NULL)
    end_lane (lane, error);
  else if (pull->archive != NULL)
    ctr_archive_read_async (pull->archive, self->layer->digest, self->layer->size - self->left, self->piece, PIECE, g_task_get_cancellable (lane),
                            on_archive_layer_read, g_object_ref (lane));
  else
    g_input_stream_read_async (self->stream, self->piece, PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (lane), on_layer_read,
                               g_object_ref (lane));
}

static void
on_layer_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) lane = user_data;
  Lane *self = g_task_get_task_data (lane);
  g_autoptr(GError) error = NULL;

  self->stream = ctr_registry_get_finish (pull_of (lane)->registry, result, NULL, &error);
  if (self->stream == NULL)
    end_lane (lane, error);
  else
    read_layer (lane, NULL, NULL);
}

static void
on_layer_wanted (GTask *lane, gpointer value, GError *error)
{
  Lane *self = g_task_get_task_data (lane);
  Pull *pull = pull_of (lane);
  g_autofree char *what = g_strconcat ("blobs/", self->layer->digest, NULL);

  if (ctr_is (error, THOLE_ERROR_EXISTS))
    {
      pull->done += self->layer->size;
      report (pull, FALSE);
      end_layer (lane);
    }
  else if (error != NULL || pull->archive != NULL)
    read_layer (lane, NULL, error);
  else
    ctr_registry_get_async (pull->registry, what, "*/*", g_task_get_cancellable (lane), on_layer_opened, g_object_ref (lane));
}

static void
begin_layer (GTask *lane)
{
  Lane *self = g_task_get_task_data (lane);
  Pull *pull = pull_of (lane);

  if (pull->layer == pull->image->layers->len || pull->failure != NULL)
    {
      end_lane (lane, NULL);
      return;
    }
  self->layer = g_ptr_array_index (pull->image->layers, pull->layer++);
  self->tries = 0;
  try_layer (lane);
}

static void
try_layer (GTask *lane)
{
  Lane *self = g_task_get_task_data (lane);
  Pull *pull = pull_of (lane);

  g_clear_pointer (&self->ingest, ctr_ingest_free);
  g_clear_object (&self->stream);
  self->tries++;
  self->left = self->layer->size;
  self->ingest = ctr_ingest_new (lane, self->layer->digest, self->layer->size, pull->lease);
  /* nothing as yet: it is known then whether the engine has it */
  ctr_ingest_write (self->ingest, NULL, 0, on_layer_wanted);
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

static void
fetch_layers (GTask *task)
{
  Pull *self = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  guint lanes = MIN (LANES, self->image->layers->len);

  self->fetching = g_cancellable_new ();
  if (cancellable != NULL)
    self->watch = g_signal_connect (cancellable, "cancelled", G_CALLBACK (on_cancelled), self->fetching);
  if (g_cancellable_is_cancelled (cancellable))
    g_cancellable_cancel (self->fetching);
  self->lanes = lanes;
  if (lanes == 0)
    end_layers (task);
  for (guint i = 0; i < lanes; i++)
    {
      g_autoptr(GTask) lane = ctr_job_new (self->job.driver, sizeof (Lane), lane_clear, NULL, self->fetching, NULL, NULL);
      Lane *data = g_task_get_task_data (lane);

      data->outer = g_object_ref (task);
      data->piece = g_malloc (PIECE);
      begin_layer (lane);
    }
}

/* documents ------------------------------------------------------------------------------------------- */

static GVariant *
parse (const Document *document, GError **error)
{
  g_autoptr(GVariant) json = thole_json_parse (g_bytes_get_data (document->bytes, NULL), g_bytes_get_size (document->bytes), NULL);

  if (json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT))
    return g_steal_pointer (&json);
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the registry's answer is not an image");
  return NULL;
}

/* Reads what the registry gave. @digest (nullable): what it has to be */
static gboolean
take_document (Document *document, GAsyncResult *result, const char *digest, GError **error)
{
  document->bytes = ctr_read_all_finish (result, error);
  if (document->bytes == NULL)
    return FALSE;
  document->digest = ctr_digest_of (g_bytes_get_data (document->bytes, NULL), g_bytes_get_size (document->bytes));
  if (digest == NULL || strcmp (digest, document->digest) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the registry gave something else than %s", digest);
  return FALSE;
}

static void
on_config_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  const Document *top = self->index.bytes != NULL ? &self->index : &self->manifest;
  GError *error = NULL;
  g_autoptr(GVariant) manifest = parse (&self->manifest, NULL);
  g_autoptr(GVariant) descriptor = thole_dict_value (manifest, "config", "a{sv}");
  g_autoptr(GVariant) config = NULL;

  if (take_document (&self->config, result, thole_dict_string (descriptor, "digest", ""), &error))
    config = parse (&self->config, &error);
  if (config != NULL)
    self->image = ctr_image_new (self->name, top->digest, manifest, config, &error);
  if (self->image == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->total = self->image->size;
  fetch_layers (task);
}

static void
on_config_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) stream = ctr_registry_get_finish (self->registry, result, NULL, &error);

  if (stream == NULL)
    g_task_return_error (task, error);
  else
    ctr_read_all_async (stream, CTR_DOCUMENT_MAX, g_task_get_cancellable (task), on_config_read, g_object_ref (task));
}

static void on_manifest_opened (GObject *source, GAsyncResult *result, gpointer user_data);

static void
get_manifest (GTask *task, const char *version)
{
  Pull *self = g_task_get_task_data (task);
  g_autofree char *what = g_strconcat ("manifests/", version, NULL);

  g_free (self->version);
  self->version = g_strdup (version);
  ctr_registry_get_async (self->registry, what, ACCEPT, g_task_get_cancellable (task), on_manifest_opened, g_object_ref (task));
}

static void
on_manifest_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  gboolean first = self->index.bytes == NULL;
  GError *error = NULL;
  g_autoptr(GVariant) manifest = NULL, descriptor = NULL;
  g_autofree char *chosen = NULL, *what = NULL;

  if (take_document (&self->manifest, result, ctr_digest_valid (self->version) ? self->version : NULL, &error))
    manifest = parse (&self->manifest, &error);
  if (manifest == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (first && ctr_is_index (manifest))
    {
      chosen = ctr_index_choose (manifest, ctr_architecture ());
      self->index = self->manifest;
      self->manifest = (Document){ NULL, NULL, NULL };
      if (chosen != NULL)
        get_manifest (task, chosen);
      else
        g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND, "%s has no image for linux/%s", self->name, ctr_architecture ());
      return;
    }
  descriptor = thole_dict_value (manifest, "config", "a{sv}");
  if (descriptor == NULL || !ctr_digest_valid (thole_dict_string (descriptor, "digest", "")))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the manifest of %s is of a kind that is not known", self->name);
      return;
    }
  what = g_strconcat ("blobs/", thole_dict_string (descriptor, "digest", ""), NULL);
  ctr_registry_get_async (self->registry, what, "*/*", g_task_get_cancellable (task), on_config_opened, g_object_ref (task));
}

static void
on_manifest_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) stream = ctr_registry_get_finish (self->registry, result, &self->manifest.type, &error);

  if (stream == NULL)
    g_task_return_error (task, error);
  else
    ctr_read_all_async (stream, CTR_DOCUMENT_MAX, g_task_get_cancellable (task), on_manifest_read, g_object_ref (task));
}

/* A call of it that is cancelled may have made one all the same. */
static void
make_lease (GTask *task, CtrNext next)
{
  Pull *self = g_task_get_task_data (task);

  self->leased = TRUE;
  ctr_lease_make (task, self->lease, next);
}

static void
on_leased (GTask *task, gpointer value, GError *error)
{
  Pull *self = g_task_get_task_data (task);
  g_autofree char *version = g_strdup (self->version);

  if (error != NULL)
    ctr_fail (task, error);
  else
    get_manifest (task, version);
}

/* credentials ----------------------------------------------------------------------------------------- */

/* Those of the call, else those of the configuration for this registry. */
static void
find_credentials (TholeDriver *self, GVariant *options, const char *registry, char **user, char **password)
{
  g_autoptr(GVariant) given = thole_dict_value (options, "credentials", "a{sv}");
  const char *name = g_hash_table_lookup (self->config->registries, registry);
  g_autoptr(GBytes) secret = NULL;
  g_autofree char *text = NULL;
  char *colon;

  if (given != NULL && thole_dict_string (given, "username", "")[0] != '\0')
    {
      *user = g_strdup (thole_dict_string (given, "username", ""));
      *password = g_strdup (thole_dict_string (given, "password", ""));
      return;
    }
  secret = name != NULL && self->host != NULL ? self->ops->secret (self->host, name) : NULL;
  if (name != NULL && secret == NULL)
    ctr_log (self, G_LOG_LEVEL_WARNING, "there is no secret \"%s\" for the registry %s", name, registry);
  text = secret != NULL ? g_strndup (g_bytes_get_data (secret, NULL), g_bytes_get_size (secret)) : g_strdup ("");
  g_strchomp (text);
  colon = strchr (text, ':');
  if (colon == NULL)
    return;
  *user = g_strndup (text, colon - text);
  *password = g_strdup (colon + 1);
}

/* archives -------------------------------------------------------------------------------------------- */

static void
on_archive_leased (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    fetch_layers (task);
}

static void
fill_document (Document *self, GBytes *bytes, const char *type)
{
  self->bytes = g_bytes_ref (bytes);
  self->digest = ctr_digest_of (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  self->type = g_strdup (type);
}

static void
on_archive_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) manifest = NULL, config = NULL;

  self->archive = ctr_archive_open_finish (result, &error);
  if (self->archive != NULL)
    {
      fill_document (&self->manifest, ctr_archive_manifest (self->archive), ctr_archive_type (self->archive));
      fill_document (&self->config, ctr_archive_config (self->archive), NULL);
      manifest = parse (&self->manifest, &error);
      config = manifest != NULL ? parse (&self->config, &error) : NULL;
    }
  if (config != NULL)
    self->image = ctr_image_new (self->name, self->manifest.digest, manifest, config, &error);
  if (self->image == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->total = self->image->size;
  make_lease (task, on_archive_leased);
}

static void
import (GTask *task, const char *file)
{
  Pull *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;

  if (driver->config->archives[0] == '\0')
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "this backend takes no archives: `archives` is not set");
      return;
    }
  ctr_archive_open_async (driver->config->archives, file, ctr_architecture (), g_task_get_cancellable (task), on_archive_opened,
                          g_object_ref (task));
}

void
ctr_pull_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Pull), pull_clear, options, cancellable, callback, user_data);
  Pull *pull = task != NULL ? g_task_get_task_data (task) : NULL;
  g_autofree char *registry = NULL, *repository = NULL, *user = NULL, *password = NULL;
  GError *error = NULL;

  if (pull == NULL)
    return;
  pull->name = ctr_reference_parse (reference, &registry, &repository, &pull->version, &error);
  if (pull->name == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  pull->token = (guint64) thole_dict_int (options, "progress", 0);
  pull->lease = g_strdup_printf ("thole-pull-%" G_GINT64_FORMAT "-%u", ctr_now (self), self->serial++);
  if (ctr_reference_archive (reference) != NULL)
    {
      import (task, ctr_reference_archive (reference));
      return;
    }
  find_credentials (self, options, registry, &user, &password);
  pull->registry = ctr_registry_new (self, registry, repository, user, password);
  make_lease (task, on_leased);
}
