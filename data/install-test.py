#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `meson install` lays down: the list of it, and a daemon that runs from there.

--write makes the list, data/install.txt, anew.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

import private_bus  # noqa: E402
from daemon import BUILD, Daemon, sanitized  # noqa: E402
from tap import Checks, Skip, case, main  # noqa: E402

LIST = os.path.join(ROOT, "data", "install.txt")


def option(name):
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
        return next(each["value"] for each in json.load(file) if each["name"] == name)


class Tree(Checks):
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-install-")
        self.prefix = option("prefix")
        result = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", self.folder],
                                capture_output=True, text=True, check=False, timeout=120)
        if result.returncode != 0:
            raise AssertionError(result.stdout[-2000:] + result.stderr[-2000:])

    def path(self, *parts):
        """Of what is below the prefix."""
        return os.path.join(self.folder, self.prefix.lstrip("/"), *parts)

    def folder_of(self, name):
        """lib -> lib/x86_64-linux-gnu and so on"""
        return self.path(option(name))

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def listed(tree):
    """mode path, without what differs from one machine to the other"""
    lines = []
    for folder, _, names in os.walk(tree.folder):
        for name in names:
            path = os.path.join(folder, name)
            below = os.path.relpath(path, tree.path())
            below = re.sub(rf"^{re.escape(option('libdir'))}/", "LIB/", below)
            # below /usr it is /etc
            below = re.sub(r"^(\.\./)+", "", below)
            kind = f"-> {os.readlink(path)}" if os.path.islink(path) else ""
            mode = "link" if kind else format(os.stat(path).st_mode & 0o777, "04o")
            lines.append(f"{mode} {below} {kind}".rstrip())
    return sorted(lines, key=lambda line: line.split()[1])


@case("what is installed is what data/install.txt lists", proves="OP-07")
def _(t):
    lines = listed(t)
    with open(LIST, encoding="utf-8") as file:
        wanted = [line for line in file.read().splitlines() if not line.startswith("#")]
    t.equal(sorted(set(lines) - set(wanted)), [], "installed and not listed (else data/install-test.py --write)")
    t.equal(sorted(set(wanted) - set(lines)), [], "listed and not installed")


@case("no file that is installed names the build or the source folder")
def _(t):
    if sanitized():
        raise Skip("a sanitizer keeps the names of sources")
    wrong = []
    for folder, _, names in os.walk(t.folder):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                text = file.read()
            if not text.startswith(b"\x7fELF") and (BUILD.encode() in text or ROOT.encode() + b"/" in text):
                wrong.append(path)
    t.equal(wrong, [])


@case("what units and activation files start is there")
def _(t):
    for folder, _, names in os.walk(t.folder):
        for name in names:
            if not name.endswith(".service"):
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for program in re.findall(r"^Exec(?:Start)?=(\S+)", file.read(), re.M):
                    t.true(os.access(t.folder + program, os.X_OK), f"{name}: {program} is a program")


