#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages and default configuration against the programs that they are about."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from tap import Checks, Skip, case, main  # noqa: E402

BUILD = os.path.abspath(os.environ.get("THOLE_BUILD", os.path.join(ROOT, "build")))
DATA = os.path.join(BUILD, "data")
THOLED = os.path.join(BUILD, "core", "tholed")
THOLECTL = os.path.join(BUILD, "cli", "tholectl")
DRIVER_CHECK = os.path.join(BUILD, "sdk", "check", "thole-driver-check")


def read(name):
    with open(os.path.join(DATA, name), encoding="utf-8") as file:
        return file.read()


def run(*command):
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "", "THOLE_DRIVER_PATH": os.path.join(BUILD, "plugins")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def keys():
    with open(os.path.join(ROOT, "core", "config", "keys.list"), encoding="utf-8") as file:
        lines = [line.split("|") for line in file if line.strip() and not line.startswith("#")]
    return [(cells[0].strip(), cells[1].strip()) for cells in lines]


def check_config(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "thole.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return run(THOLED, "--config", path, "--state-dir", folder, "--runtime-dir", folder, "--check-config")


@case("the default configuration names every key once, commented, in its section")
def _(t):
    section, found = "", []
    for line in read("thole.conf").splitlines():
        if re.fullmatch(r"\[[^]]+\]", line):
            section = line[1:-1]
        match = re.match(r"#(\w+)=", line)
        if match and not section.startswith("backend"):
            found.append((section, match[1]))
    t.equal(found, keys())


@case("tholed accepts the default configuration, and every default spelled out")
def _(t):
    text = read("thole.conf")
    spelled = re.sub(r"^#(\w+=.+)$", r"\1", text, flags=re.M)
    for each in (text, spelled):
        result = check_config(each)
        t.equal((result.returncode, result.stderr), (0, ""), "tholed --check-config")
    t.equal(check_config(text + "\n[http]\nnonsense=1\n").returncode, 1, "a wrong key")


@case("thole.conf(5) names every section and key")
def _(t):
    page = read("thole.conf.5")
    for section, key in keys():
        t.holds(page, f".SH [{section}]")
        t.holds(page, f"\\fB{key}\\fR")


@case("thole.conf(5) names every key that the manifest of the local driver has, and no other")
def _(t):
    with open(os.path.join(ROOT, "plugins", "local", "local.plugin"), encoding="utf-8") as file:
        wanted = re.search(r"^ConfigKeys=(.*)$", file.read(), re.M)[1].split(";")
    section = read("thole.conf.5").split(".SS driver=local")[1].split(".SH")[0]
    t.equal(sorted(re.findall(r"^\\fB(\w+)\\fR$", section, re.M)), sorted(key.partition(":")[0] for key in wanted))


@case("tholed(8) names every option of tholed, and no other")
def _(t):
    options = set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", run(THOLED, "--help").stdout, re.M))
    named = {option.replace("\\-", "-") for option in re.findall(r"\\fB\\-\\-([a-z\\-]+)\\fR", read("tholed.8"))}
    t.equal(named, options)


@case("thole-driver-check(1) names every option and every suite of thole-driver-check, and no other")
def _(t):
    told = run(DRIVER_CHECK, "--help").stdout
    options = set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", told, re.M)) - {"help"}
    page = read("thole-driver-check.1").replace("\\-", "-")
    t.equal(set(re.findall(r"^\\fB--([a-z-]+)\\fR", page, re.M)), options)
    suites = re.findall(r"^  (\w+) +", told.split("Suites:")[1].split("\n\n")[0], re.M)
    t.equal(re.search(r"Only these suites: (.*)\.", page)[1].split(", "), suites)


@case("tholectl(1) is the one that tholectl prints")
def _(t):
    t.equal(read("tholectl.1"), run(THOLECTL, "help", "--man").stdout)


@case("thole-driver(7) names every slot of the ABI and every key of a manifest")
def _(t):
    page = read("thole-driver.7")
    with open(os.path.join(ROOT, "sdk", "thole-driver.h"), encoding="utf-8") as file:
        slots = set(re.findall(r"\(\*(\w+?)(?:_async|_finish)?\) +\(Thole", file.read()))
    t.true(len(slots) > 20, "slots in the header")
    named = set(re.findall(r"\w+", page))
    t.equal(sorted(slots - named), [], "slots that the page lacks")
    for key in ("Id", "Abi", "Module", "Interfaces", "Needs", "ConfigKeys", "Isolation", "Disabled"):
        t.holds(page, f".B {key}\n")


@case("groff finds nothing in the pages", each=["tholectl.1", "thole.conf.5", "tholed.8", "thole-driver.7", "thole-driver-check.1"])
def _(t, page):
    if not shutil.which("groff"):
        raise Skip("groff is not installed")
    result = run("groff", "-man", "-Tutf8", "-ww", "-z", os.path.join(DATA, page))
    t.equal(result.stderr, "")


main(Checks)
