#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The event stream: pages, filters, server-sent events that resume."""
import os
import random
import socket
import threading

from daemon import sanitized
from memory import FOREVER, Kept, Skip, case, main, script


def busy(t, rounds=3):
    """Makes some events; the workloads."""
    made = []
    for _ in range(rounds):
        workload = t.run(script("sleep 0.01", "exit 0"), wait="stopped")
        t.thole.patch(f"/v1/workloads/{workload['id']}", {"labels": {"a": "b"}})
        made.append(workload)
    return made


@case("numbers are dense and times rise", proves="NP-01 LC-45")
def _(t):
    busy(t)
    events = t.thole.events()
    t.equal([event["seq"] for event in events], list(range(events[0]["seq"], events[0]["seq"] + len(events))))
    t.equal([event["time"] for event in events], sorted(event["time"] for event in events))
    for event in events:
        t.equal(set(event), {"seq", "time", "type", "subject", "actor", "data"})


@case("the state of the last event is the state of the workload", proves="LC-45")
def _(t):
    for workload in busy(t):
        t.equal(t.states(workload)[0], "provisioning")
        last = [event for event in t.thole.events() if event["subject"] == workload["id"]][-1]
        t.equal(last["data"]["revision"], t.get(workload)["revision"])


@case("pages begin after a number and hold no more than asked")
def _(t):
    busy(t)
    events = t.thole.events()
    page = t.thole.get(f"/v1/events?after={events[2]['seq']}&limit=4").expect(200).json
    t.equal(page["items"], events[3:7])
    t.equal(t.thole.get(f"/v1/events?after={events[-1]['seq'] + 100}").expect(200, 400, 422).json.get("items", []), [])


@case("filters take types, kinds and subjects")
def _(t):
    workload = busy(t)[0]
    events = t.thole.events()
    page = t.thole.get(f"/v1/events?limit=1000&subject={workload['id']}").expect(200).json["items"]
    t.equal(page, [event for event in events if event["subject"] == workload["id"]])
    page = t.thole.get("/v1/events?limit=1000&type=workload.created").expect(200).json["items"]
    t.equal({event["type"] for event in page}, {"workload.created"})
    page = t.thole.get("/v1/events?limit=1000&type=workload.*").expect(200).json["items"]
    t.equal([event["seq"] for event in page], [event["seq"] for event in events if event["type"].startswith("workload.")])


@case("server-sent events carry the same, as they happen", proves="NP-01")
def _(t):
    begin = t.thole.newest()
    workload = busy(t, 1)[0]
    wanted = t.thole.events(begin)
    seen = []
    for number, kind, data in t.thole.sse("/v1/events", after=begin):
        t.equal((number, kind), (data["seq"], data["type"]))
        seen.append(data)
        if len(seen) == len(wanted):
            break
    t.equal(seen, wanted)
    t.true(any(event["subject"] == workload["id"] for event in seen), "ours among them")


@case("after= does the same as Last-Event-ID; tail begins with what is new")
def _(t):
    begin = t.thole.newest()
    busy(t, 1)
    t.equal(next(t.thole.sse(f"/v1/events?after={begin}"))[0], begin + 1)
    end = t.thole.newest()
    connection, answer = t.thole.open("/v1/events?tail=true", {"Accept": "text/event-stream"}, timeout=90)
    # its head is sent once the daemon follows
    busy(t, 1)
    numbers = []
    while len(numbers) < 2:
        line = answer.readline()
        numbers += [int(line[4:])] if line.startswith(b"id: ") else []
    # first the one after which it begins
    t.equal(numbers, [end, end + 1])
    connection.close()


@case("a stream that breaks before its first event has told where it goes on")
def _(t):
    connection, answer = t.thole.open("/v1/events?tail=true", {"Accept": "text/event-stream"}, timeout=30)
    lines = [answer.readline() for _ in range(3)]
    connection.close()
    newest = t.thole.get("/v1/events?tail=true").expect(200).json["newest"]
    t.equal(lines, [b":\n", b"id: %d\n" % newest, b"\n"])
    t.run(FOREVER)
    t.equal(next(t.thole.sse(f"/v1/events?after={newest}"))[0], newest + 1)
    t.equal(next(t.thole.sse("/v1/events", after=newest))[0], newest + 1)


@case("a quiet stream has heart-beats")
def _(t):
    connection, answer = t.thole.open("/v1/events?tail=true", {"Accept": "text/event-stream"}, timeout=90)
    t.equal(answer.headers["content-type"].split(";")[0], "text/event-stream")
    line = answer.readline()
    while line in (b"\n", b"\r\n") or line.startswith(b"retry"):
        line = answer.readline()
    t.true(line.startswith(b":"), f"a comment, not {line!r}")
    connection.close()


