/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver against a real Docker Engine, through the raw ABI. THOLE_TEST_MODULE is the module's path, THOLE_TEST_DOCKER the
 * engine's URL (else all is skipped), THOLE_TEST_TLS a folder with ca.pem, cert.pem and key.pem for it, THOLE_TEST_IMAGE an image
 * there that holds a busybox with /bin/sh (thole-test:1), THOLE_TEST_NETWORK a network with a bridge, THOLE_TEST_RESTART a
 * command that restarts the engine, THOLE_TEST_AGENT a thole-agent.
 */
#include "cases.h"

const char engine_name[] = "docker";
/* its volumes are not folders of ours */
const char *const engine_lacks[] = { "volume/given-up", NULL };

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_workload_cases ();
  add_log_cases ();
  add_exec_cases ();
  add_file_cases ();
  add_image_cases ();
  add_volume_cases ();
  add_event_cases ();
  add_tls_cases ();
  add_agent_cases ();
  return g_test_run ();
}
