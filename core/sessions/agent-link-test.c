/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a session is, through a link to a real agent. */
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>

#include "sessions/agent-fixture.h"
#include "sessions/agent-frames.h"
#include "thole-dict.h"
#include "thole-error.h"

#define WINDOW (256 * 1024)

static GVariant *
parse (const char *text)
{
  return g_variant_new_parsed (text);
}

static void
check_fails (TholeAgentFixture *fixture, TholeAgentCall call, const char *arguments, int code)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) value = thole_agent_fixture_call (fixture, call, parse (arguments), &error);

  g_assert_error (error, THOLE_ERROR, code);
  g_assert_null (value);
}

static gint64
session_count (TholeAgentFixture *fixture)
{
  g_autoptr(GVariant) list = thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_LIST, NULL, NULL);
  g_autoptr(GVariant) sessions = thole_dict_value (list, "sessions", "aa{sv}");

  return (gint64) g_variant_n_children (sessions);
}

static void
test_calls (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) first = NULL, again = NULL, stat = NULL, closed = NULL;

  first = thole_agent_fixture_open (fixture, "{'id': <'se-1'>, 'name': <'main'>, 'command': <['sleep', '100']>, "
                                             "'tty': <true>, 'rows': <30>, 'cols': <100>, 'scrollback': <5000>}");
  g_assert_cmpint (thole_agent_link_get_state (fixture->link), ==, THOLE_AGENT_READY);
  g_assert_cmpstr (thole_dict_string (thole_agent_link_get_facts (fixture->link), "version", ""), ==, THOLE_VERSION);
  g_assert_cmpstr (thole_dict_string (first, "state", ""), ==, "running");
  g_assert_cmpstr (thole_dict_string (first, "name", ""), ==, "main");
  g_assert_cmpint (thole_dict_int (first, "rows", 0), ==, 30);
  g_assert_cmpint (thole_dict_int (first, "scrollback", 0), ==, 8192);
  g_assert_false (thole_dict_boolean (first, "existed", FALSE));
  g_assert_cmpint (thole_dict_int (first, "created_at", 0), >, 0);
  again = thole_agent_fixture_open (fixture, "{'id': <'se-1'>, 'command': <['other']>}");
  g_assert_true (thole_dict_boolean (again, "existed", FALSE));
  g_assert_cmpint (thole_dict_int (again, "pid", 0), ==, thole_dict_int (first, "pid", -1));
  g_assert_cmpint (session_count (fixture), ==, 1);
  stat = thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_STAT, parse ("{'id': <'se-1'>}"), NULL);
  g_assert_cmpstr (thole_dict_string (stat, "id", ""), ==, "se-1");
  closed = thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_CLOSE, parse ("{'id': <'se-1'>}"), NULL);
  g_assert_nonnull (closed);
  g_assert_cmpint (session_count (fixture), ==, 0);
  g_assert_cmpint (kill ((pid_t) thole_dict_int (first, "pid", 0), 0), ==, -1);
  thole_agent_fixture_free (fixture);
}

static void
test_refusals (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) closed = NULL;
  static const struct { TholeAgentCall call; const char *arguments; int code; } cases[] = {
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a'>, 'command': <['no-such-program']>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a'>, 'command': <['/etc/passwd']>}", THOLE_ERROR_DENIED },
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a'>, 'command': <['true']>, 'user': <'nobody-knows'>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a'>, 'command': <['true']>, 'user': <'0:no-such-group'>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a'>, 'command': <['true']>, 'working_dir': <'/no/such'>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a b'>, 'command': <['true']>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_OPEN, "{'command': <['true']>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a'>, 'flow': <'other'>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_OPEN, "{'id': <'a'>, 'env': <{'': 'x'}>}", THOLE_ERROR_INVALID },
    { THOLE_AGENT_CALL_STAT, "{'id': <'a'>}", THOLE_ERROR_NOT_FOUND },
    { THOLE_AGENT_CALL_SIGNAL, "{'id': <'a'>, 'signal': <9>}", THOLE_ERROR_NOT_FOUND },
    { THOLE_AGENT_CALL_RESIZE, "{'id': <'a'>, 'rows': <1>, 'cols': <1>}", THOLE_ERROR_NOT_FOUND },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check_fails (fixture, cases[i].call, cases[i].arguments, cases[i].code);
  closed = thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_CLOSE, parse ("{'id': <'a'>}"), NULL);
  g_assert_nonnull (closed);
  g_assert_cmpint (session_count (fixture), ==, 0);
  thole_agent_fixture_free (fixture);
}

