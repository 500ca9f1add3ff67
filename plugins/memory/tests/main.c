/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The memory driver over its raw ABI, with a virtual clock. */

#include "host.h"

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_workload_tests ();
  add_logs_tests ();
  add_exec_tests ();
  add_files_tests ();
  add_goods_tests ();
  add_faults_tests ();
  add_lasting_tests ();
  add_agent_tests ();
  return g_test_run ();
}
