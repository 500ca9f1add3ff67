/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where each released slot is, for ever. Lines are only ever added: one that must be changed is a broken ABI.
 */
#include <stddef.h>

#include "thole-driver.h"

#if GLIB_SIZEOF_VOID_P == 8

#define AT(Type, member, place) _Static_assert (offsetof (Type, member) == (place), #Type "." #member " has moved")
#define AT_LEAST(Type, size) _Static_assert (sizeof (Type) >= (size) && sizeof (Type) % 8 == 0, #Type " has shrunk")
#define IS(name, number) _Static_assert (name == (number), #name " has another number")

AT (TholeHostOps, struct_size, 0);
AT (TholeHostOps, log, 8);
AT (TholeHostOps, event, 16);
AT (TholeHostOps, now, 24);
AT (TholeHostOps, timer, 32);
AT (TholeHostOps, secret, 40);
AT_LEAST (TholeHostOps, 48);

AT (TholeDriverOps, struct_size, 0);
AT (TholeDriverOps, open, 8);
AT (TholeDriverOps, probe_async, 16);
AT (TholeDriverOps, probe_finish, 24);
AT (TholeDriverOps, close_async, 32);
AT (TholeDriverOps, close_finish, 40);
AT_LEAST (TholeDriverOps, 48);

AT (TholeWorkloadOps, struct_size, 0);
AT (TholeWorkloadOps, list_async, 8);
AT (TholeWorkloadOps, list_finish, 16);
AT (TholeWorkloadOps, inspect_async, 24);
AT (TholeWorkloadOps, inspect_finish, 32);
AT (TholeWorkloadOps, create_async, 40);
AT (TholeWorkloadOps, create_finish, 48);
AT (TholeWorkloadOps, start_async, 56);
AT (TholeWorkloadOps, start_finish, 64);
AT (TholeWorkloadOps, stop_async, 72);
AT (TholeWorkloadOps, stop_finish, 80);
AT (TholeWorkloadOps, kill_async, 88);
AT (TholeWorkloadOps, kill_finish, 96);
AT (TholeWorkloadOps, pause_async, 104);
AT (TholeWorkloadOps, pause_finish, 112);
AT (TholeWorkloadOps, unpause_async, 120);
AT (TholeWorkloadOps, unpause_finish, 128);
AT (TholeWorkloadOps, remove_async, 136);
AT (TholeWorkloadOps, remove_finish, 144);
AT (TholeWorkloadOps, update_async, 152);
AT (TholeWorkloadOps, update_finish, 160);
AT (TholeWorkloadOps, recover_async, 168);
AT (TholeWorkloadOps, recover_finish, 176);
AT (TholeWorkloadOps, logs_async, 184);
AT (TholeWorkloadOps, logs_finish, 192);
AT (TholeWorkloadOps, stats_async, 200);
AT (TholeWorkloadOps, stats_finish, 208);
AT_LEAST (TholeWorkloadOps, 216);

AT (TholeExecOps, struct_size, 0);
AT (TholeExecOps, run_async, 8);
AT (TholeExecOps, run_finish, 16);
AT (TholeExecOps, open_async, 24);
AT (TholeExecOps, open_finish, 32);
AT (TholeExecOps, attach_async, 40);
AT (TholeExecOps, attach_finish, 48);
AT (TholeExecOps, resize_async, 56);
AT (TholeExecOps, resize_finish, 64);
AT_LEAST (TholeExecOps, 72);
AT (TholeExecOps, signal_async, 72);
AT (TholeExecOps, signal_finish, 80);
AT_LEAST (TholeExecOps, 88);

AT (TholeAgentOps, struct_size, 0);
AT (TholeAgentOps, install_async, 8);
AT (TholeAgentOps, install_finish, 16);
AT (TholeAgentOps, connect_async, 24);
AT (TholeAgentOps, connect_finish, 32);
AT_LEAST (TholeAgentOps, 40);

AT (TholeFilesOps, struct_size, 0);
AT (TholeFilesOps, get_async, 8);
AT (TholeFilesOps, get_finish, 16);
AT (TholeFilesOps, put_async, 24);
AT (TholeFilesOps, put_finish, 32);
AT_LEAST (TholeFilesOps, 40);

