#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every text of the web console has its German and Chinese, with as many places for values."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from tap import Checks, case, main  # noqa: E402

SCRIPTS = os.path.join(ROOT, "web", "js")
TEXT = r'"((?:[^"\\]|\\.)*)"'


def read(name):
    with open(os.path.join(SCRIPTS, name), encoding="utf-8") as file:
        return file.read()


LANGUAGES = ["german", "chinese"]


def table_of(language):
    return dict(re.findall(rf"^  {TEXT}:\s*{TEXT},$", read(f"{language}.js"), re.M))


def texts():
    """Those that are given to t(), and those of tables: a word or sentence that begins with a capital letter."""
    for name in sorted(os.listdir(SCRIPTS)):
        if name.removesuffix(".js") not in LANGUAGES:
            source = re.sub(r"^\s*//.*$|^import .*$", "", read(name), flags=re.M)
            yield from ((name, text) for text in re.findall(rf"\bt\(\s*{TEXT}", source))
            yield from ((name, text) for text in re.findall(rf"[\[:,] {TEXT}", source)
                        if re.fullmatch(r"[A-Z][a-z]+|[A-Z][A-Za-z',%-]* [^=]*\.?", text))


@case("every text is translated, with the same places for values", each=LANGUAGES)
def _(t, language):
    table = table_of(language)
    t.true(len(table) > 80, "a table that can be read")
    words = {"Accept", "Authorization", "Bearer", "Idempotency-Key", "Retry-After", "Thole"}
    missing = {f"{name}: {text}" for name, text in texts() if text not in table and text not in words}
    t.equal(sorted(missing), [])
    t.equal([text for text, own in table.items() if text.count("%s") != own.count("%s")], [])


@case("the tables have the same texts")
def _(t):
    t.equal(sorted(table_of("chinese")), sorted(table_of("german")))


main(Checks)
