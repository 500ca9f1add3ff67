/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "content.h"

#include <string.h>

#define STEP_SECONDS 60.0
#define COMMIT_SECONDS 300.0
#define PIECE (512 * 1024)

/* read ------------------------------------------------------------------------------------------------ */

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  char *digest;
  CtrStream *stream;
  GByteArray *data;
  GSource *deadline;
} Read;

static void
read_clear (gpointer data)
{
  Read *self = data;

  g_clear_pointer (&self->stream, ctr_stream_free);
  thole_timer_clear (&self->deadline);
  g_byte_array_unref (self->data);
  g_object_unref (self->outer);
  g_free (self->digest);
}

static void
read_end (GTask *task, const GError *failure)
{
  Read *self = g_task_get_task_data (task);
  g_autoptr(GError) error = failure != NULL ? g_error_copy (failure) : NULL;
  g_autofree char *digest = ctr_digest_of (self->data->data, self->data->len);
  g_autoptr(GBytes) bytes = NULL;

  thole_timer_clear (&self->deadline);
  g_clear_pointer (&self->stream, ctr_stream_free);
  if (error == NULL && strcmp (digest, self->digest) != 0)
    error = g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "the blob %s is damaged", self->digest);
  bytes = g_bytes_new (self->data->data, self->data->len);
  self->next (self->outer, error == NULL ? bytes : NULL, error);
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
on_piece (CtrStream *stream, const guint8 *data, gsize length, gpointer user_data)
{
  Read *self = g_task_get_task_data (user_data);
  Ctr__ContentPiece *piece = (Ctr__ContentPiece *) protobuf_c_message_unpack (&ctr__content_piece__descriptor, NULL, length, data);
  g_autoptr(GError) error = NULL;

  if (piece != NULL && self->data->len + piece->data.len <= CTR_DOCUMENT_MAX)
    g_byte_array_append (self->data, piece->data.data, (guint) piece->data.len);
  else
    error = g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "the blob %s is too large or cannot be read", self->digest);
  if (piece != NULL)
    ctr_message_free (&piece->base);
  if (error != NULL)
    read_end (user_data, error);
}

static void
on_read_ended (CtrStream *stream, const GError *error, gpointer user_data)
{
  read_end (user_data, error);
}

static const CtrStreamHandler read_handler = { on_piece, on_read_ended };

static gboolean
on_read_deadline (gpointer user_data)
{
  g_autoptr(GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "the engine did not give a blob in time");

  read_end (user_data, error);
  return G_SOURCE_REMOVE;
}

void
ctr_content_read (GTask *task, const char *digest, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  GTask *inner = ctr_job_new (driver, sizeof (Read), read_clear, NULL, NULL, NULL, NULL);
  Read *self = g_task_get_task_data (inner);
  Ctr__ContentRead request = CTR__CONTENT_READ__INIT;

  self->outer = g_object_ref (task);
  self->next = next;
  self->digest = g_strdup (digest);
  self->data = g_byte_array_new ();
  request.digest = (char *) digest;
  self->stream = ctr_stream_new (driver->channel, "/containerd.services.content.v1.Content/Read", NULL, STEP_SECONDS, &read_handler, inner);
  ctr_stream_send (self->stream, &request.base, TRUE);
  self->deadline = ctr_timer (driver, STEP_SECONDS, on_read_deadline, inner);
}

/* write ----------------------------------------------------------------------------------------------- */

struct _CtrIngest
{
  GTask *task;
  CtrStream *stream;
  char *ref, *digest;
  gint64 total, offset;
  CtrNext next;      /* who waits for an answer */
  GSource *deadline;
  GError *failure;   /* the stream has ended */
};

static void
ingest_answer (CtrIngest *self, const GError *error)
{
  g_autoptr(GTask) task = g_object_ref (self->task);
  g_autoptr(GError) copy = error != NULL ? g_error_copy (error) : NULL;
  CtrNext next = self->next;

  thole_timer_clear (&self->deadline);
  self->next = NULL;
  if (next == NULL)
    return;
  next (task, NULL, copy);
  g_object_unref (task); /* that of ingest_send() */
}

static void
on_written (CtrStream *stream, const guint8 *data, gsize length, gpointer user_data)
{
  CtrIngest *self = user_data;
  Ctr__ContentWritten *written = (Ctr__ContentWritten *) protobuf_c_message_unpack (&ctr__content_written__descriptor, NULL, length, data);

  if (written == NULL)
    return;
  self->offset = written->offset;
  ctr_message_free (&written->base);
  ingest_answer (self, NULL);
}

static void
on_write_ended (CtrStream *stream, const GError *error, gpointer user_data)
{
  CtrIngest *self = user_data;

  self->failure = error != NULL ? g_error_copy (error)
                                : g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, "the engine ended the transfer");
  ingest_answer (self, self->failure);
}

static const CtrStreamHandler write_handler = { on_written, on_write_ended };

