/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Viewers at a desk, over a real agent. */
#include "sessions/agent-fixture.h"
#include "sessions/desk.h"
#include "thole-dict.h"

#include <string.h>

typedef struct
{
  TholeViewer *viewer;
  GString *output, *screen;
  gboolean resumed, held, told, exited, closed, shown;
  gboolean keeps; /* does not give back what it got */
  guint64 seq;
  TholeViewerEnd end;
} Seen;

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  Seen *self = user_data;

  self->resumed = TRUE;
  self->seq = seq;
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  Seen *self = user_data;

  g_assert_cmpuint (seq, ==, self->seq);
  self->seq += length;
  g_string_append_len (self->output, (const char *) data, (gssize) length);
  if (!self->keeps)
    thole_viewer_grant (self->viewer, length);
}

static void
on_screen (gpointer user_data, guint64 seq, const guint8 *data, gsize length)
{
  Seen *self = user_data;

  g_assert_cmpuint (seq, ==, self->seq);
  g_string_append_len (self->screen, (const char *) data, (gssize) length);
  self->shown = TRUE;
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  ((Seen *) user_data)->seq = to;
}

static void
on_taken (gpointer user_data, guint64 taken)
{
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  ((Seen *) user_data)->exited = TRUE;
}

static void
on_closed (gpointer user_data, TholeViewerEnd end, const char *detail)
{
  Seen *self = user_data;

  self->closed = TRUE;
  self->end = end;
}

static void
on_control (gpointer user_data, gboolean held)
{
  Seen *self = user_data;

  self->told = TRUE;
  self->held = held;
}

static const TholeViewerEvents events = { on_resumed, on_output, on_screen, on_gap, on_taken, on_resized, on_exited, on_closed,
                                          on_control };

static Seen *
attach (TholeDesk *desk, TholeInputRole role, gboolean take, TholeViewFrom from)
{
  Seen *self = g_new0 (Seen, 1);
  TholeSession *way = thole_desk_session (desk, role, take);

  self->output = g_string_new (NULL);
  self->screen = g_string_new (NULL);
  self->viewer = thole_session_view (way, from, 0, &events, self);
  thole_session_unref (way);
  thole_viewer_grant (self->viewer, 65536);
  return self;
}

static void
leave (Seen *self)
{
  thole_viewer_free (self->viewer);
  g_string_free (self->output, TRUE);
  g_string_free (self->screen, TRUE);
  g_free (self);
}

static void
await_text (Seen *self, const char *text)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (strstr (self->output->str, text) == NULL && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (strstr (self->output->str, text));
}

static void
type (Seen *self, const char *text)
{
  g_assert_true (thole_viewer_input (self->viewer, (const guint8 *) text, strlen (text)));
}

typedef struct
{
  TholeAgentFixture *fixture;
  TholeDesk *desk;
  guint viewers;
} Fixture;

static TholeSession *
source (gpointer user_data)
{
  return thole_agent_link_session (((Fixture *) user_data)->fixture->link, "a", TRUE);
}

static void
on_viewers (gpointer user_data, guint viewers, gboolean came)
{
  ((Fixture *) user_data)->viewers = viewers;
}

static void
begin_with (Fixture *self, const char *script)
{
  static const TholeDeskEvents desk_events = { .source = source, .viewers = on_viewers };
  g_autofree char *text = g_strdup_printf ("{'id': <'a'>, 'command': <['/bin/sh', '-c', 'stty -echo; echo ready; %s']>, "
                                           "'tty': <true>, 'rows': <int64 24>, 'cols': <int64 80>}", script);
  g_autoptr (GVariant) session = NULL;

  self->viewers = 0;
  self->fixture = thole_agent_fixture_new (NULL);
  session = thole_agent_fixture_open (self->fixture, text);
  self->desk = thole_desk_new (thole_clock_system (), TRUE, 24, 80, &desk_events, self);
}

static void
begin (Fixture *self)
{
  begin_with (self, "exec cat");
}

static void
end (Fixture *self)
{
  if (self->desk != NULL)
    thole_desk_free (self->desk, THOLE_VIEWER_REMOVED, "");
  thole_agent_fixture_free (self->fixture);
}

