/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pull: ends at the engine, too, when it is cancelled.
 */
#include "image.h"

#include <string.h>

#include "bound.h"
#include "convert.h"
#include "lines.h"
#include "pull-progress.h"
#include "reply.h"

/* a registry may be slow, but not silent */
#define IDLE_TIMEOUT 300.0
#define REPORT_INTERVAL (G_USEC_PER_SEC / 10)
#define PIECE 16384

typedef struct
{
  TholeDriver *driver;
  DockerBound bound;
  char *repository;
  char *version;
  guint64 token;   /* 0 = nobody wants progress */
  gint64 reported; /* when */
  DockerPullProgress progress;
  DockerLines lines;
  GInputStream *stream;
  guint8 piece[PIECE];
} Pull;

static void
pull_free (Pull *self)
{
  docker_bound_clear (&self->bound);
  docker_pull_progress_clear (&self->progress);
  docker_lines_clear (&self->lines);
  g_clear_object (&self->stream);
  g_free (self->repository);
  g_free (self->version);
  docker_driver_unref (self->driver);
  g_free (self);
}

static void
report (Pull *self, gboolean last)
{
  g_auto(GVariantDict) event = G_VARIANT_DICT_INIT (NULL);
  gint64 now = docker_now (self->driver);

  if (self->token == 0 || (!last && now - self->reported < REPORT_INTERVAL))
    return;
  self->reported = now;
  g_variant_dict_insert (&event, "kind", "s", "progress");
  g_variant_dict_insert (&event, "token", "t", self->token);
  g_variant_dict_insert (&event, "done", "x", self->progress.done);
  g_variant_dict_insert (&event, "total", "x", self->progress.total);
  g_variant_dict_insert (&event, "unit", "s", "bytes");
  g_variant_dict_insert (&event, "message", "s", self->progress.message);
  docker_event (self->driver, g_variant_dict_end (&event));
}

/* the end: which image is it? -------------------------------------------------------------------------- */

static void
on_inspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, docker_image_from_engine (reply->json), (GDestroyNotify) g_variant_unref);
}

static void
on_end (GTask *task)
{
  Pull *self = g_task_get_task_data (task);
  const char *failure = self->progress.failure;
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "GET" };

  docker_bound_disarm (&self->bound);
  report (self, TRUE);
  if (failure != NULL)
    {
      gboolean missing = strstr (failure, "not found") != NULL;

      g_task_return_new_error (task, THOLE_ERROR, docker_error_code (missing ? 404 : 500, missing ? "no such image" : failure),
                               "%s", failure);
      return;
    }
  request.path = path = g_strdup_printf ("/images/%s%c%s/json", self->repository, strchr (self->version, ':') != NULL ? '@' : ':',
                                         self->version);
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_inspected, g_object_ref (task));
}

/* reading --------------------------------------------------------------------------------------------- */

static void read_more (GTask *task);

static void
on_line (const char *line, gsize length, gpointer user_data)
{
  Pull *self = user_data;

  if (line != NULL)
    docker_pull_progress_line (&self->progress, line, length);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (self->stream, result, &error);

  if (n < 0)
    {
      g_task_return_error (task, docker_bound_error (&self->bound, error));
      return;
    }
  if (n == 0)
    {
      on_end (task);
      return;
    }
  docker_bound_arm (&self->bound);
  docker_lines_feed (&self->lines, self->piece, (gsize) n, on_line, self);
  report (self, FALSE);
  read_more (task);
}

static void
read_more (GTask *task)
{
  Pull *self = g_task_get_task_data (task);

  g_input_stream_read_async (self->stream, self->piece, sizeof self->piece, G_PRIORITY_DEFAULT, self->bound.inner, on_read,
                             g_object_ref (task));
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Pull *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->stream = docker_stream_finish (self->driver, result, &error);
  if (self->stream == NULL)
    {
      /* what is missing here can only be the image */
      if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
        error->code = THOLE_ERROR_IMAGE_NOT_FOUND;
      g_task_return_error (task, docker_bound_error (&self->bound, error));
      return;
    }
  read_more (task);
}

/* credentials ----------------------------------------------------------------------------------------- */

static char *
encode_credentials (const char *user, const char *password, const char *registry)
{
  g_autoptr(GString) json = g_string_new ("{\"username\":");
  char *text;

  thole_json_append_string (json, user);
  g_string_append (json, ",\"password\":");
  thole_json_append_string (json, password);
  g_string_append (json, ",\"serveraddress\":");
  thole_json_append_string (json, registry);
  g_string_append_c (json, '}');
  text = g_base64_encode ((const guchar *) json->str, json->len);
  memset (json->str, 0, json->len);
  /* the variant of base64 that is safe in a URL */
  return g_strdelimit (g_strdelimit (text, "+", '-'), "/", '_');
}

/* Those of the call, else those of the configuration for this registry. Returns: (nullable) */
static char *
find_credentials (TholeDriver *self, GVariant *options, const char *registry)
{
  g_autoptr(GVariant) given = thole_dict_value (options, "credentials", "a{sv}");
  const char *name = g_hash_table_lookup (self->config->registries, registry);
  g_autoptr(GBytes) secret = NULL;
  g_autofree char *text = NULL;
  char *colon;
  gsize length;

  if (given != NULL && thole_dict_string (given, "username", "")[0] != '\0')
    return encode_credentials (thole_dict_string (given, "username", ""), thole_dict_string (given, "password", ""), registry);
  if (name == NULL || self->host == NULL)
    return NULL;
  secret = self->ops->secret (self->host, name);
  if (secret == NULL)
    {
      docker_log (self, G_LOG_LEVEL_WARNING, "there is no secret \"%s\" for the registry %s", name, registry);
      return NULL;
    }
  text = g_strndup (g_bytes_get_data (secret, &length), g_bytes_get_size (secret));
  g_strchomp (text);
  colon = strchr (text, ':');
  if (colon == NULL)
    return NULL;
  *colon = '\0';
  return encode_credentials (text, colon + 1, registry);
}

void
docker_pull_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Pull *pull = g_new0 (Pull, 1);
  g_autofree char *registry = NULL, *credentials = NULL, *path = NULL;
  DockerRequest request = { .method = "POST", .timeout = IDLE_TIMEOUT };
  GError *error = NULL;

  pull->driver = docker_driver_ref (self);
  pull->token = (guint64) thole_dict_int (options, "progress", 0);
  docker_pull_progress_init (&pull->progress);
  docker_bound_init (&pull->bound, self, IDLE_TIMEOUT, cancellable);
  g_task_set_task_data (task, pull, (GDestroyNotify) pull_free);
  if (!thole_options_check (options, NULL, &error)
      || !docker_reference_parse (reference, &pull->repository, &pull->version, &registry, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  credentials = find_credentials (self, options, registry);
  request.registry_auth = credentials;
  request.path = path = g_strdup_printf ("/images/create?fromImage=%s&tag=%s", pull->repository, pull->version);
  docker_stream_async (self, &request, pull->bound.inner, on_opened, g_steal_pointer (&task));
}
