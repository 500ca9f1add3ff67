#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Care of the store over the real daemon: what is damaged, newer or not ours is refused and left as it is."""
import hashlib
import os
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time

from daemon import THOLECTL, Daemon
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


def back_up(thole, path, **body):
    """The operation when it has ended."""
    begun = thole.post("/v1/admin/backup", {"path": path, **body}).expect(202)
    number = begun.headers["thole-operation"]
    return thole.get(f"/v1/operations/{number}?wait=succeeded,failed,cancelled").expect(200).json


def restored(thole, path, *options):
    """Starts it with a back-up as its store."""
    thole.wrapper = []
    command = thole.command
    thole.command = lambda: [*command(), "--restore", path, *options]
    try:
        return thole.start()
    finally:
        del thole.command


@case("a back-up made in use holds all that was acknowledged before it, and is whole")
def _(t):
    thole = t.daemon()
    path = os.path.join(thole.directory, "copy.db")
    with thole:
        for _ in range(20):
            thole.create({"image": IMAGE, "command": FOREVER})
        enough, slowest = threading.Event(), []

        def write():
            subject = thole.listed("/v1/workloads")[0]["id"]
            while not enough.is_set():
                thole.patch(f"/v1/workloads/{subject}", {"labels": {"n": str(len(slowest))}}).expect(200)
                slowest.append(1)
        writer = threading.Thread(target=write)
        writer.start()
        t.until(lambda: len(slowest) > 20, 30, "it is written")
        before = thole.get("/v1/events?tail=true").json["newest"]
        ended = back_up(thole, path)
        enough.set()
        writer.join()
        t.equal((ended["state"], ended["type"], ended["message"]), ("succeeded", "store.backup", path))
        t.equal(ended["progress"]["done"], ended["progress"]["total"])
        t.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        t.equal(sorted(name for name in os.listdir(thole.directory) if name.startswith("copy.db")), ["copy.db"])
        file = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
        t.equal(file.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        t.equal(file.execute("SELECT count(*) FROM workloads").fetchone()[0], 20)
        t.true(file.execute("SELECT max(seq) FROM events").fetchone()[0] >= before, "what was acknowledged is in it")
        file.close()
        # never in place of another unless asked
        with open(path, "rb") as copy:
            text = copy.read()
        again = back_up(thole, path)
        t.equal((again["state"], again["error"]["code"]), ("failed", "conflict"))
        with open(path, "rb") as copy:
            t.equal(copy.read() == text, True, "the file that was there")
        t.equal(back_up(thole, path, replace=True)["state"], "succeeded")
        # what cannot be made is told
        t.equal(back_up(thole, "/nonexistent/copy.db")["error"]["code"], "storage")
        t.equal(thole.post("/v1/admin/backup", {"path": "copy.db"}).expect(422).pointers, ["/path"])
        t.equal(thole.post("/v1/admin/backup", {}).expect(422).pointers, ["/path"])


@case("tholectl backup waits for the end and names the file")
def _(t):
    with t.daemon() as thole:
        path = os.path.join(thole.directory, "copy.db")
        command = [THOLECTL, "--url", f"unix:{thole.path}", "backup", "copy.db"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=thole.directory)
        t.equal((done.returncode, done.stdout), (0, path + "\n"), done.stderr)
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=thole.directory)
        t.equal(done.returncode, 1)
        t.true("exists" in done.stderr, done.stderr)


@case("only administrators make a back-up")
def _(t):
    with t.daemon() as thole:
        token = thole.post("/v1/users", {"email": "op@example.org", "password": "correct horse battery", "roles": ["operator"]})
        token.expect(201)
        path = os.path.join(thole.directory, "copy.db")
        t.equal(thole.tcp(token=False).post("/v1/admin/backup", {"path": path}).status, 401)
        login = thole.tcp(token=False).post("/v1/auth/login", {"email": "op@example.org", "password": "correct horse battery"})
        operator = thole.tcp(token=login.expect(200).json["token"])
        t.equal(operator.post("/v1/admin/backup", {"path": path}).status, 403)
        t.equal(os.path.exists(path), False)


@case("a back-up becomes the store again: workloads as they were, event numbers above all that were given")
def _(t):
    thole = t.daemon()
    path = os.path.join(thole.directory, "copy.db")
    with thole:
        kept = thole.create({"image": IMAGE, "command": FOREVER}, name="kept")
        t.equal(back_up(thole, path)["state"], "succeeded")
        older = sqlite3.connect(path)
        older.executescript("PRAGMA auto_vacuum = NONE; VACUUM")
        older.close()
        thole.create({"image": IMAGE, "command": FOREVER}, name="later")
        newest = thole.get("/v1/events?tail=true").json["newest"]
    before = contents(thole)
    t.refused(thole, "there is a store already", "--replace", options=("--restore", path))
    t.equal(contents(thole), before, "what is on disk")
    thole.settings["reconcile.never_destroy"] = "true"
    restored(thole, path, "--replace")
    try:
        t.equal([workload["id"] for workload in thole.listed("/v1/workloads")], [kept["id"]])
        t.equal(thole.wait(kept, "running")["state"], "running")
        t.true("the store before is kept as" in thole.output(), thole.output())
        gone = thole.get(f"/v1/events?after={newest}")
        t.equal((gone.status, gone.code), (410, "gone"))
        first = thole.events(None)[0]
        t.equal((first["type"], first["seq"] > newest), ("store.restored", True))
        t.equal(first["seq"], gone.json["oldest"])
        # what was made after the back-up is nobody's now, and only listed
        t.until(lambda: thole.listed("/v1/orphans"), 30, "the later one is an orphan")
    finally:
        thole.stop()
    aside = [name for name in os.listdir(thole.state) if name.startswith("thole.db.before-")]
    t.equal(len(aside), 1, aside)
    old = sqlite3.connect(os.path.join(thole.state, aside[0]))
    t.equal(old.execute("SELECT count(*) FROM workloads").fetchone()[0], 2, "the store before has both")
    old.close()
    new = sqlite3.connect(database(thole))
    t.equal(new.execute("PRAGMA auto_vacuum").fetchone()[0], 2, "the way in which pages are given back")
    new.close()
    # the next start needs nothing
    with thole:
        t.equal(len(thole.listed("/v1/workloads")), 1)