CtrIngest *
ctr_ingest_new (GTask *task, const char *digest, gint64 total, const char *lease)
{
  TholeDriver *driver = ctr_driver_of (task);
  CtrIngest *self = g_new0 (CtrIngest, 1);

  self->task = task;
  self->digest = g_strdup (digest);
  self->ref = g_strdup_printf ("thole-%" G_GINT64_FORMAT "-%u-%s", ctr_now (driver), driver->serial++, digest);
  self->total = total;
  self->stream = ctr_stream_new (driver->channel, "/containerd.services.content.v1.Content/Write", lease, 0, &write_handler, self);
  return self;
}

static gboolean
on_write_deadline (gpointer user_data)
{
  CtrIngest *self = user_data;

  self->failure = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "the engine did not take a blob in time");
  g_clear_pointer (&self->stream, ctr_stream_free);
  ingest_answer (self, self->failure);
  return G_SOURCE_REMOVE;
}

static gboolean
on_failed_before (gpointer user_data)
{
  CtrIngest *self = user_data;

  ingest_answer (self, self->failure);
  return G_SOURCE_REMOVE;
}

static void
ingest_send (CtrIngest *self, Ctr__ContentWrite *request, double seconds, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (self->task);

  self->next = next;
  g_object_ref (self->task);
  if (self->failure != NULL)
    {
      self->deadline = g_idle_source_new ();
      g_source_set_callback (self->deadline, on_failed_before, self, NULL);
      g_source_attach (self->deadline, g_task_get_context (self->task));
      return;
    }
  request->ref = self->ref;
  request->total = self->total;
  request->expected = self->digest;
  request->offset = self->offset;
  ctr_stream_send (self->stream, &request->base, FALSE);
  self->deadline = ctr_timer (driver, seconds, on_write_deadline, self);
}

void
ctr_ingest_write (CtrIngest *self, const guint8 *data, gsize length, CtrNext next)
{
  Ctr__ContentWrite request = CTR__CONTENT_WRITE__INIT;

  request.action = 1;
  request.data.data = (guint8 *) data;
  request.data.len = length;
  ingest_send (self, &request, STEP_SECONDS, next);
}

void
ctr_ingest_commit (CtrIngest *self, const char *const *labels, CtrNext next)
{
  Ctr__ContentWrite request = CTR__CONTENT_WRITE__INIT;
  g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; labels != NULL && labels[i] != NULL; i += 2)
    {
      Ctr__Label *label = g_new (Ctr__Label, 1);

      ctr__label__init (label);
      label->key = (char *) labels[i];
      label->value = (char *) labels[i + 1];
      g_ptr_array_add (list, label);
    }
  request.action = 2;
  request.labels = (Ctr__Label **) list->pdata;
  request.n_labels = list->len;
  ingest_send (self, &request, COMMIT_SECONDS, next);
}

void
ctr_ingest_free (CtrIngest *self)
{
  thole_timer_clear (&self->deadline);
  g_clear_pointer (&self->stream, ctr_stream_free);
  g_clear_error (&self->failure);
  g_free (self->ref);
  g_free (self->digest);
  g_free (self);
}

/* all at once ----------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  CtrIngest *ingest;
  GBytes *data;
  gsize done;
  char **labels;
} Write;

static void
write_clear (gpointer data)
{
  Write *self = data;

  ctr_ingest_free (self->ingest);
  g_bytes_unref (self->data);
  g_strfreev (self->labels);
  g_object_unref (self->outer);
}

static void
write_end (GTask *task, GError *error)
{
  Write *self = g_task_get_task_data (task);

  self->next (self->outer, NULL, ctr_is (error, THOLE_ERROR_EXISTS) ? NULL : error);
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
on_committed (GTask *task, gpointer value, GError *error)
{
  write_end (task, error);
}

static void
write_more (GTask *task, gpointer value, GError *error)
{
  Write *self = g_task_get_task_data (task);
  gsize length, n;
  const guint8 *data = g_bytes_get_data (self->data, &length);

  if (error != NULL)
    {
      write_end (task, error);
      return;
    }
  n = MIN (PIECE, length - self->done);
  if (n == 0)
    {
      ctr_ingest_commit (self->ingest, (const char *const *) self->labels, on_committed);
      return;
    }
  self->done += n;
  ctr_ingest_write (self->ingest, data + self->done - n, n, write_more);
}

void
ctr_content_write (GTask *task, const char *digest, GBytes *data, const char *const *labels, const char *lease, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  GTask *inner = ctr_job_new (driver, sizeof (Write), write_clear, NULL, NULL, NULL, NULL);
  Write *self = g_task_get_task_data (inner);

  self->outer = g_object_ref (task);
  self->next = next;
  self->data = g_bytes_ref (data);
  self->labels = g_strdupv ((char **) labels);
  self->ingest = ctr_ingest_new (inner, digest, (gint64) g_bytes_get_size (data), lease);
  write_more (inner, NULL, NULL);
}
