#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The newcomer's command, in a folder of its own and with the engine that it starts itself."""
import os
import re
import subprocess
import tempfile

from tree import ROOT, Skip, case, main

from tap import Checks


class Newcomer(Checks):
    def __init__(self):
        if os.getuid() != 0:
            raise Skip("it needs root")
        self.folder = tempfile.TemporaryDirectory(prefix="thole-quickstart-")
        self.home = os.path.join(self.folder.name, "home")

    def run(self, *words):
        environment = {key: value for key, value in os.environ.items() if key != "DOCKER_HOST"}
        done = subprocess.run([os.path.join(ROOT, "quickstart"), *words], capture_output=True, text=True, check=False, timeout=600,
                              stdin=subprocess.DEVNULL, env={**environment, "THOLE_QUICKSTART": self.home})
        self.equal(done.returncode, 0, f"its status; it said {done.stdout[-2000:]} {done.stderr[-2000:]}")
        return done.stdout

    def pids(self):
        """Processes that have something of its folder on their command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if self.home.encode() in file.read():
                        found.append(pid)
            except OSError:
                pass
        return found

    def close(self):
        if os.path.isdir(self.home):
            self.run("stop")
        self.folder.cleanup()


@case("it runs a container, shows its log and says how to stop", "row:13")
def _(t):
    said = t.run()
    t.true(re.search(r"^    hello \d+ from [0-9a-f]{12}$", said, re.M), "a line of the container's real log")
    t.true(re.search(r"hello .*running", said), "the list names it")
    t.holds(said, "quickstart stop")
    t.true(t.pids(), "the daemon goes on")


@case("twice works twice")
def _(t):
    said = t.run()
    t.true(re.search(r"^    hello \d+ from", said, re.M), "a line of the log")


@case("stop leaves nothing running and nothing behind")
def _(t):
    t.run("stop")
    t.equal(t.pids(), [], "processes left")
    t.true(not os.path.exists(t.home), "its folder is gone")
    t.holds(t.run("stop"), "nothing")


main(Newcomer)
