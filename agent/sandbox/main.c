/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include <stdio.h>
#include <string.h>

#include "sandbox.h"

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "supervise") == 0)
    return sandbox_supervise (argv[2]);
  if (argc >= 2 && strcmp (argv[1], "init") == 0)
    return sandbox_init (argv + 2);
  dprintf (2, "usage: thole-sandbox supervise DIR\n");
  return 2;
}
