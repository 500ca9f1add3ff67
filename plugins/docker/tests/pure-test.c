/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The parts of the driver that need no engine.
 */
#include <string.h>

#include "chunks.h"
#include "config.h"
#include "convert.h"
#include "frames.h"
#include "lines.h"
#include "pull-progress.h"
#include "reply.h"
#include "thole-dict.h"
#include "thole-error.h"
#include "thole-json.h"

#define INSTANCE "7e577e57-0000-4000-8000-000000000001"

static GVariant *
parsed (const char *json)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_json_parse (json, strlen (json), &error);

  g_assert_no_error (error);
  return value;
}

static DockerConfig *
config_of (const char *text, GError **error)
{
  g_autoptr(GVariant) config = g_variant_ref_sink (g_variant_new_parsed (text));

  return docker_config_new (config, error);
}

/* framing --------------------------------------------------------------------------------------------- */

static void
append_frame (GByteArray *out, guint8 stream, const char *text, gsize length)
{
  guint8 head[DOCKER_FRAME_HEADER] = { stream };
  guint32 size = GUINT32_TO_BE ((guint32) length);

  memcpy (head + 4, &size, 4);
  g_byte_array_append (out, head, sizeof head);
  g_byte_array_append (out, (const guint8 *) text, (guint) length);
}

/* Feeds @data in pieces of random sizes; the text of the records, each with its stream and second. */
static char *
read_log (gboolean tty, GByteArray *data, GRand *random)
{
  g_autoptr(DockerLogReader) reader = docker_log_reader_new (tty);
  GString *text = g_string_new (NULL);
  gsize at = 0;
  guint8 last_stream = 0;
  gint64 last_time = -1;

  while (at < data->len)
    {
      g_autoptr(GByteArray) out = g_byte_array_new ();
      gsize piece = (gsize) g_rand_int_range (random, 1, 40), n = MIN (piece, data->len - at), done = 0;

      g_assert_true (docker_log_reader_feed (reader, data->data + at, n, out));
      at += n;
      while (done < out->len)
        {
          guint8 stream;
          gint64 time;
          const guint8 *body;
          gsize length;
          gssize size = thole_log_record_parse (out->data + done, out->len - done, &stream, &time, &body, &length);

          g_assert_cmpint (size, >, 0);
          if (stream != last_stream || time != last_time)
            g_string_append_printf (text, "[%d %d]", stream, (int) (time / G_USEC_PER_SEC % 60));
          g_string_append_len (text, (const char *) body, (gssize) length);
          last_stream = stream;
          last_time = time;
          done += (gsize) size;
        }
    }
  return g_string_free (text, FALSE);
}

static void
test_frames (void)
{
  GRand *random = g_rand_new_with_seed (1);

  for (guint round = 0; round < 500; round++)
    {
      g_autoptr(GByteArray) data = g_byte_array_new ();
      g_autofree char *text = NULL;
      const char *messages[] = { "2026-11-21T08:00:01.5Z one\n", "2026-11-21T08:00:02.123456789Z part", "2026-11-21T08:00:03Z ial\n",
                                 "2026-11-21T08:00:04+00:00 \n", "no time\n", "" };
      guint8 streams[] = { 1, 2, 2, 1, 1, 1 };

      for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
        append_frame (data, streams[i], messages[i], strlen (messages[i]));
      text = read_log (FALSE, data, random);
      /* the second part of a line has the time of its beginning */
      g_assert_cmpstr (text, ==, "[1 1]one\n[2 2]partial\n[1 4]\nno time\n");
    }
  g_rand_free (random);
}

static void
test_frames_broken (void)
{
  g_autoptr(DockerLogReader) first = docker_log_reader_new (FALSE);
  g_autoptr(DockerLogReader) second = docker_log_reader_new (FALSE);
  g_autoptr(GByteArray) out = g_byte_array_new ();

  g_assert_false (docker_log_reader_feed (first, (const guint8 *) "HTTP/1.1 200", 12, out));
  g_assert_false (docker_log_reader_feed (second, (const guint8 *) "\1\0\1\0\0\0\0\1x", 9, out));
  g_assert_cmpint (out->len, ==, 0);
}

