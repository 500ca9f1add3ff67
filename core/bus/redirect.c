/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Workload.Exec with descriptors for `stdin`, `stdout` and `stderr`: bytes that do not go through the bus. What comes of the command is
 * as ever; input is read to its end before it begins, output is written before the answer.
 *
 * Only pipes and stream sockets are taken, since nothing else can be kept from blocking the daemon. A pipe is opened anew, so that it is
 * not made non-blocking for the caller, too.
 */
#include "bus/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/wire.h"
#include "thole-dict.h"

#define WRONG_ARGUMENTS "org.freedesktop.DBus.Error.InvalidArgs"
#define MOST_INPUT (1024 * 1024)       /* as in a body */
#define MOST_AT_ONCE 32                /* each may hold its input and its output */
#define PATIENCE (30 * G_USEC_PER_SEC) /* for the other end to go on */

enum { INPUT, OUTPUT, ERRORS, N_STREAMS };

static const char *const names[N_STREAMS] = { "stdin", "stdout", "stderr" };

typedef struct
{
  gboolean given, socket;
  int fd;            /* -1 = closed: what goes there is dropped */
} Stream;

typedef struct
{
  TholeBusCall *call;
  Stream streams[N_STREAMS];
  GVariant *options; /* without descriptors */
  void (*then) (TholeBusCall *call, GVariant *options);
  GByteArray *input;
  GVariant *result;  /* (nullable): without what is written */
  GBytes *outputs[N_STREAMS];
  gsize written;     /* of the one that is being written */
  gboolean moved;    /* since the last tick */
  GSource *ready, *tick, *cancelled;
} Redirect;

static void
close_stream (Stream *stream)
{
  if (stream->fd >= 0)
    close (stream->fd);
  stream->fd = -1;
}

static void
stop_waiting (Redirect *self)
{
  thole_source_clear (&self->ready);
  thole_source_clear (&self->tick);
  thole_source_clear (&self->cancelled);
}

static void
redirect_free (gpointer data)
{
  Redirect *self = data;

  stop_waiting (self);
  for (guint i = 0; i < N_STREAMS; i++)
    {
      close_stream (&self->streams[i]);
      g_clear_pointer (&self->outputs[i], g_bytes_unref);
    }
  g_clear_pointer (&self->options, g_variant_unref);
  g_clear_pointer (&self->result, g_variant_unref);
  g_byte_array_unref (self->input);
  g_free (self);
}

gboolean
thole_bus_redirected (const TholeBusCall *call)
{
  return call->state_free == redirect_free;
}

static gboolean
has_room (const TholeBusCall *call)
{
  guint own = 0, all = 0;
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, call->bus->calls);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (thole_bus_redirected (key))
      {
        all++;
        own += ((TholeBusCall *) key)->caller->uid == call->caller->uid;
      }
  return thole_bus_room (call->caller->uid, own, all, MOST_AT_ONCE);
}

/* waiting ------------------------------------------------------------------------------------------------------ */

static void write_on (Redirect *self);
static void end (Redirect *self, gboolean whole);

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Redirect *self = user_data;

  thole_bus_fail (self->call, THOLE_ERROR_INTERRUPTED, "the caller has left, or the daemon goes down");
  return G_SOURCE_REMOVE;
}

static gboolean
on_tick (gpointer user_data)
{
  Redirect *self = user_data;
  gboolean moved = self->moved;

  self->moved = FALSE;
  if (moved)
    return G_SOURCE_CONTINUE;
  if (self->result != NULL)
    end (self, FALSE);
  else
    thole_bus_fail (self->call, THOLE_ERROR_TIMEOUT, "the input did not come to its end");
  return G_SOURCE_REMOVE;
}

static void
wait_for (Redirect *self, const Stream *stream, GIOCondition condition, GUnixFDSourceFunc ready)
{
  TholeBusCall *call = self->call;

  thole_source_clear (&self->ready);
  self->ready = g_unix_fd_source_new (stream->fd, condition | G_IO_ERR | G_IO_HUP);
  g_source_set_callback (self->ready, G_SOURCE_FUNC (ready), self, NULL);
  g_source_attach (self->ready, g_main_context_get_thread_default ());
  if (self->tick != NULL)
    return;
  self->tick = thole_clock_timer (call->bus->options.clock, PATIENCE, on_tick, self);
  self->cancelled = g_cancellable_source_new (call->cancellable);
  g_source_set_callback (self->cancelled, G_SOURCE_FUNC (on_cancelled), self, NULL);
  g_source_attach (self->cancelled, g_main_context_get_thread_default ());
}

