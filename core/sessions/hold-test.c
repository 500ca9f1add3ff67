/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/flood.h"
#include "sessions/output-ring.h"

#include <string.h>


/* the ring ------------------------------------------------------------------------------------------------ */

static char *
read_ring (TholeOutputRing *ring, guint64 seq)
{
  GString *out = g_string_new (NULL);

  while (seq < thole_output_ring_head (ring))
    {
      TholeOutputPiece piece;

      thole_output_ring_look (ring, seq, 1000, &piece);
      if (piece.data == NULL)
        g_string_append_printf (out, "<%" G_GUINT64_FORMAT ">", piece.lines);
      else
        g_string_append_printf (out, piece.channel == THOLE_CHANNEL_STDERR ? "(%.*s)" : "%.*s", (int) piece.length, piece.data);
      seq = piece.to;
    }
  return g_string_free (out, FALSE);
}

static void
put (TholeOutputRing *ring, TholeChannel channel, const char *text)
{
  thole_output_ring_append (ring, channel, (const guint8 *) text, strlen (text));
}

#define ASSERT_RING(ring, seq, wanted)                        \
  G_STMT_START                                                \
  {                                                           \
    g_autofree char *text_ = read_ring (ring, seq);           \
    g_assert_cmpstr (text_, ==, wanted);                      \
  }                                                           \
  G_STMT_END

/* proves: TE-32 */
static void
test_ring (void)
{
  TholeOutputRing *ring = thole_output_ring_new (8, 100);

  g_assert_cmpuint (thole_output_ring_tail (ring), ==, 100);
  put (ring, THOLE_CHANNEL_STDOUT, "abc");
  put (ring, THOLE_CHANNEL_STDERR, "de");
  put (ring, THOLE_CHANNEL_STDOUT, "f");
  ASSERT_RING (ring, 100, "abc(de)f");
  put (ring, THOLE_CHANNEL_STDERR, "ghij");
  g_assert_cmpuint (thole_output_ring_tail (ring), ==, 102);
  /* it goes around the end of its memory */
  ASSERT_RING (ring, 102, "c(de)f(gh)(ij)");
  put (ring, THOLE_CHANNEL_STDOUT, "0123456789ABCDEF");
  ASSERT_RING (ring, thole_output_ring_tail (ring), "89ABCDEF");
  g_assert_cmpuint (thole_output_ring_head (ring), ==, 126);
  thole_output_ring_free (ring);
}

/* proves: TE-02 */
static void
test_holes (void)
{
  TholeOutputRing *ring = thole_output_ring_new (64, 0);

  put (ring, THOLE_CHANNEL_STDOUT, "ab");
  thole_output_ring_skip (ring, 10, 1);
  thole_output_ring_skip (ring, 10, 2);
  g_assert_cmpuint (thole_output_ring_solid (ring), ==, 2);
  put (ring, THOLE_CHANNEL_STDOUT, "c");
  g_assert_cmpuint (thole_output_ring_solid (ring), ==, 23);
  thole_output_ring_skip (ring, 5, 4);
  thole_output_ring_close_hole (ring);
  g_assert_cmpuint (thole_output_ring_solid (ring), ==, 28);
  thole_output_ring_skip (ring, 5, 6);
  ASSERT_RING (ring, 0, "ab<3>c<4><6>");
  ASSERT_RING (ring, 5, "<3>c<4><6>");
  put (ring, THOLE_CHANNEL_STDOUT, "0123456789012345678901234567890123456789");
  put (ring, THOLE_CHANNEL_STDOUT, "0123456789012345678901234567890123456789");
  ASSERT_RING (ring, thole_output_ring_head (ring) - 3, "789");
  thole_output_ring_free (ring);
}

static void
test_overlap (void)
{
  static const struct { const char *held, *next; gsize overlap; } cases[] = {
    { "abcdef", "defgh", 3 }, { "abc", "xyz", 0 }, { "", "abc", 0 },       { "abc", "abc", 3 },
    { "aabaa", "aab", 2 },    { "abab", "abc", 2 }, { "xyzabc", "c", 1 }, { "aaa", "aaaaa", 3 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TholeOutputRing *ring = thole_output_ring_new (5, 7);

      put (ring, THOLE_CHANNEL_STDOUT, cases[i].held);
      g_assert_cmpuint (thole_output_ring_overlap (ring, (const guint8 *) cases[i].next, strlen (cases[i].next)), ==, cases[i].overlap);
      thole_output_ring_free (ring);
    }
}

/* the guard ------------------------------------------------------------------------------------------------- */

static guint
count_shown (TholeFlood *flood, gint64 now, const char *text)
{
  gsize at = 0, length = strlen (text);
  guint lines = 0;

  while (at < length)
    {
      gboolean shown, ends;

      at += thole_flood_take (flood, now, THOLE_CHANNEL_STDOUT, (const guint8 *) text + at, length - at, &shown, &ends);
      lines += shown && ends;
    }
  return lines;
}

/* proves: TE-02 row:21 */
static void
test_flood (void)
{
  TholeFlood *flood = thole_flood_new (3);
  gint64 second = G_USEC_PER_SEC;

  g_assert_cmpuint (count_shown (flood, second, "1\n2\n"), ==, 2);
  g_assert_cmpuint (count_shown (flood, 3 * second / 2, "3\n4\n5\n"), ==, 1);
  /* at most three in any second, wherever it begins */
  g_assert_cmpuint (count_shown (flood, 2 * second, "6\n7\n8\n"), ==, 2);
  g_assert_cmpuint (count_shown (flood, 9 * second / 4, "9\n"), ==, 0);
  g_assert_cmpuint (count_shown (flood, 4 * second, "half"), ==, 0);
  g_assert_cmpuint (count_shown (flood, 4 * second, " a line\n"), ==, 1);
  thole_flood_free (flood);
}

static void
test_long_lines (void)
{
  TholeFlood *flood = thole_flood_new (2);
  g_autofree char *text = g_strnfill (5 * THOLE_FLOOD_LINE, 'x');

  /* what never ends a line is bounded, too */
  g_assert_cmpuint (count_shown (flood, 0, text), ==, 2);
  thole_flood_free (flood);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hold/ring", test_ring);
  g_test_add_func ("/hold/holes", test_holes);
  g_test_add_func ("/hold/overlap", test_overlap);
  g_test_add_func ("/hold/flood", test_flood);
  g_test_add_func ("/hold/long-lines", test_long_lines);
  return g_test_run ();
}