static void
test_terminal_log (void)
{
  GRand *random = g_rand_new_with_seed (2);
  g_autofree char *full = g_strnfill (16384, 'f');

  for (guint round = 0; round < 200; round++)
    {
      g_autoptr(GByteArray) data = g_byte_array_new ();
      g_autofree char *text = NULL;
      g_autofree char *expected = g_strdup_printf ("[1 1]a\r\n[1 2]%s%send\r\n[1 5]tail", full, full);
      g_autofree char *sent
          = g_strdup_printf ("2026-11-21T08:00:01.000000000Z a\r\n2026-11-21T08:00:02.000000000Z %s2026-11-21T08:00:03.000000000Z %s"
                             "2026-11-21T08:00:04.000000000Z end\r\n2026-11-21T08:00:05.000000000Z tail", full, full);

      g_byte_array_append (data, (const guint8 *) sent, (guint) strlen (sent));
      text = read_log (TRUE, data, random);
      g_assert_cmpstr (text, ==, expected);
    }
  g_rand_free (random);
}

static void
test_chunks (void)
{
  const char *body = "5\r\nhello\r\n6;name=value\r\n world\r\n0A \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nbehind";
  const char *bad[] = { "xyz\r\n", "\r\n", "123456789\r\nx", "5\r\nhelloX", "-1\r\n" };
  GRand *random = g_rand_new_with_seed (3);

  for (guint round = 0; round < 500; round++)
    {
      DockerBody reader;
      g_autoptr(GByteArray) out = g_byte_array_new ();
      gsize at = 0, length = strlen (body);

      docker_body_init (&reader, TRUE, G_MAXUINT64);
      while (at < length)
        {
          gsize piece = (gsize) g_rand_int_range (random, 1, 9), n = MIN (piece, length - at);

          /* it is whole only behind the last chunk and its trailer */
          g_assert_true (docker_body_is_whole (&reader) == (at >= length - strlen ("behind")));
          g_assert_true (docker_body_feed (&reader, (const guint8 *) body + at, n, out));
          at += n;
        }
      g_assert_cmpmem (out->data, out->len, "hello world0123456789", 21);
      g_assert_true (docker_body_is_whole (&reader));
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      DockerBody reader;
      g_autoptr(GByteArray) out = g_byte_array_new ();

      docker_body_init (&reader, TRUE, G_MAXUINT64);
      g_assert_false (docker_body_feed (&reader, (const guint8 *) bad[i], strlen (bad[i]), out));
    }
  g_rand_free (random);
}

static void
test_body_of_known_length (void)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  DockerBody known, open;

  docker_body_init (&known, FALSE, 5);
  g_assert_true (docker_body_feed (&known, (const guint8 *) "abc", 3, out));
  g_assert_false (docker_body_is_whole (&known));
  g_assert_true (docker_body_feed (&known, (const guint8 *) "defg", 4, out));
  g_assert_true (docker_body_is_whole (&known));
  g_assert_cmpmem (out->data, out->len, "abcde", 5);
  docker_body_init (&open, FALSE, G_MAXUINT64);
  g_assert_true (docker_body_feed (&open, (const guint8 *) "xy", 2, out));
  g_assert_true (docker_body_is_whole (&open));
}

static void
on_line (const char *line, gsize length, gpointer user_data)
{
  g_autofree char *text = line != NULL ? g_strndup (line, length) : g_strdup ("too long");

  g_string_append_printf (user_data, "%s|", text);
}

static void
test_lines (void)
{
  DockerLines lines = { 0 };
  g_autoptr(GString) seen = g_string_new (NULL);
  g_autofree char *long_line = g_strnfill (DOCKER_LINE_MAX + 1, 'x');

  docker_lines_feed (&lines, (const guint8 *) "one\ntw", 6, on_line, seen);
  docker_lines_feed (&lines, (const guint8 *) "o\n\nx", 4, on_line, seen);
  docker_lines_feed (&lines, (const guint8 *) long_line, DOCKER_LINE_MAX + 1, on_line, seen);
  g_assert_cmpint (lines.rest->len, ==, 0);
  docker_lines_feed (&lines, (const guint8 *) "rest\nlast\n", 10, on_line, seen);
  g_assert_cmpstr (seen->str, ==, "one|two||too long|last|");
  docker_lines_clear (&lines);
}

