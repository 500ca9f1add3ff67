#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workloads on a real containerd, through the daemon."""
import os
import subprocess

from real_containerd import BUILD, Bench, case, main

THOLECTL = os.path.join(BUILD, "cli", "tholectl")


@case("tholectl run pulls, starts, and shows what the program said", "LC-13 LC-14")
def _(t):
    environment = {**os.environ, "THOLE_URL": "unix:" + t.thole.path}
    done = subprocess.run([THOLECTL, "run", "--backend", "box", t.image, "--", "echo", "hello"], capture_output=True,
                          text=True, timeout=60, env=environment, check=False)
    t.equal((done.returncode, done.stdout.strip()), (0, "hello"), done.stderr)


if __name__ == "__main__":
    main(Bench)
