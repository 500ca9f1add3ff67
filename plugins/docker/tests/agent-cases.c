/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole-agent in containers: how it gets there, and that it stays. What its frames mean is tested where they are read.
 */
#include "cases.h"

#include <glib/gstdio.h>
#include <string.h>

#include "thole-agent-protocol.h"

#define SCRATCH "thole-scratch:1"
#define FOREVER "while :; do sleep 1; done"

/* frames ---------------------------------------------------------------------------------------------- */

static void
put (GByteArray *out, guint64 value, guint bytes)
{
  for (guint i = bytes; i > 0; i--)
    {
      guint8 byte = (guint8) (value >> (8 * (i - 1)));

      g_byte_array_append (out, &byte, 1);
    }
}

static guint64
get (const guint8 *data, guint bytes)
{
  guint64 value = 0;

  for (guint i = 0; i < bytes; i++)
    value = value << 8 | data[i];
  return value;
}

static void
put_text (GByteArray *out, guint tag, const char *text)
{
  put (out, tag, 2);
  put (out, strlen (text), 2);
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text));
}

static void
put_number (GByteArray *out, guint tag, guint64 value)
{
  put (out, tag, 2);
  put (out, 8, 2);
  put (out, value, 8);
}

static void
send (GIOStream *stream, guint8 type, guint channel, GByteArray *payload)
{
  g_autoptr(GByteArray) frame = g_byte_array_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  put (frame, payload->len, 4);
  put (frame, type, 1);
  put (frame, 0, 1);
  put (frame, channel, 2);
  g_byte_array_append (frame, payload->data, payload->len);
  g_byte_array_set_size (payload, 0);
  result = AWAIT (g_output_stream_write_all_async, g_io_stream_get_output_stream (stream), frame->data, frame->len, 0, NULL);
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (g_io_stream_get_output_stream (stream)), result, NULL, &error);
  g_assert_no_error (error);
}

/* Passes over frames until one of @type comes. Returns: (transfer full) */
static GByteArray *
receive (GIOStream *stream, guint8 type)
{
  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GByteArray) head = bench_read (g_io_stream_get_input_stream (stream), THOLE_AGENT_HEADER, &error);
      GByteArray *body;

      g_assert_no_error (error);
      g_assert_cmpuint (head->len, ==, THOLE_AGENT_HEADER);
      g_assert_cmpuint (get (head->data, 4), <=, THOLE_AGENT_MAX_PAYLOAD);
      body = bench_read (g_io_stream_get_input_stream (stream), (gsize) get (head->data, 4), &error);
      g_assert_no_error (error);
      if (head->data[4] == type)
        return body;
      g_byte_array_unref (body);
    }
  g_error ("a frame of type %x never came", type);
}

/* Returns: (transfer full): the agent's instance */
static char *
greet (GIOStream *stream)
{
  g_autoptr(GByteArray) hello = g_byte_array_new ();
  g_autoptr(GByteArray) welcome = NULL;
  gsize at = 0;

  put_number (hello, THOLE_AGENT_TAG_PROTOCOL_MIN, 1);
  put_number (hello, THOLE_AGENT_TAG_PROTOCOL_MAX, 1);
  put_number (hello, THOLE_AGENT_TAG_EPOCH, (guint64) g_get_real_time ());
  send (stream, THOLE_AGENT_HELLO, 0, hello);
  welcome = receive (stream, THOLE_AGENT_WELCOME);
  for (; at + 4 <= welcome->len; at += 4 + get (welcome->data + at + 2, 2))
    if (get (welcome->data + at, 2) == THOLE_AGENT_TAG_INSTANCE)
      return g_compute_checksum_for_data (G_CHECKSUM_SHA256, welcome->data + at + 4, 16);
  g_error ("WELCOME without an instance");
}

