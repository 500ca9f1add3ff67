/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The way of a driver into the daemon: found, trusted, opened in a child, loaded, configured; or refused with a reason.
 *
 * usage: loader-test FOLDER-OF-BAD-DRIVERS FOLDER-OF-PLUGINS THOLE-DRIVER-CHECK
 */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/registry.h"
#include "backend/scanner.h"
#include "backend/tables.h"

#include "thole-dict.h"
#include "thole-json.h"

static const char *bad_folder, *plugin_folder, *check_program;

typedef struct
{
  char *root, *drivers, *state, *run;
} Fixture;

/* Refusals are warnings, which GTest takes for failures. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  return G_LOG_WRITER_HANDLED;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->root = g_dir_make_tmp ("thole-loader-XXXXXX", NULL);
  f->drivers = g_build_filename (f->root, "drivers", NULL);
  f->state = g_build_filename (f->root, "state", NULL);
  f->run = g_build_filename (f->root, "run", NULL);
  g_assert_no_errno (g_mkdir (f->drivers, 0755));
  g_assert_no_errno (g_mkdir (f->state, 0700));
  g_assert_no_errno (g_mkdir (f->run, 0700));
}

static void
remove_tree (const char *path)
{
  g_autoptr(GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_tree (inner);
    }
  g_remove (path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  remove_tree (f->root);
  g_free (f->root);
  g_free (f->drivers);
  g_free (f->state);
  g_free (f->run);
}

/* Returns: (transfer full): the path of the manifest */
static char *
write_manifest (const char *folder, const char *name, const char *text)
{
  g_autofree char *file = g_strconcat (name, ".plugin", NULL);
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *whole = g_strconcat ("[Plugin]\n", text, NULL);

  g_assert_true (g_file_set_contents_full (path, whole, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL));
  return g_steal_pointer (&path);
}

/* Returns: (transfer full): the path of the copy */
static char *
copy_module (const char *from, const char *name, const char *folder)
{
  g_autofree char *source = g_build_filename (from, name, NULL);
  g_autofree char *target = g_build_filename (folder, name, NULL);
  g_autofree char *bytes = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (source, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents_full (target, bytes, length, G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL));
  return g_steal_pointer (&target);
}

static void
add_null (const char *folder, const char *more)
{
  g_autofree char *text = g_strconcat ("Id=null\nAbi=1\nModule=null.so\nInterfaces=workload/1\n", more, NULL);

  g_free (copy_module (plugin_folder, "null.so", folder));
  g_free (write_manifest (folder, "null", text));
}

static void
add_bad (Fixture *f, const char *kind)
{
  g_autofree char *module = g_strdup_printf ("bad-%s.so", kind);
  g_autofree char *text
    = g_strdup_printf ("Id=bad\nAbi=1\nModule=%s\nInterfaces=workload/1\n", module);

  g_free (copy_module (bad_folder, module, f->drivers));
  g_free (write_manifest (f->drivers, "bad", text));
}

static TholeRegistry *
open_registry (Fixture *f, const char *check)
{
  return thole_registry_new (&(TholeRegistryOptions) {
    .instance = "00000000-0000-4000-8000-000000000000", .runtime_dir = f->run, .state_dir = f->state,
    .driver_path = f->drivers, .check_program = check, .clock = thole_clock_system () });
}

static void
assert_driver (TholeRegistry *registry, const char *id, const char *state, const char *reason)
{
  g_autoptr(GBytes) bytes = thole_registry_driver (registry, id);
  g_autoptr(GVariant) json = NULL;

  g_assert_nonnull (bytes);
  json = thole_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL);
  g_assert_nonnull (json);
  g_assert_cmpstr (thole_dict_string (json, "id", ""), ==, id);
  if (strstr (thole_dict_string (json, "reason", ""), reason) == NULL)
    g_test_message ("expected \"%s\", got \"%s\"", reason, thole_dict_string (json, "reason", ""));
  g_assert_cmpstr (thole_dict_string (json, "state", ""), ==, state);
  g_assert_nonnull (strstr (thole_dict_string (json, "reason", ""), reason));
}