static void
test_limit (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);

  for (guint i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    {
      g_autofree char *text = g_strdup_printf ("{'id': <'s%u'>, 'command': <['true']>}", i);

      g_variant_unref (thole_agent_fixture_open (fixture, text));
    }
  check_fails (fixture, THOLE_AGENT_CALL_OPEN, "{'id': <'more'>, 'command': <['true']>}", THOLE_ERROR_LIMIT);
  g_assert_cmpint (session_count (fixture), ==, THOLE_AGENT_MAX_SESSIONS);
  thole_agent_fixture_free (fixture);
}

/* opens @command as session @id and waits for its end */
static TholeAgentSeen *
run (TholeAgentFixture *fixture, const char *id, const char *command, gboolean tty)
{
  g_autofree char *text = g_strdup_printf ("{'id': <'%s'>, 'command': <['sh', '-c', '%s']>, 'tty': <%s>}", id, command,
                                           tty ? "true" : "false");
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, text);
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, id, tty, THOLE_VIEW_OLDEST, 0, WINDOW);

  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_ENDED);
  g_assert_true (seen->exited);
  return seen;
}

static void
test_exits (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  static const struct { const char *command; int code, signal; } cases[] = {
    { "exit 0", 0, 0 }, { "exit 1", 1, 0 }, { "exit 127", 127, 0 }, { "exit 255", 255, 0 },
    { "kill -9 $$", 137, SIGKILL }, { "kill -TERM $$", 143, SIGTERM },
  };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *id = g_strdup_printf ("s%u", i);
      TholeAgentSeen *seen = run (fixture, id, cases[i / 2].command, i % 2);

      g_assert_cmpint (seen->code, ==, cases[i / 2].code);
      g_assert_cmpint (seen->signal, ==, cases[i / 2].signal);
      thole_agent_seen_free (seen);
    }
  thole_agent_fixture_free (fixture);
}

