/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: CF-04
 */
#include "config/config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "config/config-file.h"
#include "thole-dict.h"
#include "thole-error.h"

typedef struct
{
  char *folder;
  GPtrArray *files;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("thole-config-XXXXXX", NULL);
  fixture->files = g_ptr_array_new_with_free_func (g_free);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < fixture->files->len; i++)
    if (fixture->files->pdata[i] != NULL)
      g_unlink (fixture->files->pdata[i]);
  g_rmdir (fixture->folder);
  g_ptr_array_unref (fixture->files);
  g_free (fixture->folder);
}

static void
add_file (Fixture *fixture, const char *text)
{
  g_autofree char *name = g_strdup_printf ("%u.conf", fixture->files->len);
  char *path = g_build_filename (fixture->folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_ptr_array_add (fixture->files, path);
}

static TholeConfig *
load (Fixture *fixture, const char *const *set, gboolean environment)
{
  g_autoptr(GError) error = NULL;
  TholeConfig *config;

  g_ptr_array_add (fixture->files, NULL);
  config = thole_config_load ((const char *const *) fixture->files->pdata, set, environment, &error);
  g_assert_no_error (error);
  return config;
}

/* @expected: what the message says, one line a fault; FILE stands for the folder */
static void
assert_refused (Fixture *fixture, const char *const *set, const char *expected)
{
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) parts = NULL;
  g_autofree char *message = NULL;

  g_ptr_array_add (fixture->files, NULL);
  g_assert_null (thole_config_load ((const char *const *) fixture->files->pdata, set, TRUE, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  parts = g_strsplit (error->message, fixture->folder, -1);
  message = g_strjoinv ("DIR", parts);
  g_assert_cmpstr (message, ==, expected);
}

static void
test_defaults (Fixture *fixture, gconstpointer data)
{
  TholeConfig *config = load (fixture, NULL, FALSE);
  g_auto(GStrv) listen = thole_config_list (config, "daemon", "listen");
  g_auto(GStrv) backends = thole_config_backends (config);

  g_assert_cmpuint (g_strv_length (listen), ==, 0);
  g_assert_cmpuint (g_strv_length (backends), ==, 0);
  g_assert_cmpstr (thole_config_string (config, "daemon", "store"), ==, "sqlite:");
  g_assert_cmpstr (thole_config_string (config, "daemon", "log_level"), ==, "info");
  g_assert_cmpint (thole_config_int (config, "http", "max_body"), ==, 4194304);
  g_assert_true (thole_config_number (config, "daemon", "shutdown_timeout") == 20);
  g_assert_false (thole_config_bool (config, "daemon", "behind_proxy"));
  thole_config_free (config);
}

static void
test_file (Fixture *fixture, gconstpointer data)
{
  TholeConfig *config;
  g_auto(GStrv) listen = NULL;

  add_file (fixture, "# a comment\n\n[daemon]\n listen = unix:/run/a b.sock; 127.0.0.1:7460 ;;c\\;d\r\nbehind_proxy=true\n"
                     "store=sqlite:   # the default\n\n[http]\nmax_body=1MiB\nhead_timeout=0.5\nmax_connections=7\n[workload]\nmemory=512MiB\n");
  config = load (fixture, NULL, FALSE);
  listen = thole_config_list (config, "daemon", "listen");
  g_assert_cmpuint (g_strv_length (listen), ==, 3);
  g_assert_cmpstr (listen[0], ==, "unix:/run/a b.sock");
  g_assert_cmpstr (listen[1], ==, "127.0.0.1:7460");
  g_assert_cmpstr (listen[2], ==, "c;d");
  g_assert_cmpstr (thole_config_string (config, "daemon", "store"), ==, "sqlite:");
  g_assert_true (thole_config_bool (config, "daemon", "behind_proxy"));
  g_assert_cmpint (thole_config_int (config, "http", "max_body"), ==, 1048576);
  g_assert_true (thole_config_number (config, "http", "head_timeout") == 0.5);
  g_assert_cmpint (thole_config_int (config, "http", "max_connections"), ==, 7);
  g_assert_cmpint (thole_config_int (config, "workload", "memory"), ==, 536870912);
  thole_config_free (config);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  const char *const set[] = { "http.max_connections=4", "daemon.store=sqlite:/a=b\\n", "backend a.url=unix:///x.y/z=1", NULL };
  TholeConfig *config;
  g_auto(GStrv) names = NULL;
  g_autoptr(GVariant) backend = NULL;

  add_file (fixture, "[http]\nmax_connections=1\nidle_timeout=1\nbody_timeout=1\n[backend a]\ndriver=memory\nurl=1\n");
  add_file (fixture, "[http]\nmax_connections=2\nidle_timeout=2\n[backend b]\ndriver=null\ndefault=true\n[backend a]\nurl=2\nmore=x\\sy\n");
  g_setenv ("THOLE_HTTP_MAX_CONNECTIONS", "3", TRUE);
  g_setenv ("THOLE_HTTP_BODY_TIMEOUT", "3", TRUE);
  g_setenv ("THOLE_URL", "http://not.configuration", TRUE);
  g_setenv ("THOLE_TOKEN", "neither", TRUE);
  config = load (fixture, set, TRUE);
  g_assert_cmpint (thole_config_int (config, "http", "max_connections"), ==, 4);
  g_assert_true (thole_config_number (config, "http", "body_timeout") == 3);
  g_assert_true (thole_config_number (config, "http", "idle_timeout") == 2);
  g_assert_cmpstr (thole_config_string (config, "daemon", "store"), ==, "sqlite:/a=b\\n");
  names = thole_config_backends (config);
  g_assert_cmpuint (g_strv_length (names), ==, 2);
  g_assert_cmpstr (names[0], ==, "a");
  g_assert_cmpstr (names[1], ==, "b");
  backend = thole_config_backend (config, "a");
  g_assert_false (g_variant_is_floating (backend));
  g_assert_cmpuint (g_variant_n_children (backend), ==, 3);
  g_assert_cmpstr (thole_dict_string (backend, "driver", NULL), ==, "memory");
  g_assert_cmpstr (thole_dict_string (backend, "url", NULL), ==, "unix:///x.y/z=1");
  g_assert_cmpstr (thole_dict_string (backend, "more", NULL), ==, "x y");
  g_assert_cmpstr (thole_config_backend_place (config, "a", "url"), ==, "--set backend a.url");
  g_assert_true (g_str_has_suffix (thole_config_backend_place (config, "a", "more"), "/1.conf:9"));
  g_assert_true (g_str_has_suffix (thole_config_backend_place (config, "a", "none"), "/0.conf:5"));
  g_assert_true (g_str_has_suffix (thole_config_backend_place (config, "b", NULL), "/1.conf:4"));
  thole_config_free (config);

  /* without the environment */
  config = thole_config_load (NULL, NULL, FALSE, NULL);
  g_assert_cmpint (thole_config_int (config, "http", "max_connections"), ==, 1000);
  thole_config_free (config);
  g_unsetenv ("THOLE_HTTP_MAX_CONNECTIONS");
  g_unsetenv ("THOLE_HTTP_BODY_TIMEOUT");
}

static void
test_every_fault (Fixture *fixture, gconstpointer data)
{
  const char *const set[] = { "nonsense", "http.none=1", "nowhere.key=canary", "http.max_body=canary", "backend x.url=1", NULL };

  add_file (fixture, "key=1\n[daemon]\nlog_level=loud\nstor=x\nbehind_proxy=yes\n[htpp]\nmax_body=1\n[http]\nmax_connections=0\nmax_body=5M\n"
                     "head_timeout=soon\nmax_head=1e3\nidle_timeout=nan\nhalf\n=x\n[broken\n[backend]\n[backend UP]\ndriver=x\n[backend a]\nurl=1\n"
                     "[backend b]\ndriver=x\ndefault=maybe\nBad Key=1\nbad=\\q\n[workload]\nmemory=2e15\npids=4194305\ncpu=-1\n[]\n");
  add_file (fixture, "[backend c]\ndriver=x\ndefault=1\n[backend d]\ndriver=x\ndefault=true\n");
  g_setenv ("THOLE_LIMITS_QUEUE", "many", TRUE);
  assert_refused (fixture, set,
                  "DIR/0.conf:1: a key outside of a section\n"
                  "DIR/0.conf:3: [daemon] log_level must be one of debug,info,warn,error\n"
                  "DIR/0.conf:4: [daemon] stor is no key of this section\n"
                  "DIR/0.conf:5: [daemon] behind_proxy must be true or false\n"
                  "DIR/0.conf:6: [htpp] is no section\n"
                  "DIR/0.conf:9: [http] max_connections must be between 1 and 100000\n"
                  "DIR/0.conf:10: [http] max_body must be a size: bytes, or text such as 16KiB\n"
                  "DIR/0.conf:11: [http] head_timeout must be a number\n"
                  "DIR/0.conf:12: [http] max_head must be a size: bytes, or text such as 16KiB\n"
                  "DIR/0.conf:13: [http] idle_timeout must be a number\n"
                  "DIR/0.conf:14: expected KEY=VALUE, [SECTION] or a comment\n"
                  "DIR/0.conf:15: expected KEY=VALUE, [SECTION] or a comment\n"
                  "DIR/0.conf:16: expected [SECTION]\n"
                  "DIR/0.conf:17: [backend] must be [backend NAME], NAME like [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\n"
                  "DIR/0.conf:18: [backend UP] must be [backend NAME], NAME like [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\n"
                  "DIR/0.conf:24: [backend b] default must be true or false\n"
                  "DIR/0.conf:25: [backend b] Bad Key is no name of a key\n"
                  "DIR/0.conf:26: [backend b] bad has a bad escape after \\\n"
                  "DIR/0.conf:28: [workload] memory must be a size: bytes, or text such as 16KiB\n"
                  "DIR/0.conf:29: [workload] pids must be between 0 and 4194304\n"
                  "DIR/0.conf:30: [workload] cpu must be between 0 and 1024\n"
                  "DIR/0.conf:31: expected [SECTION]\n"
                  "THOLE_LIMITS_QUEUE: [limits] queue must be a whole number\n"
                  "--set nonsense: must be SECTION.KEY=VALUE\n"
                  "--set http.none: [http] none is no key of this section\n"
                  "--set nowhere.key: [nowhere] is no section\n"
                  "--set http.max_body: [http] max_body must be a size: bytes, or text such as 16KiB\n"
                  "DIR/0.conf:20: [backend a] needs the key driver\n"
                  "DIR/1.conf:6: [backend d] default is true for the backend c, too\n"
                  "--set backend x.url: [backend x] needs the key driver");
  g_unsetenv ("THOLE_LIMITS_QUEUE");
}

static void
test_files_that_cannot_be (Fixture *fixture, gconstpointer data)
{
  g_autofree char *large = g_strnfill (THOLE_CONFIG_FILE_MAX + 1, '\n');

  g_ptr_array_add (fixture->files, g_build_filename (fixture->folder, "none.conf", NULL));
  g_ptr_array_add (fixture->files, g_strdup (fixture->folder));
  add_file (fixture, "[daemon]\nstore=\xff\n");
  add_file (fixture, large);
  g_autoptr(GError) error = NULL;
  g_ptr_array_add (fixture->files, NULL);
  g_assert_null (thole_config_load ((const char *const *) fixture->files->pdata, NULL, TRUE, &error));
  g_assert_nonnull (strstr (error->message, "none.conf: cannot be read: "));
  g_assert_nonnull (strstr (error->message, "2.conf: is not UTF-8 text"));
  g_assert_nonnull (strstr (error->message, "3.conf: is larger than 1 MiB"));
}

static void
test_many_faults (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GString) text = g_string_new ("[daemon]\n");
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 5000; i++)
    g_string_append_printf (text, "wrong%u=1\n", i);
  add_file (fixture, text->str);
  g_ptr_array_add (fixture->files, NULL);
  g_assert_null (thole_config_load ((const char *const *) fixture->files->pdata, NULL, TRUE, &error));
  g_assert_true (g_str_has_suffix (error->message, "\nand 4900 more"));
}