AT (TholeImageOps, struct_size, 0);
AT (TholeImageOps, list_async, 8);
AT (TholeImageOps, list_finish, 16);
AT (TholeImageOps, pull_async, 24);
AT (TholeImageOps, pull_finish, 32);
AT (TholeImageOps, remove_async, 40);
AT (TholeImageOps, remove_finish, 48);
AT_LEAST (TholeImageOps, 56);

AT (TholeVolumeOps, struct_size, 0);
AT (TholeVolumeOps, list_async, 8);
AT (TholeVolumeOps, list_finish, 16);
AT (TholeVolumeOps, create_async, 24);
AT (TholeVolumeOps, create_finish, 32);
AT (TholeVolumeOps, snapshot_async, 40);
AT (TholeVolumeOps, snapshot_finish, 48);
AT (TholeVolumeOps, remove_async, 56);
AT (TholeVolumeOps, remove_finish, 64);
AT_LEAST (TholeVolumeOps, 72);

AT (TholeInterface, name, 0);
AT (TholeInterface, ops, 8);
/* drivers hold arrays of it, so this one never grows */
_Static_assert (sizeof (TholeInterface) == 16, "TholeInterface has another size");

AT (TholePlugin, struct_size, 0);
AT (TholePlugin, abi, 8);
AT (TholePlugin, id, 16);
AT (TholePlugin, version, 24);
AT (TholePlugin, driver, 32);
AT (TholePlugin, interfaces, 40);
AT_LEAST (TholePlugin, 48);

IS (THOLE_DRIVER_ABI, 1);
IS (THOLE_PROBE_READY, 0);
IS (THOLE_PROBE_DEFER, 1);
IS (THOLE_PROBE_UNSUPPORTED, 2);

IS (THOLE_ERROR_FAILED, 0);
IS (THOLE_ERROR_NOT_FOUND, 1);
IS (THOLE_ERROR_EXISTS, 2);
IS (THOLE_ERROR_CONFLICT, 3);
IS (THOLE_ERROR_DENIED, 4);
IS (THOLE_ERROR_AUTH, 5);
IS (THOLE_ERROR_BUSY, 6);
IS (THOLE_ERROR_INVALID, 7);
IS (THOLE_ERROR_IMAGE_NOT_FOUND, 8);
IS (THOLE_ERROR_UNAVAILABLE, 9);
IS (THOLE_ERROR_TIMEOUT, 10);
IS (THOLE_ERROR_UNSUPPORTED, 11);
IS (THOLE_ERROR_LIMIT, 12);
IS (THOLE_ERROR_MALFORMED, 13);
IS (THOLE_ERROR_UNAUTHENTICATED, 14);
IS (THOLE_ERROR_FORBIDDEN, 15);
IS (THOLE_ERROR_ILLEGAL_TRANSITION, 16);
IS (THOLE_ERROR_GONE, 17);
IS (THOLE_ERROR_PRECONDITION, 18);
IS (THOLE_ERROR_TOO_LARGE, 19);
IS (THOLE_ERROR_QUOTA_EXCEEDED, 20);
IS (THOLE_ERROR_RATE_LIMITED, 21);
IS (THOLE_ERROR_METHOD_NOT_ALLOWED, 22);
IS (THOLE_ERROR_IDEMPOTENCY, 23);
IS (THOLE_ERROR_INTERRUPTED, 24);
IS (THOLE_ERROR_STORAGE, 25);
IS (THOLE_ERROR_STORAGE_FULL, 26);
IS (THOLE_ERROR_INTERNAL, 27);
IS (THOLE_ERROR_REQUEST_TIMEOUT, 28);
IS (THOLE_ERROR_HEAD_TOO_LARGE, 29);
IS (THOLE_ERROR_UNSUPPORTED_MEDIA_TYPE, 30);
IS (THOLE_ERROR_OVERLOADED, 31);

#endif

/* proves: row:17 */
static void
test_layout (void)
{
#if GLIB_SIZEOF_VOID_P == 8
  /* the compiler has looked at all of it */
  g_assert_cmpuint (sizeof (gpointer), ==, 8);
#else
  g_test_skip ("the places are those of 64 bits");
#endif
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/abi/layout", test_layout);
  return g_test_run ();
}
