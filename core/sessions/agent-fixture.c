/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-fixture.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "thole-dict.h"

#define PATIENCE (120 * G_USEC_PER_SEC)
#define KEPT (1024 * 1024)

char *
thole_agent_fixture_socket (const char *folder)
{
  return g_build_filename (folder, "agent.sock", NULL);
}

TholeAgentFixture *
thole_agent_fixture_new (TholeAgentWay *(*way) (const char *folder))
{
  TholeAgentFixture *self = g_new0 (TholeAgentFixture, 1);
  const char *program = g_getenv ("THOLE_TEST_AGENT");
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;

  g_assert_nonnull (program);
  self->folder = g_dir_make_tmp ("thole-agent-XXXXXX", &error);
  g_assert_no_error (error);
  path = thole_agent_fixture_socket (self->folder);
  self->agent = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, program, "hold", "--foreground", "--dir", self->folder, NULL);
  g_assert_no_error (error);
  self->link = thole_agent_link_new (thole_clock_system (), way != NULL ? way (self->folder) : thole_agent_way_socket (path));
  return self;
}

static void
erase (const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

void
thole_agent_fixture_free (TholeAgentFixture *self)
{
  g_clear_object (&self->link);
  g_subprocess_send_signal (self->agent, SIGTERM);
  g_subprocess_wait (self->agent, NULL, NULL);
  g_object_unref (self->agent);
  /* what was still closing its streams */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  erase (self->folder);
  g_free (self->folder);
  g_free (self);
}

static gboolean
go_on (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* until @*flag (nullable), at most until @end */
static void
run_until (const gboolean *flag, gint64 end)
{
  g_autoptr(GSource) nudge = g_timeout_source_new (50);

  /* so that the wait ends even if nothing happens */
  g_source_set_callback (nudge, go_on, NULL, NULL);
  g_source_attach (nudge, NULL);
  while ((flag == NULL || !*flag) && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (nudge);
}

void
thole_agent_fixture_await (const gboolean *flag)
{
  run_until (flag, g_get_monotonic_time () + PATIENCE);
  g_assert_true (*flag);
}

void
thole_agent_fixture_run_for (double seconds)
{
  run_until (NULL, g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC));
}

typedef struct
{
  gboolean done;
  GVariant *value;
  GError *error;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->value = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, &answer->error);
  answer->done = TRUE;
}

GVariant *
thole_agent_fixture_call (TholeAgentFixture *self, TholeAgentCall call, GVariant *arguments, GError **error)
{
  Answer answer = { 0 };

  thole_agent_link_call_async (self->link, call, arguments, 60 * G_USEC_PER_SEC, NULL, on_answer, &answer);
  thole_agent_fixture_await (&answer.done);
  if (answer.error != NULL)
    g_propagate_error (error, answer.error);
  return answer.value;
}

GVariant *
thole_agent_fixture_open (TholeAgentFixture *self, const char *text)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_agent_fixture_call (self, THOLE_AGENT_CALL_OPEN,
                                              g_variant_new_parsed (text), &error);

  g_assert_no_error (error);
  return value;
}

gsize
thole_agent_fixture_memory (int pid)
{
  g_autofree char *path = pid == 0 ? g_strdup ("/proc/self/statm") : g_strdup_printf ("/proc/%d/statm", pid);
  g_autofree char *text = NULL;
  guint64 resident = 0;

  if (g_file_get_contents (path, &text, NULL, NULL) && strchr (text, ' ') != NULL)
    resident = g_ascii_strtoull (strchr (text, ' '), NULL, 10);
  return (gsize) resident * (gsize) sysconf (_SC_PAGESIZE);
}

/* ways */

typedef struct
{
  TholeAgentWay way;
  char *path;
  GRand *random;
  guint most;
  gint *cuts;
} CuttingWay;

/* one direction; what was read and not yet written keeps its own direction waiting only, as two pipes would */
typedef struct
{
  int from, to;
  gsize at, length;
  guint8 bytes[16384];
} Way;

typedef struct
{
  Way ways[2];
  gint64 left; /* bytes until the cut, -1 = none */
} Pass;

