/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole-driver-check: is a driver right?
 *
 * Exit codes: 0 the driver is right, 1 it is not, 2 wrong use.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"
#include "run.h"

enum { RIGHT, WRONG, USAGE };

typedef struct
{
  char *load_only, *config, *suites;
  char **only, **files;
  double deadline;
  gboolean json, brief, list, version;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->load_only);
  g_free (self->config);
  g_free (self->suites);
  g_strfreev (self->only);
  g_strfreev (self->files);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static int
run_load_only (const char *file)
{
  g_autofree char *line = NULL;
  gboolean right;

  /* that a driver crashes here is news, not a case for a core file */
  setrlimit (RLIMIT_CORE, &(struct rlimit) { 0, 0 });
  right = check_load (file, &line);
  puts (line);
  return right ? RIGHT : WRONG;
}

static int
complain (const char *text)
{
  fprintf (stderr, "thole-driver-check: %s\n", text);
  return USAGE;
}

static gboolean
is_chosen (const KitCase *one, char **only)
{
  for (guint i = 0; only != NULL && only[i] != NULL; i++)
    if (strstr (one->name, only[i]) != NULL)
      return TRUE;
  return only == NULL;
}

/* NULL with @error when one of the names is no suite. */
static GPtrArray *
collect (const Options *options, GError **error)
{
  g_autoptr(GPtrArray) cases = g_ptr_array_new_with_free_func (kit_case_free);
  g_auto(GStrv) names = g_strsplit (options->suites != NULL ? options->suites : "", ",", -1);
  const char *name, *about;
  guint found = 0;
  KitSuite add;

  for (guint i = 0; (name = kit_suite (i, &add, &about)) != NULL; i++)
    if (names[0] == NULL || g_strv_contains ((const char *const *) names, name))
      {
        add (cases);
        found++;
      }
  if (names[0] != NULL && found < g_strv_length (names))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s names no suite: --help tells which there are", options->suites);
      return NULL;
    }
  for (guint i = cases->len; i-- > 0;)
    if (!is_chosen (cases->pdata[i], options->only))
      g_ptr_array_remove_index (cases, i);
  suite_end (cases);
  return g_steal_pointer (&cases);
}

static int
run_cases (const Options *options)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(KitSettings) settings = NULL;
  g_autoptr(GPtrArray) cases = collect (options, &error);

  if (cases == NULL)
    return complain (error->message);
  if (options->list)
    {
      for (guint i = 0; i < cases->len; i++)
        puts (((KitCase *) cases->pdata[i])->name);
      return RIGHT;
    }
  settings = kit_settings_new (options->files[0], options->config, &error);
  if (settings == NULL)
    return complain (error->message);
  if (options->deadline > 0)
    settings->deadline = options->deadline;
  settings->brief = options->brief;
  return kit_run_all (settings, cases, options->json) ? RIGHT : WRONG;
}

static char *
describe (void)
{
  g_autoptr(GString) out = g_string_new ("Suites:\n");
  const char *name, *about, *script;
  KitSuite add;

  for (guint i = 0; (name = kit_suite (i, &add, &about)) != NULL; i++)
    g_string_append_printf (out, "  %-10s %s\n", name, about);
  g_string_append (out, "\nPrograms that the workloads run, as shell scripts; a key program_NAME of [check] replaces one:\n");
  for (guint i = 0; (name = kit_program_name (i, &about, &script)) != NULL; i++)
    g_string_append_printf (out, "  %-10s %s\n", name, about);
  return g_strdup (out->str);
}

/* Memory is counted, so all of it is to come from one place and to go back at once; that is settled when a process begins. */
static void
count_memory_well (char **argv)
{
  if (g_getenv ("THOLE_CHECK_BEGUN") != NULL)
    return;
  g_setenv ("THOLE_CHECK_BEGUN", "1", TRUE);
  g_setenv ("G_SLICE", "always-malloc", TRUE);
  g_setenv ("MALLOC_ARENA_MAX", "1", TRUE);
  g_setenv ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", TRUE);
  execv ("/proc/self/exe", argv);
  /* then it is counted less well */
}

int
main (int argc, char **argv)
{
  g_auto(Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &options.config, "its section [backend NAME] as in thole.conf, and [check]", "FILE" },
    { "suite", 0, 0, G_OPTION_ARG_STRING, &options.suites, "only these suites", "NAME,..." },
    { "only", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.only, "only cases with this text in their names; may be repeated", "TEXT" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "one JSON object instead of TAP", NULL },
    { "brief", 0, 0, G_OPTION_ARG_NONE, &options.brief, "fewer rounds of what is repeated", NULL },
    { "deadline", 0, 0, G_OPTION_ARG_DOUBLE, &options.deadline, "a call that does not come back by then is lost (60)", "SECONDS" },
    { "list", 0, 0, G_OPTION_ARG_NONE, &options.list, "print the names of the cases", NULL },
    { "load-only", 0, 0, G_OPTION_ARG_FILENAME, &options.load_only, "open the driver and check its tables", "FILE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options.version, "print the version", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.files, NULL, "FILE.plugin" },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *description = describe ();

  count_memory_well (argv);
  g_option_context_set_summary (context, "Checks a driver of Thole: opens it as the daemon does, and runs cases on it. Prints TAP and a count.");
  g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    return complain (error->message);
  if (options.version)
    {
      puts ("thole-driver-check " THOLE_VERSION);
      return RIGHT;
    }
  if (options.load_only != NULL && options.files == NULL)
    return run_load_only (options.load_only);
  if (options.load_only != NULL || (!options.list && (options.files == NULL || options.files[1] != NULL)))
    return complain ("say FILE.plugin, or --load-only FILE (or --help)");
  return run_cases (&options);
}
