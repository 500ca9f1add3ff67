#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a C table of the migrations NNNN-name.up.sql and NNNN-name.down.sql.

usage: embed.py OUTPUT SQL...
"""
import os
import re
import sys


def literal(text):
    lines = [line.replace("\\", "\\\\").replace('"', '\\"') for line in text.splitlines()]
    return "\n".join(f'    "{line}\\n"' for line in lines)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    texts = {}
    for path in sys.argv[2:]:
        match = re.fullmatch(r"(\d{4})-([a-z0-9-]+)\.(up|down)\.sql", os.path.basename(path))
        if not match:
            sys.exit(f"{path}: a migration is called NNNN-name.up.sql or NNNN-name.down.sql")
        with open(path, encoding="ascii") as file:
            texts.setdefault((int(match[1]), match[2]), {})[match[3]] = file.read()
    out = ["/* made by core/store/embed.py; do not edit */\n", '#include "store/migrate.h"\n',
           "const TholeMigration thole_migrations[] = {"]
    for number, ((version, name), pair) in enumerate(sorted(texts.items()), 1):
        if version != number:
            sys.exit(f"migration {number:04} is missing or doubled")
        if len(pair) != 2:
            sys.exit(f"{version:04}-{name}: both an up and a down are needed")
        out.append(f'  {{ {version}, "{name}",\n{literal(pair["up"])},\n{literal(pair["down"])} }},')
    out.append("};\n\nconst guint thole_n_migrations = G_N_ELEMENTS (thole_migrations);")
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


main()