static void
test_environment (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = NULL;
  TholeAgentSeen *seen;

  session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['sh', '-c', 'echo $A-$HOME-$TERM; pwd; id -u']>, "
                                               "'env': <{'A': 'x=y'}>, 'working_dir': <'/usr'>, 'tty': <true>}");
  seen = thole_agent_seen_new (fixture, "a", TRUE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_nonnull (strstr (seen->text[1]->str, "x=y-/"));
  g_assert_nonnull (strstr (seen->text[1]->str, "-xterm-256color\r\n/usr\r\n"));
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_user (void)
{
  TholeAgentFixture *fixture;
  g_autoptr(GVariant) session = NULL, numbers = NULL;
  TholeAgentSeen *seen;

  if (getuid () != 0)
    {
      g_test_skip ("only root becomes another user");
      return;
    }
  fixture = thole_agent_fixture_new (NULL);
  session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['sh', '-c', 'id -un; id -G; echo $HOME']>, "
                                               "'user': <'daemon'>, 'working_dir': <'/'>}");
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpstr (seen->text[1]->str, ==, "daemon\n1\n/usr/sbin\n");
  thole_agent_seen_free (seen);
  numbers = thole_agent_fixture_open (fixture, "{'id': <'b'>, 'command': <['sh', '-c', 'id -u; id -g']>, "
                                               "'user': <'12345:54321'>, 'working_dir': <'/'>}");
  seen = thole_agent_seen_new (fixture, "b", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpstr (seen->text[1]->str, ==, "12345\n54321\n");
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_streams (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  TholeAgentSeen *seen = run (fixture, "a", "for i in 1 2 3; do echo out$i; echo err$i >&2; done", FALSE);

  g_assert_cmpstr (seen->text[1]->str, ==, "out1\nout2\nout3\n");
  g_assert_cmpstr (seen->text[2]->str, ==, "err1\nerr2\nerr3\n");
  g_assert_cmpuint (seen->exit_seq, ==, 30);
  thole_agent_seen_free (seen);
  /* it stays to be read again, also when it has ended */
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_RESUME, 25, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpuint (seen->begin, ==, 25);
  g_assert_cmpuint (seen->text[1]->len + seen->text[2]->len, ==, 5);
  g_assert_true (seen->exited);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_left_behind (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  gint64 begin = g_get_monotonic_time ();
  TholeAgentSeen *seen = run (fixture, "a", "sleep 300 & echo done", FALSE);

  /* what a program leaves running does not keep it from having ended */
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 200 * G_USEC_PER_SEC);
  g_assert_cmpstr (seen->text[1]->str, ==, "done\n");
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_half_close (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  g_autoptr(GVariant) other = thole_agent_fixture_open (fixture, "{'id': <'b'>, 'command': <['cat']>, 'tty': <true>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);

  g_assert_true (thole_viewer_input (seen->viewer, (const guint8 *) "a\0b", 3));
  thole_viewer_end_of_input (seen->viewer);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpuint (seen->text[1]->len, ==, 3);
  g_assert_cmpint (memcmp (seen->text[1]->str, "a\0b", 3), ==, 0);
  g_assert_cmpint (seen->code, ==, 0);
  g_assert_cmpuint (seen->taken, ==, 3);
  thole_agent_seen_free (seen);
  /* a terminal has a character for it, in the middle of a line twice; what is typed afterwards is not lost */
  seen = thole_agent_seen_new (fixture, "b", TRUE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_viewer_input (seen->viewer, (const guint8 *) "line", 4);
  thole_viewer_end_of_input (seen->viewer);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpstr (seen->text[1]->str, ==, "lineline");
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_terminal (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session =
    thole_agent_fixture_open (fixture, "{'id': <'a'>, 'tty': <true>, 'rows': <24>, 'cols': <80>, 'command': <['sh', '-c', "
                                       "'trap \"stty size; echo caught\" WINCH; stty size; while :; do read line || :; done']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", TRUE, THOLE_VIEW_OLDEST, 0, WINDOW);

  thole_agent_seen_text (seen, "24 80\r\n");
  thole_viewer_resize (seen->viewer, 33, 121);
  thole_viewer_input (seen->viewer, (const guint8 *) "\n", 1);
  thole_agent_seen_text (seen, "33 121\r\n");
  while (seen->cols != 121)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (seen->rows, ==, 33);
  thole_viewer_signal (seen->viewer, SIGKILL);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->signal, ==, SIGKILL);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_interrupt (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session =
    thole_agent_fixture_open (fixture, "{'id': <'a'>, 'tty': <true>, 'command': <['sh', '-c', 'echo up; exec sleep 100']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", TRUE, THOLE_VIEW_OLDEST, 0, WINDOW);

  thole_agent_seen_text (seen, "up");
  /* the terminal's own key */
  thole_viewer_input (seen->viewer, (const guint8 *) "\003", 1);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->signal, ==, SIGINT);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_close_is_told (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['sh', '-c', 'trap \"\" HUP; "
                                                                   "setsid sleep 200 & sleep 100 & wait']>}");
  g_autoptr(GVariant) closed = NULL;
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_LIVE, 0, WINDOW);

  thole_agent_fixture_await (&seen->resumed);
  closed = thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_CLOSE, parse ("{'id': <'a'>, 'grace_ms': <100>}"), NULL);
  g_assert_nonnull (closed);
  thole_agent_fixture_await (&seen->closed);
  g_assert_true (seen->end == THOLE_VIEWER_REMOVED || seen->end == THOLE_VIEWER_ENDED);
  thole_agent_seen_free (seen);
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_LIVE, 0, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_REMOVED);
  g_assert_false (seen->resumed);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_input_repeated (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  TholeAgentSeen *first = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW), *second, *wrong;

  thole_viewer_input (first->viewer, (const guint8 *) "abcdef", 6);
  thole_agent_seen_text (first, "abcdef");
  /* a client that does not know what arrived says where it begins, here before it was told anything */
  second = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_RESUME, 6, WINDOW);
  thole_viewer_input_at (second->viewer, 4);
  thole_viewer_input (second->viewer, (const guint8 *) "ef", 2);
  thole_viewer_input (second->viewer, (const guint8 *) "gh", 2);
  thole_agent_seen_text (first, "abcdefgh");
  wrong = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_LIVE, 0, WINDOW);
  thole_agent_fixture_await (&wrong->resumed);
  thole_viewer_input_at (wrong->viewer, 100);
  thole_agent_fixture_await (&wrong->closed);
  g_assert_cmpint (wrong->end, ==, THOLE_VIEWER_PROTOCOL);
  thole_agent_seen_free (wrong);
  thole_viewer_end_of_input (second->viewer);
  thole_agent_fixture_await (&first->closed);
  g_assert_cmpstr (first->text[1]->str, ==, "abcdefgh");
  thole_agent_seen_free (first);
  thole_agent_seen_free (second);
  thole_agent_fixture_free (fixture);
}

static void
test_input_is_left (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);

  thole_agent_fixture_await (&seen->resumed);
  thole_viewer_input (seen->viewer, (const guint8 *) "bye", 3);
  thole_viewer_end_of_input (seen->viewer);
  /* who leaves at once leaves nothing unsaid */
  thole_agent_seen_free (seen);
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpstr (seen->text[1]->str, ==, "bye");
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_resume_too_far (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_RESUME, 1000, WINDOW);

  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_PROTOCOL);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