/* input -------------------------------------------------------------------------------------------------------- */

static GVariant *
with_input (Redirect *self)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, self->options);
  if (self->input->len > 0)
    {
      g_autofree char *text = g_base64_encode (self->input->data, self->input->len);

      g_variant_dict_insert (&dict, "stdin_base64", "s", text);
    }
  g_byte_array_set_size (self->input, 0);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
go_on (Redirect *self)
{
  g_autoptr (GVariant) options = with_input (self);

  stop_waiting (self);
  close_stream (&self->streams[INPUT]);
  self->then (self->call, options);
}

static void
refuse_input (Redirect *self)
{
  TholeProblem *problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");

  thole_problem_add (problem, "/stdin", "too_long", "at most 1048576 bytes");
  thole_bus_problem (self->call, problem);
  thole_problem_free (problem);
}

static gboolean
readable (int fd, GIOCondition condition, gpointer user_data)
{
  Redirect *self = user_data;
  guint8 piece[16384];
  gssize got = self->streams[INPUT].socket ? recv (fd, piece, sizeof piece, MSG_DONTWAIT) : read (fd, piece, sizeof piece);

  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (got > 0 && self->input->len + (gsize) got > MOST_INPUT)
    refuse_input (self);
  else if (got > 0)
    {
      g_byte_array_append (self->input, piece, (guint) got);
      self->moved = TRUE;
    }
  else
    go_on (self);
  return G_SOURCE_CONTINUE;
}

/* output ------------------------------------------------------------------------------------------------------- */

/* text, or base64 of what is none */
static GBytes *
take_output (GVariantDict *dict, const char *name)
{
  g_autofree char *encoded = g_strconcat (name, "_base64", NULL), *base64 = NULL, *text = NULL;
  gsize length;
  guchar *data;

  g_variant_dict_lookup (dict, name, "s", &text);
  g_variant_dict_lookup (dict, encoded, "s", &base64);
  g_variant_dict_remove (dict, name);
  g_variant_dict_remove (dict, encoded);
  if (base64 == NULL)
    return text != NULL ? g_bytes_new (text, strlen (text)) : g_bytes_new (NULL, 0);
  data = g_base64_decode (base64, &length);
  return g_bytes_new_take (data, length);
}

static void
end (Redirect *self, gboolean whole)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_autoptr (GVariant) result = NULL;
  GVariantDict dict;

  g_variant_dict_init (&dict, self->result);
  if (!whole)
    g_variant_dict_insert (&dict, "truncated", "b", TRUE);
  result = g_variant_ref_sink (g_variant_dict_end (&dict));
  thole_wire_object (body, result);
  thole_bus_return_wire (self->call, "a{sv}", body);
}

static gboolean
writable (int fd, GIOCondition condition, gpointer user_data)
{
  write_on (user_data);
  return G_SOURCE_CONTINUE;
}

/* Returns FALSE when it has to wait. Of one that nobody reads any more the rest is dropped, as at any pipe. */
static gboolean
write_stream (Redirect *self, Stream *stream, GBytes *output)
{
  gsize size;
  const char *data = g_bytes_get_data (output, &size);

  while (stream->fd >= 0 && self->written < size)
    {
      gssize done = stream->socket ? send (stream->fd, data + self->written, size - self->written, MSG_DONTWAIT | MSG_NOSIGNAL)
                                   : write (stream->fd, data + self->written, size - self->written);

      if (done < 0 && (errno == EAGAIN || errno == EINTR))
        {
          wait_for (self, stream, G_IO_OUT, writable);
          return FALSE;
        }
      if (done < 0)
        break;
      self->written += (gsize) done;
      self->moved = TRUE;
    }
  thole_source_clear (&self->ready);
  self->written = 0;
  close_stream (stream);
  return TRUE;
}

static void
write_on (Redirect *self)
{
  for (guint i = OUTPUT; i < N_STREAMS; i++)
    {
      if (self->outputs[i] == NULL)
        continue;
      if (!write_stream (self, &self->streams[i], self->outputs[i]))
        return;
      g_clear_pointer (&self->outputs[i], g_bytes_unref);
    }
  end (self, TRUE);
}

