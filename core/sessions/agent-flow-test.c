/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bytes: none lost, none doubled, none held that nobody asked for. */
#include <signal.h>
#include <string.h>

#include "sessions/agent-fixture.h"
#include "thole-dict.h"

#define WINDOW (1024 * 1024)
#define MIB (1024 * 1024)

#if defined(__SANITIZE_ADDRESS__)
#define SLOW TRUE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW TRUE
#endif
#endif
#ifndef SLOW
#define SLOW FALSE
#endif

/* feeds random bytes as fast as they are taken */
typedef struct
{
  TholeAgentSeen *seen;
  GRand *random;
  GChecksum *checksum;
  guint64 left, given;
  guint8 bytes[65536];
} Feed;

static void
feed (gpointer user_data)
{
  Feed *self = user_data;

  if (!self->seen->resumed || self->seen->closed)
    return;
  while (self->left > 0 && self->given - self->seen->taken < 256 * 1024)
    {
      guint64 most = (guint64) g_rand_int_range (self->random, 1, sizeof self->bytes + 1);
      gsize length = (gsize) MIN (self->left, most);

      for (gsize i = 0; i < (length + 3) / 4; i++)
        ((guint32 *) (void *) self->bytes)[i] = g_rand_int (self->random);
      g_checksum_update (self->checksum, self->bytes, (gssize) length);
      thole_viewer_input (self->seen->viewer, self->bytes, length);
      self->left -= length;
      self->given += length;
      if (self->left == 0)
        thole_viewer_end_of_input (self->seen->viewer);
    }
}

static void
check_through_cat (TholeAgentFixture *fixture, guint64 bytes)
{
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['cat']>, 'flow': <'lossless'>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  g_autofree Feed *self = g_new0 (Feed, 1);
  gint64 begin = g_get_monotonic_time ();

  self->seen = seen;
  self->random = g_rand_new_with_seed (7);
  self->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  self->left = bytes;
  seen->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  seen->each = feed;
  seen->user_data = self;
  thole_agent_fixture_await (&seen->closed);
  g_test_message ("%.1f MB/s both ways", (double) bytes / (double) (g_get_monotonic_time () - begin));
  g_assert_cmpint (seen->end, ==, THOLE_VIEWER_ENDED);
  g_assert_cmpuint (seen->seq, ==, bytes);
  g_assert_cmpuint (seen->taken, ==, bytes);
  g_assert_cmpuint (seen->gaps, ==, 0);
  g_assert_cmpstr (g_checksum_get_string (seen->checksum), ==, g_checksum_get_string (self->checksum));
  thole_agent_seen_free (seen);
  g_rand_free (self->random);
  g_checksum_free (self->checksum);
}

static void
test_both_ways (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);

  check_through_cat (fixture, SLOW ? 32 * MIB : 256 * MIB);
  thole_agent_fixture_free (fixture);
}

static void
test_cuts (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autofree char *path = thole_agent_fixture_socket (fixture->folder);
  gint cuts = SLOW ? 200 : 1000;

  g_clear_object (&fixture->link);
  fixture->link = thole_agent_link_new (thole_clock_system (), thole_agent_way_cutting (path, 3, 100000, &cuts));
  /* about 50,000 bytes, either way, between two cuts */
  check_through_cat (fixture, (guint64) cuts * 40000);
  g_assert_cmpint (cuts, ==, 0);
  thole_agent_fixture_free (fixture);
}

