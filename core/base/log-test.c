/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <string.h>

static void
test_line (void)
{
  const GLogField fields[] = {
    { "PRIORITY", "4", -1 },        { "GLIB_DOMAIN", "docker", -1 },    { "MESSAGE", "it went\naway\x1b[31m\x7f\xc2\x9b!", -1 },
    { "THOLE_BACKEND", "box", -1 }, { "THOLE_WHY", "no \"reason\"", -1 }, { "THOLE_EMPTY", "", -1 },
    { "CODE_FILE", "a.c", -1 },     { "THOLE_CUT", "abcdef", 3 },
  };
  g_autoptr(GString) out = g_string_new (NULL);

  thole_log_format (out, G_LOG_LEVEL_WARNING, fields, G_N_ELEMENTS (fields));
  g_assert_cmpstr (out->str, ==, "WARN docker: it went\\naway\\x1b[31m\\x7f\\x9b! backend=box why=\"no \"reason\"\" empty=\"\" cut=abc\n");
}

static void
test_levels (void)
{
  const GLogField fields[] = { { "MESSAGE", "x", -1 } };
  g_autoptr(GString) out = g_string_new (NULL);

  thole_log_format (out, G_LOG_LEVEL_ERROR, fields, 1);
  thole_log_format (out, G_LOG_LEVEL_CRITICAL, fields, 1);
  thole_log_format (out, G_LOG_LEVEL_MESSAGE, fields, 1);
  thole_log_format (out, G_LOG_LEVEL_INFO, fields, 1);
  thole_log_format (out, G_LOG_LEVEL_DEBUG, fields, 1);
  g_assert_cmpstr (out->str, ==, "ERROR thole: x\nERROR thole: x\nINFO thole: x\nINFO thole: x\nDEBUG thole: x\n");
}

static void
test_bounded (void)
{
  g_autofree char *large = g_strnfill (1000000, '\n');
  const GLogField fields[] = { { "MESSAGE", large, -1 }, { "THOLE_MORE", large, -1 } };
  g_autoptr(GString) out = g_string_new (NULL);

  thole_log_format (out, G_LOG_LEVEL_INFO, fields, G_N_ELEMENTS (fields));
  g_assert_cmpuint (out->len, ==, THOLE_LOG_LINE_MAX);
  g_assert_true (g_str_has_suffix (out->str, "...\n"));
}

/* a process of its own, because the writer can be set once */
static void
test_setup (void)
{
  if (g_test_subprocess ())
    {
      /* g_test_init() makes every warning fatal */
      if (g_getenv ("TEST_FATAL") == NULL)
        g_log_set_always_fatal (G_LOG_FATAL_MASK);
      thole_log_setup (g_getenv ("TEST_LEVEL"));
      g_debug ("one");
      g_info ("two");
      g_warning ("three");
      g_log_structured ("audit", G_LOG_LEVEL_INFO, "THOLE_RESULT", "ok", "MESSAGE", "%s", "four");
      return;
    }
  g_unsetenv ("JOURNAL_STREAM");
  g_setenv ("TEST_LEVEL", "info", TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*INFO thole: two\nWARN thole: three\nINFO audit: four result=ok\n");
  g_test_trap_assert_stderr_unmatched ("*one*");
  g_setenv ("TEST_LEVEL", "error", TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("");
  g_setenv ("TEST_LEVEL", "debug", TRUE);
  g_setenv ("TEST_FATAL", "1", TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*DEBUG thole: one\nINFO thole: two\nWARN thole: three\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/log/line", test_line);
  g_test_add_func ("/log/levels", test_levels);
  g_test_add_func ("/log/bounded", test_bounded);
  g_test_add_func ("/log/setup", test_setup);
  return g_test_run ();
}
