/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The dialects, message by message, without a socket. */
#include "http/codec.h"

#include <string.h>

#include "http/fake-session.h"

typedef struct
{
  TholeFakeCounts counts;
  TholeDialog *dialog;
  GString *log;        /* messages to the peer, readable */
  GByteArray *bytes;   /* of messages with 256 of them */
  gsize queued;        /* what the wire claims to hold */
  gboolean reading;
  guint code;
  char *reason;
} Fixture;

static void
append_readable (GString *out, const guint8 *data, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (data[i] >= 0x20 && data[i] < 0x7f && data[i] != '\\')
      g_string_append_c (out, (char) data[i]);
    else
      g_string_append_printf (out, "\\%02x", data[i]);
}

static void
on_send (gpointer wire, gboolean text, const guint8 *head, gsize head_length, const guint8 *data, gsize length)
{
  Fixture *fixture = wire;

  if (text)
    g_assert_true (g_utf8_validate_len ((const char *) head, head_length, NULL));
  g_string_append (fixture->log, text ? "T " : "B ");
  append_readable (fixture->log, head, head_length);
  append_readable (fixture->log, data, length);
  g_string_append_c (fixture->log, '\n');
  if (!text && length == 256)
    g_byte_array_append (fixture->bytes, data, 256);
}

static gsize
on_queued (gpointer wire)
{
  return ((Fixture *) wire)->queued;
}

static void
on_read (gpointer wire, gboolean on)
{
  ((Fixture *) wire)->reading = on;
}

static void
on_close (gpointer wire, guint code, const char *reason)
{
  Fixture *fixture = wire;

  g_assert_null (fixture->reason);
  g_assert_cmpuint (strlen (reason), <=, 123);
  fixture->code = code;
  fixture->reason = g_strdup (reason);
}

static const TholeWire wire = { on_send, on_queued, on_read, on_close };

static void
settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
begin (Fixture *fixture, const TholeCodec *codec, const char *name)
{
  fixture->dialog = thole_dialog_new (codec, thole_fake_session_new (name, TRUE, &fixture->counts), "a title", &wire, fixture);
  fixture->dialog->from = THOLE_VIEW_OLDEST;
  thole_dialog_begin (fixture->dialog);
  settle ();
}

static void
say (Fixture *fixture, gboolean text, const char *data, gsize length)
{
  thole_dialog_message (fixture->dialog, text, (const guint8 *) data, length);
  settle ();
}

#define TEXT(fixture, data) say (fixture, TRUE, data, sizeof data - 1)
#define SAY(fixture, data) say (fixture, FALSE, data, sizeof data - 1)

static void
expect (Fixture *fixture, const char *log)
{
  g_assert_cmpstr (fixture->log->str, ==, log);
  g_string_truncate (fixture->log, 0);
}

static void
expect_close (Fixture *fixture, guint code, const char *reason)
{
  g_assert_cmpuint (fixture->code, ==, code);
  g_assert_cmpstr (fixture->reason, ==, reason);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->log = g_string_new (NULL);
  fixture->bytes = g_byte_array_new ();
  fixture->reading = TRUE;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->dialog, thole_dialog_free);
  settle ();
  g_assert_cmpint (fixture->counts.viewers, ==, 0);
  g_string_free (fixture->log, TRUE);
  g_byte_array_unref (fixture->bytes);
  g_free (fixture->reason);
}

/* thole.v1 ---------------------------------------------------------------------------- */

static void
resume (Fixture *fixture, const char *name)
{
  begin (fixture, &thole_codec_thole, name);
  expect (fixture, "");
  TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"resume\",\"from_seq\":7}");
}

static void
test_thole (Fixture *fixture, gconstpointer data)
{
  resume (fixture, "echo");
  expect (fixture, "T {\"schema_version\":\"1\",\"type\":\"resumed\",\"seq\":7,\"stdin\":0}\n");
  g_assert_cmpint (fixture->counts.acked, ==, 7);
  SAY (fixture, "\0hello");
  expect (fixture, "B \\01\\00\\00\\00\\00\\00\\00\\00\\07hello\n");
  TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"ack\",\"seq\":12}");
  g_assert_cmpint (fixture->counts.acked, ==, 12);
  TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"resize\",\"rows\":3,\"cols\":4}");
  expect (fixture, "B \\01\\00\\00\\00\\00\\00\\00\\00\\0c<3x4>\n");
  TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"signal\",\"name\":\"SIGINT\"}");
  expect (fixture, "B \\01\\00\\00\\00\\00\\00\\00\\00\\11<SIGINT>\n");
  TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"take\"}");
  expect (fixture, "B \\01\\00\\00\\00\\00\\00\\00\\00\\19<take>\n");
  SAY (fixture, "\0");
  expect (fixture, "T {\"schema_version\":\"1\",\"type\":\"exit\",\"code\":0,\"signal\":null,\"seq\":31}\n");
  expect_close (fixture, 1000, "{\"code\":\"ended\",\"exit_code\":0,\"exit_signal\":null}");
}

