#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's memory with a real engine. Not for a build with sanitizers."""
import threading
import time

from real_docker import Bench, Skip, case, main, sanitized

MIB = 1024 * 1024
FLOOD = "head -c 1000000 /dev/zero | tr '\\0' x | fold -w 99 >/k; n=0; while [ $n -lt 100 ]; do n=$((n+1)); cat /k; done"


class Memory(Bench):
    def __init__(self):
        if sanitized():
            raise Skip("a sanitizer's memory is not the daemon's")
        super().__init__()


@case("idle with the Docker driver: at most 15 MB", "row:141")
def _(t):
    time.sleep(1)
    print(f"# {t.thole.rss() / 1e6:.1f} MB")
    t.true(t.thole.rss() <= 15e6, f"{t.thole.rss() / 1e6:.1f} MB is at most 15 MB")


@case("100 MB of log are followed without growth", "TE-22 row:29")
def _(t):
    workload = t.run(FLOOD)
    before = t.thole.rss()
    connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true", timeout=120)
    size, most = 0, 0
    while block := answer.read(MIB):
        size += len(block)
        most = max(most, t.thole.rss())
    connection.close()
    print(f"# {size} bytes, {(most - before) / MIB:.1f} MiB more")
    t.true(size >= 100_000_000, f"{size} bytes came")
    t.true(most - before < 8 * MIB, f"{(most - before) / MIB:.1f} MiB of growth is below 8")


@case("a reader that does not read does not make it grow", "TE-22 row:29")
def _(t):
    workload = t.run(FLOOD + "; sleep 1000")
    before = t.thole.rss()
    streams = [t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true") for _ in range(5)]
    time.sleep(4)
    grown = t.thole.rss() - before
    t.thole.get("/healthz").expect(200)
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
    before, descriptors = t.thole.rss(), t.thole.descriptors()
    round_trip(100)
    t.true(t.thole.rss() - before < 3 * MIB, f"{(t.thole.rss() - before) / MIB:.1f} MiB of growth is below 3")
    t.until(lambda: t.thole.descriptors() <= descriptors + 3, 10, "as many descriptors as before")


@case("a request that is slow to be answered does not hold up others")
def _(t):
    workload = t.run()
    slow = threading.Thread(target=lambda: t.exec(workload, "sleep 3"))
    slow.start()
    time.sleep(0.2)
    begin = time.monotonic()
    for _ in range(100):
        t.thole.get(f"/v1/workloads/{workload['id']}").expect(200)
    t.true(time.monotonic() - begin < 1.5, "a hundred reads meanwhile are quick")
    slow.join()


main(Memory)