@case("a back-up is restored where there is nothing, and over a damaged store")
def _(t):
    thole = t.filled(5)
    path = os.path.join(thole.directory, "copy.db")
    with thole:
        t.equal(back_up(thole, path)["state"], "succeeded")
    other = t.daemon()
    other.backends = thole.backends
    restored(other, path)
    t.equal(len(other.listed("/v1/workloads?state=running")), 5)
    other.stop()
    spoil(thole, 4096 * 3, b"\xa5" * 8192)
    t.refused(thole, "damaged")
    restored(thole, path, "--replace")
    t.equal(len(thole.listed("/v1/workloads?state=running")), 5)
    thole.stop()


@case("a back-up that is damaged, newer or none is refused, and the store stays")
def _(t):
    thole = t.filled(10)
    path = os.path.join(thole.directory, "copy.db")
    with thole:
        t.equal(back_up(thole, path)["state"], "succeeded")
    with open(path, "rb") as file:
        whole = file.read()
    before = contents(thole)

    def refused(text, *words):
        with open(path, "wb") as file:
            file.write(text)
        thole.write_config()
        done = subprocess.run([*thole.command(), "--restore", path, "--replace"], capture_output=True, text=True, check=False,
                              timeout=120, env=thole.spawn_environment())
        t.equal((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
        for word in words:
            t.true(word in done.stderr, done.stderr)
        t.equal(contents(thole), before, "the store")
        with open(path, "rb") as file:
            t.equal(file.read() == text, True, "the back-up")
    refused(whole[:4096 * 3] + b"\xa5" * 8192 + whole[4096 * 5:], "cannot restore", "copy.db", "damaged")
    refused(b"", "no store in it")
    refused(b"a letter to my aunt" * 50, "not a database")
    with open(path, "wb") as file:
        file.write(whole)
    newer = sqlite3.connect(path)
    newer.executescript("INSERT INTO schema_migrations VALUES (9999, 'future', 'x', 0)")
    newer.close()
    with open(path, "rb") as file:
        text = file.read()
    refused(text, "written by a newer Thole")
    os.unlink(path)
    done = subprocess.run([*thole.command(), "--restore", path, "--replace"], capture_output=True, text=True, check=False,
                          env=thole.spawn_environment())
    t.equal((done.returncode, "cannot restore" in done.stderr), (1, True), done.stderr)
    t.equal(contents(thole), before, "the store")


@case("what is forgotten is given back to the disk while the store is in use", proves="DB-11 row:57")
def _(t):
    thole = t.filled(5)
    full = sqlite3.connect(database(thole))
    full.execute("INSERT INTO events (seq, time, type, subject, owner, actor, data) "
                 "WITH RECURSIVE n (i) AS (SELECT (SELECT max(seq) + 1 FROM events) UNION ALL SELECT i + 1 FROM n LIMIT 60000) "
                 "SELECT i, 1, 'workload.updated', 'wl-1', '', 'test', '{\"text\":\"' || hex(randomblob(150)) || '\"}' FROM n")
    full.commit()
    full.close()
    before = os.path.getsize(database(thole))
    t.true(before > 20 << 20, f"it is large ({before} bytes)")
    thole.settings["events.keep"] = 1000
    with thole:
        subject, slowest, count = thole.listed("/v1/workloads")[0]["id"], 0.0, 0

        def small():
            nonlocal slowest, count
            begin = time.monotonic()
            thole.patch(f"/v1/workloads/{subject}", {"labels": {"n": str(count)}}).expect(200)
            slowest, count = max(slowest, time.monotonic() - begin), count + 1
            return os.path.getsize(database(thole)) < 8 << 20
        t.until(small, 120, "the file is small", 0.002)
        print(f"# {before >> 20} MiB became {os.path.getsize(database(thole)) >> 20}; {count} changes meanwhile, the slowest "
              f"took {slowest * 1000:.0f} ms")
        t.equal(back_up(thole, os.path.join(thole.directory, "copy.db"))["state"], "succeeded", "its copy is whole")

        def few():
            page = thole.get("/v1/events?limit=1").json
            return page["newest"] - page["items"][0]["seq"] < 3000
        t.until(few, 60, "few events are left")


main(Store)