/* A driver is taken with what it offers. proves: row:17 */
static void
test_good (Fixture *f, gconstpointer data)
{
  TholeRegistry *registry;
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GPtrArray) all = NULL;

  add_null (f->drivers, "");
  registry = open_registry (f, check_program);
  assert_driver (registry, "null", "loaded", "");
  bytes = thole_registry_driver (registry, "null");
  g_assert_nonnull (g_strstr_len (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                  "\"version\":\"1.0\",\"abi\":1,\"path\":"));
  g_assert_nonnull (g_strstr_len (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                  "\"interfaces\":[\"workload/1\"],\"capabilities\":[\"workload.list\"],"
                                  "\"isolation\":\"in-process\",\"state\":\"loaded\",\"reason\":\"\"}"));
  g_assert_null (thole_registry_driver (registry, "nobody"));
  all = thole_registry_drivers (registry);
  g_assert_cmpuint (all->len, >=, 1);
  thole_registry_free (registry);
}

/* Each bad driver is refused with its reason, and the others are there all the same. proves: row:17 */
static void
test_bad (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *kind, *reason;
  } cases[] = {
    { "abi", "made for driver ABI 9, this daemon has 1" },
    { "id", "calls itself \"other\", its manifest \"bad\"" },
    { "half_pair", "its slot workload.pause has no _finish" },
    { "short_table", "its table workload/1 is 64 bytes long, the first release had 216" },
    { "odd_table", "the size 219 of its table workload/1 is no multiple of 8" },
    { "short_plugin", "its table descriptor is 16 bytes long, the first release had 48" },
    { "no_symbol", "does not export the symbol thole_driver_entry" },
    { "no_plugin", "thole_driver_entry returns nothing" },
    { "no_version", "its descriptor has no version" },
    { "no_open", "open, probe and close are mandatory" },
    { "no_list", "its mandatory slot workload.list is empty" },
    { "partial", "it has the slot workload.start but not" },
    { "unknown", "no interface that this daemon knows" },
    { "no_table", "the interface workload/1 without a table" },
    { "twice", "the interface workload/1 twice" },
    { "crash", "crashed with signal 6" },
    { "exits", "ended with code 7 instead of an answer" },
  };

  add_null (f->drivers, "");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TholeRegistry *registry;

      g_test_message ("%s", cases[i].kind);
      add_bad (f, cases[i].kind);
      registry = open_registry (f, check_program);
      assert_driver (registry, "bad", "refused", cases[i].reason);
      assert_driver (registry, "null", "loaded", "");
      thole_registry_free (registry);
    }
}

/* A driver that talks while it is opened does not block the one who listens. */
static void
test_noisy (Fixture *f, gconstpointer data)
{
  TholeRegistry *registry;

  add_bad (f, "noisy");
  registry = open_registry (f, check_program);
  assert_driver (registry, "bad", "loaded", "");
  thole_registry_free (registry);
}

static GPtrArray *
scan_within (Fixture *f, const char *check, double seconds)
{
  return thole_scan (&(TholeScan) { .driver_path = f->drivers, .state_dir = f->state, .check_program = check,
                                    .check_timeout = seconds });
}

static GPtrArray *
scan (Fixture *f, const char *check)
{
  return scan_within (f, check, 60);
}

static void
assert_fault (GPtrArray *findings, guint index, TholeLoadError code, const char *text)
{
  const TholeFinding *finding;

  g_assert_cmpuint (findings->len, >, index);
  finding = findings->pdata[index];
  g_assert_error (finding->fault, THOLE_LOAD_ERROR, (int) code);
  if (strstr (finding->fault->message, text) == NULL)
    g_test_message ("expected \"%s\", got \"%s\"", text, finding->fault->message);
  g_assert_nonnull (strstr (finding->fault->message, text));
}

/* One that hangs is given up, and not tried again at each start. */
static void
test_hang (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) first = NULL, second = NULL;

  add_bad (f, "hang");
  first = scan_within (f, check_program, 1);
  assert_fault (first, 0, THOLE_LOAD_HUNG, "did not end within 1 s");
  second = scan (f, check_program);
  assert_fault (second, 0, THOLE_LOAD_HUNG, "remembered");
}

