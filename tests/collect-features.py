#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes docs/features.md of docs/features.list and of what the tests say that they prove.

A test names what it proves: in C with `proves: LC-03 row:1` in the comment above a test function, in Python with
proves="LC-03 row:1" of a case. Only files that run-tests runs count, so on a green commit each line has passed.

usage: collect-features.py [--check]      --check: fail when the committed file is not what would be made
"""
import re
import sys

from tree import ROOT, files, read

LIST, TARGET = "docs/features.list", "docs/features.md"
ID = re.compile(r"\b(?:[A-Z]{2,3}-\d{2}|row:\d+|M\d+)\b")


def features():
    section = None
    for line in read(LIST).splitlines():
        head = re.fullmatch(r"\[(\w+)\] (.*)", line)
        if head:
            section = head[2]
        elif "|" in line and not line.startswith("#"):
            name, _, text = line.partition(" | ")
            yield section, name, text


def claims():
    """(id, file, test) of each claim."""
    for path in files(".c"):
        if path.endswith("-test.c") or path.startswith("tests/"):
            for match in re.finditer(r"/\*[^/]*?proves:([^*/]*)\*/\s*static\s+[\w\s*]+?\b(\w+)\s*\(", read(path)):
                for name in ID.findall(match[1]):
                    yield name, path, match[2].removeprefix("test_").replace("_", " ")
    for path in files(".py"):
        if path.startswith("tests/") and path.endswith(("-test.py", "-memory.py", "_cases.py")):
            for match in re.finditer(r'@case\(\s*f?"((?:[^"\\]|\\.)*)"\s*,\s*(?:proves=)?"([^"]*)"', read(path)):
                for name in ID.findall(match[2]):
                    yield name, path, match[1]


def rendered():
    proved = {}
    for name, path, test in claims():
        proved.setdefault(name, []).append((path, test))
    known = list(features())
    unknown = sorted(set(proved) - {name for _, name, _ in known})
    if unknown:
        sys.exit(f"a test names what is not in {LIST}: {', '.join(unknown)}")
    done = sum(name in proved for _, name, _ in known)
    out = ["# What is proved", "",
           f"{done} of {len(known)} behaviours are proved by a test that `./run-tests` runs. Made by",
           "`tests/collect-features.py` of [features.list](features.list) and of the tests; do not edit.", ""]
    for section in dict.fromkeys(section for section, _, _ in known):
        rows = [(name, text) for owner, name, text in known if owner == section]
        here = [(name, text) for name, text in rows if name in proved]
        out += [f"## {section}", "", f"{len(here)} of {len(rows)}", ""]
        if here:
            out += ["| id | behaviour | proved by |", "| --- | --- | --- |"]
        for name, text in here:
            by = "<br>".join(f"[{path.split('/')[-1]}](../{path}): {test}" for path, test in dict.fromkeys(proved[name]))
            out.append(f"| {name} | {text} | {by.replace('|', chr(92) + '|')} |")
        rest = [name for name, _ in rows if name not in proved]
        if here:
            out.append("")
        if rest:
            out += [f"Not yet: {', '.join(rest)}", ""]
    return "\n".join(out).rstrip("\n") + "\n"


def main():
    text = rendered()
    if "--check" in sys.argv:
        try:
            same = read(TARGET) == text
        except FileNotFoundError:
            same = False
        print("TAP version 13\n1..1")
        print(("ok" if same else "not ok") + f" 1 - {TARGET} is what the tests prove (else run tests/collect-features.py)")
        sys.exit(0 if same else 1)
    with open(f"{ROOT}/{TARGET}", "w", encoding="utf-8") as file:
        file.write(text)


main()