static void
test_thole_complaints (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_thole, "echo");
  SAY (fixture, "\0too early");
  g_assert_nonnull (strstr (fixture->log->str, "\"code\":\"conflict\""));
  g_string_truncate (fixture->log, 0);
  TEXT (fixture, "{\"type\":\"resume\",\"from_seq\":7}");
  g_assert_nonnull (strstr (fixture->log->str, "schema_version"));
  g_string_truncate (fixture->log, 0);
  TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"dance\"}");
  g_assert_nonnull (strstr (fixture->log->str, "\"code\":\"not_supported\""));
  g_string_truncate (fixture->log, 0);
  TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"resume\"}");
  g_assert_nonnull (strstr (fixture->log->str, "\"code\":\"invalid_field\""));
  g_assert_null (fixture->reason);
  TEXT (fixture, "{");
  g_assert_cmpuint (fixture->code, ==, 4400);
}

static void
test_thole_gap (Fixture *fixture, gconstpointer data)
{
  resume (fixture, "gap");
  expect (fixture, "T {\"schema_version\":\"1\",\"type\":\"resumed\",\"seq\":7,\"stdin\":0}\n"
                   "T {\"schema_version\":\"1\",\"type\":\"gap\",\"from\":10,\"to\":20}\n"
                   "T {\"schema_version\":\"1\",\"type\":\"screen\",\"seq\":20,\"data\":\"\\5cu001b[Hscreen\"}\n");
}

/* tty ---------------------------------------------------------------------------- */

static void
test_tty (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_tty, "echo");
  SAY (fixture, "0too early");
  expect (fixture, "");
  SAY (fixture, "{\"AuthToken\":\"\",\"columns\":101,\"rows\":33}");
  expect (fixture, "B 1a title\nB 2{}\nB 0<33x101>\n");
  SAY (fixture, "0ls\r");
  expect (fixture, "B 0ls\\0d\n");
  TEXT (fixture, "0text");
  expect (fixture, "B 0text\n");
  SAY (fixture, "1{\"columns\":80,\"rows\":24}");
  expect (fixture, "B 0<24x80>\n");
  SAY (fixture, "9unknown");
  SAY (fixture, "");
  expect (fixture, "");
  SAY (fixture, "1nonsense");
  g_assert_cmpuint (fixture->code, ==, 4400);
}

static void
test_tty_pause (Fixture *fixture, gconstpointer data)
{
  gint64 before;

  begin (fixture, &thole_codec_tty, "flood");
  fixture->queued = 100000;
  SAY (fixture, "{}");
  before = fixture->counts.given;
  SAY (fixture, "2");
  fixture->queued = 0;
  thole_dialog_drained (fixture->dialog);
  settle ();
  g_assert_cmpint (fixture->counts.given, ==, before);
  fixture->queued = 100000;
  SAY (fixture, "3");
  g_assert_cmpint (fixture->counts.given, ==, before);
  g_string_truncate (fixture->log, 0);
  g_assert_cmpint (fixture->counts.granted, ==, 131072);
}

/* Kubernetes ---------------------------------------------------------------------------- */

static void
test_k8s (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_k8s_v5, "echo");
  expect (fixture, "B \\01\n");
  SAY (fixture, "\0ls\n");
  expect (fixture, "B \\01ls\\0a\n");
  SAY (fixture, "\4{\"Width\":101,\"Height\":33}");
  expect (fixture, "B \\01<33x101>\n");
  SAY (fixture, "\7other");
  SAY (fixture, "\4{");
  SAY (fixture, "\0");
  SAY (fixture, "");
  expect (fixture, "");
  SAY (fixture, "\377\0");
  expect (fixture, "B \\03{\"metadata\":{},\"status\":\"Success\"}\n");
  expect_close (fixture, 1000, "{\"code\":\"ended\",\"exit_code\":0,\"exit_signal\":null}");
}