/* What is known is not opened in a child again, until its file changes; a ruined memory is no memory. */
static void
test_memory (Fixture *f, gconstpointer data)
{
  g_autofree char *memory = g_build_filename (f->state, "driver-verdicts", NULL);
  g_autofree char *module = g_build_filename (f->drivers, "null.so", NULL);
  g_autoptr(GPtrArray) unknown = NULL, good = NULL, known = NULL, changed = NULL, ruined = NULL;
  const struct timespec times[] = { { 1000, 0 }, { 1000, 0 } };
  struct stat file;

  add_null (f->drivers, "");
  unknown = scan (f, NULL);
  assert_fault (unknown, 0, THOLE_LOAD_CHECK, "thole-driver-check was not found");
  good = scan (f, check_program);
  g_assert_null (((TholeFinding *) good->pdata[0])->fault);
  g_assert_no_errno (stat (memory, &file));
  g_assert_cmpuint (file.st_mode & 0777, ==, 0600);
  known = scan (f, "/nonexistent");
  g_assert_null (((TholeFinding *) known->pdata[0])->fault);
  g_assert_true (g_file_set_contents (memory, "('x', {", -1, NULL));
  ruined = scan (f, check_program);
  g_assert_null (((TholeFinding *) ruined->pdata[0])->fault);
  g_assert_no_errno (utimensat (AT_FDCWD, module, times, 0));
  changed = scan (f, "/nonexistent");
  assert_fault (changed, 0, THOLE_LOAD_CHECK, "/nonexistent cannot be run");
}

/* Only what nobody else may write is opened by root. */
static void
test_trust (Fixture *f, gconstpointer data)
{
  g_autofree char *module = g_build_filename (f->drivers, "null.so", NULL);
  g_autofree char *manifest = g_build_filename (f->drivers, "null.plugin", NULL);
  g_autofree char *moved = g_build_filename (f->root, "null.so", NULL);
  g_autoptr(GPtrArray) folder = NULL, writable = NULL, foreign = NULL, text = NULL, link = NULL, good = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("only root is as strict");
      return;
    }
  add_null (f->drivers, "");
  g_assert_no_errno (chmod (f->drivers, 0775));
  folder = scan (f, check_program);
  g_assert_cmpuint (folder->len, ==, 0);
  g_assert_no_errno (chmod (f->drivers, 0755));
  g_assert_no_errno (chmod (module, 0646));
  writable = scan (f, check_program);
  assert_fault (writable, 0, THOLE_LOAD_UNTRUSTED, "has mode 0646");
  g_assert_no_errno (chmod (module, 0644));
  g_assert_no_errno (chown (module, 65534, 65534));
  foreign = scan (f, check_program);
  assert_fault (foreign, 0, THOLE_LOAD_UNTRUSTED, "belongs to uid 65534");
  g_assert_no_errno (chown (module, 0, 0));
  g_assert_no_errno (chmod (manifest, 0666));
  text = scan (f, check_program);
  assert_fault (text, 0, THOLE_LOAD_UNTRUSTED, "null.plugin has mode 0666");
  g_assert_no_errno (chmod (manifest, 0644));
  g_assert_no_errno (g_rename (module, moved));
  g_assert_no_errno (symlink (moved, module));
  link = scan (f, check_program);
  assert_fault (link, 0, THOLE_LOAD_UNTRUSTED, "not a plain file");
  g_assert_no_errno (g_rename (moved, module));
  good = scan (f, check_program);
  g_assert_null (((TholeFinding *) good->pdata[0])->fault);
}

/* The first folder's driver counts; the installed folder comes last. */
static void
test_duplicates (Fixture *f, gconstpointer data)
{
  g_autofree char *other = g_build_filename (f->root, "other", NULL);
  g_autofree char *path = g_strconcat (f->drivers, "::", other, NULL);
  g_autoptr(GPtrArray) findings = NULL, installed = NULL;

  g_assert_no_errno (g_mkdir (other, 0755));
  add_null (f->drivers, "");
  add_null (other, "");
  findings = thole_scan (&(TholeScan) { .driver_path = path, .state_dir = f->state, .check_program = check_program });
  g_assert_null (((TholeFinding *) findings->pdata[0])->fault);
  assert_fault (findings, 1, THOLE_LOAD_DUPLICATE, "the id \"null\"");
  installed = thole_scan (&(TholeScan) { .driver_path = f->drivers, .built_in = other, .state_dir = f->state,
                                         .check_program = check_program });
  g_assert_cmpuint (installed->len, ==, 2);
  g_assert_null (((TholeFinding *) installed->pdata[0])->fault);
  g_assert_true (g_str_has_prefix (((TholeFinding *) installed->pdata[0])->manifest->path, f->drivers));
}

