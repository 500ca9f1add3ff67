#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No C file above 800 lines, no function above 100, no nesting deeper than 4; no file name that says nothing."""
import os
import re

from tree import case, files, main, none, read

FILE_LINES, FUNCTION_LINES, NESTING = 800, 100, 4
EMPTY_NAMES = {"manager", "helper", "helpers", "util", "utils", "common", "misc", "engine"}
TOKEN = re.compile(r"[A-Za-z_]\w*|[{}();:?]|[^\sA-Za-z_{}();:?]+")


def blank(match):
    """Comments and literals become white space (or an empty literal) with the same line ends."""
    text = match[0]
    return ("0" if text[0] in "\"'" else " ") + "\n" * text.count("\n")


def stripped(text):
    text = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m[0].count("\n"), text, flags=re.M)


def functions(text):
    """(name, first line, last line, body) of each function: in this style its braces stand in the first column."""
    lines = stripped(text).split("\n")
    begin = None
    for number, line in enumerate(lines):
        if line.startswith("{") and number > 0 and not lines[number - 1].rstrip().endswith(("=", ",")):
            begin = number
        elif line.startswith("}") and begin is not None:
            head = " ".join(lines[max(0, begin - 8):begin])
            names = re.findall(r"([A-Za-z_]\w*)\s*\(", head)
            if line.strip() == "}" and names and ")" in lines[begin - 1]:
                starts = [i for i in range(max(0, begin - 8), begin) if re.match(rf"\b{names[-1]}\b|.*\b\w+\s*\(", lines[i])]
                yield lines[starts[-1] if starts else begin].split("(")[0].strip(), begin, number, lines[begin:number + 1]
            begin = None


class Nesting:
    """The depth of control statements in a function's body, with or without braces."""

    def __init__(self, body):
        self.tokens = TOKEN.findall("\n".join(body))
        self.at, self.deepest = 0, 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else "}"

    def balanced(self, opening, closing):
        depth = 0
        while self.at < len(self.tokens):
            depth += (self.peek() == opening) - (self.peek() == closing)
            self.at += 1
            if depth == 0:
                return

    def simple(self):
        depth = 0
        while self.at < len(self.tokens):
            token = self.peek()
            if depth == 0 and token == "}":
                return
            self.at += 1
            depth += (token in "({") - (token in ")}")
            if depth == 0 and token == ";":
                return

    def controlled(self, depth):
        self.deepest = max(self.deepest, depth)
        self.statement(depth)

    def statement(self, depth):
        token = self.peek()
        if token == "{":
            self.at += 1
            while self.at < len(self.tokens) and self.peek() != "}":
                self.statement(depth)
            self.at += 1
        elif token in ("if", "for", "while", "switch"):
            self.at += 1
            self.balanced("(", ")")
            self.controlled(depth + 1)
            if token == "if" and self.peek() == "else":
                self.at += 1
                if self.peek() == "if":
                    self.statement(depth)
                else:
                    self.controlled(depth + 1)
        elif token == "do":
            self.at += 1
            self.controlled(depth + 1)
            self.simple()
        elif token in ("case", "default"):
            while self.peek() != ":" and self.at < len(self.tokens):
                self.at += 1
            self.at += 1
        else:
            self.simple()

    def measure(self):
        self.statement(0)
        return self.deepest


def all_functions():
    for path in files(".c"):
        for name, begin, end, body in functions(read(path)):
            yield path, name, begin, end, body


@case(f"no C file has more than {FILE_LINES} lines")
def _(t):
    none(f"{path}: {read(path).count(chr(10))} lines" for path in files(".c", ".h") if read(path).count("\n") > FILE_LINES)


@case(f"no function has more than {FUNCTION_LINES} lines")
def _(t):
    none(f"{path}:{begin}: {name}: {end - begin - 1} lines" for path, name, begin, end, _ in all_functions()
         if end - begin - 1 > FUNCTION_LINES)


@case(f"no function nests deeper than {NESTING}")
def _(t):
    none(f"{path}:{begin}: {name}: {depth} deep" for path, name, begin, _, body in all_functions()
         for depth in [Nesting(body).measure()] if depth > NESTING)


@case("file names say what is inside")
def _(t):
    none(path for path in files(".c", ".h") if set(re.split(r"[-_.]", os.path.basename(path))) & EMPTY_NAMES)


@case("the measure itself sees functions and nesting")
def _(t):
    body = "{\n  if (a)\n    for (;;)\n      {\n        while (b)\n          if (c)\n            do\n              x = (T) { 1 };\n            while (d);\n      }\n}"
    t.equal(Nesting(body.split("\n")).measure(), 5)
    t.equal([f[0] for f in functions("static int\nname (int a,\n      int b)\n" + body + "\n")][0].split()[0], "name")


main()
