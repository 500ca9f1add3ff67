#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages for users: po/POTFILES names every source that has some, and every language of po/LINGUAS has them all."""
import os
import re
import shutil
import subprocess
import tempfile

from tree import ROOT, Skip, case, files, main, none, read

MARKED = re.compile(r'(?<![\w"])(_|N_|ngettext) ?\((?=\s*")')


def words_of(path):
    return [line for line in read(path).splitlines() if line and not line.startswith("#")]


def tool(*command):
    if not shutil.which(command[0]):
        raise Skip(f"{command[0]} is not installed")
    # data/its tells gettext what of a policy is for people
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                            env={**os.environ, "GETTEXTDATADIRS": os.path.join(ROOT, "data")})
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.stderr[:2000]}")
    return result


def languages():
    return words_of("po/LINGUAS")


@case("POTFILES names every source with messages and no other, in order")
def _(t):
    marked = [path for path in files(".c", ".h") if MARKED.search(read(path))]
    t.equal(words_of("po/POTFILES"), sorted(marked + files(".policy.in")), "po/POTFILES")


@case("tholectl knows the title of every problem")
def _(t):
    titles = [line.split(None, 4)[4] for line in read("core/base/errors.list").splitlines() if line and not line.startswith("#")]
    t.equal(re.findall(r'N_\("(.+)"\)', read("cli/titles.c")), list(dict.fromkeys(titles)), "cli/titles.c")


@case("LINGUAS names every translation")
def _(t):
    t.equal(sorted(languages()), sorted(os.path.basename(path)[:-3] for path in files(".po")), "po/LINGUAS")


@case("every language has every message, none of them doubtful")
def _(t):
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, "thole.pot")
        tool("xgettext", "--from-code=UTF-8", "--no-location", "-k_", "-kN_", "-o", template, *words_of("po/POTFILES"))
        for language in languages():
            merged = os.path.join(folder, language + ".po")
            tool("msgmerge", "-q", "--no-fuzzy-matching", "-o", merged, f"po/{language}.po", template)
            for kind in ("untranslated", "only-fuzzy"):
                left = tool("msgattrib", f"--{kind}", "--no-obsolete", merged).stdout
                none(f"{language}: {kind}: {text}" for text in re.findall(r'^msgid "(.+)"$', left, re.M))


@case("formats and line ends of translations agree with their originals")
def _(t):
    for language in languages():
        tool("msgfmt", "-c", "-o", os.devnull, f"po/{language}.po")


@case("translations hold no message that is gone")
def _(t):
    none(f"po/{language}.po: {line}" for language in languages() for line in read(f"po/{language}.po").splitlines()
         if line.startswith("#~"))


main()
