#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""10,000 workloads on a private bus: the list of all objects, memory for it, others meanwhile; changes told to ten who watch."""
import datetime
import json
import multiprocessing
import statistics
import subprocess
import threading
import time

from many import create
from measure import SMOKE, Daemon, cpu, report, rss

from bus_client import follow
from private_bus import NAME, ROOT, PrivateBus

MANY, ROUNDS = (200, 1) if SMOKE else (10000, 5)
WATCHERS, WRITERS, RATE, CHANGES, CHANGED = 10, 8, 1000, 400 if SMOKE else 20000, 96


def listing(bus):
    """Seconds until a client that reads but does not look has the whole list."""
    begin = time.monotonic()
    subprocess.run(["busctl", f"--address={bus.address}", "--quiet", "--timeout=60", "call", NAME, ROOT,
                    "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


class Reader(threading.Thread):
    """Reads one workload again and again; the longest it waited."""

    def __init__(self, thole, path):
        super().__init__()
        self.thole, self.path, self.over, self.waits = thole, path, False, []

    def run(self):
        while not self.over:
            begin = time.monotonic()
            self.thole.get(self.path).expect(200)
            self.waits.append(time.monotonic() - begin)
            time.sleep(0.002)


def lists(thole, bus, one):
    listing(bus)
    before, used = rss(thole.process.pid), thole.cpu()
    seconds = [listing(bus) for _ in range(ROUNDS)]
    spent = (thole.cpu() - used) / ROUNDS
    grown = rss(thole.process.pid) - before
    reader = Reader(thole, f"/v1/workloads/{one['id']}")
    reader.start()
    listing(bus)
    reader.over = True
    reader.join()
    return {"seconds": round(statistics.median(seconds), 3), "daemon_cpu_seconds": round(spent, 3),
            "others_wait_ms": round(max(reader.waits) * 1000, 1), "grown_bytes_each": round(max(0, grown) / MANY)}


def patch(thole, workloads, rate, share, out):
    """A process with one connection: so many changes a second of its share of the workloads."""
    connection = thole.connection()
    begin = time.monotonic()
    for number in range(CHANGES // WRITERS):
        body = json.dumps({"labels": {"n": str(number)}})
        connection.request("PATCH", f"/v1/workloads/{workloads[(number * WRITERS + share) % len(workloads)]}", body, thole.head(None, b"x"))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise AssertionError(f"{answer.status}")
        time.sleep(max(0, begin + (number + 1) * WRITERS / rate - time.monotonic()))
    out.put(time.monotonic() - begin)
    connection.close()


def seconds_of(stamp):
    return datetime.datetime.fromisoformat(stamp).replace(tzinfo=datetime.timezone.utc).timestamp()


def judge(thole, workloads, told):
    """How late each change was told, counted from its stamp, which is older than its commit; who was not told what is true at last."""
    late = sorted(when - seconds_of(stamp) for one in told for when, _, stamp in one)
    now = {name: thole.get(f"/v1/workloads/{name}").expect(200).json["updated_at"].rstrip("Z") for name in workloads}
    untold = sum({name: stamp for _, name, stamp in one} != now for one in told)
    return {"signals": len(late), "lag_p50_ms": round(late[len(late) // 2] * 1000, 1), "lag_p99_ms": round(late[len(late) * 99 // 100] * 1000, 1),
            "lag_max_ms": round(late[-1] * 1000, 1), "untold": untold}


def changes(thole, bus, workloads):
    """Changes by several writers at a steady rate: how late ten who watch are told of each, and that they are told all."""
    stop, (inlet, outlet), took = multiprocessing.Event(), multiprocessing.Pipe(), multiprocessing.Queue()
    watching = multiprocessing.Process(target=follow, args=(bus.address, WATCHERS, stop, outlet))
    watching.start()
    inlet.recv()
    used = thole.cpu(), cpu(bus.process.pid)
    writers = [multiprocessing.Process(target=patch, args=(thole, workloads, RATE, share, took)) for share in range(WRITERS)]
    for one in writers:
        one.start()
    seconds = max(took.get() for _ in writers)
    for one in writers:
        one.join()
    stop.set()
    told = inlet.recv()
    watching.join()
    used = thole.cpu() - used[0], cpu(bus.process.pid) - used[1]
    return {"watchers": WATCHERS, "writers": WRITERS, "changes_per_second": round(CHANGES / seconds), **judge(thole, workloads, told),
            "daemon_cpu_us_per_change": round(used[0] / CHANGES * 1e6), "bus_cpu_us_per_change": round(used[1] / CHANGES * 1e6)}


def main():
    bus = PrivateBus()
    Daemon.bus = bus.address
    settings = {"limits.operations": "100", "limits.workloads": "0", "limits.running": "0"}
    try:
        with Daemon({"demo": {"driver": "memory", "default": "true"}}, settings) as thole:
            one = create(thole, MANY)
            workloads = [item["id"] for item in thole.get(f"/v1/workloads?limit={CHANGED}").expect(200).json["items"]]
            result = {"objects": MANY, "list": lists(thole, bus, one), "signals": changes(thole, bus, workloads)}
    finally:
        Daemon.bus = None
        bus.close()
    report("bus", result, {"list.seconds": ("<=", 1), "list.grown_bytes_each": ("<=", 1024), "signals.untold": ("<=", 0), "signals.lag_p50_ms": ("<=", 100)})


if __name__ == "__main__":
    main()
