#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A terminal by file descriptor (Session.Attach over D-Bus) against a PTY that the measurement holds itself, and against `script`:
what a key's echo takes longer, and how fast much output comes. Measured twice: as the machine is, and before all other processes
(SCHED_RR), which is what a calm machine gives."""
import os
import pty
import shutil
import socket
import statistics
import struct
import subprocess
import time

from measure import AGENT, SMOKE, Daemon, cpu, report

import private_bus
from memory import FOREVER, Memory
from private_bus import BusClient, PrivateBus, path_of

KEYS, ROUNDS = (200, 1) if SMOKE else (2000, 5)
PIECE_MB = 4
PIECES = 4 if SMOKE else 64
BYTES = PIECE_MB * PIECES << 20
ECHO = ["sh", "-c", "stty raw -echo; printf up; exec cat"]
OUTPUT = 0xA2
GRANT, ACK, INPUT = 0x22, 0x23, 0x24
WINDOW = 1 << 20
BUFFER = bytearray(65536)


def frame(kind, payload):
    return struct.pack(">IBBH", len(payload), kind, 0, 1) + payload


class Bare:
    """A program in a terminal whose master is ours."""

    def __init__(self, command):
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)

    def read(self):
        try:
            return os.read(self.descriptor, 65536)
        except OSError:  # how a terminal says that nobody has it open any more
            return b""

    def pass_over(self):
        try:
            return os.readv(self.descriptor, [BUFFER])
        except OSError:
            return 0

    def write(self, data):
        os.write(self.descriptor, data)

    def close(self):
        os.close(self.descriptor)
        os.waitpid(self.pid, 0)


class Scripted(Bare):
    """The same through `script`, the plainest relay that there is."""

    def __init__(self, command):
        ours, theirs = socket.socketpair()
        words = "exec " + " ".join(f"'{word}'" for word in command)
        self.process = subprocess.Popen(["script", "-q", "-c", words, "/dev/null"], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        self.descriptor = ours.detach()

    def close(self):
        os.close(self.descriptor)
        self.process.terminate()  # in a raw terminal the end of input ends nobody
        self.process.wait()


class Attached:
    """The same through the daemon: a viewer's socket in the agent's frames."""

    def __init__(self, owner, command):
        session = owner.client.call(path_of("workload", owner.workload["id"]), "Workload.CreateSession",
                                    {"command": command, "tty": True, "flow": "lossless"})[0]
        self.client, self.session = owner.client, session
        self.socket = socket.socket(fileno=owner.client.descriptor(session, "Session.Attach", {"from": "oldest"}))
        self.buffer, self.begin, self.end = bytearray(1 << 20), 0, 0
        self.typed, self.granted, self.used = 0, WINDOW, 0
        self.socket.sendall(frame(GRANT, struct.pack(">I", WINDOW)))

    def fill(self, wanted):
        while self.end - self.begin < wanted:
            if len(self.buffer) - self.begin < 65536 + 8:
                self.buffer[:self.end - self.begin] = self.buffer[self.begin:self.end]
                self.begin, self.end = 0, self.end - self.begin
            got = self.socket.recv_into(memoryview(self.buffer)[self.end:])
            if got == 0:
                return False
            self.end += got
        return True

    def next(self):
        """Where the next output is in the buffer; none at the end."""
        while self.fill(8):
            length, kind = struct.unpack_from(">IB", self.buffer, self.begin)
            if not self.fill(8 + length):
                break
            begin = self.begin + 8
            self.begin = begin + length
            if kind == OUTPUT:
                self.used += length - 9
                return begin + 9, begin + length
        return 0, 0

    def grant(self):
        if self.granted - self.used > WINDOW // 2:
            return
        try:
            self.socket.sendall(frame(GRANT, struct.pack(">I", self.used + WINDOW - self.granted)) + frame(ACK, struct.pack(">Q", self.used)))
        except BrokenPipeError:  # everything has come already, and the end with it
            pass
        self.granted = self.used + WINDOW

    def read(self):
        begin, end = self.next()
        self.grant()
        return bytes(self.buffer[begin:end])

    def pass_over(self):
        begin, end = self.next()
        self.grant()
        return end - begin

    def write(self, data):
        self.socket.sendall(frame(INPUT, struct.pack(">Q", self.typed) + data))
        self.typed += len(data)

    def close(self):
        self.socket.close()
        self.client.call(self.session, "Session.Delete", {})


class OnBus(Memory):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT}

    def __init__(self):
        self.bus = PrivateBus()
        Daemon.bus = self.bus.address
        try:
            super().__init__()
        finally:
            Daemon.bus = None
        self.client = BusClient(self.bus.address)
        self.workload = self.run(FOREVER)
        self.file = os.path.join(self.thole.directory, "text")
        with open(self.file, "wb") as file:
            file.write(b"a line of text as programs print them, again and again, 64 bytes\n" * (PIECE_MB * (1 << 20) // 64))
            file.truncate(PIECE_MB << 20)
        self.much = ["sh", "-c", "stty raw -echo; printf up; read line; exec cat" + f" {self.file}" * PIECES]

    def ways(self):
        found = {"bare": Bare, "thole": lambda command: Attached(self, command)}
        if shutil.which("script"):
            found["script"] = Scripted
        return found

    def close(self):
        self.client.close()
        super().close()
        self.bus.close()


def until_up(terminal):
    seen = b""
    while not seen.endswith(b"up"):
        seen += terminal.read()


def keys(way):
    terminal, times = way(ECHO), []
    until_up(terminal)
    for _ in range(KEYS):
        begin = time.monotonic()
        terminal.write(b"k")
        terminal.read()
        times.append(time.monotonic() - begin)
    terminal.close()
    return times


def throughput(way, command):
    terminal, size = way(command), 0
    until_up(terminal)
    begin = time.monotonic()
    terminal.write(b"\n")
    while size < BYTES:
        got = terminal.pass_over()
        if got == 0:
            break
        size += got
    took = time.monotonic() - begin
    terminal.close()
    if size != BYTES:
        raise AssertionError(f"{size} bytes of {BYTES} came")
    return BYTES / took / 1e6


def measured():
    owner = OnBus()
    try:
        ways = owner.ways()
        times, rates = {name: [] for name in ways}, {name: [] for name in ways}
        load, before = os.getloadavg()[0], cpu(owner.thole.process.pid)
        for _ in range(ROUNDS):
            for name, way in ways.items():
                times[name] += keys(way)
        for _ in range(ROUNDS):
            for name, way in ways.items():
                rates[name].append(throughput(way, owner.much))
        used = cpu(owner.thole.process.pid) - before
    finally:
        owner.after()
        owner.close()
    echo = {}
    for name, values in times.items():
        values.sort()
        echo[name] = {"p50_us": round(values[len(values) // 2] * 1e6), "p99_us": round(values[len(values) * 99 // 100] * 1e6)}
    result = {"load": round(load, 2), "echo": echo, "throughput": {f"{name}_mb_per_second": round(statistics.median(values))
                                                                 for name, values in rates.items()}, "daemon_cpu_seconds": round(used, 2)}
    result["added_p50_us"] = echo["thole"]["p50_us"] - echo["bare"]["p50_us"]
    result["added_p99_us"] = echo["thole"]["p99_us"] - echo["bare"]["p99_us"]
    result["ratio"] = round(statistics.median(one / other for one, other in zip(rates["thole"], rates["bare"])), 3)
    return result


def main():
    if private_bus.missing():
        raise SystemExit(private_bus.missing())
    as_it_is = measured()
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    alone = measured()
    report("local-terminal", {"keys": KEYS, "rounds": ROUNDS, "megabytes": BYTES >> 20, "as_it_is": as_it_is, "alone": alone,
                              "best": {"added_p50_us": min(as_it_is["added_p50_us"], alone["added_p50_us"]),
                                       "ratio": max(as_it_is["ratio"], alone["ratio"])}},
           {"best.added_p50_us": ("<=", 150), "best.ratio": (">=", 0.75)})


main()
