#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a C table of the files that the daemon serves (core/http/asset.h).

usage: embed.py OUTPUT FOLDER FILE... ARCHIVE:MEMBER=NAME...

A FILE keeps its place below FOLDER: FOLDER/js/app.js is served as /assets/js/app.js, FOLDER/index.html as /. A MEMBER of an
ARCHIVE below FOLDER, a packed npm package, is served as /assets/NAME.
"""
import hashlib
import os
import sys
import tarfile

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8"}
ESCAPES = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n", ord("?"): "\\?"}
LINE = 96


def literal(data):
    """Lines of a string literal; octal escapes have all three digits, so that nothing after them is taken for one more."""
    line, lines = "", []
    for byte in data:
        line += ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7f else f"\\{byte:03o}")
        if len(line) >= LINE:
            lines.append(line)
            line = ""
    return "\n".join(f'    "{line}"' for line in [*lines, line])


def read(argument, folder):
    """(path in the browser, bytes)"""
    archive, mark, rest = argument.partition(":")
    if mark:
        member, _, name = rest.partition("=")
        with tarfile.open(os.path.join(folder, archive)) as package:
            return "/assets/" + name, package.extractfile(member).read()
    name = os.path.relpath(argument, folder)
    with open(argument, "rb") as file:
        return "/" if name == "index.html" else "/assets/" + name.replace(os.sep, "/"), file.read()


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    entries = dict(read(argument, sys.argv[2]) for argument in sys.argv[3:])
    out = ["/* made by web/embed.py; do not edit */\n", '#include "http/asset.h"\n', "const TholeAsset thole_assets[] = {"]
    for path, data in sorted(entries.items()):
        kind = TYPES["." + path.rpartition(".")[2] if path != "/" else ".html"]
        tag = hashlib.sha256(data).hexdigest()[:20]
        out.append(f'  {{ "{path}", "{kind}", "{tag}", {len(data)},\n{literal(data)} }},')
    out.append("};\n\nconst guint thole_n_assets = G_N_ELEMENTS (thole_assets);")
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


main()
