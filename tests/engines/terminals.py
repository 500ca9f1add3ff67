# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Terminals that count, each with a viewer that reconnects, while the daemon is killed and restarted; for every real engine. With
--long (THOLE_LONG=1): 200 terminals, 50 kills, 50 restarts."""
import collections
import os
import random
import sys
import threading
import time

from ws_client import Closed, Refused, Thole

LONG = os.environ.get("THOLE_LONG") == "1" or "--long" in sys.argv
TERMINALS, TURNS = (200, 50) if LONG else (6, 2)
A_WORKLOAD = 10 if LONG else 3
PAUSE = 0.5 if LONG else 0.02
COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep %s; done" % PAUSE
SETTINGS = {"limits.sessions": "16", "limits.caller_sessions": "0"}


class Watcher(threading.Thread):
    """Looks at one terminal until it is told to end, and connects anew whenever it is cut off."""

    def __init__(self, client, session, faults):
        super().__init__(daemon=True)
        self.client, self.session, self.faults = client, session, faults
        self.ends = collections.Counter()
        self.at, self.rest, self.last, self.number = 0, b"", time.monotonic(), 0
        self.longest = 0.0  # since somebody asked
        self.ending = False
        self.wake = threading.Event()

    def take(self, data):
        """Whole lines must be the numbers that follow."""
        lines = (self.rest + data.replace(b"\r", b"")).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            self.number += 1
            if line != b"%d" % self.number:
                raise AssertionError(f"{self.session}: {line!r} instead of {self.number}")
        if lines:
            now = time.monotonic()
            self.longest = max(self.longest, now - self.last)
            self.last = now

    def look(self):
        viewer = Thole(self.client, self.session, seq=self.at, timeout=60)
        try:
            if viewer.seq != self.at:
                raise AssertionError(f"{self.session}: resumed at {viewer.seq}, not at {self.at}")
            while not self.ending:
                viewer.step()
                if viewer.gaps:
                    raise AssertionError(f"{self.session}: a gap {viewer.gaps}")
                if viewer.output:
                    self.at = viewer.seq
                    self.take(viewer.output)
                    viewer.output = b""
                    viewer.channels.clear()
                    viewer.say("ack", seq=self.at)
        finally:
            viewer.end()

    def run(self):
        while not self.ending:
            try:
                self.look()
            except Closed as closed:
                self.ends[(closed.code, closed.word if closed.reason else "")] += 1
            except Refused as refused:
                self.ends[(refused.status, "refused")] += 1
            except OSError as error:
                self.ends[(None, type(error).__name__)] += 1
            except Exception as error:  # an AssertionError here is what the test is about
                self.faults.append(error)
                return
            self.wake.wait(0.02 + random.random() * 0.03)


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def go_on(t, watchers, faults, seconds=120):
    """Each has seen at least two more numbers."""
    wanted = [watcher.number + 2 for watcher in watchers]
    t.until(lambda: faults or all(w.number >= number for w, number in zip(watchers, wanted)), seconds, "more numbers for all")
    if faults:
        raise faults[0]


def turn(t, how, watchers, faults):
    """One end of the daemon: the longest pause of each viewer, in seconds."""
    for watcher in watchers:
        watcher.longest = 0.0
    before = [sum(watcher.ends.values()) for watcher in watchers]
    getattr(t.thole, how)()
    t.thole.start()
    t.until(lambda: faults or all(sum(w.ends.values()) > count for w, count in zip(watchers, before)), 60, "all were cut off")
    go_on(t, watchers, faults)
    return [watcher.longest for watcher in watchers]


def survive(t, terminals=TERMINALS, turns=TURNS):
    """Every number that the counters say is seen once, whatever becomes of the daemon."""
    faults, pauses, watchers = [], {"kill": [], "stop": []}, []
    begin = time.monotonic()
    for _ in range(0, terminals, A_WORKLOAD):
        workload = t.run()
        for _ in range(A_WORKLOAD):
            session = t.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": ["sh", "-c", COUNT]}).expect(201).json
            watchers.append(Watcher(t.thole, session["id"], faults))
    for watcher in watchers:
        watcher.start()
    print(f"# {terminals} terminals after {time.monotonic() - begin:.1f} s", flush=True)
    chance = random.Random(11)
    try:
        go_on(t, watchers, faults)
        for number in range(turns):
            for how in ("kill", "stop"):
                time.sleep(chance.random() * 2 * PAUSE)
                pauses[how] += turn(t, how, watchers, faults)
            if (number + 1) % 10 == 0:
                print(f"# {2 * number + 2} ends of the daemon after {time.monotonic() - begin:.0f} s", flush=True)
        go_on(t, watchers, faults)
    finally:
        for watcher in watchers:
            watcher.ending = True
            watcher.wake.set()
    for watcher in watchers:
        watcher.join(90)
    if faults:
        raise faults[0]
    ends = sum((watcher.ends for watcher in watchers), collections.Counter())
    print(f"# {sum(w.number for w in watchers)} numbers, each once; the viewers were cut off so: {dict(ends)}")
    for how, name in (("kill", "kill -9"), ("stop", "restart")):
        values = pauses[how]
        print(f"# longest pause of a viewer by {name}: p50 {quantile(values, 0.5):.2f} s, p99 {quantile(values, 0.99):.2f} s, "
              f"most {max(values):.2f} s (the counters pause {PAUSE} s)")
    told = {end for end in ends if end[0] == 1001}
    t.equal(told, {(1001, "restarting")}, "what a restart tells")