@case("a filtered stream shows what fits only")
def _(t):
    workload = t.run(FOREVER)
    seen = []
    stream = t.thole.sse(f"/v1/events?subject={workload['id']}&type=workload.state&after=0")
    threading.Timer(0.2, lambda: t.verb(workload, "stop", wait="stopped")).start()
    for _, kind, data in stream:
        t.equal((kind, data["subject"]), ("workload.state", workload["id"]))
        seen.append(data["data"]["state"])
        if seen[-1] == "stopped":
            break
    t.equal(seen, ["starting", "running", "stopping", "stopped"])


class Reader(threading.Thread):
    """Reads to the number `end`; with `cuts` it is cut off at random and resumes."""

    def __init__(self, t, begin, end, cuts=0, seed=1):
        super().__init__()
        self.t, self.last, self.end, self.cuts, self.seen = t, begin, end, cuts, []
        self.rand, self.error, self.resumed = random.Random(seed), None, 0

    def run(self):
        try:
            while self.last < self.end():
                self.read_some()
        except Exception as error:
            self.error = error

    def read_some(self):
        connection, answer = self.t.thole.open("/v1/events", {"Accept": "text/event-stream", "Last-Event-ID": str(self.last)}, 20)
        cut = self.rand.randrange(10, 900) if self.resumed < self.cuts else None
        self.resumed += 1
        text = b""
        sock = connection.sock or answer.fp.raw._sock
        while self.last < self.end():
            part = answer.read1(cut or 65536)
            if not part:
                break
            text += part
            *whole, text = text.split(b"\n\n")
            for block in whole:
                self.take(block)
            if cut is not None and self.rand.random() < 0.5:
                break
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()

    def take(self, block):
        for line in block.split(b"\n"):
            if line.startswith(b"id:"):
                self.last = int(line[3:])
                self.seen.append(self.last)


@case("two readers, one cut off 100 times at random: the same, no gap, no duplicate", proves="NP-01 LC-45")
def _(t):
    begin = t.thole.newest()
    finished = []

    def end():
        return finished[0] if finished else 2 ** 62
    steady, cut = Reader(t, begin, end), Reader(t, begin, end, cuts=100, seed=42)
    steady.start()
    cut.start()
    count = 0
    while cut.resumed < 101 and count < 400:
        busy(t, 1)
        count += 1
    finished.append(t.thole.events(begin)[-1]["seq"])
    t.thole.patch(f"/v1/workloads/{t.run(FOREVER)['id']}", {"labels": {"wake": "readers"}})
    steady.join(60)
    cut.join(60)
    t.equal((steady.error, cut.error), (None, None))
    t.true(cut.resumed >= 100, f"cut off {cut.resumed} times")
    wanted = list(range(begin + 1, finished[0] + 1))
    t.equal(steady.seen[:len(wanted)], wanted)
    t.equal(cut.seen[:len(wanted)], wanted)


@case("numbers go on after a restart of the daemon, and a reader resumes over it", proves="NP-01")
def _(t):
    busy(t, 1)
    before = t.thole.events()
    t.thole.restart()
    t.till_ready()
    busy(t, 1)
    events = t.thole.events()
    t.equal(events[:len(before)], before)
    t.equal([event["seq"] for event in events], list(range(1, len(events) + 1)))
    stream = t.thole.sse("/v1/events", after=before[-1]["seq"] - 1)
    t.equal([next(stream)[2] for _ in range(3)], events[len(before) - 1:len(before) + 2])


@case("and after kill -9")
def _(t):
    busy(t, 2)
    before = t.thole.events()
    t.thole.kill()
    t.thole.start()
    t.till_ready()
    busy(t, 1)
    events = t.thole.events()
    t.equal(events[:len(before)], before)
    t.equal([event["seq"] for event in events], list(range(1, len(events) + 1)))


@case("a cursor that is no number, or from the future, is refused", each=["x", "-1", "1.5", "99999999999999999999"])
def _(t, cursor):
    t.thole.get("/v1/events", {"Accept": "text/event-stream", "Last-Event-ID": cursor}).expect(400, 422)
    t.thole.get(f"/v1/events?after={cursor}").expect(400, 422)


@case("a reader that never reads does not hold the daemon's memory")
def _(t):
    if sanitized():
        raise Skip("a sanitizer keeps what is freed")
    idle = [t.thole.open("/v1/events?after=0", {"Accept": "text/event-stream"}) for _ in range(20)]
    before = t.thole.rss()
    busy(t, 60)
    grown = t.thole.rss() - before
    for connection, _ in idle:
        connection.close()
    # a sanitizer keeps freed memory for a while
    limit = 128 if "ASAN_OPTIONS" in os.environ else 12
    t.true(grown < limit << 20, f"{grown >> 10} KiB more")


class Quick(Kept):
    SETTINGS = {"http.heartbeat": "0.5"}


main(Quick)