/* words ----------------------------------------------------------------------------------------------- */

static void
test_errors (void)
{
  const struct { guint status; const char *body; int code; } table[] = {
    { 404, "{\"message\":\"No such container: x\"}", THOLE_ERROR_NOT_FOUND },
    { 404, "{\"message\":\"No such image: x:1\"}", THOLE_ERROR_IMAGE_NOT_FOUND },
    { 404, "{\"message\":\"pull access denied for x, repository does not exist or may require 'docker login'\"}",
      THOLE_ERROR_IMAGE_NOT_FOUND },
    { 500, "{\"message\":\"manifest for x:9 not found: manifest unknown: manifest unknown\"}", THOLE_ERROR_IMAGE_NOT_FOUND },
    { 404, "{\"message\":\"network x not found\"}", THOLE_ERROR_INVALID },
    { 409, "{\"message\":\"Container x is not running\"}", THOLE_ERROR_CONFLICT },
    { 409, "{\"message\":\"removal of container x is already in progress\"}", THOLE_ERROR_BUSY },
    { 500, "{\"message\":\"driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated\"}",
      THOLE_ERROR_CONFLICT },
    { 500, "{\"message\":\"Get https://r/v2/: dial tcp: lookup r: no such host\"}", THOLE_ERROR_UNAVAILABLE },
    { 500, "{\"message\":\"Get https://r/v2/x: unauthorized: authentication required\"}", THOLE_ERROR_AUTH },
    { 500, "{\"message\":\"write /x: no space left on device\"}", THOLE_ERROR_LIMIT },
    { 500, "{\"message\":\"container rootfs is marked read-only\"}", THOLE_ERROR_DENIED },
    { 500, "{\"message\":\"toomanyrequests: You have reached your pull rate limit\"}", THOLE_ERROR_LIMIT },
    { 400, "{\"message\":\"OCI runtime create failed: exec: \\\"x\\\": executable file not found in $PATH\"}", THOLE_ERROR_INVALID },
    { 503, "", THOLE_ERROR_UNAVAILABLE },
    { 501, "not here", THOLE_ERROR_UNSUPPORTED },
    { 500, "{\"message\":\"something else\"}", THOLE_ERROR_FAILED },
    { 500, "{\"message\":", THOLE_ERROR_FAILED },
    { 500, "\xff\xfe", THOLE_ERROR_FAILED },
    { 418, "", THOLE_ERROR_FAILED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr(GError) error = docker_error_from_reply (table[i].status, "Reason", table[i].body, strlen (table[i].body));

      g_assert_error (error, THOLE_ERROR, table[i].code);
      g_assert_cmpint (strlen (error->message), >, 0);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
}

static void
test_transport_errors (void)
{
  g_autoptr(GError) refused
      = docker_error_from_transport (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "refused"));
  g_autoptr(GError) denied = docker_error_from_transport (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "no"));
  g_autoptr(GError) cancelled = docker_error_from_transport (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "c"));
  g_autoptr(GError) own = docker_error_from_transport (g_error_new_literal (THOLE_ERROR, THOLE_ERROR_LIMIT, "l"));

  g_assert_error (refused, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  g_assert_error (denied, THOLE_ERROR, THOLE_ERROR_DENIED);
  g_assert_error (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (own, THOLE_ERROR, THOLE_ERROR_LIMIT);
}

static void
test_references (void)
{
  const char *good[][4] = {
    { "busybox", "busybox", "latest", "docker.io" },
    { "library/busybox:1.36", "library/busybox", "1.36", "docker.io" },
    { "ghcr.io/a/b:c", "ghcr.io/a/b", "c", "ghcr.io" },
    { "localhost/x", "localhost/x", "latest", "localhost" },
    { "127.0.0.1:5000/x", "127.0.0.1:5000/x", "latest", "127.0.0.1:5000" },
    { "127.0.0.1:5000/x:7", "127.0.0.1:5000/x", "7", "127.0.0.1:5000" },
    { "a/b@sha256:0123", "a/b", "sha256:0123", "docker.io" },
    { "a/b:tag@sha256:0123", "a/b", "sha256:0123", "docker.io" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *repository = NULL, *version = NULL, *registry = NULL;
      g_autoptr(GError) error = NULL;

      g_assert_true (docker_reference_parse (good[i][0], &repository, &version, &registry, &error));
      g_assert_cmpstr (repository, ==, good[i][1]);
      g_assert_cmpstr (version, ==, good[i][2]);
      g_assert_cmpstr (registry, ==, good[i][3]);
    }
}

static void
test_names (void)
{
  g_autofree char *plain = docker_object_name (INSTANCE, "w_01.a-b");
  g_autofree char *again = docker_object_name (INSTANCE, "w_01.a-b");
  g_autofree char *odd = docker_object_name (INSTANCE, "a/b?c");
  g_autofree char *other = docker_object_name (INSTANCE, "a/b:c");
  g_autofree char *long_id = g_strnfill (5000, 'l');
  g_autofree char *cut = docker_object_name (INSTANCE, long_id);

  g_assert_cmpstr (plain, ==, "thole-7e577e57-w_01.a-b");
  g_assert_cmpstr (plain, ==, again);
  g_assert_cmpstr (odd, !=, other);
  g_assert_null (strpbrk (odd, "/?:"));
  g_assert_cmpint (strlen (cut), <, 200);
}

static void
test_config (void)
{
  const struct { const char *text; const char *complaint; } bad[] = {
    { "{'instance': <'short'>}", "instance" },
    { "{'instance': <'7e577e57/../../x'>}", "instance" },
    { "{'instance': <'7e577e57-1'>, 'url': <'ftp://x'>}", "url" },
    { "{'instance': <'7e577e57-1'>, 'url': <'tcp://10.0.0.1:2375'>}", "TLS" },
    { "{'instance': <'7e577e57-1'>, 'url': <'tcp://10.0.0.1:2376'>, 'tls_cert': <'/c'>}", "tls_key" },
    { "{'instance': <'7e577e57-1'>, 'tls_ca': <'relative'>}", "tls_ca" },
    { "{'instance': <'7e577e57-1'>, 'api': <'1.40'>}", "api" },
    { "{'instance': <'7e577e57-1'>, 'api': <'2.0'>}", "api" },
    { "{'instance': <'7e577e57-1'>, 'disk_limit': <'maybe'>}", "disk_limit" },
    { "{'instance': <'7e577e57-1'>, 'registry_credentials': <'nothing'>}", "registry_credentials" },
  };
  g_autoptr(GError) error = NULL;
  g_autoptr(DockerConfig) plain = config_of ("{'instance': <'7e577e57-1'>}", &error);
  g_autoptr(DockerConfig) remote
      = config_of ("{'instance': <'7e577e57-1'>, 'url': <'tcp://engine.example:2376'>, 'tls_ca': <'/ca'>, 'tls_cert': <'/c'>, "
                   "'tls_key': <'/k'>, 'api': <'1.43'>, 'registry_credentials': <'r:5000=one, ghcr.io=two'>}", &error);
  g_autoptr(DockerConfig) local = config_of ("{'instance': <'7e577e57-1'>, 'url': <'tcp://[::1]:2375'>}", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (plain->socket_path, ==, "/var/run/docker.sock");
  g_assert_false (docker_config_is_remote (plain));
  g_assert_true (remote->tls);
  g_assert_true (docker_config_is_remote (remote));
  g_assert_cmpint (remote->api_ceiling, ==, 43);
  g_assert_cmpstr (g_hash_table_lookup (remote->registries, "r:5000"), ==, "one");
  g_assert_cmpstr (g_hash_table_lookup (remote->registries, "ghcr.io"), ==, "two");
  g_assert_cmpstr (local->host, ==, "::1");
  g_assert_false (docker_config_is_remote (local));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_null (config_of (bad[i].text, &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, bad[i].complaint));
      g_clear_error (&error);
    }
}

static void
test_spec (void)
{
  g_autoptr(DockerConfig) config = config_of ("{'instance': <'" INSTANCE "'>, 'disk_limit': <'yes'>}", NULL);
  g_autoptr(GVariant) spec = g_variant_ref_sink (g_variant_new_parsed (
      "{'name': <'web'>, 'image': <'i:1'>, 'command': <['/run']>, 'args': <['a', 'b']>, 'env': <{'A': '1'}>, "
      "'resources': <{'cpu': <0.1>, 'memory': <int64 67108864>, 'pids': <int64 9>, 'disk': <int64 1000000>}>, "
      "'ports': <[{'container': <int64 80>}, {'container': <int64 80>, 'host': <int64 8080>, 'address': <'127.0.0.1'>}]>, "
      "'mounts': <[{'target': <'/d'>, 'volume': <'v1'>}]>, 'health': <{'command': <['/ok']>, 'interval': <0.5>, "
      "'timeout': <2.0>, 'retries': <int64 4>}>, 'labels': <{'org.thole.id': 'stolen', 'mine': 'x'}>, "
      "'backend_options': <{'init': <true>, 'shm_size': <int64 1048576>}>, 'role': <'install'>}"));
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) body = docker_container_config (config, "w1", spec, NULL, &error);
  g_autofree char *json = NULL;
  const char *parts[] = {
    "\"Image\":\"i:1\"", "\"Entrypoint\":[\"/run\"]", "\"Cmd\":[\"a\",\"b\"]", "\"Env\":[\"A=1\"]",
    "\"NanoCpus\":100000000", "\"Memory\":67108864", "\"MemorySwap\":67108864", "\"PidsLimit\":9",
    "\"StorageOpt\":{\"size\":\"1000000\"}", "\"ExposedPorts\":{\"80/tcp\":{}}", "\"HostPort\":\"8080\"",
    "\"Source\":\"thole-7e577e57-v1\"", "\"Test\":[\"CMD\",\"/ok\"]", "\"Interval\":500000000", "\"Retries\":4",
    "\"org.thole.id\":\"w1\"", "\"org.thole.role\":\"install\"", "\"org.thole.name\":\"web\"", "\"mine\":\"x\"",
    "\"Init\":true", "\"ShmSize\":1048576", "\"RestartPolicy\":{\"Name\":\"no\"}", "\"CapDrop\":[\"ALL\"]",
    "\"SecurityOpt\":[\"no-new-privileges:true\"]", "\"StopSignal\":\"SIGTERM\"", "\"Type\":\"json-file\"",
  };

  g_assert_no_error (error);
  json = thole_json_to_string (body);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (strstr (json, parts[i]) == NULL)
      g_error ("%s is not in %s", parts[i], json);
}

static void
test_update (void)
{
  g_autoptr(GVariant) changes = g_variant_ref_sink (g_variant_new_parsed (
      "{'resources': <{'cpu': <0.0>, 'memory': <int64 0>, 'pids': <int64 0>}>, 'restart': <{'policy': <'always'>}>}"));
  g_autoptr(GVariant) nothing = g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {}"));
  g_autoptr(GVariant) body = docker_update_body (changes, 4, NULL);
  g_autoptr(GVariant) none = docker_update_body (nothing, 4, NULL);

  g_assert_cmpint (thole_dict_int (body, "NanoCpus", 0), ==, 4000000000);
  g_assert_cmpint (thole_dict_int (body, "Memory", 0), >, G_GINT64_CONSTANT (1) << 40);
  g_assert_cmpint (thole_dict_int (body, "PidsLimit", 0), ==, -1);
  g_assert_cmpint (g_variant_n_children (none), ==, 0);
}

static void
test_inspection (void)
{
  g_autoptr(GVariant) inspection = parsed (
      "{\"Id\":\"abc\",\"RestartCount\":2,\"State\":{\"Status\":\"exited\",\"ExitCode\":143,\"OOMKilled\":false,\"Error\":\"\","
      "\"Pid\":0,\"StartedAt\":\"2026-11-21T08:00:00.5Z\",\"FinishedAt\":\"0001-01-01T00:00:00Z\",\"Health\":{\"Status\":\"unhealthy\"}},"
      "\"Config\":{\"Image\":\"i\",\"Labels\":{\"org.thole.id\":\"w\",\"org.thole.instance\":\"n\"}},"
      "\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}],\"81/udp\":null},"
      "\"Networks\":{\"a\":{\"IPAddress\":\"10.0.0.2\",\"GlobalIPv6Address\":\"fd00::2\"},\"b\":{\"IPAddress\":\"\"}}}}");
  g_autoptr(GVariant) oom = parsed ("{\"State\":{\"Status\":\"exited\",\"ExitCode\":137,\"OOMKilled\":true},\"Config\":{}}");
  g_autoptr(GVariant) strange = parsed ("{\"State\":{\"Status\":\"novel\"},\"Config\":null,\"NetworkSettings\":[]}");
  g_autoptr(GVariant) workload = docker_workload_from_inspect (inspection);
  g_autoptr(GVariant) killed = docker_workload_from_inspect (oom);
  g_autoptr(GVariant) failed = docker_workload_from_inspect (strange);
  g_autoptr(GVariant) ports = thole_dict_value (workload, "ports", "aa{sv}");
  g_auto(GStrv) addresses = thole_dict_strv (workload, "addresses");

  g_assert_cmpstr (thole_dict_string (workload, "id", ""), ==, "w");
  g_assert_cmpstr (thole_dict_string (workload, "state", ""), ==, "exited");
  g_assert_cmpstr (thole_dict_string (workload, "exit_signal", ""), ==, "SIGTERM");
  g_assert_cmpstr (thole_dict_string (workload, "health", ""), ==, "unhealthy");
  g_assert_cmpstr (thole_dict_string (workload, "role", ""), ==, "main");
  g_assert_cmpint (thole_dict_int (workload, "finished_at", -1), ==, 0);
  g_assert_cmpint (thole_dict_int (workload, "started_at", -1) % G_USEC_PER_SEC, ==, 500000);
  g_assert_cmpint (thole_dict_int (workload, "restarts", -1), ==, 2);
  g_assert_cmpint (g_variant_n_children (ports), ==, 1);
  g_assert_cmpint (g_strv_length (addresses), ==, 2);
  g_assert_true (thole_dict_boolean (killed, "oom", FALSE));
  g_assert_cmpstr (thole_dict_string (failed, "state", ""), ==, "failed");
}

static void
test_stats (void)
{
  g_autoptr(GVariant) second = parsed (
      "{\"read\":\"2026-11-21T08:00:00Z\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":1500000000}},"
      "\"memory_stats\":{\"usage\":1000,\"limit\":5000,\"stats\":{\"inactive_file\":300}},\"pids_stats\":{\"current\":3},"
      "\"networks\":{\"eth0\":{\"rx_bytes\":5,\"tx_bytes\":6},\"eth1\":{\"rx_bytes\":10,\"tx_bytes\":20}},"
      "\"blkio_stats\":{\"io_service_bytes_recursive\":[{\"op\":\"Read\",\"value\":7},{\"op\":\"write\",\"value\":8},{\"op\":\"Total\",\"value\":15}]}}");
  g_autoptr(GVariant) stopped = parsed ("{\"read\":\"0001-01-01T00:00:00Z\",\"cpu_stats\":{}}");
  g_autoptr(GVariant) sample = docker_stats_sample (second);

  g_assert_cmpfloat (thole_dict_double (sample, "cpu_seconds", 0), ==, 1.5);
  g_assert_cmpint (thole_dict_int (sample, "memory", 0), ==, 700);
  g_assert_cmpint (thole_dict_int (sample, "net_rx", 0), ==, 15);
  g_assert_cmpint (thole_dict_int (sample, "net_tx", 0), ==, 26);
  g_assert_cmpint (thole_dict_int (sample, "disk_read", 0), ==, 7);
  g_assert_cmpint (thole_dict_int (sample, "disk_write", 0), ==, 8);
  g_assert_null (docker_stats_sample (stopped));
}

