#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes of thole-driver.h the header of a later release, in which tables have grown at their ends, for the skew tests.

usage: grow.py HEADER OUTPUT
"""
import re
import sys

REST = "GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data"
GROWTH = {
    "TholeHostOps": "gint64 (*uptime) (TholeHost *host);",
    "TholeDriverOps": "void (*rest) (TholeDriver *self); void (*wake) (TholeDriver *self);",
    "TholeWorkloadOps": f"void (*hibernate_async) (TholeDriver *self, const char *id, GVariant *options, {REST});"
                        " gboolean (*hibernate_finish) (TholeDriver *self, GAsyncResult *result, GError **error);",
    "TholePlugin": "const char *licence;",
}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    for name, slots in GROWTH.items():
        text, count = re.subn(r"^\} %s;$" % name, "\n  %s\n} %s;" % (slots, name), text, flags=re.M)
        if count != 1:
            sys.exit(f"grow.py: the end of {name} was found {count} times")
    text, count = re.subn(r"^#define THOLE_MINOR 0$", "#define THOLE_MINOR 1", text, flags=re.M)
    if count != 1:
        sys.exit("grow.py: THOLE_MINOR 0 was not found")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(text)


main()
