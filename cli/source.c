/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source.h"

#include <string.h>
#include <sys/socket.h>

#include "command.h"

struct _CliSource
{
  GFilterInputStream parent;
  gint64 left;          /* -1 = to the end */
  GSubprocess *process; /* (nullable) */
  GSocket *socket;      /* (nullable): where it goes */
  guint64 taken;
};

G_DEFINE_FINAL_TYPE (CliSource, cli_source, G_TYPE_FILTER_INPUT_STREAM)

static gboolean
ended_well (CliSource *self, GCancellable *cancellable, GError **error)
{
  if (self->left > 0)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("the file became shorter while it was read"));
      return FALSE;
    }
  if (self->process == NULL)
    return TRUE;
  if (!g_subprocess_wait (self->process, cancellable, error))
    return FALSE;
  if (g_subprocess_get_successful (self->process))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_FAILED, _("tar could not read all of the folder; nothing was copied"));
  return FALSE;
}

/* Only what says for sure that nobody wants the rest counts: whoever takes the end for the end of all would have half a file. */
static gboolean
is_refused (CliSource *self)
{
  static const char begin[] = "HTTP/1.1 ";
  char head[sizeof begin];

  return self->socket != NULL && recv (g_socket_get_fd (self->socket), head, sizeof head, MSG_PEEK | MSG_DONTWAIT) == sizeof head
         && memcmp (head, begin, sizeof begin - 1) == 0 && (head[sizeof begin - 1] == '4' || head[sizeof begin - 1] == '5');
}

/* called in a thread: the base class has no other way for a stream whose end waits for a process */
static gssize
source_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  CliSource *self = CLI_SOURCE (stream);
  gsize part = self->left >= 0 ? MIN (count, (gsize) self->left) : count;
  gssize got;

  if (is_refused (self))
    return 0;
  got = part > 0 ? g_input_stream_read (G_FILTER_INPUT_STREAM (stream)->base_stream, buffer, part, cancellable, error) : 0;

  if (got == 0 && !ended_well (self, cancellable, error))
    return -1;
  if (got > 0 && self->left > 0)
    self->left -= got;
  if (got > 0)
    __atomic_add_fetch (&self->taken, (guint64) got, __ATOMIC_RELAXED);
  return got;
}

static void
source_finalize (GObject *object)
{
  g_clear_object (&CLI_SOURCE (object)->process);
  g_clear_object (&CLI_SOURCE (object)->socket);
  G_OBJECT_CLASS (cli_source_parent_class)->finalize (object);
}

static void
cli_source_class_init (CliSourceClass *class)
{
  G_OBJECT_CLASS (class)->finalize = source_finalize;
  G_INPUT_STREAM_CLASS (class)->read_fn = source_read;
}

static void
cli_source_init (CliSource *self)
{
}

CliSource *
cli_source_new (GInputStream *base, gint64 size, GSubprocess *process)
{
  CliSource *self = g_object_new (CLI_TYPE_SOURCE, "base-stream", base, NULL);

  self->left = size;
  self->process = process != NULL ? g_object_ref (process) : NULL;
  return self;
}

void
cli_source_watch (CliSource *self, GSocket *socket)
{
  g_set_object (&self->socket, socket);
}

guint64
cli_source_taken (CliSource *self)
{
  return __atomic_load_n (&self->taken, __ATOMIC_RELAXED);
}
