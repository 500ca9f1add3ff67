#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every slot of thole-driver.h is in the dated list, in the table of engines and in the layout test; none was moved."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tree import ROOT, case, main, none, read  # noqa: E402

INTERFACES = {"TholeWorkloadOps": "workload", "TholeExecOps": "exec", "TholeAgentOps": "agent", "TholeFilesOps": "files",
              "TholeImageOps": "image", "TholeVolumeOps": "volume"}


def tables(path):
    """name of the table -> its functions in order"""
    text = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
    found = {name: re.findall(r"\(\*\s*(\w+)\)", body) for body, name in re.findall(r"typedef struct\s*\{(.*?)\}\s*(\w+);", text, re.S)}
    return {name: slots for name, slots in found.items() if name.endswith("Ops")}


def slots_of(functions):
    """the pairs x_async and x_finish are one slot x"""
    return list(dict.fromkeys(re.sub(r"_(async|finish)$", "", name) for name in functions))


@case("each slot is in the dated list of ABI.md, and nothing else is")
def _(t):
    listed = {}
    for name, slots in re.findall(r"^\| \d{4}-\d\d-\d\d \| [\d.]+ \| (\w+) \| ([\w ]+) \|$", read("sdk/ABI.md"), re.M):
        listed.setdefault(name, []).extend(slots.split())
    real = {name: slots_of(functions) for name, functions in tables("sdk/thole-driver.h").items()}
    none(f"{name}: declared {real.get(name)}, listed {listed.get(name)}" for name in sorted(set(real) | set(listed))
         if real.get(name) != listed.get(name))


@case("each slot is in the table of engines")
def _(t):
    rows = set()
    for line in read("sdk/ABI.md").splitlines():
        head = re.match(r"\| `(\w+)\.(\w+)`(?:, `(\w+)`)? \|", line)
        if head:
            assert line.count(" | ") == 4, line
            rows |= {f"{head[1]}.{name}" for name in (head[2], head[3]) if name}
    wanted = {f"{word}.{slot}" for name, word in INTERFACES.items() for slot in slots_of(tables("sdk/thole-driver.h")[name])}
    none(sorted(wanted ^ rows))


@case("the layout test holds each function of each table")
def _(t):
    held = set(re.findall(r"^AT \((\w+), (\w+), \d+\);$", read("tests/abi/layout-test.c"), re.M))
    none(f"{name}.{function}" for name, functions in tables("sdk/thole-driver.h").items() for function in functions
         if (name, function) not in held)


@case("no table of a released header differs from the beginning of today's")
def _(t):
    today = tables("sdk/thole-driver.h")
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/abi/v*/thole-driver.h"))):
        released = tables(os.path.relpath(path, ROOT))
        assert len(released) == 8, path
        none(f"{path}: {name}" for name, functions in released.items() if today[name][:len(functions)] != functions)


main()