static gboolean
is_only_late (gssize length)
{
  return length < 0 && (errno == EAGAIN || errno == EINTR);
}

static gboolean
pass_in (Way *self)
{
  gssize length = read (self->from, self->bytes, sizeof self->bytes);

  self->at = 0;
  self->length = length > 0 ? (gsize) length : 0;
  return length > 0 || is_only_late (length);
}

static gboolean
pass_out (Pass *self, Way *way)
{
  gsize waits = way->length - way->at;
  gssize length = send (way->to, way->bytes + way->at, self->left >= 0 ? MIN (waits, (gsize) self->left) : waits, MSG_NOSIGNAL);

  if (length > 0)
    {
      way->at += (gsize) length;
      self->left = self->left >= 0 ? self->left - length : -1;
    }
  return self->left != 0 && (length >= 0 || is_only_late (length));
}

static gpointer
pass_on (gpointer data)
{
  Pass *self = data;
  gboolean good = TRUE;

  while (good)
    {
      struct pollfd polled[2];

      for (guint i = 0; i < 2; i++)
        {
          Way *way = &self->ways[i];
          gboolean waits = way->at < way->length;

          polled[i] = (struct pollfd) { waits ? way->to : way->from, waits ? POLLOUT : POLLIN, 0 };
        }
      good = poll (polled, 2, -1) > 0;
      for (guint i = 0; good && i < 2; i++)
        if (polled[i].revents != 0)
          good = self->ways[i].at < self->ways[i].length ? pass_out (self, &self->ways[i]) : pass_in (&self->ways[i]);
    }
  close (self->ways[0].from);
  close (self->ways[0].to);
  g_free (self);
  return NULL;
}

static GIOStream *
stream_of (int fd)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, &error);

  g_assert_no_error (error);
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