static void
test_escapes (void)
{
  g_autofree char *plain = thole_config_unescape ("a\\sb\\n\\t\\r\\\\\\;");
  g_auto(GStrv) list = thole_config_split ("a\\;b; c\\\\;d", TRUE);
  g_auto(GStrv) raw = thole_config_split ("a\\;b", FALSE);

  g_assert_cmpstr (plain, ==, "a b\n\t\r\\;");
  g_assert_cmpuint (g_strv_length (list), ==, 3);
  g_assert_cmpstr (list[0], ==, "a;b");
  g_assert_cmpstr (list[1], ==, "c\\");
  g_assert_cmpstr (raw[0], ==, "a\\");
  g_assert_null (thole_config_unescape ("\\x"));
  g_assert_null (thole_config_unescape ("\\"));
  g_assert_null (thole_config_split ("a;\\x", TRUE));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/config/defaults", Fixture, NULL, set_up, test_defaults, tear_down);
  g_test_add ("/config/file", Fixture, NULL, set_up, test_file, tear_down);
  g_test_add ("/config/order", Fixture, NULL, set_up, test_order, tear_down);
  g_test_add ("/config/every-fault", Fixture, NULL, set_up, test_every_fault, tear_down);
  g_test_add ("/config/files-that-cannot-be", Fixture, NULL, set_up, test_files_that_cannot_be, tear_down);
  g_test_add ("/config/many-faults", Fixture, NULL, set_up, test_many_faults, tear_down);
  g_test_add_func ("/config/escapes", test_escapes);
  return g_test_run ();
}
