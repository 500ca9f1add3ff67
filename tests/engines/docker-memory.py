#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's memory with a real engine: what is its own, for how much of its libraries is resident is the kernel's business.
Not for a build with sanitizers."""
import re
import threading

from real_docker import Bench, Skip, case, main, sanitized

MIB = 1024 * 1024
FLOOD = "head -c 1000000 /dev/zero | tr '\\0' x | fold -w 99 >/k; n=0; while [ $n -lt 100 ]; do n=$((n+1)); cat /k; done"


class Memory(Bench):
    def __init__(self):
        if sanitized():
            raise Skip("a sanitizer's memory is not the daemon's")
        super().__init__()

    def own(self):
        """Bytes that are nobody else's and no file's."""
        with open(f"/proc/{self.thole.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"^RssAnon:\s+(\d+) kB$", file.read(), re.M)[1]) * 1024


@case("idle with the Docker driver: at most 15 MB of its own", "row:141")
def _(t):
    print(f"# {t.own() / 1e6:.1f} MB of its own, {t.thole.rss() / 1e6:.1f} MB resident")
    t.true(t.own() <= 15e6, f"{t.own() / 1e6:.1f} MB is at most 15 MB")


@case("100 MB of log are followed without growth", "TE-22 row:29")
def _(t):
    workload = t.run(FLOOD)
    before = t.own()
    connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true", timeout=120)
    size, most = 0, 0
    while block := answer.read(MIB):
        size += len(block)
        most = max(most, t.own())
    connection.close()
    print(f"# {size} bytes, {(most - before) / MIB:.1f} MiB more")
    t.true(size >= 100_000_000, f"{size} bytes came")
    t.true(most - before < 8 * MIB, f"{(most - before) / MIB:.1f} MiB of growth is below 8")


@case("a reader that does not read does not make it grow", "TE-22 row:29")
def _(t):
    workload = t.run(FLOOD + "; touch /tmp/all; sleep 1000")
    before = t.own()
    streams = [t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true") for _ in range(5)]
    t.until(lambda: t.exec(workload, "test -e /tmp/all")["exit_code"] == 0, 300, "all of the flood")
    grown = t.own() - before
    t.thole.get("/healthz").expect(200)
    print(f"# {grown / MIB:.1f} MiB more")
    for connection, _ in streams:
        connection.close()
    t.true(grown < 12 * MIB, f"{grown / MIB:.1f} MiB of growth with five of them is below 12")


@case("a hundred workloads come and go without a leak")
def _(t):
    def round_trip(count):
        for _ in range(count):
            t.thole.remove(t.run("exit 0", wait="stopped"))
        t.made = []
    round_trip(20)
    before, descriptors = t.own(), t.thole.descriptors()
    round_trip(100)
    grown = t.own() - before
    print(f"# {grown / MIB:.1f} MiB more")
    t.true(grown < 3 * MIB, f"{grown / MIB:.1f} MiB of growth is below 3")
    t.until(lambda: t.thole.descriptors() <= descriptors + 3, 60, "as many descriptors as before")


@case("a request that is slow to be answered does not hold up others")
def _(t):
    workload = t.run()
    answers = []
    slow = threading.Thread(target=lambda: answers.append(t.exec(workload, f"touch /tmp/here; {t.gate()}; echo on")["stdout"]))
    slow.start()
    t.until(lambda: t.exec(workload, "test -e /tmp/here")["exit_code"] == 0, what="the slow request")
    for _ in range(100):
        t.thole.get(f"/v1/workloads/{workload['id']}").expect(200)
    # it has no answer yet, and only another request lets it have one
    t.equal(answers, [])
    t.let_on(workload)
    slow.join()
    t.equal(answers, ["on\n"])


main(Memory)
