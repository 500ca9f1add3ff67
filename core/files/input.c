/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "thole-error.h"

/* before the content, the content, behind it */
typedef struct
{
  GInputStream parent;
  GByteArray *before;
  int fd;
  guint64 size, behind; /* @behind: zeros that follow the content */
  guint64 at;
} TarInput;

typedef GInputStreamClass TarInputClass;

GType tar_input_get_type (void);

G_DEFINE_TYPE (TarInput, tar_input, G_TYPE_INPUT_STREAM)

static gssize
read_content (TarInput *self, void *buffer, gsize count, guint64 at, GError **error)
{
  gssize got;

  do
    got = pread (self->fd, buffer, count, (off_t) at);
  while (got < 0 && errno == EINTR);
  if (got > 0)
    return got;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INTERNAL, "what was uploaded cannot be read again: %s",
               got < 0 ? g_strerror (errno) : "it is shorter than it was");
  return -1;
}

static gssize
tar_input_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  TarInput *self = (TarInput *) stream;
  guint64 begin = self->before->len, end = begin + self->size;
  gssize got;

  if (self->at < begin)
    {
      got = (gssize) MIN (count, begin - self->at);
      memcpy (buffer, self->before->data + self->at, (gsize) got);
    }
  else if (self->at < end)
    {
      got = read_content (self, buffer, (gsize) MIN (count, end - self->at), self->at - begin, error);
      if (got < 0)
        return -1;
    }
  else
    {
      got = (gssize) MIN (count, end + self->behind - self->at);
      memset (buffer, 0, (gsize) got);
    }
  self->at += (guint64) got;
  return got;
}

static void
tar_input_finalize (GObject *object)
{
  TarInput *self = (TarInput *) object;

  g_byte_array_unref (self->before);
  if (self->fd >= 0)
    close (self->fd);
  G_OBJECT_CLASS (tar_input_parent_class)->finalize (object);
}

static void
tar_input_class_init (TarInputClass *class)
{
  G_OBJECT_CLASS (class)->finalize = tar_input_finalize;
  class->read_fn = tar_input_read;
}

static void
tar_input_init (TarInput *self)
{
  self->before = g_byte_array_new ();
}

GInputStream *
thole_tar_input_entry (const TholeTarEntry *entry, int fd)
{
  TarInput *self = g_object_new (tar_input_get_type (), NULL);

  thole_tar_append_entry (self->before, entry);
  self->fd = fd;
  self->size = fd >= 0 ? entry->size : 0;
  self->behind = (THOLE_TAR_BLOCK - self->size % THOLE_TAR_BLOCK) % THOLE_TAR_BLOCK + 2 * THOLE_TAR_BLOCK;
  return (GInputStream *) self;
}

GInputStream *
thole_tar_input_whole (int fd, guint64 size)
{
  TarInput *self = g_object_new (tar_input_get_type (), NULL);

  self->fd = fd;
  self->size = size;
  self->behind = 2 * THOLE_TAR_BLOCK;
  return (GInputStream *) self;
}
