#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The contract of events under random cuts, slow readers and a daemon that is killed again and again: every reader sees
every event once and in order, and what was acknowledged is among them. THOLE_LONG=1 or --long: 1,000,000 events."""
import os
import random
import socket
import sys
import time

from daemon import Daemon
from event_reader import EventReader, EventWriter, Seen, stored
from memory import FOREVER, IMAGE, Checks, case, main


LONG = "--long" in sys.argv or os.environ.get("THOLE_LONG") == "1"
EVENTS, SECONDS, PAUSE = (1_000_000, 7200, (5, 30)) if LONG else (8_000, 25, (1.5, 4))
SEED = int(os.environ.get("THOLE_SEED") or random.SystemRandom().randrange(1 << 32))


class Contract(Checks):
    """Its case object; each case has a daemon of its own."""

    def daemon(self, settings=None):
        thole = Daemon({"memory": {"driver": "memory", "default": "true", "images": IMAGE}}, settings)
        thole.backends["memory"]["state_file"] = os.path.join(thole.directory, "engine")
        return thole

    def workloads(self, thole, count):
        return [thole.create({"image": IMAGE, "command": FOREVER})["id"] for _ in range(count)]

    def end(self, threads):
        """No thread may have met anything wrong."""
        for thread in threads:
            thread.enough.set()
        for thread in threads:
            thread.join(60)
            if thread.fault:
                raise thread.fault


def newest(thole):
    return thole.get("/v1/events?tail=true").expect(200).json["newest"]


def unlucky(t, thole, chance, writers, readers):
    """Kills and starts the daemon at random until there are enough events; the number of kills."""
    kills, begin, away = 0, time.monotonic(), 0
    while True:
        time.sleep(chance.uniform(*PAUSE))
        for thread in writers + readers:
            if thread.fault:
                raise thread.fault
        kills += 1
        dead = time.monotonic()
        thole.kill()
        thole.start()
        away += time.monotonic() - dead
        count = newest(thole)
        if LONG or kills == 5:
            print(f"# {count} events, {kills} kills, {time.monotonic() - begin:.0f} s, {away:.1f} s of them away", flush=True)
        # a machine with other work makes fewer of them in the short form
        enough = count >= EVENTS or (not LONG and count >= EVENTS // 10 and time.monotonic() - begin > SECONDS * 2)
        if enough and kills >= 5:
            return kills


@case("random cuts, slow readers, kill -9: every reader has the same set", proves="row:87 row:126")
def _(t):
    print(f"# THOLE_SEED={SEED}")
    chance = random.Random(SEED)
    with t.daemon({"events.keep": 10_000_000}) as thole:
        subjects = t.workloads(thole, 12)
        writers = [EventWriter(thole, SEED + number, subject) for number, subject in enumerate(subjects)]
        queries = ["", "", "", "?type=operation.*", f"?subject={subjects[0]}", "?type=workload.updated"]
        readers = [EventReader(thole, SEED + 100 + number, query, patience=0.005 if number in (2, 5) else 0)
                   for number, query in enumerate(queries)]
        kills = unlucky(t, thole, chance, writers, readers)
        t.end(writers)
        time.sleep(0.5)
        for number, subject in enumerate(subjects):
            thole.post(f"/v1/workloads/{subject}/kill?wait=stopped,crashed").expect(200, 202, 409)
            thole.patch(f"/v1/workloads/{subject}", {"labels": {"last": str(number)}}).expect(200)
        count = newest(thole)
        whole = stored(thole)
        t.equal(sorted(whole) == list(range(1, count + 1)), True, "the numbers are dense")
        for reader in readers:
            wanted = stored(thole, reader.query.replace("?", "&")) if reader.query else whole
            t.until(lambda: reader.fault or len(reader.seen.events) >= len(wanted), 60 + EVENTS / 2000, "the slowest reader")
            t.equal(reader.fault, None)
            t.equal(reader.seen.events == wanted, True, f"the set of {reader.query or 'all'} ({len(reader.seen.events)}, {len(wanted)})")
            t.equal(reader.seen.gaps, [], "gaps")
        t.end(readers)
        check_acknowledged(t, thole, writers)
        print(f"# {count} events, {kills} kills, {sum(reader.connections for reader in readers)} connections of "
              f"{len(readers)} readers, answers {[writer.answers for writer in writers[:2]]}")


def check_acknowledged(t, thole, writers):
    """Every revision that an answer 200 showed was told by an event."""
    for writer in writers:
        told, after = set(), 0
        while True:
            page = thole.get(f"/v1/events?limit=1000&subject={writer.workload}&after={after}").expect(200).json
            told |= {item["data"]["revision"] for item in page["items"]}
            if page["next_after"] == after:
                break
            after = page["next_after"]
        t.equal(sorted(writer.acknowledged - told), [], "acknowledged revisions without an event")


def make_events(thole, writers, count):
    goal = newest(thole) + count
    while newest(thole) < goal:
        for writer in writers:
            if writer.fault:
                raise writer.fault
        time.sleep(0.05)


def follow(thole, last):
    """A stream whose connection holds little: (connection, answer)."""
    connection = thole.connection(30)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.request("GET", "/v1/events", None, {"Accept": "text/event-stream", "Last-Event-ID": str(last)})
    answer = connection.getresponse()
    if answer.status != 200:
        raise AssertionError(f"status {answer.status}: {answer.read()!r}")
    return connection, answer


def read_till(answer, seen, done):
    while not done():
        seen.take(answer.read1(65536))


@case("a reader that fell behind gets a gap and goes on; one that asks for what is gone gets 410", proves="row:87")
def _(t):
    with t.daemon({"events.keep": 1000, "events.ring": 16}) as thole:
        writers = [EventWriter(thole, number, subject) for number, subject in enumerate(t.workloads(thole, 8))]
        connection, answer = follow(thole, 0)
        make_events(thole, writers, 5000)
        oldest = thole.get("/v1/events?limit=1").expect(200).json["items"][0]["seq"]
        t.true(oldest > 2000, f"old ones are forgotten (the oldest is {oldest})")
        seen = Seen()
        read_till(answer, seen, lambda: seen.gaps and seen.last > seen.gaps[-1][1] + 50)
        connection.close()
        t.equal(sum(to - start for start, to in seen.gaps) + len(seen.events), seen.last, "events seen and told missing")
        # who is cut off between the gap and what follows begins there again
        start = seen.gaps[-1][1] - 1
        again = Seen(start)
        connection, answer = follow(thole, start)
        read_till(answer, again, lambda: again.last > start)
        connection.close()
        t.equal(again.gaps or min(again.events), start + 1, "the first number after the gap")
        for path, headers in (("/v1/events?after=1", {}), ("/v1/events", {"Last-Event-ID": "1"}),
                              ("/v1/events", {"Last-Event-ID": "1", "Accept": "text/event-stream"})):
            gone = thole.get(path, headers)
            t.equal((gone.status, gone.code), (410, "gone"))
            t.true(isinstance(gone.json["oldest"], int) and gone.json["oldest"] >= oldest, f"it names the oldest: {gone.json}")
        t.end(writers)
        ahead = thole.get(f"/v1/events?after={newest(thole) + 1}")
        t.equal(ahead.status, 422, "a number that was never given")


@case("who names no number gets the oldest there is, whatever is forgotten meanwhile", proves="row:87")
def _(t):
    with t.daemon({"events.keep": 1000, "events.ring": 16}) as thole:
        writers = [EventWriter(thole, number, subject) for number, subject in enumerate(t.workloads(thole, 8))]
        make_events(thole, writers, 1500)
        goal, pages = newest(thole) + 4000, 0
        while newest(thole) < goal:
            page = thole.get("/v1/events?limit=1").expect(200).json
            t.true(page["items"][0]["seq"] >= page["newest"] - 5000, f"it is an old one: {page}")
            pages += 1
        t.end(writers)
        print(f"# {pages} first pages")


@case("old events are forgotten by their age, too", proves="row:87")
def _(t):
    with t.daemon({"events.keep_age": 3}) as thole:
        t.workloads(thole, 3)
        first = thole.events()
        t.true(first and first[0]["seq"] == 1, "the first event is there")
        # the daemon looks once a minute, and at its start
        time.sleep(3.2)
        thole.restart()
        t.until(lambda: thole.events(None)[0]["seq"] >= first[-1]["seq"], what="the first ones are forgotten")


main(Contract)