static void
test_events (void)
{
  const char *die = "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"x\",\"Attributes\":{\"org.thole.id\":\"w\","
                    "\"org.thole.role\":\"install\",\"exitCode\":\"0\"}}}";
  const char *health = "{\"Action\":\"health_status: healthy\",\"Actor\":{\"Attributes\":{\"org.thole.id\":\"w\"}}}";
  const char *not_ours[] = {
    "", "{", "[]", "{\"Action\":\"die\"}", "{\"Action\":\"die\",\"Actor\":{\"Attributes\":{}}}",
    "{\"Action\":\"exec_start: sh\",\"Actor\":{\"Attributes\":{\"org.thole.id\":\"w\"}}}",
  };
  g_autoptr(GVariant) first = docker_event_convert (die, strlen (die));
  g_autoptr(GVariant) second = docker_event_convert (health, strlen (health));

  g_assert_cmpstr (thole_dict_string (first, "action", ""), ==, "exit");
  g_assert_cmpstr (thole_dict_string (first, "role", ""), ==, "install");
  g_assert_cmpstr (thole_dict_string (second, "action", ""), ==, "health");
  for (guint i = 0; i < G_N_ELEMENTS (not_ours); i++)
    g_assert_null (docker_event_convert (not_ours[i], strlen (not_ours[i])));
}

