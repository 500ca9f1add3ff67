#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Durable transitions: 64 clients that start and stop workloads of the memory driver, beside SQLite alone that commits one such
change after another; the time of one transition; how soon 10,000 workloads are what they are after kill -9."""
import os
import random
import re
import select
import socket
import sqlite3
import statistics
import tempfile
import time

from many import create
from measure import SMOKE, Daemon, cpu, report

CLIENTS, SECONDS, ROUNDS, SINGLE, MANY = (16, 1, 1, 50, 200) if SMOKE else (64, 5, 3, 1000, 10000)
MOVING = "provisioning,installing,starting,stopping,deleting"


class Client:
    """One connection; begins a request when the last is answered."""

    def __init__(self, thole, workload):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(thole.path)
        self.rest, self.times, self.turn = b"", [], 0
        self.requests = [f"POST /v1/workloads/{workload}/{verb}?wait={state} HTTP/1.1\r\nHost: thole\r\nContent-Length: 0\r\n\r\n".encode()
                         for verb, state in (("stop", "stopped"), ("start", "running"))]

    def send(self):
        self.begin = time.monotonic()
        self.socket.sendall(self.requests[self.turn])
        self.turn ^= 1

    def receive(self):
        """Has the whole answer come?"""
        self.rest += self.socket.recv(65536)
        head = self.rest.find(b"\r\n\r\n")
        if head < 0 or len(self.rest) < head + 4 + int(re.search(rb"\r\nContent-Length: (\d+)", self.rest, re.I)[1]):
            return False
        if not self.rest.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"not 200: {self.rest[:500]!r}")
        self.times.append(time.monotonic() - self.begin)
        self.rest = b""
        return True


def figures(thole):
    text = thole.get("/metrics").text
    return {name: float(re.search(rf"^{name} (\S+)", text, re.M)[1])
            for name in ("thole_store_transactions", "thole_store_groups")}


def crowd(thole, workloads, seconds):
    """All clients at once for so long."""
    clients = {client.socket.fileno(): client for client in (Client(thole, workload) for workload in workloads)}
    poll = select.epoll()
    before, used, begin = figures(thole), cpu(thole.process.pid), time.monotonic()
    for number, client in clients.items():
        poll.register(number, select.EPOLLIN)
        client.send()
    busy = len(clients)
    while busy:
        for number, _ in poll.poll(10):
            if not clients[number].receive():
                continue
            # an even number of requests: all run again
            if time.monotonic() - begin < seconds or clients[number].turn == 1:
                clients[number].send()
            else:
                busy -= 1
    took, used, after = time.monotonic() - begin, cpu(thole.process.pid) - used, figures(thole)
    times = sorted(value for client in clients.values() for value in client.times)
    for client in clients.values():
        client.socket.close()
    transactions = after["thole_store_transactions"] - before["thole_store_transactions"]
    # each of these requests is two transitions: starting and running, or stopping and stopped
    return {"transitions_per_second": round(2 * len(times) / took), "transactions_per_second": round(transactions / took),
            "transactions_per_commit": round(transactions / (after["thole_store_groups"] - before["thole_store_groups"]), 1),
            "cpu_us_per_transition": round(used / len(times) / 2 * 1e6, 1), "cores": round(used / took, 2),
            "request_p50_ms": round(times[len(times) // 2] * 1000, 2), "request_p99_ms": round(times[len(times) * 99 // 100] * 1000, 2)}


def single(thole, workload):
    """One client: from the request to the answer that its intent is stored."""
    connection, times = thole.connection(), []
    for number in range(SINGLE):
        verb, state = (("stop", "stopped"), ("start", "running"))[number % 2]
        begin = time.monotonic()
        connection.request("POST", f"/v1/workloads/{workload}/{verb}")
        answer = connection.getresponse()
        answer.read()
        times.append(time.monotonic() - begin)
        if answer.status != 202:
            raise AssertionError(f"status {answer.status}")
        connection.request("GET", f"/v1/workloads/{workload}?wait={state}")
        connection.getresponse().read()
    connection.close()
    times.sort()
    return {"p50_ms": round(times[len(times) // 2] * 1000, 3), "p99_ms": round(times[len(times) * 99 // 100] * 1000, 3)}


def fsync(folder):
    """What the disk itself takes for 4 KiB."""
    times = []
    with open(os.path.join(folder, "probe"), "wb") as file:
        for _ in range(20 if SMOKE else 300):
            begin = time.monotonic()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - begin)
    times.sort()
    return {"p50_ms": round(times[len(times) // 2] * 1000, 3), "p99_ms": round(times[len(times) * 99 // 100] * 1000, 3)}


class Bare:
    """SQLite with what a transition writes: a workload, an operation and an event of each; one COMMIT at a time."""

    def __init__(self, folder):
        self.file = sqlite3.connect(os.path.join(folder, "bare.db"), isolation_level=None)
        for sql in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                    "CREATE TABLE workloads (id TEXT PRIMARY KEY, state TEXT, spec TEXT)",
                    "CREATE TABLE operations (id TEXT PRIMARY KEY, state TEXT, text TEXT)",
                    "CREATE TABLE events (seq INTEGER PRIMARY KEY, subject TEXT, data TEXT)",
                    "CREATE INDEX events_subject ON events (subject, seq)"):
            self.file.execute(sql)
        for number in range(CLIENTS):
            self.file.execute("INSERT INTO workloads VALUES (?, 'running', ?)", (f"wl-{number:020}", "s" * 400))
        self.done = 0

    def run(self, seconds):
        """COMMITs a second."""
        execute, begin, before = self.file.execute, time.monotonic(), self.done
        while time.monotonic() - begin < seconds:
            self.done += 1
            workload = f"wl-{self.done % CLIENTS:020}"
            execute("BEGIN IMMEDIATE")
            execute("UPDATE workloads SET state = ? WHERE id = ?", (("running", "stopped")[self.done % 2], workload))
            execute("INSERT INTO operations VALUES (?, 'running', ?)", (f"op-{self.done:020}", "o" * 150))
            for _ in range(2):
                execute("INSERT INTO events (subject, data) VALUES (?, ?)", (workload, "e" * 250))
            execute("COMMIT")
        return round((self.done - before) / (time.monotonic() - begin))


def recover(thole, names):
    """kill -9 in the middle of work, then: seconds until it serves, and until nothing is on its way any more."""
    connections = []
    for name in random.sample(names, min(64, len(names))):
        connection = thole.connection()
        connection.request("POST", f"/v1/workloads/{name}/{random.choice(('stop', 'restart'))}")
        connections.append(connection)
    connections[0].getresponse().read()
    thole.kill()
    begin, before = time.monotonic(), len(names)
    thole.start()
    serves = time.monotonic() - begin
    while thole.get("/readyz").status != 200 or thole.listed(f"/v1/workloads?limit=1000&state={MOVING}"):
        time.sleep(0.005)
    whole = time.monotonic() - begin
    found = thole.listed("/v1/workloads?limit=1000")
    if len(found) != before or {workload["state"] for workload in found} - {"running", "stopped"}:
        raise AssertionError(f"{len(found)} of {before} workloads")
    for connection in connections:
        connection.close()
    return {"serves_seconds": round(serves, 3), "recovered_seconds": round(whole, 3)}


def started(folder, settings):
    thole = Daemon({"memory": {"driver": "memory", "default": "true", **settings}}, {"daemon.log_level": "warn"}, folder)
    os.makedirs(folder)
    return thole.start()


def main():
    with tempfile.TemporaryDirectory(prefix="thole-bench-") as folder:
        thole = started(os.path.join(folder, "crowd"), {})
        create(thole, CLIENTS)
        workloads = [item["id"] for item in thole.listed("/v1/workloads?limit=1000")]
        bare, rounds, alone = Bare(folder), [], []
        for _ in range(ROUNDS):
            rounds.append(crowd(thole, workloads, SECONDS))
            alone.append(bare.run(SECONDS))
        result = {key: round(statistics.median(each[key] for each in rounds), 2) for key in rounds[0]}
        sqlite_alone = round(statistics.median(alone))
        one = single(thole, workloads[0])
        thole.close()
        thole = started(os.path.join(folder, "recovery"), {"state_file": os.path.join(folder, "engine")})
        create(thole, MANY)
        names = [item["id"] for item in thole.listed("/v1/workloads?limit=1000")]
        recovery = recover(thole, names)
        thole.close()
        report("transitions", {
            "clients": CLIENTS, **result, "sqlite_alone_commits_per_second": sqlite_alone,
            "ratio_to_sqlite_alone": round(result["transitions_per_second"] / sqlite_alone, 2), "one": one,
            "fdatasync": fsync(folder), "workloads": len(names), **recovery, "load": round(os.getloadavg()[0], 1)},
            {"transitions_per_second": (">=", 5000), "recovered_seconds": ("<=", 3)})


main()
