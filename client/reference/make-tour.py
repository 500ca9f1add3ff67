#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the page with the examples in all languages: make-tour.py OUTPUT EXAMPLE..."""
import os
import sys

LANGUAGES = {".c": "c", ".py": "python", ".js": "js"}
NAMES = {".c": "C", ".py": "Python", ".js": "JavaScript"}
HEADS = {"tour": "# A tour\n\nIt lists, creates, follows properties, attaches a terminal and reads events from a number on. A test runs each "
                 "of them.\n",
         "files": "# Files and programs\n\nIt writes files from memory and as a stream, reads and lists them, carries a folder over as an "
                  "archive, and runs a program with streams. A test runs each of them.\n"}

with open(sys.argv[1], "w", encoding="utf-8") as page:
    page.write("Title: Examples in C, Python and JavaScript\n")
    last = None
    for path in sys.argv[2:]:
        name, kind = os.path.splitext(os.path.basename(path))
        if name != last:
            page.write("\n" + HEADS[name])
        last = name
        with open(path, encoding="utf-8") as file:
            page.write(f"\n## {NAMES[kind]}\n\n```{LANGUAGES[kind]}\n{file.read()}```\n")
