/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/archive.h"

#include <string.h>

#include "thole-error.h"

/* begins with @head, then has zeros for ever; silent: then nothing more comes */
typedef struct
{
  GInputStream parent;
  GByteArray *head;
  gsize at;
  guint64 given;
  gboolean silent;
} Endless;

typedef GInputStreamClass EndlessClass;

GType endless_get_type (void);

G_DEFINE_TYPE (Endless, endless, G_TYPE_INPUT_STREAM)

static gssize
endless_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  Endless *self = (Endless *) stream;
  gsize part = MIN (count, self->head->len - self->at);

  if (part > 0)
    memcpy (buffer, self->head->data + self->at, part);
  else if (self->silent)
    {
      while (!g_cancellable_set_error_if_cancelled (cancellable, error))
        g_usleep (1000);
      return -1;
    }
  else
    memset (buffer, 0, part = count);
  self->at = MIN (self->at + part, self->head->len);
  self->given += part;
  return (gssize) part;
}

static void
endless_finalize (GObject *object)
{
  g_byte_array_unref (((Endless *) object)->head);
  G_OBJECT_CLASS (endless_parent_class)->finalize (object);
}

static void
endless_class_init (EndlessClass *class)
{
  G_OBJECT_CLASS (class)->finalize = endless_finalize;
  class->read_fn = endless_read;
}

static void
endless_init (Endless *self)
{
  self->head = g_byte_array_new ();
}

typedef struct
{
  Endless *endless;
  TholeArchive *archive;
  gboolean done;
  const TholeTarEntry *entry;
  GError *error;
} Bed;

static void
bed_begin (Bed *self, gboolean silent)
{
  TholeTarEntry folder = { .kind = THOLE_TAR_FOLDER, .name = "data", .mode = 0755 };
  TholeTarEntry large = { .kind = THOLE_TAR_FILE, .name = "data/x", .mode = 0644, .size = G_GUINT64_CONSTANT (8) << 40 };
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();

  self->endless = g_object_new (endless_get_type (), NULL);
  self->endless->silent = silent;
  thole_tar_append_entry (self->endless->head, &folder);
  thole_tar_append_entry (self->endless->head, &large);
  self->archive = thole_archive_new (g_simple_io_stream_new (G_INPUT_STREAM (self->endless), output));
}

static void
bed_end (Bed *self)
{
  g_clear_error (&self->error);
  thole_archive_unref (self->archive);
  g_object_unref (self->endless);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
on_next (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Bed *self = user_data;

  self->entry = thole_archive_next_finish (self->archive, result, &self->error);
  self->done = TRUE;
}

static void
next (Bed *self)
{
  self->done = FALSE;
  thole_archive_next_async (self->archive, on_next, self);
  while (!self->done)
    g_main_context_iteration (NULL, TRUE);
}

/* to what lies behind the first megabyte of the large file, which is never reached */
static void
skip_to_large (Bed *self)
{
  next (self);
  g_assert_no_error (self->error);
  g_assert_cmpstr (self->entry->name, ==, "data/");
  next (self);
  g_assert_no_error (self->error);
  g_assert_cmpstr (self->entry->name, ==, "data/x");
}

static void
test_too_large (void)
{
  Bed bed = { NULL };

  bed_begin (&bed, FALSE);
  skip_to_large (&bed);
  thole_archive_bound (bed.archive, thole_clock_system (), 1 << 20, 600 * G_USEC_PER_SEC, NULL);
  next (&bed);
  g_assert_error (bed.error, THOLE_ERROR, THOLE_ERROR_TOO_LARGE);
  g_assert_cmpuint (bed.endless->given, <, 2 << 20);
  bed_end (&bed);
}

static void
test_too_late (gconstpointer silent)
{
  Bed bed = { NULL };

  bed_begin (&bed, silent != NULL);
  skip_to_large (&bed);
  thole_archive_bound (bed.archive, thole_clock_system (), G_MAXUINT64, 20000, NULL);
  next (&bed);
  g_assert_error (bed.error, THOLE_ERROR, THOLE_ERROR_TIMEOUT);
  bed_end (&bed);
}

static gboolean
leave (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

static void
test_left (gconstpointer silent)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Bed bed = { NULL };

  bed_begin (&bed, silent != NULL);
  skip_to_large (&bed);
  thole_archive_bound (bed.archive, thole_clock_system (), G_MAXUINT64, 600 * G_USEC_PER_SEC, cancellable);
  g_timeout_add (10, leave, cancellable);
  next (&bed);
  g_assert_error (bed.error, THOLE_ERROR, THOLE_ERROR_INTERRUPTED);
  bed_end (&bed);
}

/* what is read as a stream is bounded by whoever reads it */
static void
test_stream (void)
{
  Bed bed = { NULL };
  TholeStream *stream;
  TholeItem item = { 0 };
  guint64 got = 0;

  bed_begin (&bed, FALSE);
  skip_to_large (&bed);
  thole_archive_bound (bed.archive, thole_clock_system (), 1024, 1, NULL);
  stream = thole_archive_content (bed.archive, 0, 4 << 20);
  stream->ready = (void (*) (gpointer)) g_main_context_wakeup;
  stream->reader = NULL;
  for (gboolean more = TRUE; more;)
    switch (stream->next (stream, &item, &bed.error))
      {
      case THOLE_STREAM_ITEM:
        got += g_bytes_get_size (item.data);
        g_clear_pointer (&item.data, g_bytes_unref);
        break;
      case THOLE_STREAM_WAIT:
        g_main_context_iteration (NULL, TRUE);
        break;
      case THOLE_STREAM_ERROR:
      case THOLE_STREAM_END:
      default:
        more = FALSE;
      }
  g_assert_no_error (bed.error);
  g_assert_cmpuint (got, ==, 4 << 20);
  stream->close (stream);
  bed_end (&bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/archive/too-large", test_too_large);
  g_test_add_data_func ("/archive/too-late/endless", NULL, test_too_late);
  g_test_add_data_func ("/archive/too-late/silent", "", test_too_late);
  g_test_add_data_func ("/archive/left/endless", NULL, test_left);
  g_test_add_data_func ("/archive/left/silent", "", test_left);
  g_test_add_func ("/archive/stream", test_stream);
  return g_test_run ();
}