@case("a daemon runs from it: with its configuration, its drivers, its tholectl, its translations", proves="OP-07")
def _(t):
    drivers = os.path.join(t.folder_of("libdir"), "thole", "drivers-1")
    libraries = {"LD_LIBRARY_PATH": t.folder_of("libdir")}
    tholed = os.path.join(t.folder_of("sbindir"), "tholed")
    tholectl = os.path.join(t.folder_of("bindir"), "tholectl")
    config = next(os.path.join(folder, "thole.conf") for folder, _, names in os.walk(t.folder)
                  if os.path.basename(folder) == "thole" and "thole.conf" in names)
    thole = Daemon({"memory": {"driver": "memory", "default": "true"}, "nothing": {"driver": "null"}},
                   environment={**libraries, "THOLE_DRIVER_PATH": drivers})
    plain = thole.command
    thole.command = lambda: [tholed, *plain()[1:]]
    # who begins with the file that is installed adds to it
    write = thole.write_config

    def extended():
        write()
        with open(config, encoding="utf-8") as base, open(thole.config, encoding="utf-8") as own:
            text = base.read().partition("[backend docker]")[0] + "\n" + own.read()
        with open(thole.config, "w", encoding="utf-8") as file:
            file.write(text)
    thole.write_config = extended
    with thole:
        t.holds(open(f"/proc/{thole.process.pid}/cmdline", encoding="utf-8").read(), t.folder)
        names = {driver["id"]: driver for driver in thole.get("/v1/drivers").expect(200).json["items"]}
        t.true({"docker", "memory", "null"} <= set(names), f"{sorted(names)}")
        t.equal([name for name, driver in names.items() if driver["state"] != "loaded"], [], "drivers that are not taken")
        workload = thole.create({"image": "x"})
        t.equal(workload["state"], "running")

        def client(*arguments, **variables):
            return subprocess.run([tholectl, "--url", f"unix:{thole.path}", *arguments], capture_output=True, text=True,
                                  check=False, timeout=60, env={**os.environ, **libraries, **variables})
        shown = client("ps", "--output", "name", LC_ALL="C.UTF-8", LANGUAGE="")
        t.equal(shown.stdout.split(), [workload["name"]], shown.stderr)
        for language, word in LANGUAGES.items():
            told = client("frobnicate", LC_ALL="C.UTF-8", LANGUAGE=language, THOLE_LOCALE_DIR=t.folder_of("localedir"))
            t.holds(told.stderr, word, language)
        t.equal(thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["print", "x"]}).status, 200)
        thole.remove(workload)


@case("a bus starts it when it is called", proves="OP-07")
def _(t):
    if private_bus.missing():
        raise Skip(private_bus.missing())
    place, home = os.path.join(t.folder, "services"), os.path.join(t.folder, "home")
    for folder in (place, home):
        os.makedirs(folder)
    # as installed, but for where it was installed to
    with open(t.path("share/dbus-1/services/org.thole.Thole1.service"), encoding="utf-8") as file:
        text = re.sub(r"^(Exec=)(.*)$", rf"\1{t.folder}\2 --config /dev/null --state-dir {home} --runtime-dir {home}", file.read(), flags=re.M)
    with open(os.path.join(place, "org.thole.Thole1.service"), "w", encoding="utf-8") as file:
        file.write(text)
    config = os.path.join(t.folder, "session.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(private_bus.CONFIG.format(folder=home).replace("<type>system</type>", "<type>session</type>")
                   .replace("<auth>", f"<servicedir>{place}</servicedir><auth>"))
    bus = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL,
                           env={**os.environ, "LD_LIBRARY_PATH": t.folder_of("libdir")})
    try:
        t.until(lambda: os.path.exists(os.path.join(home, "bus")), what="the bus")
        client = private_bus.BusClient(f"unix:path={home}/bus")
        t.equal(len(client.call(private_bus.ROOT, "Root.ListBackends", {})), 1)
        pid = client.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                          "GetConnectionUnixProcessID", private_bus.GLib.Variant("(s)", ("org.thole.Thole1",)),
                                          None, 0, 10000, None).unpack()[0]
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            t.holds(file.read(), os.path.join(t.folder_of("sbindir"), "tholed"))
        os.kill(pid, signal.SIGTERM)
        t.until(lambda: not os.path.exists(f"/proc/{pid}/exe"), seconds=30, what="its end")
        client.close()
    finally:
        bus.terminate()
        bus.wait()


LANGUAGES = {"de": "unbekannter Befehl", "zh_CN": "未知命令"}


if "--write" in sys.argv:
    made = Tree()
    with open(LIST, "w", encoding="utf-8") as output:
        output.write("# SPDX-FileCopyrightText: The Thole authors\n# SPDX-License-Identifier: LGPL-2.1-or-later\n"
                     "# What meson install makes below the prefix: mode, path. LIB is its folder for libraries; made by\n"
                     "# data/install-test.py --write.\n" + "\n".join(listed(made)) + "\n")
    made.close()
else:
    main(Tree)