static void
test_k8s_v4 (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_k8s_v4, "echo");
  SAY (fixture, "\377\0");
  expect (fixture, "B \\01\n");
  g_assert_null (fixture->reason);
}

static void
test_k8s_failure (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_k8s_v5, "killed");
  expect (fixture, "B \\01\nB \\03{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with exit code 137\","
                   "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"137\"}]}}\n");
  expect_close (fixture, 1000, "{\"code\":\"ended\",\"exit_code\":137,\"exit_signal\":\"SIGKILL\"}");
}

/* execbox ---------------------------------------------------------------------------- */

static void
test_execbox (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_execbox, "echo");
  expect (fixture, "");
  TEXT (fixture, "{\"type\":\"stdin\",\"data\":\"ls\\n\"}");
  expect (fixture, "T {\"type\":\"stdout\",\"data\":\"ls\\5cn\"}\n");
  TEXT (fixture, "{\"type\":\"stdin\",\"data_base64\":\"AP8=\"}");
  expect (fixture, "T {\"type\":\"stdout\",\"data_base64\":\"AP8=\"}\n");
  TEXT (fixture, "{\"type\":\"resize\",\"rows\":3,\"cols\":4}");
  expect (fixture, "T {\"type\":\"stdout\",\"data\":\"<3x4>\"}\n");
  TEXT (fixture, "{\"type\":\"eof\"}");
  expect (fixture, "T {\"type\":\"exit_code\",\"code\":0,\"signal\":null}\n");
  expect_close (fixture, 1000, "{\"code\":\"ended\",\"exit_code\":0,\"exit_signal\":null}");
}

/* a character is never cut in two messages */
static void
test_execbox_characters (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_execbox, "echo");
  TEXT (fixture, "{\"type\":\"stdin\",\"data_base64\":\"YeI=\"}");
  expect (fixture, "T {\"type\":\"stdout\",\"data\":\"a\"}\n");
  TEXT (fixture, "{\"type\":\"stdin\",\"data_base64\":\"gg==\"}");
  expect (fixture, "");
  TEXT (fixture, "{\"type\":\"stdin\",\"data_base64\":\"rGI=\"}");
  expect (fixture, "T {\"type\":\"stdout\",\"data\":\"\\e2\\82\\acb\"}\n");
  TEXT (fixture, "{\"type\":\"stdin\",\"data_base64\":\"4oI=\"}");
  expect (fixture, "");
  /* what was held back comes when the form changes */
  SAY (fixture, "");
  expect (fixture, "B \\00\\00\\00\\03\\01\\e2\\82\n");
}

static void
test_execbox_binary (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_execbox, "echo");
  SAY (fixture, "\0\0\0\3\0ab\0\0\0\5\3\0\4\0\5");
  expect (fixture, "B \\00\\00\\00\\08\\01ab<4x5>\n");
  SAY (fixture, "\0\0\0\4");
  SAY (fixture, "\0x");
  expect (fixture, "");
  SAY (fixture, "yz\0\0");
  expect (fixture, "B \\00\\00\\00\\04\\01xyz\n");
  SAY (fixture, "\0\1\5");
  expect (fixture, "B \\00\\00\\00\\06\\04\\00\\00\\00\\00\\00\n");
  g_assert_cmpuint (fixture->code, ==, 1000);
}

static void
test_execbox_too_long (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_execbox, "echo");
  SAY (fixture, "\0\1\0\1");
  g_assert_cmpuint (fixture->code, ==, 4400);
}

/* all ---------------------------------------------------------------------------- */

static const TholeCodec *const codecs[] = {
  &thole_codec_thole, &thole_codec_tty, &thole_codec_k8s_v5, &thole_codec_k8s_v4, &thole_codec_execbox,
};

static void
wake_up (Fixture *fixture, const TholeCodec *codec)
{
  if (codec == &thole_codec_thole)
    TEXT (fixture, "{\"schema_version\":\"1\",\"type\":\"resume\",\"from_seq\":0}");
  else if (codec == &thole_codec_tty)
    SAY (fixture, "{}");
}