static void
test_cut_terminal (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autofree char *path = thole_agent_fixture_socket (fixture->folder);
  g_autoptr(GVariant) session = NULL;
  g_autoptr(GString) wanted = g_string_new (NULL);
  TholeAgentSeen *seen;
  gint cuts = 100;

  g_clear_object (&fixture->link);
  fixture->link = thole_agent_link_new (thole_clock_system (), thole_agent_way_cutting (path, 5, 8000, &cuts));
  session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'tty': <true>, 'command': <['seq', '1', '50000']>}");
  seen = thole_agent_seen_new (fixture, "a", TRUE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  for (guint i = 1; i <= 50000; i++)
    g_string_append_printf (wanted, "%u\r\n", i);
  g_assert_cmpuint (seen->gaps, ==, 0);
  g_assert_cmpuint (seen->seq, ==, wanted->len);
  g_assert_true (g_string_equal (seen->text[1], wanted));
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_all_bytes (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session =
    thole_agent_fixture_open (fixture, "{'id': <'a'>, 'tty': <true>, 'command': <['sh', '-c', 'stty raw -echo; echo go; cat']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", TRUE, THOLE_VIEW_OLDEST, 0, WINDOW);
  guint8 bytes[256 * 64];

  for (gsize i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8) (i + i / 256);
  thole_agent_seen_text (seen, "go\n");
  thole_viewer_input (seen->viewer, bytes, sizeof bytes);
  while (seen->text[1]->len < 3 + sizeof bytes)
    {
      seen->changed = FALSE;
      thole_agent_fixture_await (&seen->changed);
    }
  g_assert_cmpuint (seen->text[1]->len, ==, 3 + sizeof bytes);
  g_assert_cmpint (memcmp (seen->text[1]->str + 3, bytes, sizeof bytes), ==, 0);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static int
agent_pid (TholeAgentFixture *fixture)
{
  return (int) thole_dict_int (thole_agent_link_get_facts (fixture->link), "pid", 0);
}

static void
test_flood (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'tty': <true>, 'command': <['yes']>}");
  TholeAgentSeen *reads = thole_agent_seen_new (fixture, "a", TRUE, THOLE_VIEW_LIVE, 0, WINDOW);
  TholeAgentSeen *never = thole_agent_seen_new (fixture, "a", TRUE, THOLE_VIEW_LIVE, 0, 0);
  double seconds = g_test_slow () ? 60 : 3;
  gsize agent_before, agent_after, before, after;
  guint64 alone, beside;

  thole_agent_fixture_run_for (1);
  agent_before = thole_agent_fixture_memory (agent_pid (fixture));
  before = thole_agent_fixture_memory (0);
  alone = reads->seq;
  thole_agent_fixture_run_for (seconds);
  beside = reads->seq - alone;
  agent_after = thole_agent_fixture_memory (agent_pid (fixture));
  after = thole_agent_fixture_memory (0);
  g_test_message ("%.1f MB/s of a terminal, %" G_GUINT64_FORMAT " of it lost; agent %zu -> %zu KiB, this process %zu -> %zu KiB",
                  (double) beside / seconds / 1e6, reads->lost, agent_before / 1024, agent_after / 1024, before / 1024,
                  after / 1024);
  g_assert_true (never->resumed);
  g_assert_cmpuint (never->seq, ==, never->begin);
  g_assert_cmpuint (beside, >, 100000);
  g_assert_cmpuint (agent_after, <, agent_before + 512 * 1024 + (SLOW ? 8 * MIB : 0));
  g_assert_cmpuint (after, <, before + MIB + (SLOW ? 64 * MIB : 0));
  /* when it does read, it is told what it missed */
  thole_viewer_grant (never->viewer, 4096);
  while (never->gaps == 0)
    g_main_context_iteration (NULL, TRUE);
  thole_agent_fixture_run_for (0.2);
  g_assert_cmpuint (never->text[1]->len, ==, 4096);
  thole_agent_seen_free (never);
  thole_agent_seen_free (reads);
  thole_agent_fixture_free (fixture);
}

static GVariant *
stat_of (TholeAgentFixture *fixture, const char *id)
{
  g_autofree char *text = g_strdup_printf ("{'id': <'%s'>}", id);

  return thole_agent_fixture_call (fixture, THOLE_AGENT_CALL_STAT, g_variant_new_parsed (text), NULL);
}

static void
test_lossless_waits (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session =
    thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['sh', '-c', 'seq 1 300000; echo end >&2']>, "
                                       "'flow': <'lossless'>, 'scrollback': <65536>}");
  g_autoptr(GVariant) stat = NULL, later = NULL;
  g_autofree char *wanted = NULL;
  TholeAgentSeen *seen;

  /* nobody looks: it waits with a full ring */
  thole_agent_fixture_run_for (0.5);
  stat = stat_of (fixture, "a");
  g_assert_cmpint (thole_dict_int (stat, "head", 0), ==, 65536);
  g_assert_true (thole_dict_boolean (stat, "waiting", FALSE));
  g_assert_cmpstr (thole_dict_string (stat, "state", ""), ==, "running");
  /* one who acknowledges by hand, and does not */
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_viewer_ack (seen->viewer, 0);
  thole_agent_fixture_run_for (0.5);
  g_assert_cmpuint (seen->seq, ==, 65536);
  thole_viewer_ack (seen->viewer, 1000);
  thole_agent_fixture_run_for (0.3);
  g_assert_cmpuint (seen->seq, ==, 66536);
  thole_agent_seen_free (seen);
  /* who comes back with what was acknowledged misses nothing */
  thole_agent_fixture_run_for (0.2);
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_RESUME, 1000, 8192);
  seen->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpuint (seen->gaps, ==, 0);
  g_assert_cmpuint (seen->exit_seq, ==, 1988899);
  g_assert_cmpstr (seen->text[2]->str, ==, "end\n");
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

