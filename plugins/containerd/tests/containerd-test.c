/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cases of the Docker driver that hold for any engine, on a real containerd, through the raw ABI. THOLE_TEST_MODULE is the module's
 * path, THOLE_TEST_KEYS the configuration (else all is skipped), THOLE_TEST_IMAGE an image in a registry, THOLE_TEST_PULL=1.
 */
#include <glib.h>

/* the cases are linked from the other driver */
extern const char engine_name[];
extern const char *const engine_lacks[];
void add_cancel_cases (void);
void add_exec_cases (void);
void add_file_cases (void);
void add_log_cases (void);
void add_mounted_cases (void);
void add_network_cases (void);
void add_volume_cases (void);
void add_workload_cases (void);

const char engine_name[] = "containerd";
/* Docker's own words, published ports, an option of its driver */
const char *const engine_lacks[] = { "probe", "bad-specs", "ports", "exec/attach-once", NULL };

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_workload_cases ();
  add_log_cases ();
  add_exec_cases ();
  add_cancel_cases ();
  add_file_cases ();
  add_mounted_cases ();
  add_network_cases ();
  add_volume_cases ();
  return g_test_run ();
}