/* a connection without a link: says HELLO with @epoch and gives the type and the code of the answer */
static int
hello (TholeAgentFixture *fixture, guint64 epoch, guint16 version, guint *code, GSocketConnection **kept)
{
  g_autofree char *path = thole_agent_fixture_socket (fixture->folder);
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GSocketConnection) connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);
  g_autoptr(GByteArray) out = g_byte_array_new ();
  guint frame = thole_agent_begin (out, THOLE_AGENT_HELLO, 0);
  guint8 head[THOLE_AGENT_HEADER + 2];

  thole_agent_field_number (out, THOLE_AGENT_TAG_PROTOCOL_MIN, version);
  thole_agent_field_number (out, THOLE_AGENT_TAG_PROTOCOL_MAX, version);
  thole_agent_field_number (out, THOLE_AGENT_TAG_EPOCH, epoch);
  thole_agent_end (out, frame);
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), out->data, out->len, NULL,
                                            NULL, NULL));
  g_assert_true (g_input_stream_read_all (g_io_stream_get_input_stream (G_IO_STREAM (connection)), head, sizeof head, NULL, NULL,
                                          NULL));
  *code = (guint) thole_agent_get (head + THOLE_AGENT_HEADER, 2);
  *kept = g_steal_pointer (&connection);
  return head[4];
}

