#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Licence lines, words that mean "not done", paths of one machine, links, shell scripts, hygiene of text."""
import os
import re
import shutil
import subprocess

from tree import ROOT, Skip, case, files, is_text, main, none, read

CODE = (".c", ".h", ".py", ".sh")
LEFT_OVER = re.compile(r"\b(TODO|FIXME|HACK|WIP)\b|\bfor now\b|\bplaceholder\b|\bnot (yet )?implemented\b", re.I)
EXEMPT = "tests/check-words.py"


def texts(*suffixes):
    return [path for path in files(*suffixes) if is_text(path) and path != EXEMPT]


def of_this_machine():
    """Matches what can only be known from one machine: people's folders, and where the tree is. Nothing else of the machine
    that checks is asked, so that the answer is the same on each."""
    return re.compile(r"(?<![\w.\-})])(?:/(?:home|Users)/\w|" + re.escape(ROOT) + r"(?![\w\-]))")


def scripts():
    return [path for path in texts() if not os.path.splitext(path)[1] and read(path).startswith("#!")]


def lines_with(pattern, paths):
    for path in paths:
        for number, line in enumerate(read(path).splitlines(), 1):
            if pattern.search(line):
                yield f"{path}:{number}: {line.strip()[:120]}"


@case("every source file begins with the two licence lines")
def _(t):
    def licensed(path):
        head = "\n".join(read(path).splitlines()[:4])
        return "SPDX-FileCopyrightText: The Thole authors" in head and "SPDX-License-Identifier: LGPL-2.1-or-later" in head
    none(path for path in texts(*CODE) + scripts() if not licensed(path))


@case("the licence's text is there")
def _(t):
    t.holds(read("LICENSE"), "GNU LESSER GENERAL PUBLIC LICENSE")
    t.holds(read("LICENSE"), "Version 2.1, February 1999")


@case("nothing in the sources says that it is not done")
def _(t):
    none(lines_with(LEFT_OVER, texts(*CODE, ".list", ".fields", ".build", ".sql", ".plugin") + scripts()))


@case("no path of one machine is in the tree")
def _(t):
    seen = of_this_machine()
    for line in (f"see {ROOT}/x", "/home/ann/x", '"/Users/ann"'):
        t.true(seen.search(line), f"that {line!r} is found")
    for line in ("/usr/bin/env", "https://example.org/home/x", "/v1/workloads", "/homework"):
        t.true(not seen.search(line), f"that {line!r} is not")
    none(lines_with(seen, [path for path in texts() if path != "LICENSE"]))


@case("no mark of a merge is left")
def _(t):
    none(lines_with(re.compile(r"^(<{7}|>{7}) |^={7}$"), texts()))


@case("text ends with a line end and has no white space before one")
def _(t):
    paths = [path for path in texts(*CODE, ".md", ".build", ".list", ".fields") + scripts()]
    none([f"{path}: no line end at its end" for path in paths if read(path) and not read(path).endswith("\n")] +
         list(lines_with(re.compile(r"[ \t]+$|\t(?!$)"), [path for path in paths if not path.endswith(".md")])))


@case("headers have #pragma once, and no goto is in C")
def _(t):
    none([f"{path}: no #pragma once" for path in texts(".h") if "#pragma once" not in read(path)] +
         list(lines_with(re.compile(r"^\s*goto\s+\w+;"), texts(".c"))))


def anchors(text):
    for title in re.findall(r"^#+\s+(.*)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def dead_links(path):
    text = re.sub(r"```.*?```", "", read(path), flags=re.S)
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        whole = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(os.path.join(ROOT, whole)):
            yield f"{path}: {target}"
        elif anchor and whole.endswith(".md") and anchor not in anchors(read(whole)):
            yield f"{path}: {target}: no such heading"


@case("links in the documentation lead somewhere")
def _(t):
    none(line for path in texts(".md") for line in dead_links(path))


@case("shellcheck finds nothing in the scripts")
def _(t):
    if not shutil.which("shellcheck"):
        raise Skip("shellcheck is not installed")
    shell = [path for path in texts(".sh") + scripts() if re.match(r"#!.*\b(ba)?sh\b", read(path))]
    result = subprocess.run(["shellcheck", "-x", *shell], cwd=ROOT, capture_output=True, text=True, check=False)
    t.equal(result.stdout[:3000], "", "its report")


@case("scripts are executable")
def _(t):
    none(path for path in texts(".py", ".sh") + scripts() if read(path).startswith("#!")
         and not os.access(os.path.join(ROOT, path), os.X_OK))


main()