static void
test_pull (void)
{
  const char *lines[] = {
    "{\"status\":\"Pulling from thole/x\",\"id\":\"1\"}",
    "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"aa\"}",
    "{\"status\":\"Already exists\",\"progressDetail\":{},\"id\":\"cc\"}",
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":10,\"total\":100},\"id\":\"aa\"}",
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":50,\"total\":200},\"id\":\"bb\"}",
    "not json",
    "{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"aa\"}",
    "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":1,\"total\":100},\"id\":\"aa\"}",
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":900,\"total\":200},\"id\":\"bb\"}",
  };
  const gint64 done[] = { 0, 0, 0, 10, 60, 60, 150, 150, 300 }, total[] = { 0, 0, 0, 100, 300, 300, 300, 300, 300 };
  const char *error = "{\"errorDetail\":{\"message\":\"manifest unknown\"},\"error\":\"manifest unknown\"}";
  DockerPullProgress progress = { 0 };

  docker_pull_progress_init (&progress);
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      docker_pull_progress_line (&progress, lines[i], strlen (lines[i]));
      g_assert_cmpint (progress.done, ==, done[i]);
      g_assert_cmpint (progress.total, ==, total[i]);
    }
  g_assert_null (progress.failure);
  docker_pull_progress_line (&progress, error, strlen (error));
  g_assert_cmpstr (progress.failure, ==, "manifest unknown");
  docker_pull_progress_clear (&progress);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/docker/frames", test_frames);
  g_test_add_func ("/docker/frames-broken", test_frames_broken);
  g_test_add_func ("/docker/terminal-log", test_terminal_log);
  g_test_add_func ("/docker/chunks", test_chunks);
  g_test_add_func ("/docker/body-of-known-length", test_body_of_known_length);
  g_test_add_func ("/docker/lines", test_lines);
  g_test_add_func ("/docker/errors", test_errors);
  g_test_add_func ("/docker/transport-errors", test_transport_errors);
  g_test_add_func ("/docker/references", test_references);
  g_test_add_func ("/docker/names", test_names);
  g_test_add_func ("/docker/config", test_config);
  g_test_add_func ("/docker/spec", test_spec);
  g_test_add_func ("/docker/update", test_update);
  g_test_add_func ("/docker/inspection", test_inspection);
  g_test_add_func ("/docker/stats", test_stats);
  g_test_add_func ("/docker/events", test_events);
  g_test_add_func ("/docker/pull", test_pull);
  return g_test_run ();
}