/* Runs a command in a session and reads what it says. Returns: (transfer full) */
static char *
session_text (GIOStream *stream, const char *id, gboolean tty, const char *const *command)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  g_autoptr(GByteArray) answer = NULL;
  GString *text = g_string_new (NULL);
  gboolean ended = FALSE;

  put (out, 1, 4);
  put_text (out, THOLE_AGENT_TAG_ID, id);
  put_number (out, THOLE_AGENT_TAG_TTY, tty);
  for (guint i = 0; command[i] != NULL; i++)
    put_text (out, THOLE_AGENT_TAG_ARGUMENT, command[i]);
  send (stream, THOLE_AGENT_OPEN, 0, out);
  answer = receive (stream, THOLE_AGENT_ANSWER);
  g_assert_cmpuint (get (answer->data + 4, 2), ==, THOLE_AGENT_OK);
  put_text (out, THOLE_AGENT_TAG_ID, id);
  put_number (out, THOLE_AGENT_TAG_FROM, THOLE_AGENT_FROM_OLDEST);
  put_number (out, THOLE_AGENT_TAG_CREDIT, 4096);
  send (stream, THOLE_AGENT_ATTACH, 1, out);
  while (!ended)
    {
      g_autoptr(GByteArray) output = receive (stream, THOLE_AGENT_OUTPUT);

      g_string_append_len (text, (const char *) output->data + 9, (gssize) output->len - 9);
      ended = strchr (text->str, '\n') != NULL;
    }
  return g_strstrip (g_string_free (text, FALSE));
}

static guint
count_sessions (GIOStream *stream)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  g_autoptr(GByteArray) answer = NULL;
  guint count = 0;

  put (out, 2, 4);
  send (stream, THOLE_AGENT_LIST, 0, out);
  answer = receive (stream, THOLE_AGENT_ANSWER);
  for (gsize at = 6; at + 4 <= answer->len; at += 4 + get (answer->data + at + 2, 2))
    count += get (answer->data + at, 2) == THOLE_AGENT_TAG_SESSION;
  return count;
}

/* slots ----------------------------------------------------------------------------------------------- */

static GVariant *
install (Bench *b, const char *id, GError **error)
{
  g_autoptr(GVariant) options = dict ("{'binary': <%s>}", g_getenv ("THOLE_TEST_AGENT"));
  g_autoptr(GAsyncResult) result = AWAIT (b->agent->install_async, b->driver, id, options, NULL);

  return b->agent->install_finish (b->driver, result, error);
}

static GIOStream *
connect_to (Bench *b, const char *id, GError **error)
{
  g_autoptr(GVariant) options = dict ("{'binary': <%s>}", g_getenv ("THOLE_TEST_AGENT"));
  g_autoptr(GAsyncResult) result = AWAIT (b->agent->connect_async, b->driver, id, options, NULL);

  return b->agent->connect_finish (b->driver, result, error);
}

static GIOStream *
connect_ok (Bench *b, const char *id)
{
  g_autoptr(GError) error = NULL;
  GIOStream *stream = connect_to (b, id, &error);

  g_assert_no_error (error);
  return stream;
}

static void
create_and_start (Bench *b, const char *id, GVariant *spec, GVariant *options)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->create_async, b->driver, id, spec, options, NULL);
  g_autoptr(GVariant) created = b->workload->create_finish (b->driver, result, &error);

  g_assert_no_error (error);
  g_assert_nonnull (created);
  start (b, id, &error);
  g_assert_no_error (error);
}

static void
run_with_agent (Bench *b, const char *id, GVariant *more)
{
  g_autoptr(GVariant) spec = shell_spec (FOREVER, more);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) options = install (b, id, &error);

  g_assert_no_error (error);
  create_and_start (b, id, spec, options);
}

static void
clean (Bench *b, const char *id)
{
  g_autoptr(GError) error = NULL;

  remove_it (b, id, TRUE, &error);
  g_assert_no_error (error);
}

/* With a folder for sockets, or without one: then it goes by a volume and the bridge. */
static Bench *
bench_with (const char *folder)
{
  g_autoptr(GError) error = NULL;
  Bench *c = folder != NULL ? bench_open (NULL, INSTANCE, "state_dir", folder, NULL) : bench_open (NULL, INSTANCE, NULL);

  bench_probe (c, NULL, &error);
  g_assert_no_error (error);
  return c;
}