static void
test_epochs (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  g_autoptr(GSocketConnection) low = NULL, old = NULL, high = NULL;
  g_autoptr(GError) error = NULL;
  guint code;

  thole_agent_fixture_await (&seen->resumed);
  g_assert_cmpint (hello (fixture, 1, 1, &code, &low), ==, THOLE_AGENT_BYE);
  g_assert_cmpuint (code, ==, THOLE_AGENT_STALE);
  g_assert_cmpint (hello (fixture, G_MAXUINT64 - 1, 99, &code, &old), ==, THOLE_AGENT_BYE);
  g_assert_cmpuint (code, ==, THOLE_AGENT_VERSION);
  g_assert_cmpint (thole_agent_link_get_state (fixture->link), ==, THOLE_AGENT_READY);
  /* a higher epoch takes over at once, and the link does not fight it */
  g_assert_cmpint (hello (fixture, G_MAXUINT64, 1, &code, &high), ==, THOLE_AGENT_WELCOME);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_LOST);
  g_assert_cmpint (thole_agent_link_get_state (fixture->link), ==, THOLE_AGENT_LOST);
  g_assert_null (thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_LIST, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_clock_went_back (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autofree char *path = thole_agent_fixture_socket (fixture->folder);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}"), list = NULL;
  g_autoptr(GSocketConnection) high = NULL;
  guint code;

  g_assert_cmpint (hello (fixture, (guint64) g_get_real_time () + G_GUINT64_CONSTANT (1000000000000), 1, &code, &high), ==, THOLE_AGENT_WELCOME);
  g_object_unref (fixture->link);
  fixture->link = thole_agent_link_new (thole_clock_system (), thole_agent_way_socket (path));
  list = thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_LIST, NULL, NULL);
  g_assert_nonnull (list);
  thole_agent_fixture_free (fixture);
}

static TholeAgentWay *
bridge (const char *folder)
{
  static int pid;

  return thole_agent_way_bridge (folder, &pid);
}

static void
test_bridge_killed (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (bridge);
  g_autoptr(GVariant) session = NULL;
  TholeAgentSeen *seen;
  int pid = 0;

  g_clear_object (&fixture->link);
  fixture->link = thole_agent_link_new (thole_clock_system (), thole_agent_way_bridge (fixture->folder, &pid));
  session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *text = g_strdup_printf ("line %u\n", i);
      int before = pid;

      thole_viewer_input (seen->viewer, (const guint8 *) text, strlen (text));
      if (i % 2)
        thole_agent_seen_text (seen, text);
      kill (before, SIGKILL);
      while (pid == before)
        g_main_context_iteration (NULL, TRUE);
    }
  thole_agent_seen_text (seen, "line 19\n");
  g_assert_true (g_str_has_suffix (seen->text[1]->str, "line 17\nline 18\nline 19\n"));
  g_assert_cmpuint (seen->seq, ==, 10 * 7 + 10 * 8);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_agent_killed (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = NULL;
  TholeAgentSeen *seen;
  int pid = 0, holder;

  g_clear_object (&fixture->link);
  fixture->link = thole_agent_link_new (thole_clock_system (), thole_agent_way_bridge (fixture->folder, &pid));
  session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_agent_fixture_await (&seen->resumed);
  holder = (int) thole_dict_int (thole_agent_link_get_facts (fixture->link), "pid", 0);
  kill (holder, SIGKILL);
  /* the next bridge starts another one, which knows nothing */
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_LOST);
  thole_agent_seen_free (seen);
  g_clear_object (&fixture->link);
  fixture->link = thole_agent_link_new (thole_clock_system (), thole_agent_way_bridge (fixture->folder, &pid));
  g_assert_cmpint (session_count (fixture), ==, 0);
  kill ((pid_t) thole_dict_int (thole_agent_link_get_facts (fixture->link), "pid", 0), SIGTERM);
  thole_agent_fixture_free (fixture);
}

static void
test_second_holder (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  g_autoptr(GSubprocess) second = NULL;

  second = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, NULL, g_getenv ("THOLE_TEST_AGENT"), "hold", "--dir", fixture->folder, NULL);
  g_assert_true (g_subprocess_wait_check (second, NULL, NULL));
  g_assert_cmpint (session_count (fixture), ==, 1);
  thole_agent_fixture_free (fixture);
}