static void
cutting_connect (TholeAgentWay *way, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  CuttingWay *self = (CuttingWay *) way;
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (self->path);
  g_autoptr(GSocketConnection) far = NULL;
  GError *error = NULL;
  int pair[2];
  Pass *passing;

  far = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  if (far == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  passing = g_new0 (Pass, 1);
  passing->ways[0].from = passing->ways[1].to = pair[1];
  passing->ways[0].to = passing->ways[1].from = dup (g_socket_get_fd (g_socket_connection_get_socket (far)));
  g_assert_true (g_unix_set_fd_nonblocking (pair[1], TRUE, NULL));
  passing->left = -1;
  if (*self->cuts > 0)
    {
      *self->cuts -= 1;
      passing->left = g_rand_int_range (self->random, 1, (gint) self->most);
    }
  g_thread_unref (g_thread_new ("pass", pass_on, passing));
  g_task_return_pointer (task, stream_of (pair[0]), g_object_unref);
}

static GIOStream *
way_finish (TholeAgentWay *way, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
cutting_free (TholeAgentWay *way)
{
  CuttingWay *self = (CuttingWay *) way;

  g_rand_free (self->random);
  g_free (self->path);
  g_free (self);
}

TholeAgentWay *
thole_agent_way_cutting (const char *path, guint32 seed, guint most, gint *cuts)
{
  CuttingWay *self = g_new0 (CuttingWay, 1);

  self->way = (TholeAgentWay) { cutting_connect, way_finish, cutting_free };
  self->path = g_strdup (path);
  self->random = g_rand_new_with_seed (seed);
  self->most = most;
  self->cuts = cuts;
  return &self->way;
}

typedef struct
{
  TholeAgentWay way;
  char *folder;
  int *pid;
} BridgeWay;

static void
bridge_connect (TholeAgentWay *way, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  BridgeWay *self = (BridgeWay *) way;
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GError *error = NULL;
  g_autoptr(GSubprocess) bridge = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
                                                    g_getenv ("THOLE_TEST_AGENT"), "bridge", "--dir", self->folder, NULL);

  if (bridge == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  *self->pid = (int) g_ascii_strtoll (g_subprocess_get_identifier (bridge), NULL, 10);
  g_task_return_pointer (task, g_simple_io_stream_new (g_subprocess_get_stdout_pipe (bridge),
                                                       g_subprocess_get_stdin_pipe (bridge)), g_object_unref);
}

static void
bridge_free (TholeAgentWay *way)
{
  g_free (((BridgeWay *) way)->folder);
  g_free (way);
}

TholeAgentWay *
thole_agent_way_bridge (const char *folder, int *pid)
{
  BridgeWay *self = g_new0 (BridgeWay, 1);

  self->way = (TholeAgentWay) { bridge_connect, way_finish, bridge_free };
  self->folder = g_strdup (folder);
  self->pid = pid;
  return &self->way;
}

/* a viewer */

static void
tell (TholeAgentSeen *self)
{
  self->changed = TRUE;
  if (self->each != NULL)
    self->each (self->user_data);
}

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  TholeAgentSeen *self = user_data;

  g_assert_false (self->resumed);
  self->resumed = TRUE;
  self->begin = self->seq = seq;
  self->taken = taken;
  tell (self);
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  TholeAgentSeen *self = user_data;

  g_assert_true (self->resumed && !self->exited && !self->closed);
  g_assert_cmpuint (seq, ==, self->seq);
  g_assert_cmpuint (length, >, 0);
  self->seq += length;
  if (self->text[channel]->len < KEPT)
    g_string_append_len (self->text[channel], (const char *) data, (gssize) length);
  if (self->checksum != NULL)
    g_checksum_update (self->checksum, data, (gssize) length);
  if (self->grants)
    thole_viewer_grant (self->viewer, length);
  tell (self);
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  TholeAgentSeen *self = user_data;

  g_assert_cmpuint (from, ==, self->seq);
  g_assert_cmpuint (to, >, from);
  self->gaps++;
  self->lost += to - from;
  self->seq = to;
  tell (self);
}

static void
on_taken (gpointer user_data, guint64 taken)
{
  TholeAgentSeen *self = user_data;

  g_assert_cmpuint (taken, >=, self->taken);
  self->taken = taken;
  tell (self);
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
  TholeAgentSeen *self = user_data;

  self->rows = rows;
  self->cols = cols;
  tell (self);
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  TholeAgentSeen *self = user_data;

  g_assert_false (self->exited);
  g_assert_cmpuint (seq, ==, self->seq);
  self->exited = TRUE;
  self->code = code;
  self->signal = signal;
  self->exit_seq = seq;
  tell (self);
}

static void
on_closed (gpointer user_data, TholeViewerEnd end, const char *detail)
{
  TholeAgentSeen *self = user_data;

  g_assert_false (self->closed);
  self->closed = TRUE;
  self->end = end;
  self->detail = g_strdup (detail);
  tell (self);
}

TholeAgentSeen *
thole_agent_seen_new (TholeAgentFixture *fixture, const char *id, gboolean tty, TholeViewFrom from, guint64 seq, gsize grant)
{
  static const TholeViewerEvents events = {
    .resumed = on_resumed, .output = on_output, .gap = on_gap, .taken = on_taken, .resized = on_resized,
    .exited = on_exited, .closed = on_closed,
  };
  TholeAgentSeen *self = g_new0 (TholeAgentSeen, 1);
  TholeSession *session = thole_agent_link_session (fixture->link, id, tty);

  self->text[1] = g_string_new (NULL);
  self->text[2] = g_string_new (NULL);
  self->grants = grant > 0;
  self->viewer = thole_session_view (session, from, seq, &events, self);
  thole_viewer_grant (self->viewer, grant);
  thole_session_unref (session);
  return self;
}

void
thole_agent_seen_free (TholeAgentSeen *self)
{
  thole_viewer_free (self->viewer);
  g_string_free (self->text[1], TRUE);
  g_string_free (self->text[2], TRUE);
  g_clear_pointer (&self->checksum, g_checksum_free);
  g_free (self->detail);
  g_free (self);
}

void
thole_agent_seen_text (TholeAgentSeen *self, const char *text)
{
  while (strstr (self->text[1]->str, text) == NULL)
    {
      self->changed = FALSE;
      thole_agent_fixture_await (&self->changed);
    }
}