/* proves: TE-16 TE-19 */
static void
test_bytes (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (codecs); i++)
    {
      begin (fixture, codecs[i], i == 4 ? "echo" : "bytes");
      wake_up (fixture, codecs[i]);
      if (i == 4)
        {
          guint8 record[256 + 5] = { 0, 0, 1, 1, 0 };

          for (guint k = 0; k < 256; k++)
            record[5 + k] = (guint8) k;
          say (fixture, FALSE, (const char *) record, sizeof record);
        }
      g_assert_cmpuint (fixture->bytes->len, ==, i == 4 ? 256 : 512);
      for (guint k = 0; k < fixture->bytes->len; k++)
        g_assert_cmpuint (fixture->bytes->data[k], ==, k & 0xff);
      g_byte_array_set_size (fixture->bytes, 0);
      g_clear_pointer (&fixture->dialog, thole_dialog_free);
      g_clear_pointer (&fixture->reason, g_free);
    }
}

static void
test_ends (Fixture *fixture, gconstpointer data)
{
  static const struct { const char *name; guint code; const char *word; } ends[] = {
    { "removed", 4410, "removed" }, { "gone", 4409, "workload_gone" }, { "lost", 4503, "lost" },
    { "forbidden", 4403, "forbidden" }, { "many", 4429, "too_many_viewers" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    for (guint k = 0; k < G_N_ELEMENTS (codecs); k++)
      {
        g_autofree char *reason = g_strdup_printf ("{\"code\":\"%s\",\"detail\":\"it is so\"}", ends[i].word);

        begin (fixture, codecs[k], ends[i].name);
        wake_up (fixture, codecs[k]);
        expect_close (fixture, ends[i].code, reason);
        g_clear_pointer (&fixture->dialog, thole_dialog_free);
        g_clear_pointer (&fixture->reason, g_free);
      }
}

/* not more than a window comes while the wire does not drain. proves: TE-22 */
static void
test_flood (Fixture *fixture, gconstpointer data)
{
  fixture->queued = 1 << 20;
  begin (fixture, &thole_codec_k8s_v5, "flood");
  g_assert_cmpint (fixture->counts.given, ==, 131072);
  settle ();
  g_assert_cmpint (fixture->counts.given, ==, 131072);
  g_string_truncate (fixture->log, 0);
  fixture->queued = 1000;
  thole_dialog_drained (fixture->dialog);
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (fixture->counts.given, >, 131072);
}

static void
test_stuck (Fixture *fixture, gconstpointer data)
{
  g_autofree char *block = g_malloc0 (65537);

  begin (fixture, &thole_codec_k8s_v5, "stuck");
  for (guint i = 0; i < 3; i++)
    say (fixture, FALSE, block, 65537);
  g_assert_true (fixture->reading);
  say (fixture, FALSE, block, 65537);
  g_assert_false (fixture->reading);
}

static void
test_hurry (Fixture *fixture, gconstpointer data)
{
  begin (fixture, &thole_codec_execbox, "echo");
  thole_dialog_hurry (fixture->dialog);
  expect_close (fixture, 1001, "{\"code\":\"restarting\",\"detail\":\"the daemon goes down; connect again\"}");
}

static void
test_reason (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GString) detail = g_string_new (NULL);

  for (guint length = 0; length < 300; length++)
    {
      g_autofree char *reason = thole_close_reason ("word", detail->str);

      g_assert_cmpuint (strlen (reason), <=, 123);
      g_assert_true (g_str_has_suffix (reason, "}"));
      g_assert_true (g_utf8_validate (reason, -1, NULL));
      g_string_append (detail, length % 3 == 0 ? "\"" : length % 3 == 1 ? "\xc3\xa4" : "\1");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function) g_test_add ("/dialog/" name, Fixture, NULL, set_up, function, tear_down)
  TEST ("thole", test_thole);
  TEST ("thole/complaints", test_thole_complaints);
  TEST ("thole/gap", test_thole_gap);
  TEST ("tty", test_tty);
  TEST ("tty/pause", test_tty_pause);
  TEST ("k8s", test_k8s);
  TEST ("k8s/v4", test_k8s_v4);
  TEST ("k8s/failure", test_k8s_failure);
  TEST ("execbox", test_execbox);
  TEST ("execbox/characters", test_execbox_characters);
  TEST ("execbox/binary", test_execbox_binary);
  TEST ("execbox/too-long", test_execbox_too_long);
  TEST ("bytes", test_bytes);
  TEST ("ends", test_ends);
  TEST ("flood", test_flood);
  TEST ("stuck", test_stuck);
  TEST ("hurry", test_hurry);
  TEST ("reason", test_reason);
  return g_test_run ();
}