/* Nothing runs of a driver whose manifest is wrong, and every fault is named. */
static void
test_manifests (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *text;
    TholeLoadError code;
    const char *reasons[4];
  } cases[] = {
    { "", THOLE_LOAD_MANIFEST, { "it has no Id", "it has no Abi", "it has no Module", "it has no Interfaces" } },
    { "Id=a-b\nAbi=one\nModule=../x.so\nInterfaces=dream/1\n", THOLE_LOAD_MANIFEST,
      { "its Id is not a C identifier", "its Abi is not a number", "its Module is not the name of a file beside it",
        "none of its Interfaces is known" } },
    { "Id=null\nAbi=1\nModule=null.so\nInterfaces=workload/1\nConfigKeys=a:odd;b c\nNeeds=/lib/x.so\nColour=red\n",
      THOLE_LOAD_MANIFEST, { "\"a:odd\", whose kind is unknown", "\"b c\", which is not a name", "\"/lib/x.so\"",
                             "the unknown key Colour" } },
    { "Id=null\nAbi=1\nModule=null.so\nInterfaces=workload/1\nIsolation=none\nDisabled=maybe\n", THOLE_LOAD_MANIFEST,
      { "its Isolation is \"none\"", "Disabled is \"maybe\"" } },
    { "Id=null\nAbi=2\nModule=null.so\nInterfaces=workload/1\n", THOLE_LOAD_ABI,
      { "made for driver ABI 2, this daemon has 1" } },
    { "Id=null\nAbi=1\nModule=gone.so\nInterfaces=workload/1\n", THOLE_LOAD_OPEN, { "gone.so: No such file" } },
    { "Id=null\nAbi=1\nModule=null.so\nInterfaces=workload/1\nDisabled=true\n", THOLE_LOAD_DISABLED, { "disabled by" } },
    { "Id=null\nAbi=1\nModule=null.so\nInterfaces=workload/1\nNeeds=libnobody.so.3\n", THOLE_LOAD_REJECTED,
      { "it needs libnobody.so.3" } },
    { "Id=null\nAbi=1\nModule=null.so\nInterfaces=workload/1;exec/1\n", THOLE_LOAD_REJECTED,
      { "its manifest lists exec/1, which the module does not have" } },
    { "nonsense", THOLE_LOAD_MANIFEST, { "it is not a key file" } },
    { "Id=\xff\n", THOLE_LOAD_MANIFEST, { "it is not UTF-8" } },
  };

  add_null (f->drivers, "");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GPtrArray) findings = NULL;

      g_test_message ("manifest %u", i);
      g_free (write_manifest (f->drivers, "null", cases[i].text));
      findings = scan (f, check_program);
      if (cases[i].code == THOLE_LOAD_OPEN && geteuid () == 0)
        assert_fault (findings, 0, THOLE_LOAD_UNTRUSTED, cases[i].reasons[0]);
      else
        for (guint j = 0; j < G_N_ELEMENTS (cases[i].reasons) && cases[i].reasons[j] != NULL; j++)
          assert_fault (findings, 0, cases[i].code, cases[i].reasons[j]);
    }
}

static TholeBackend *
add (TholeRegistry *registry, const char *name, const char *config, GError **error)
{
  return thole_registry_add (registry, name, g_variant_new_parsed (config), error);
}

static void
assert_not_added (TholeRegistry *registry, const char *name, const char *config, int code, const char *text)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (add (registry, name, config, &error));
  g_assert_error (error, THOLE_ERROR, code);
  if (strstr (error->message, text) == NULL)
    g_test_message ("expected \"%s\", got \"%s\"", text, error->message);
  g_assert_nonnull (strstr (error->message, text));
}

