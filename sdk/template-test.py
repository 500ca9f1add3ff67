#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A driver made by thole-driver-new is built outside of the tree, with nothing but what is installed, and runs in the daemon."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from daemon import BUILD, PLUGINS, Daemon  # noqa: E402
from tap import Checks, case, main  # noqa: E402


def options():
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
        return {each["name"]: each["value"] for each in json.load(file)}


class Sdk(Checks):
    """What a stranger has: an installed Thole, and no source."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-sdk-")
        option = options()
        installed = os.path.join(self.folder, "installed")
        self.run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", installed)
        self.prefix = os.path.join(installed, option["prefix"].lstrip("/"))
        self.bin, self.lib = (os.path.join(self.prefix, option[name]) for name in ("bindir", "libdir"))
        # as if it had been configured for the place where it is now
        self.pc = os.path.join(self.lib, "pkgconfig", "thole-driver-1.pc")
        with open(self.pc, encoding="utf-8") as file:
            text = re.sub(r"^prefix=.*", f"prefix={self.prefix}", file.read(), flags=re.M)
        with open(self.pc, "w", encoding="utf-8") as file:
            file.write(text)
        self.environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "LD_LIBRARY_PATH": self.lib,
                            "PKG_CONFIG_PATH": os.path.dirname(self.pc), "CC": option.get("CC", "cc")}
        self.driver = os.path.join(self.folder, "thole-driver-mine")

    def run(self, *command, status=0, **rest):
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170,
                                env=getattr(self, "environment", None), cwd=self.folder, **rest)
        if result.returncode != status:
            raise AssertionError(f"{command} ended with {result.returncode}: {result.stdout[-2000:]}{result.stderr[-2000:]}")
        return result

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


@case("thole-driver-1.pc names folders, ABI and template")
def _(t):
    for variable, wanted in {"abi": "1", "plugindir": os.path.join(t.lib, "thole", "drivers-1"),
                             "templatedir": os.path.join(t.prefix, "share", "thole", "driver-template")}.items():
        t.equal(t.run("pkg-config", f"--variable={variable}", "thole-driver-1").stdout.strip(), wanted, variable)


@case("thole-driver-new refuses names that cannot be", each=["Mine", "9lives", "a-b", "../x", "", "docker"])
def _(t, name):
    result = t.run("thole-driver-new", name, status=1 if name == "docker" else 2)
    t.holds(result.stderr, "usage: thole-driver-new NAME" if name != "docker" else "there is")


@case("a new driver is built and tested by its own project")
def _(t):
    said = t.run("thole-driver-new", "mine").stdout
    t.holds(said, "cd thole-driver-mine && meson setup build")
    t.equal(sorted(os.listdir(t.driver)), ["README.md", "check.conf", "driver.c", "meson.build", "meson_options.txt", "mine.plugin"])
    for name in os.listdir(t.driver):
        with open(os.path.join(t.driver, name), encoding="utf-8") as file:
            t.true("example" not in file.read(), f"{name} speaks of mine alone")
    t.holds(t.run("thole-driver-new", "mine", status=1).stderr, "is there already")
    build = os.path.join(t.driver, "build")
    t.run("meson", "setup", "-Dwerror=true", build, t.driver)
    t.run("ninja", "-C", build)
    tested = t.run("meson", "test", "-C", build, "--verbose").stdout
    for said in ("the daemon would take it", "every slot answers as the ABI says", " passed, 0 failed, "):
        t.holds(tested, said)
    exported = t.run("nm", "-D", "--defined-only", os.path.join(build, "mine.so")).stdout.split()
    t.equal(exported[2::3], ["thole_driver_entry"])


@case("meson install puts it where the daemon looks")
def _(t):
    build = os.path.join(t.driver, "build")
    t.run("meson", "install", "-C", build, "--quiet")
    installed = os.listdir(os.path.join(t.lib, "thole", "drivers-1"))
    t.true({"mine.so", "mine.plugin"} <= set(installed), f"{installed}")


@case("the daemon runs workloads through it, and finds them again after a restart")
def _(t):
    # its folder alone, so that nothing of the tree is in the way
    place = os.path.join(t.driver, "build")
    thole = Daemon({"mine": {"driver": "mine", "default": "true", "file": "things.ini"}},
                   environment={"THOLE_DRIVER_PATH": f"{place}:{PLUGINS}", "LD_LIBRARY_PATH": t.lib})
    with thole:
        t.equal([each["state"] for each in thole.listed("/v1/drivers") if each["id"] == "mine"], ["loaded"])
        workload = thole.create({"image": "anything"})
        t.equal((workload["state"], workload["backend"]), ("running", "mine"))
        stopped = thole.create({"image": "anything"})
        thole.post(f"/v1/workloads/{stopped['id']}/stop?wait=stopped&timeout=30").expect(200)
        t.equal(thole.post(f"/v1/workloads/{workload['id']}/pause").status, 501, "what the driver cannot do")
        thole.restart()
        t.equal([thole.wait(each, state)["state"] for each, state in ((workload, "running"), (stopped, "stopped"))],
                ["running", "stopped"])
        thole.post(f"/v1/workloads/{stopped['id']}/start?wait=running&timeout=30").expect(200)
        thole.remove(workload)
        thole.remove(stopped)
        shelf = next(os.path.join(folder, "things.ini") for folder, _, names in os.walk(thole.state) if "things.ini" in names)
        with open(shelf, encoding="utf-8") as file:
            t.equal(file.read().strip(), "", "what is left at the engine")


main(Sdk)
