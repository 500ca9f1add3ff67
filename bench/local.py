#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Create to first output of a sandbox of this machine: through Thole and its local driver against bare bwrap, in turns; and 100 at once."""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "engines"))

from measure import SMOKE, report  # noqa: E402
from real_local import Bench  # noqa: E402

ROUNDS, AT_ONCE = (5, 8) if SMOKE else (200, 100)
COMMAND = ["sh", "-c", "echo first; sleep 1000"]
BARE = ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
        "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/home", "--new-session", "--die-with-parent"]


def through_thole(bench):
    begin = time.monotonic()
    made = bench.thole.post("/v1/workloads?wait=running", {"spec": {"command": COMMAND}}).expect(201, 202).json
    connection, answer = bench.thole.open(f"/v1/workloads/{made['id']}/logs?follow=true")
    line = answer.readline()
    took = time.monotonic() - begin
    connection.close()
    if line != b"first\n":
        raise AssertionError(f"the first line is {line!r}")
    bench.thole.remove(made)
    return took


def end(pid):
    """The first process of its namespace and so all in there, then bwrap by itself. One that is killed at once may leave the sandbox, which
    asks to die with it only after the command was begun, and holds whatever this script writes to until `sleep` is over."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        for child in file.read().split():
            os.kill(int(child), signal.SIGKILL)


def bare():
    begin = time.monotonic()
    with subprocess.Popen(BARE + COMMAND, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()
        took = time.monotonic() - begin
        end(process.pid)
    if line != b"first\n":
        raise AssertionError(f"the first line is {line!r}")
    return took


def at_once(bench):
    """Seconds until all of them have said something."""
    faults = []

    def one():
        try:
            through_thole(bench)
        except BaseException as fault:
            faults.append(fault)
    threads = [threading.Thread(target=one) for _ in range(AT_ONCE)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return time.monotonic() - begin


def quantile(values, part):
    values = sorted(values)
    return round(values[min(len(values) - 1, int(len(values) * part))] * 1000, 2)


def main():
    bench = Bench()
    try:
        through_thole(bench)
        times = {"bare": [], "thole": []}
        for _ in range(ROUNDS):
            times["bare"].append(bare())
            times["thole"].append(through_thole(bench))
        milliseconds = {name: {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99)} for name, values in times.items()}
        together = at_once(bench)
        report("local", {"rounds": ROUNDS, "milliseconds": milliseconds, "p50": milliseconds["thole"]["p50"], "p99": milliseconds["thole"]["p99"],
                         "at_once": AT_ONCE, "at_once_seconds": round(together, 2)}, {"p50": ("<=", 15), "p99": ("<=", 50)})
    finally:
        bench.close()


main()