static void
test_configuration (Fixture *f, gconstpointer data)
{
  TholeRegistry *registry;

  add_null (f->drivers, "ConfigKeys=url;count:int;share:number;room:size;quick:bool;home:path\n");
  add_bad (f, "no_list");
  registry = open_registry (f, check_program);
  assert_not_added (registry, "a", "{'url': <'x'>}", THOLE_ERROR_INVALID, "the key driver is missing");
  assert_not_added (registry, "a", "{'driver': <'nobody'>}", THOLE_ERROR_NOT_FOUND, "there is no driver nobody");
  assert_not_added (registry, "a", "{'driver': <'bad'>}", THOLE_ERROR_NOT_FOUND, "bad was refused: its mandatory slot");
  assert_not_added (registry, "A b", "{'driver': <'null'>}", THOLE_ERROR_INVALID, "[backend A b]");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'colour': <'red'>, 'count': <'many'>}", THOLE_ERROR_INVALID,
                    "knows no key colour");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'colour': <'red'>, 'count': <'many'>}", THOLE_ERROR_INVALID,
                    "count is not a whole number");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'share': <'1x'>, 'home': <'x'>}", THOLE_ERROR_INVALID,
                    "home is not an absolute path");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'share': <'inf'>}", THOLE_ERROR_INVALID,
                    "share is not a number");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'room': <'big'>, 'quick': <'yes'>}", THOLE_ERROR_INVALID,
                    "room is not a size");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'quick': <'yes'>}", THOLE_ERROR_INVALID,
                    "quick is not true or false");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'default': <'yes'>}", THOLE_ERROR_INVALID,
                    "default is not true or false");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'secret_api_file': <'/nonexistent'>}", THOLE_ERROR_INVALID,
                    "secret_api_file: /nonexistent: No such file");
  assert_not_added (registry, "a", "{'driver': <'null'>, 'require_isolation': <'true'>}", THOLE_ERROR_INVALID,
                    "require_isolation cannot be met");
  g_assert_null (thole_registry_lookup (registry, NULL));
  thole_registry_free (registry);
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_true (thole_backend_close_finish (THOLE_BACKEND (source), result, NULL));
  (*(guint *) user_data)++;
}

/* Two engines by one driver, each with its own folder and state. proves: LC-43 row:17 */
static void
test_backends (Fixture *f, gconstpointer data)
{
  TholeRegistry *registry;
  g_autoptr(GError) error = NULL;
  TholeBackend *one, *two;
  guint closed = 0;
  g_autofree char *folder = g_build_filename (f->run, "backends", "two", NULL);
  struct stat file;

  add_null (f->drivers, "ConfigKeys=url;count:int;share:number;room:size;quick:bool;home:path\n");
  registry = open_registry (f, check_program);
  one = add (registry, "one", "{'driver': <'null'>}", &error);
  g_assert_no_error (error);
  g_assert_true (thole_registry_lookup (registry, "") == one && thole_backend_is_default (one));
  two = add (registry, "two", "{'driver': <'null'>, 'default': <'true'>, 'url': <'u'>, 'count': <'-3'>,"
                              " 'share': <'0.5'>, 'room': <'1GiB'>, 'quick': <'true'>, 'home': <'/x'>}", &error);
  g_assert_no_error (error);
  g_assert_true (thole_registry_lookup (registry, NULL) == two && !thole_backend_is_default (one));
  g_assert_true (thole_registry_lookup (registry, "one") == one && thole_registry_lookup (registry, "x") == NULL);
  assert_not_added (registry, "two", "{'driver': <'null'>}", THOLE_ERROR_INVALID, "one of this name already");
  assert_not_added (registry, "three", "{'driver': <'null'>, 'default': <'true'>}", THOLE_ERROR_INVALID,
                    "default: two is it already");
  g_assert_cmpuint (thole_registry_backends (registry)->len, ==, 2);
  g_assert_no_errno (stat (folder, &file));
  g_assert_cmpuint (file.st_mode & 0777, ==, 0700);
  thole_backend_start (one);
  thole_backend_start (two);
  while (thole_backend_get_state (one) != THOLE_BACKEND_READY || thole_backend_get_state (two) != THOLE_BACKEND_READY)
    g_main_context_iteration (NULL, TRUE);
  thole_backend_close_async (one, on_result, &closed);
  thole_backend_close_async (two, on_result, &closed);
  while (closed < 2)
    g_main_context_iteration (NULL, TRUE);
  thole_registry_free (registry);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (Fixture *f, gconstpointer data);
  } cases[] = {
    { "good", test_good }, { "bad", test_bad }, { "noisy", test_noisy }, { "hang", test_hang },
    { "memory", test_memory }, { "trust", test_trust }, { "duplicates", test_duplicates },
    { "manifests", test_manifests }, { "configuration", test_configuration }, { "backends", test_backends },
  };

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 4);
  bad_folder = argv[1];
  plugin_folder = argv[2];
  check_program = argv[3];
  g_log_set_writer_func (write_log, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/loader/", cases[i].name, NULL);

      g_test_add (path, Fixture, NULL, set_up, cases[i].run, tear_down);
    }
  return g_test_run ();
}
