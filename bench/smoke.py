#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every measurement runs and prints its JSON; with THOLE_BENCH=whole its promises must hold, too."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "flow"))

from tap import Checks, Skip, case, main  # noqa: E402

NAMES = ["reads", "first-line", "many", "idle", "transitions", "keys", "terminal", "local-terminal", "bus", "containerd", "local",
         "events"]


@case("bench", each=NAMES)
def _(t, name):
    if os.getuid() != 0:
        raise Skip("a private dockerd needs root")
    done = subprocess.run(["/usr/bin/python3", os.path.join(HERE, f"{name}.py")], capture_output=True, text=True, check=False,
                          timeout=600, env={"THOLE_BENCH": "smoke", **os.environ})
    t.equal(done.returncode, 0, done.stderr[-3000:])
    result = json.loads(done.stdout)
    for line in json.dumps(result, indent=1).splitlines():
        print(f"# {line}")
    t.equal(result["measurement"], name)
    t.true(result["promises"], "it says what it promises")
    if os.environ.get("THOLE_BENCH") == "whole":
        t.equal([path for path, judged in result["promises"].items() if not judged["holds"]], [], "promises that do not hold")


main(Checks)
