#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes docs/conformance.md of what thole-driver-check has found: a table of drivers and cases.

usage: collect-conformance.py [--check] FOLDER      FOLDER: DRIVER.json of each driver, as `thole-driver-check --json` prints it
                                                    --check: fail when the committed file lacks a case or says better of one
                                                    (an engine of another machine may lack what ours has)

A driver without a file keeps the column that it has; a run of some suites is only compared.
"""
import json
import os
import re
import sys

from tree import ROOT, read

TARGET = "docs/conformance.md"
DRIVERS = ["null", "memory", "docker", "containerd", "local"]
MARKS = {"passed": "yes", "failed": "**no**", "skipped": "–"}


def committed():
    """{driver: {case: mark}} of the file that there is."""
    try:
        lines = read(TARGET).splitlines()
    except FileNotFoundError:
        return {}
    found = {driver: {} for driver in DRIVERS}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == len(DRIVERS) + 1:
            for driver, mark in zip(DRIVERS, cells[1:]):
                found[driver][cells[0].strip("`")] = mark
    return found


def fresh(folder):
    """{driver: {case: mark}} of the results."""
    found = {}
    for driver in DRIVERS:
        path = os.path.join(folder, f"{driver}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                cases = json.load(file)["cases"]
            found[driver] = {case["name"]: MARKS[case["result"]] for case in cases}
    return found


def rendered(columns):
    names = list(dict.fromkeys(name for driver in DRIVERS for name in columns.get(driver, {})))
    out = ["# Conformance", "",
           "What [thole-driver-check](driver-author.md#5-check-it) finds of our own drivers, each on a real engine. Made by",
           "`tests/collect-conformance.py` of its results; do not edit. `–` is a case that a driver cannot have: it lacks the slot, and the",
           "daemon answers 501 in its place, or its engine lacks the thing.", "",
           "| | " + " | ".join(DRIVERS) + " |", "| --- |" + " --- |" * len(DRIVERS)]
    for title, mark in (("passed", "yes"), ("failed", "**no**"), ("not for it", "–")):
        out.append(f"| {title} | " + " | ".join(str(list(columns.get(driver, {}).values()).count(mark)) for driver in DRIVERS) + " |")
    for suite in dict.fromkeys(name.split("/")[0] for name in names):
        out += ["", f"## {suite}", "", "| case | " + " | ".join(DRIVERS) + " |", "| --- |" + " --- |" * len(DRIVERS)]
        out += [f"| `{name}` | " + " | ".join(columns.get(driver, {}).get(name, "") for driver in DRIVERS) + " |"
                for name in names if name.split("/")[0] == suite]
    return "\n".join(out) + "\n"


def differences(old, new):
    for driver, cases in new.items():
        suites = {name.split("/")[0] for name in cases}
        for name in {**old.get(driver, {}), **cases}:
            if name.split("/")[0] not in suites:
                continue
            was, now = old.get(driver, {}).get(name), cases.get(name)
            if not was or not now:
                yield f"{driver}: {name}: " + ("the file does not have it" if now else "there is no such case any more")
            elif now == MARKS["failed"] != was:
                yield f"{driver}: {name}: the file says {was}, the run {now}"


def main():
    folders = [word for word in sys.argv[1:] if not word.startswith("-")]
    if len(folders) != 1 or not re.fullmatch(r"(--check)?", "".join(set(sys.argv[1:]) - set(folders))):
        sys.exit(__doc__)
    old, new = committed(), fresh(folders[0])
    if "--check" in sys.argv:
        found = list(differences(old, new))
        print("TAP version 13\n1..1")
        for line in found[:20]:
            print(f"# {line}")
        print(f"{'not ok' if found else 'ok'} 1 - {TARGET} says of {', '.join(new)} what was found (else run tests/collect-conformance.py)")
        sys.exit(1 if found else 0)
    with open(os.path.join(ROOT, TARGET), "w", encoding="utf-8") as file:
        file.write(rendered({**old, **new}))


main()