void
thole_bus_redirect_output (TholeBusCall *call, GVariant *json)
{
  Redirect *self = call->state;
  GVariantDict dict;

  g_variant_dict_init (&dict, json);
  for (guint i = OUTPUT; i < N_STREAMS; i++)
    if (self->streams[i].given)
      self->outputs[i] = take_output (&dict, names[i]);
  self->result = g_variant_ref_sink (g_variant_dict_end (&dict));
  write_on (self);
}

/* the request -------------------------------------------------------------------------------------------------- */

gboolean
thole_bus_open_end (int fd, gboolean writes, int *opened, gboolean *socket)
{
  int mode = fcntl (fd, F_GETFL) & O_ACCMODE, type = 0;
  socklen_t length = sizeof type;
  g_autofree char *path = NULL;
  struct stat info;

  /* what the caller may not do with it is not done for him */
  if (fstat (fd, &info) != 0 || (mode != O_RDWR && mode != (writes ? O_WRONLY : O_RDONLY)))
    return FALSE;
  *socket = S_ISSOCK (info.st_mode);
  if (*socket)
    {
      if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM)
        return FALSE;
      *opened = fcntl (fd, F_DUPFD_CLOEXEC, 3);
      return *opened >= 0;
    }
  if (!S_ISFIFO (info.st_mode))
    return FALSE;
  path = g_strdup_printf ("/proc/self/fd/%d", fd);
  *opened = open (path, (writes ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
  /* nobody reads it any more */
  return *opened >= 0 || (writes && errno == ENXIO);
}

static gboolean
open_stream (Stream *stream, int fd, gboolean writes)
{
  stream->given = thole_bus_open_end (fd, writes, &stream->fd, &stream->socket);
  return stream->given;
}

/* Returns FALSE and has refused the call when they cannot be used */
static gboolean
take_descriptors (Redirect *self, GVariant *options)
{
  GUnixFDList *list = g_dbus_message_get_unix_fd_list (self->call->message);
  int n = 0;
  const int *fds = g_unix_fd_list_peek_fds (list, &n);
  guint used = 0;
  GVariantDict dict;

  g_variant_dict_init (&dict, options);
  for (guint i = 0; i < N_STREAMS; i++)
    {
      g_autoptr (GVariant) handle = g_variant_lookup_value (options, names[i], G_VARIANT_TYPE_HANDLE);

      if (handle == NULL)
        continue;
      if (g_variant_get_handle (handle) < 0 || g_variant_get_handle (handle) >= n
          || !open_stream (&self->streams[i], fds[g_variant_get_handle (handle)], i != INPUT))
        {
          g_variant_dict_clear (&dict);
          thole_bus_refuse (self->call, WRONG_ARGUMENTS, "%s is no end of a pipe or of a stream socket that the daemon can use", names[i]);
          return FALSE;
        }
      g_variant_dict_remove (&dict, names[i]);
      used++;
    }
  self->options = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (used > 0 && (!self->streams[INPUT].given || !g_variant_lookup (options, "stdin_base64", "*", NULL)))
    return TRUE;
  thole_bus_refuse (self->call, WRONG_ARGUMENTS, used > 0 ? "either stdin or stdin_base64" : "no file descriptor belongs here");
  return FALSE;
}

void
thole_bus_redirect (TholeBusCall *call, GVariant *options, void (*then) (TholeBusCall *call, GVariant *options))
{
  Redirect *self;

  if (!has_room (call))
    {
      thole_bus_fail (call, THOLE_ERROR_OVERLOADED, "too many commands with descriptors");
      return;
    }
  self = g_new0 (Redirect, 1);
  self->call = call;
  self->then = then;
  self->input = g_byte_array_new ();
  for (guint i = 0; i < N_STREAMS; i++)
    self->streams[i].fd = -1;
  call->state = self;
  call->state_free = redirect_free;
  if (!take_descriptors (self, options))
    return;
  /* who may not is told so at once */
  if (self->streams[INPUT].fd >= 0 && thole_access_decide (call->principal, call->def->permission))
    wait_for (self, &self->streams[INPUT], G_IO_IN, readable);
  else
    go_on (self);
}
