# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readers of the event stream that are cut off, slow and unlucky, and writers that make events meanwhile; both go on
over a daemon that is killed and started again."""
import http.client
import random
import re
import threading
import time
import zlib

RECORD = re.compile(rb"id: (\d+)\nevent: ([^\n]+)\ndata: ([^\n]*)\n\n")
ITEM = re.compile(rb'\{"seq":(\d+),"time":.*?\}(?=,\{"seq":|\],"next_after":)', re.S)
GAP = re.compile(rb'\{"from":(\d+),"to":(\d+)\}')
LOST = (OSError, http.client.HTTPException)


def stored(thole, query=""):
    """{number: checksum of its text} of all events that are kept."""
    found, after = {}, None
    while True:
        path = f"/v1/events?limit=1000{query}" + ("" if after is None else f"&after={after}")
        reply = thole.get(path).expect(200)
        items = [(int(item[1]), zlib.crc32(item[0])) for item in ITEM.finditer(reply.body)]
        found.update(items)
        following = int(re.search(rb'"next_after":(\d+)', reply.body)[1])
        if following == after or (not items and following >= int(re.search(rb'"newest":(\d+)', reply.body)[1])):
            return found
        after = following


class Seen:
    """What came through the stream: events once and in order, gaps exactly where something is missing."""

    def __init__(self, last=0):
        self.events, self.gaps, self.last, self.rest = {}, [], last, b""

    def take(self, text):
        text, end = self.rest + text, 0
        for record in RECORD.finditer(text):
            number, kind, data = int(record[1]), record[2], record[3]
            end = record.end()
            if kind == b"gap":
                self.meet_gap(number, *(int(limit) for limit in GAP.fullmatch(data).groups()))
            elif kind == b"error" or number <= self.last:
                raise AssertionError(f"{kind} {number} after {self.last}: {data!r}")
            else:
                self.events[number] = zlib.crc32(data)
            self.last = number
        self.rest = text[end:]

    def meet_gap(self, number, start, to):
        if (start, to) != (self.last + 1, number + 1):
            raise AssertionError(f"a gap from {start} to {to} with the id {number} after {self.last}")
        self.gaps.append((start, to))

    def cut(self):
        """The connection is gone, and with it half a record."""
        self.rest = b""


class EventReader(threading.Thread):
    """Follows for ever, over connections that it cuts off at random."""

    def __init__(self, thole, seed, query="", patience=0.0):
        super().__init__(daemon=True)
        self.thole, self.query, self.patience = thole, query, patience
        self.random = random.Random(seed)
        self.seen = Seen()
        self.connections, self.fault = 0, None
        self.enough = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                try:
                    self.follow()
                except LOST:
                    time.sleep(0.02)
        except Exception as fault:
            self.fault = fault

    def follow(self):
        """One connection, until it is cut."""
        self.seen.cut()
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.seen.last)}
        connection, answer = self.thole.open("/v1/events" + self.query, headers, timeout=2)
        try:
            if answer.status != 200:
                raise AssertionError(f"status {answer.status}: {answer.read()[:500]!r}")
            self.connections += 1
            until = time.monotonic() + self.random.expovariate(1 / 0.7)
            while time.monotonic() < until and not self.enough.is_set():
                piece = answer.read1(self.random.choice((100, 4000, 65536)))
                if not piece:
                    return
                self.seen.take(piece)
                if self.patience:
                    time.sleep(self.random.random() * self.patience)
        finally:
            connection.close()


class EventWriter(threading.Thread):
    """Starts, stops and changes one workload over and over and remembers what was acknowledged."""

    def __init__(self, thole, seed, workload):
        super().__init__(daemon=True)
        self.thole, self.random, self.workload = thole, random.Random(seed), workload
        self.acknowledged, self.answers, self.fault = set(), {}, None
        self.enough = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                try:
                    self.work()
                except LOST:
                    time.sleep(0.02)
        except Exception as fault:
            self.fault = fault

    def work(self):
        """Many requests over one connection."""
        connection = self.thole.connection(60)
        path = f"/v1/workloads/{self.workload}"
        try:
            while not self.enough.is_set():
                choice = self.random.random()
                if choice < 0.3:
                    body = b'{"labels":{"n":"%d"}}' % self.random.randrange(10**9)
                    connection.request("PATCH", path, body, {"Content-Type": "application/json"})
                else:
                    verb, state = ("start", "running") if choice < 0.65 else ("stop", "stopped")
                    connection.request("POST", f"{path}/{verb}?wait={state}")
                answer = connection.getresponse()
                text = answer.read()
                self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
                if answer.status == 200:
                    self.acknowledged.add(int(re.search(rb'"revision":(\d+)', text)[1]))
                elif answer.status not in (202, 409, 503):
                    raise AssertionError(f"status {answer.status}: {text[:500]!r}")
        finally:
            connection.close()
