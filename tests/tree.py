# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the static checks share: the files of the tree, and rules that are TAP cases."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("THOLE_BUILD", os.path.join(ROOT, "build")))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from tap import Checks, Skip, case, main  # noqa: E402,F401


def files(*suffixes):
    """Paths, relative to the tree, of all files with one of the suffixes that git knows or would take."""
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = listed.stdout.splitlines()
    else:
        paths = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, names in os.walk(ROOT) for name in names]
        paths = [path for path in paths if not path.startswith((".git/", "build"))]
    return sorted({path for path in paths if path.endswith(suffixes or ("",)) and os.path.isfile(os.path.join(ROOT, path))})


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def is_text(path):
    with open(os.path.join(ROOT, path), "rb") as file:
        return b"\0" not in file.read(8192)


def none(found):
    """Fails, naming each, when there is anything in the list."""
    found = list(found)
    if found:
        raise AssertionError(f"{len(found)} found:\n" + "\n".join(found[:40]))