/* The way to the agent breaks, and so does that to who reads: what the daemon had was still on its way. */
static void
test_lossless_both_break (void)
{
  static int bridge;
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session = NULL, stat = NULL;
  TholeAgentSeen *seen;

  g_clear_object (&fixture->link);
  fixture->link = thole_agent_link_new (thole_clock_system (), thole_agent_way_bridge (fixture->folder, &bridge));
  session = thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['seq', '1', '300000']>, 'flow': <'lossless'>, "
                                               "'scrollback': <65536>}");
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, WINDOW);
  thole_viewer_ack (seen->viewer, 0);
  while (seen->seq < 65536)
    g_main_context_iteration (NULL, TRUE);
  thole_viewer_ack (seen->viewer, 1000);
  while (seen->seq < 66536)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 3; i++)
    {
      kill (bridge, SIGKILL);
      thole_agent_fixture_run_for (0.2);
      do
        {
          g_clear_pointer (&stat, g_variant_unref);
          stat = stat_of (fixture, "a");
        }
      while (thole_dict_int (stat, "viewers", 0) != 1);
      thole_agent_fixture_run_for (0.2);
      g_assert_cmpuint (seen->seq, ==, 66536);
    }
  thole_agent_seen_free (seen);
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_RESUME, 1000, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpuint (seen->gaps, ==, 0);
  g_assert_cmpuint (seen->begin, ==, 1000);
  g_assert_cmpuint (seen->exit_seq, ==, 1988895);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_lossless_runs (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session =
    thole_agent_fixture_open (fixture, "{'id': <'a'>, 'command': <['seq', '1', '300000']>, "
                                       "'flow': <'lossless'>, 'detached': <'run'>, 'scrollback': <65536>}");
  TholeAgentSeen *seen;
  g_autoptr(GVariant) stat = NULL;

  do
    {
      thole_agent_fixture_run_for (0.1);
      g_clear_pointer (&stat, g_variant_unref);
      stat = stat_of (fixture, "a");
    }
  while (strcmp (thole_dict_string (stat, "state", ""), "exited") != 0);
  g_assert_cmpint (thole_dict_int (stat, "head", 0) - thole_dict_int (stat, "tail", 0), ==, 65536);
  seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_RESUME, 5, WINDOW);
  thole_agent_fixture_await (&seen->closed);
  g_assert_cmpuint (seen->gaps, ==, 1);
  g_assert_cmpuint (seen->text[1]->len, ==, 65536);
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

static void
test_mixed_streams (void)
{
  TholeAgentFixture *fixture = thole_agent_fixture_new (NULL);
  g_autoptr(GVariant) session =
    thole_agent_fixture_open (fixture, "{'id': <'a'>, 'flow': <'lossless'>, 'scrollback': <4096>, 'command': <['sh', '-c', "
                                       "'i=0; while [ $i -lt 3000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done']>}");
  TholeAgentSeen *seen = thole_agent_seen_new (fixture, "a", FALSE, THOLE_VIEW_OLDEST, 0, 100);
  g_autoptr(GString) out = g_string_new (NULL), err = g_string_new (NULL);

  thole_agent_fixture_await (&seen->closed);
  for (guint i = 0; i < 3000; i++)
    {
      g_string_append_printf (out, "o%u\n", i);
      g_string_append_printf (err, "e%u\n", i);
    }
  g_assert_true (g_string_equal (seen->text[1], out));
  g_assert_true (g_string_equal (seen->text[2], err));
  thole_agent_seen_free (seen);
  thole_agent_fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agent-flow/both-ways", test_both_ways);
  g_test_add_func ("/agent-flow/cuts", test_cuts);
  g_test_add_func ("/agent-flow/cut-terminal", test_cut_terminal);
  g_test_add_func ("/agent-flow/all-bytes", test_all_bytes);
  g_test_add_func ("/agent-flow/flood", test_flood);
  g_test_add_func ("/agent-flow/lossless-waits", test_lossless_waits);
  g_test_add_func ("/agent-flow/lossless-both-break", test_lossless_both_break);
  g_test_add_func ("/agent-flow/lossless-runs", test_lossless_runs);
  g_test_add_func ("/agent-flow/mixed-streams", test_mixed_streams);
  return g_test_run ();
}
