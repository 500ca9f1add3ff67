#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the page with the tours in all languages: make-tour.py OUTPUT TOUR..."""
import os
import sys

LANGUAGES = {".c": "c", ".py": "python", ".js": "js"}
NAMES = {".c": "C", ".py": "Python", ".js": "JavaScript"}

with open(sys.argv[1], "w", encoding="utf-8") as page:
    page.write("Title: A tour in C, Python and JavaScript\n\n# A tour\n\nIt lists, creates, follows properties, attaches a terminal and "
               "reads events from a number on. A test runs each of them.\n")
    for path in sys.argv[2:]:
        kind = os.path.splitext(path)[1]
        with open(path, encoding="utf-8") as file:
            page.write(f"\n## {NAMES[kind]}\n\n```{LANGUAGES[kind]}\n{file.read()}```\n")
