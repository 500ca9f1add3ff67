#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""10,000 workloads on a private bus: the list of all objects, memory for it, others meanwhile; changes told to ten who watch."""
import json
import statistics
import subprocess
import threading
import time

from many import create
from measure import SMOKE, Daemon, report, rss

import private_bus
from private_bus import NAME, ROOT, BusClient, GLib, PrivateBus

MANY, ROUNDS = (200, 1) if SMOKE else (10000, 5)
WATCHERS, CHANGES, CHANGED = 10, 200 if SMOKE else 5000, 100


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
    cpu = (thole.cpu() - used) / ROUNDS
    grown = rss(thole.process.pid) - before
    reader = Reader(thole, f"/v1/workloads/{one['id']}")
    reader.start()
    listing(bus)
    reader.over = True
    reader.join()
    return {"seconds": round(statistics.median(seconds), 3), "daemon_cpu_seconds": round(cpu, 3),
            "others_wait_ms": round(max(reader.waits) * 1000, 1), "grown_bytes_each": round(max(0, grown) / MANY)}


class Watcher:
    """Counts what it is told and looks only at the last of it, so that it is fast enough."""

    def __init__(self, bus):
        self.client, self.count, self.last = BusClient(bus.address), 0, None
        self.client.connection.signal_subscribe(NAME, None, "PropertiesChanged", None, None, private_bus.Gio.DBusSignalFlags.NONE,
                                                self.told)
        self.client.raw(ROOT, f"{NAME}.Root.Subscribe", GLib.Variant("(xa{sv})", (-1, {"type": GLib.Variant("s", "nothing.*")})))

    def told(self, _connection, _sender, _path, _interface, _name, arguments):
        self.count += 1
        self.last = arguments

    def knows(self, labels):
        return self.last is not None and self.last.unpack()[1].get("Labels") == labels


def drain():
    while GLib.MainContext.default().iteration(False):
        pass


def changes(thole, bus, workloads):
    """Changes one after another; how long after the last one everybody has been told of it."""
    watchers = [Watcher(bus) for _ in range(WATCHERS)]
    connection = thole.connection()
    begin = time.monotonic()
    for number in range(CHANGES):
        body = json.dumps({"labels": {"n": str(number)}})
        connection.request("PATCH", f"/v1/workloads/{workloads[number % CHANGED]}", body, thole.head(None, b"x"))
        connection.getresponse().read()
        if number % 10 == 0:
            drain()
    took = time.monotonic() - begin
    last = {"n": str(CHANGES - 1)}
    while not all(one.knows(last) for one in watchers) and time.monotonic() < begin + took + 60:
        drain()
        time.sleep(0.001)
    lag = time.monotonic() - begin - took
    connection.close()
    untold = sum(not one.knows(last) for one in watchers)
    for one in watchers:
        one.client.close()
    return {"changes_per_second": round(CHANGES / took), "signals": sum(one.count for one in watchers), "lag_ms": round(lag * 1000, 1),
            "untold": untold}


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
    report("bus", result, {"list.seconds": ("<=", 1), "list.grown_bytes_each": ("<=", 1024), "signals.untold": ("<=", 0)})


if __name__ == "__main__":
    main()