static gboolean
has_agent (void)
{
  if (g_getenv ("THOLE_TEST_AGENT") != NULL)
    return TRUE;
  g_test_skip ("THOLE_TEST_AGENT is not set");
  return FALSE;
}

/* @check is called with and without a folder */
static void
both_ways (void (*check) (Bench *c))
{
  g_autofree char *folder = NULL, *agents = NULL;

  if (!has_agent ())
    return;
  folder = g_dir_make_tmp ("thole-docker-XXXXXX", NULL);
  agents = g_build_filename (folder, "agents", NULL);
  for (guint way = 0; way < 2; way++)
    {
      Bench *c = bench_with (way == 0 ? folder : NULL);

      check (c);
      bench_close (c);
    }
  /* nothing stays of what was removed */
  g_assert_cmpint (g_rmdir (agents), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/* cases ----------------------------------------------------------------------------------------------- */

static void
check_user (Bench *c, const char *more, const char *expected, gboolean tty)
{
  g_autofree char *id = fresh_id ("agent");
  g_autoptr(GVariant) spec = dict (more);
  g_autoptr(GIOStream) stream = NULL;
  g_autofree char *instance = NULL, *text = NULL;

  run_with_agent (c, id, spec);
  stream = connect_ok (c, id);
  instance = greet (stream);
  text = session_text (stream, "a", tty, (const char *const[]){ "/bin/sh", "-c", "echo $(id -u):$(id -g)", NULL });
  g_assert_cmpstr (text, ==, expected);
  clean (c, id);
}

static void
check_users (Bench *c)
{
  check_user (c, "@a{sv} {}", "0:0", FALSE);
  check_user (c, "{'user': <'1234:5678'>}", "1234:5678", TRUE);
  check_user (c, "{'user': <'nobody'>, 'privileges': <{'read_only_root': <true>}>}", "65534:65534", FALSE);
  check_user (c, "{'tty': <true>, 'stdin': <true>}", "0:0", TRUE);
}

static void
test_users (Bench *b)
{
  both_ways (check_users);
}

/* An image that has nothing but one static program. */
static gboolean
make_scratch (void)
{
  const char *url = g_getenv ("THOLE_TEST_DOCKER");
  const char *script = "d=$(mktemp -d); cp \"$(command -v busybox)\" $d/busybox; tar -C $d -c busybox | curl -sS --unix-socket \"$1\" "
                       "-X POST -H 'Content-Type: application/x-tar' --data-binary @- "
                       "'http://docker/images/create?fromSrc=-&repo=thole-scratch&tag=1'; rm -r $d";
  g_autoptr(GSubprocess) shell = NULL;

  if (!g_str_has_prefix (url, "unix://"))
    return FALSE;
  shell = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, NULL, "sh", "-c", script, "sh", url + strlen ("unix://"), NULL);
  return shell != NULL && g_subprocess_wait_check (shell, NULL, NULL);
}

static void
check_scratch (Bench *c)
{
  g_autofree char *id = fresh_id ("agent");
  g_autoptr(GVariant) more = dict ("{'image': <%s>, 'command': <['/busybox', 'sleep', '1000']>, 'user': <'7:8'>}", SCRATCH);
  g_autoptr(GIOStream) stream = NULL;
  g_autofree char *instance = NULL, *text = NULL;

  run_with_agent (c, id, more);
  stream = connect_ok (c, id);
  instance = greet (stream);
  text = session_text (stream, "a", FALSE, (const char *const[]){ "/busybox", "ls", "/", NULL });
  g_assert_nonnull (text);
  clean (c, id);
}

static void
test_scratch (Bench *b)
{
  if (has_agent () && make_scratch ())
    both_ways (check_scratch);
  else
    g_test_skip ("no agent, or no engine to give an image to");
}

static void
check_lasting (Bench *c)
{
  g_autofree char *id = fresh_id ("agent");
  g_autofree char *first = NULL, *second = NULL, *third = NULL, *text = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GError) error = NULL;

  run_with_agent (c, id, NULL);
  stream = connect_ok (c, id);
  first = greet (stream);
  text = session_text (stream, "a", FALSE, (const char *const[]){ "/bin/sh", "-c", "echo here; exec sleep 1000", NULL });
  g_assert_cmpstr (text, ==, "here");
  /* who asks again finds the same one, also while the old connection stands */
  {
    g_autoptr(GIOStream) another = connect_ok (c, id);

    second = greet (another);
    g_assert_cmpstr (second, ==, first);
    g_assert_cmpuint (count_sessions (another), ==, 1);
  }
  /* a new start of the workload ends all */
  g_clear_object (&stream);
  g_assert_true (stop (c, id, 0, &error));
  g_assert_null (connect_to (c, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_true (start (c, id, &error));
  stream = connect_ok (c, id);
  third = greet (stream);
  g_assert_cmpstr (third, !=, first);
  g_assert_cmpuint (count_sessions (stream), ==, 0);
  clean (c, id);
}

static void
test_lasting (Bench *b)
{
  both_ways (check_lasting);
}

static void
test_another_daemon (Bench *b)
{
  g_autofree char *folder = NULL, *agents = NULL, *first = NULL, *second = NULL, *text = NULL;
  g_autofree char *id = fresh_id ("agent");
  Bench *c;

  if (!has_agent ())
    return;
  folder = g_dir_make_tmp ("thole-docker-XXXXXX", NULL);
  agents = g_build_filename (folder, "agents", NULL);
  c = bench_with (folder);
  run_with_agent (c, id, NULL);
  {
    g_autoptr(GIOStream) stream = connect_ok (c, id);

    first = greet (stream);
    text = session_text (stream, "a", TRUE, (const char *const[]){ "/bin/sh", "-c", "echo here; exec sleep 1000", NULL });
  }
  bench_close (c);
  c = bench_with (folder);
  {
    g_autoptr(GIOStream) stream = connect_ok (c, id);

    second = greet (stream);
    g_assert_cmpuint (count_sessions (stream), ==, 1);
  }
  g_assert_cmpstr (second, ==, first);
  clean (c, id);
  bench_close (c);
  g_rmdir (agents);
  g_rmdir (folder);
}

/* The engine may live elsewhere though its socket is here. */
static void
test_folder_elsewhere (Bench *b)
{
  g_autofree char *id = fresh_id ("agent");
  g_autofree char *instance = NULL;
  g_autoptr(GVariant) spec = shell_spec (FOREVER, NULL);
  g_autoptr(GVariant) options = NULL;
  g_autoptr(GIOStream) stream = NULL;

  if (!has_agent ())
    return;
  options = dict ("{'agent': <{'binary': <%s>, 'folder': <'/no/such/folder'>}>}", g_getenv ("THOLE_TEST_AGENT"));
  create_and_start (b, id, spec, options);
  stream = connect_ok (b, id);
  instance = greet (stream);
  clean (b, id);
}

static void
test_refusals (Bench *b)
{
  g_autofree char *id = fresh_id ("agent");
  g_autoptr(GVariant) text = dict ("{'binary': <'/etc/passwd'>}");
  g_autoptr(GAsyncResult) result = AWAIT (b->agent->install_async, b->driver, id, text, NULL);
  g_autoptr(GError) invalid = NULL, none = NULL, without = NULL;
  g_autoptr(GIOStream) stream = NULL;

  g_assert_null (b->agent->install_finish (b->driver, result, &invalid));
  g_assert_error (invalid, THOLE_ERROR, THOLE_ERROR_INVALID);
  if (!has_agent ())
    return;
  g_assert_null (connect_to (b, id, &none));
  g_assert_error (none, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  run_ok (b, id, FOREVER, NULL);
  stream = connect_to (b, id, &without);
  g_assert_error (without, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  clean (b, id);
}

void
add_agent_cases (void)
{
  add_case ("agent/users", test_users);
  add_case ("agent/scratch", test_scratch);
  add_case ("agent/lasting", test_lasting);
  add_case ("agent/another-daemon", test_another_daemon);
  add_case ("agent/folder-elsewhere", test_folder_elsewhere);
  add_case ("agent/refusals", test_refusals);
}
