#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drivers that load and then misbehave: thole-driver-check names the fault, and the daemon survives as far as one process can."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from daemon import BUILD, PLUGINS, Daemon  # noqa: E402
from tap import Checks, case, main  # noqa: E402

CHECK = os.path.join(BUILD, "sdk", "check", "thole-driver-check")
# kind: the case that finds it, what it says
FAULTS = {
    "start_crash": ("call/workload.start/once", "the driver crashed with signal 6 (Aborted) in workload.start"),
    "stop_hang": ("call/workload.stop/once", "workload.stop never called back (waited for 2 s)"),
    "stop_block": ("call/workload.stop/once", "the driver does not give the loop back in workload.stop"),
    "leak": ("call/workload.inspect/leaks", "workload.inspect leaks: 1"),
    "twice_back": ("call/workload.inspect/once", "workload.inspect called back twice"),
    "foreign_error": ("call/workload.start/once", "workload.start gives an error of the foreign domain g-file-error-quark: of another domain"),
}


# the engine of the template runs nothing
PROGRAMS = ("exit", "signal", "speak", "count", "tick", "flood", "stubborn", "greet")


class Drivers(Checks):
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-bad-")
        os.chmod(self.folder, 0o755)
        self.config = os.path.join(self.folder, "check.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("[check]\n" + "".join(f"program_{name}=\n" for name in PROGRAMS))

    def manifest(self, kind):
        """A folder with the driver of that kind, which calls itself `bad`."""
        folder = os.path.join(self.folder, kind)
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o755)
            shutil.copy(os.path.join(BUILD, "tests", "abi", f"life-{kind}.so"), os.path.join(folder, "bad.so"))
            with open(os.path.join(folder, "bad.plugin"), "w", encoding="utf-8") as file:
                file.write("[Plugin]\nId=bad\nAbi=1\nModule=bad.so\nInterfaces=workload/1\nConfigKeys=file\n")
        return os.path.join(folder, "bad.plugin")

    def check(self, kind, *options):
        # a crash is a case of its own; a sanitizer would turn it into something else
        environment = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":handle_abort=0:detect_leaks=0"}
        return subprocess.run([CHECK, "--brief", "--config", self.config, *options, self.manifest(kind)], capture_output=True, text=True, check=False, timeout=200,
                              env=environment)

    def daemon(self, kind, directory=None):
        path = os.path.dirname(self.manifest(kind))
        return Daemon({"odd": {"driver": "bad", "default": "true"}, "memory": {"driver": "memory", "images": "x"}}, {},
                      directory, {"THOLE_DRIVER_PATH": f"{path}:{PLUGINS}",
                                  "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":handle_abort=0"})

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


@case("the template, which they are made of, is right")
def _(t):
    result = t.check("right")
    t.equal([line for line in result.stdout.splitlines() if line.startswith("not ok")], [], "cases that failed")
    t.equal(result.returncode, 0, "its exit code")
    passed = int(re.search(r"^(\d+) passed, 0 failed, \d+ skipped$", result.stdout, re.M)[1])
    t.true(passed >= 100, f"that {passed} passed cases are at least 100")


@case("thole-driver-check finds it and says what is wrong", each=sorted(FAULTS))
def _(t, kind):
    name, message = FAULTS[kind]
    result = t.check(kind, "--deadline", "60" if kind in ("leak", "foreign_error", "twice_back") else "2", "--only", name)
    t.equal(result.returncode, 1, "its exit code")
    t.holds(result.stdout, f"not ok 1 - {name}\n# {message}", "its output")
    t.true(re.search(r"^\d+ passed, \d+ failed, \d+ skipped$", result.stdout, re.M), "that it counts")


@case("what it finds is in the JSON, too")
def _(t):
    found = json.loads(t.check("foreign_error", "--json", "--only", "call/workload.start/once").stdout)
    t.equal((found["driver"], found["version"], found["failed"]), ("bad", "1.0", 1))
    t.holds(found["cases"][0]["text"], "foreign domain")


@case("a wrong use is refused with code 2")
def _(t):
    for options in (["--suite", "nonsense"], ["--config", "/no/such/file"], ["--nonsense"]):
        t.equal(t.check("right", *options).returncode, 2, str(options))


def memory_works(t, thole):
    workload = thole.create({"image": "x", "command": ["forever"]}, backend="memory")
    t.equal(workload["state"], "running", "a workload of the other backend")
    thole.remove(workload)


@case("a driver that crashes takes the daemon with it; the next daemon has everything that was acknowledged")
def _(t):
    thole = t.daemon("start_crash").start()
    try:
        first = thole.create(wait=None, start=False, name="first")
        thole.died_as_asked = True
        try:
            thole.post(f"/v1/workloads/{first['id']}/start")
        except OSError:
            pass  # the answer may be cut off
        t.equal(thole.process.wait(60), -6, "how the daemon ended")
        thole.environment["THOLE_DRIVER_PATH"] = f"{os.path.dirname(t.manifest('right'))}:{PLUGINS}"
        thole.start()
        t.equal(thole.get(f"/v1/workloads/{first['id']}").expect(200).json["name"], "first")
        memory_works(t, thole)
    finally:
        thole.close()


@case("a driver that hangs in stop makes its backend stuck; the other backends and the daemon go on")
def _(t):
    with t.daemon("stop_hang") as thole:
        workload = thole.create()
        thole.post(f"/v1/workloads/{workload['id']}/stop").expect(200, 202)
        # ends the stop in favour of itself
        thole.delete(f"/v1/workloads/{workload['id']}?force=true").expect(200, 202, 204)
        t.until(lambda: thole.get("/v1/backends/odd").json["state"] == "stuck", 60, "the state stuck")
        memory_works(t, thole)
        # it will not answer at the end either
        thole.died_as_asked = True


@case("a driver that calls back twice is told of, and its first answer counts")
def _(t):
    with t.daemon("twice_back") as thole:
        workload = thole.create()
        t.equal(thole.wait(workload, "running")["state"], "running")
        t.until(lambda: "called back twice from workload.inspect" in thole.output(), 30, "the warning")
        memory_works(t, thole)


@case("an error of a foreign domain becomes backend_failed, with its text")
def _(t):
    with t.daemon("foreign_error") as thole:
        workload = thole.create(wait=None, status=(202, 201))
        ended = thole.wait(workload, "error,crashed,stopped,running")
        t.holds(json.dumps(ended), "of another domain")
        memory_works(t, thole)


@case("a driver that leaks is served all the same")
def _(t):
    with t.daemon("leak") as thole:
        for _ in range(5):
            thole.remove(thole.create())
        memory_works(t, thole)
        # a leak sanitizer says of it what it must
        thole.died_as_asked = True
        thole.kill()


main(Drivers)