static void
test_too_many_viewers (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_agent_seen_free);
  TholeAgentSeen *last;

  for (guint i = 0; i < THOLE_AGENT_MAX_VIEWERS; i++)
    g_ptr_array_add (all, thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_LIVE, 0, WINDOW));
  last = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_LIVE, 0, WINDOW);
  thole_agent_fixture_await (&last->closed);
  g_assert_cmpint (last->end, ==, THOLE_VIEWER_TOO_MANY);
  thole_agent_seen_free (last);
  last = g_ptr_array_index (all, THOLE_AGENT_MAX_VIEWERS - 1);
  thole_agent_fixture_await (&last->resumed);
  thole_viewer_input (last->viewer, (const guint8 *) "to all\n", 7);
  for (guint i = 0; i < all->len; i++)
    thole_agent_seen_text (g_ptr_array_index (all, i), "to all\n");
  g_assert_cmpuint (thole_agent_link_viewers (fixture->link), ==, THOLE_AGENT_MAX_VIEWERS);
  /* their places are free again */
  g_ptr_array_set_size (all, 0);
  last = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  while (!last->closed && !last->resumed)
    g_main_context_iteration (NULL, TRUE);
  thole_agent_seen_free (last);
  thole_agent_fixture_free (fixture);
}

static void
test_ended_by_the_daemon (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);

  thole_agent_fixture_await (&seen->resumed);
  thole_agent_link_end (fixture->link, NULL, THOLE_VIEWER_RESTARTING, "the daemon restarts");
  g_assert_true (seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_RESTARTING);
  g_assert_cmpstr (seen->detail, ==, "the daemon restarts");
  thole_agent_seen_free (seen);
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_RESTARTING);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
count_change (TholeAgentLink *link, GVariant *session, gpointer user_data)
{
  if (strcmp (thole_dict_string (session, "state", ""), "exited") == 0)
    *(gboolean *) user_data = thole_dict_int (session, "exit_code", -1) == 7;
}

static void
test_changes_are_told (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  gboolean exited = FALSE;
  g_autoptr(GVariant) session = NULL;

  g_signal_connect (fixture->link, "session-changed", G_CALLBACK (count_change), &exited);
  session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['sh', '-c', 'exit 7']>}");
  /* nobody looks at it */
  thole_agent_fixture_await (&exited);
  thole_agent_fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  signal (SIGPIPE, SIG_IGN);
  g_test_add_func ("/agent/calls", test_calls);
  g_test_add_func ("/agent/refusals", test_refusals);
  g_test_add_func ("/agent/limit", test_limit);
  g_test_add_func ("/agent/exits", test_exits);
  g_test_add_func ("/agent/environment", test_environment);
  g_test_add_func ("/agent/user", test_user);
  g_test_add_func ("/agent/streams", test_streams);
  g_test_add_func ("/agent/left-behind", test_left_behind);
  g_test_add_func ("/agent/half-close", test_half_close);
  g_test_add_func ("/agent/terminal", test_terminal);
  g_test_add_func ("/agent/interrupt", test_interrupt);
  g_test_add_func ("/agent/close-is-told", test_close_is_told);
  g_test_add_func ("/agent/input-repeated", test_input_repeated);
  g_test_add_func ("/agent/input-is-left", test_input_is_left);
  g_test_add_func ("/agent/resume-too-far", test_resume_too_far);
  g_test_add_func ("/agent/epochs", test_epochs);
  g_test_add_func ("/agent/clock-went-back", test_clock_went_back);
  g_test_add_func ("/agent/bridge-killed", test_bridge_killed);
  g_test_add_func ("/agent/agent-killed", test_agent_killed);
  g_test_add_func ("/agent/second-holder", test_second_holder);
  g_test_add_func ("/agent/too-many-viewers", test_too_many_viewers);
  g_test_add_func ("/agent/ended-by-the-daemon", test_ended_by_the_daemon);
  g_test_add_func ("/agent/changes-are-told", test_changes_are_told);
  return g_test_run ();
}