static void
test_lease (void)
{
  Fixture fixture;
  Seen *first, *second;

  begin (&fixture);
  first = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_OLDEST);
  second = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_OLDEST);
  await_text (first, "ready");
  await_text (second, "ready");
  thole_agent_fixture_await (&second->told);
  g_assert_true (first->held);
  g_assert_false (second->held);
  g_assert_cmpuint (fixture.viewers, ==, 2);
  type (second, "refused\n");
  type (first, "one\n");
  await_text (second, "one");
  thole_viewer_take (second->viewer);
  thole_agent_fixture_await (&second->held);
  type (first, "refused\n");
  type (second, "two\n");
  await_text (first, "two");
  /* it goes back to who is left */
  leave (second);
  thole_agent_fixture_await (&first->held);
  type (first, "three\n");
  await_text (first, "three");
  g_assert_null (strstr (first->output->str, "refused"));
  leave (first);
  g_assert_cmpuint (fixture.viewers, ==, 0);
  end (&fixture);
}

static void
test_roles (void)
{
  Fixture fixture;
  Seen *holder, *shared, *watcher;

  begin (&fixture);
  watcher = attach (fixture.desk, THOLE_INPUT_NONE, TRUE, THOLE_VIEW_OLDEST);
  holder = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_OLDEST);
  shared = attach (fixture.desk, THOLE_INPUT_SHARED, FALSE, THOLE_VIEW_OLDEST);
  await_text (watcher, "ready");
  thole_viewer_take (watcher->viewer);
  type (watcher, "refused\n");
  type (shared, "beside\n");
  type (holder, "held\n");
  await_text (watcher, "beside");
  await_text (watcher, "held");
  g_assert_null (strstr (watcher->output->str, "refused"));
  leave (holder);
  leave (shared);
  leave (watcher);
  end (&fixture);
}

/* the screen, then what follows; what is typed while it is painted is not lost */
static void
test_snapshot (void)
{
  Fixture fixture;
  Seen *first, *second;

  begin (&fixture);
  first = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_OLDEST);
  await_text (first, "ready");
  type (first, "before\n");
  await_text (first, "before");
  second = attach (fixture.desk, THOLE_INPUT_SHARED, FALSE, THOLE_VIEW_SNAPSHOT);
  type (second, "after\n");
  thole_agent_fixture_await (&second->shown);
  g_assert_nonnull (strstr (second->screen->str, "before"));
  await_text (second, "after");
  g_assert_null (strstr (second->output->str, "before"));
  leave (first);
  leave (second);
  end (&fixture);
}

static void
test_end (void)
{
  Fixture fixture;
  Seen *seen;

  begin (&fixture);
  seen = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_OLDEST);
  await_text (seen, "ready");
  thole_desk_end (fixture.desk, THOLE_VIEWER_WORKLOAD_GONE, "stopped");
  g_assert_true (seen->closed);
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_WORKLOAD_GONE);
  leave (seen);
  seen = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_OLDEST);
  thole_agent_fixture_await (&seen->closed);
  leave (seen);
  end (&fixture);
}

/* what was granted before a gap and not used is good behind it */
static void
test_gap (void)
{
  Fixture fixture;
  Seen *seen;
  gint64 output = 0;

  begin_with (&fixture, "head -c 3000000 /dev/zero; exec cat");
  seen = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_OLDEST);
  seen->keeps = TRUE;
  while (output < 3000000)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) told = thole_agent_fixture_call (fixture.fixture, THOLE_AGENT_CALL_STAT,
                                                            g_variant_new_parsed ("{'id': <'a'>}"), &error);

      g_assert_no_error (error);
      output = thole_dict_int (told, "head", 0);
    }
  g_assert_false (seen->shown);
  thole_viewer_grant (seen->viewer, 100);
  thole_agent_fixture_await (&seen->shown);
  g_string_truncate (seen->output, 0);
  type (seen, "more\n");
  await_text (seen, "more");
  leave (seen);
  end (&fixture);
}

/* a viewer may outlive its desk */
static void
test_free (void)
{
  Fixture fixture;
  Seen *seen;

  begin (&fixture);
  seen = attach (fixture.desk, THOLE_INPUT_LEASE, FALSE, THOLE_VIEW_SNAPSHOT);
  thole_desk_free (g_steal_pointer (&fixture.desk), THOLE_VIEWER_RESTARTING, "");
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_RESTARTING);
  leave (seen);
  end (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/desk/lease", test_lease);
  g_test_add_func ("/desk/roles", test_roles);
  g_test_add_func ("/desk/snapshot", test_snapshot);
  g_test_add_func ("/desk/gap", test_gap);
  g_test_add_func ("/desk/end", test_end);
  g_test_add_func ("/desk/free", test_free);
  return g_test_run ();
}
