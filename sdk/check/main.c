/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole-driver-check: is a driver right?
 *
 * Exit codes: 0 the driver is right, 1 it is not, 2 wrong use. A crash or a hang is the driver's own, so run it as a child.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "load.h"

enum { RIGHT, WRONG, USAGE };

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

int
main (int argc, char **argv)
{
  g_autofree char *load_only = NULL;
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "load-only", 0, 0, G_OPTION_ARG_FILENAME, &load_only, "open the driver and check its tables", "FILE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "print the version", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;

  g_option_context_set_summary (context, "Checks a driver of Thole: a manifest (*.plugin) or a module (*.so).");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "thole-driver-check: %s\n", error->message);
      return USAGE;
    }
  if (version)
    {
      puts ("thole-driver-check " THOLE_VERSION);
      return RIGHT;
    }
  if (load_only == NULL || argc > 1)
    {
      fprintf (stderr, "thole-driver-check: say --load-only FILE (or --help)\n");
      return USAGE;
    }
  return run_load_only (load_only);
}
