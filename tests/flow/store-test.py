#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Care of the store over the real daemon: what is damaged, newer or not ours is refused and left as it is."""
import hashlib
import os
import sqlite3
import subprocess
import tempfile

from daemon import Daemon
from memory import FOREVER, IMAGE, Checks, case, main


class Store(Checks):
    """Its case object; each case has a folder of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="thole-store-")

    def close(self):
        self.folder.cleanup()

    def daemon(self):
        directory = tempfile.mkdtemp(dir=self.folder.name)
        backend = {"driver": "memory", "default": "true", "images": IMAGE, "state_file": os.path.join(directory, "engine")}
        return Daemon({"memory": backend}, directory=directory)

    def filled(self, count=40):
        """A stopped daemon whose store has something in it."""
        thole = self.daemon()
        with thole:
            for number in range(count):
                thole.create({"image": IMAGE, "command": FOREVER, "env": {"N": str(number) * 50}})
        return thole

    def refused(self, thole, *words, options=()):
        """It does not start: (what it says)."""
        thole.write_config()
        done = subprocess.run([*thole.command(), *options], capture_output=True, text=True, check=False, timeout=120,
                              env=thole.spawn_environment())
        self.equal((done.returncode, done.stdout), (1, ""))
        self.equal(done.stderr.count("\n"), 1, f"one clear line: {done.stderr!r}")
        for word in (database(thole), *words):
            self.true(word in done.stderr, f"{word!r} is said: {done.stderr!r}")
        return done.stderr


def database(thole):
    return os.path.join(thole.state, "thole.db")


def contents(thole):
    """{file: checksum} of the store's files; the index of the WAL is SQLite's scratch."""
    found = {}
    for name in sorted(os.listdir(thole.state)):
        if name.startswith("thole.db") and not name.endswith(("-shm", ".lock")):
            with open(os.path.join(thole.state, name), "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def execute(thole, sql):
    file = sqlite3.connect(database(thole))
    file.executescript(sql)
    file.close()


def spoil(thole, offset, noise):
    with open(database(thole), "r+b") as file:
        file.seek(offset)
        file.write(noise)


@case("a damaged store is refused and left as it is", proves="row:56 DB-02")
def _(t):
    thole = t.filled()
    whole = open(database(thole), "rb").read()
    for offset, noise in ((0, b"\0" * 100), (0, b"x" * 16), (4096 * 3, b"\xa5" * 8192), (len(whole) // 2, b"\xa5" * 20000)):
        with open(database(thole), "wb") as file:
            file.write(whole)
        spoil(thole, offset, noise)
        before = contents(thole)
        text = t.refused(thole, "damaged", "--restore")
        t.equal("newer" in text, False)
        t.equal(contents(thole), before, "what is on disk")
    # cut in the middle
    with open(database(thole), "wb") as file:
        file.write(whole[:len(whole) // 2])
    before = contents(thole)
    t.refused(thole, "damaged")
    t.equal(contents(thole), before, "what is on disk")
    # as it was, it starts again and knows all
    with open(database(thole), "wb") as file:
        file.write(whole)
    with thole:
        t.equal(len(thole.listed("/v1/workloads")), 40)


@case("a store of a newer program, or of another build, is told apart from a damaged one", proves="row:56 DB-02")
def _(t):
    thole = t.filled()
    execute(thole, "INSERT INTO schema_migrations VALUES (9999, 'future', 'x', 0)")
    before = contents(thole)
    text = t.refused(thole, "written by a newer Thole", "9999 (future)", "nothing was changed")
    t.equal("damaged" in text, False)
    t.equal(contents(thole), before, "what is on disk")
    execute(thole, "DELETE FROM schema_migrations WHERE version = 9999; UPDATE schema_migrations SET checksum = 'x' WHERE version = 1")
    before = contents(thole)
    t.refused(thole, "migration 1 (begin) is not the one", "another build")
    t.equal(contents(thole), before, "what is on disk")


@case("what a crash left in the WAL of a newer program stays there", proves="row:56")
def _(t):
    thole = t.daemon()
    thole.start()
    thole.create({"image": IMAGE, "command": FOREVER})
    file = sqlite3.connect(database(thole))
    file.executescript("INSERT INTO schema_migrations VALUES (9999, 'future', 'x', 0)")
    thole.kill()
    # the last one to close would take the WAL up
    kept = {name: open(database(thole) + name, "rb").read() for name in ("", "-wal")}
    file.close()
    for name, text in kept.items():
        with open(database(thole) + name, "wb") as copy:
            copy.write(text)
    before = contents(thole)
    t.equal(len(before), 2, "there is a WAL")
    t.refused(thole, "newer Thole")
    t.equal(contents(thole), before, "what is on disk")


@case("the database of another program is left alone", proves="row:56")
def _(t):
    thole = t.daemon()
    os.makedirs(thole.state)
    execute(thole, "CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('https://example.org/')")
    before = contents(thole)
    t.refused(thole, "another program")
    t.equal(contents(thole), before, "what is on disk")


main(Store)
