#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Terminals and pipes through Thole against `docker exec`: throughput, the way of a key and back, memory of idle viewers."""
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import time

from measure import AGENT, IMAGE, SMOKE, Both, report, rss
from ws_client import BINARY, Closed, WebSocket

ROUNDS = 1 if SMOKE else 5
TEXT_MB = 16 if SMOKE else 96
# bytes that do not count: they may have waited in buffers before anybody read
FILLED = 4 << 20
KEYS = 50 if SMOKE else 1000
VIEWERS = 40 if SMOKE else 1000
A_WORKLOAD = 20 if SMOKE else 200
# a line of text as programs print them, many times, in /t of the container
MAKE = "head -c 49152 /dev/urandom | base64 >/s; i=0; while [ $i -lt %d ]; do i=$((i+1)); cat /s; done >/t; wc -l </t" % (TEXT_MB * 16)
CAT = ["sh", "-c", "stty -opost 2>/dev/null; cat /t"]
ECHO = ["sh", "-c", "stty raw -echo; printf up; exec cat"]


class Sessions(Both):
    settings = {"daemon.agent": AGENT, "limits.sessions": "16"}

    def run(self):
        spec = {"image": IMAGE, "pull": "never", "command": ["sleep", "100000"], "resources": {"pids": 1000}}
        return self.thole.create(spec, wait="running")

    def session(self, workload, command, **body):
        made = self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": command, **body}).expect(201)
        return made.json["id"]

    def docker(self, *words, **rest):
        environment = {**os.environ, "DOCKER_HOST": self.engine.url}
        return subprocess.Popen(["docker", "exec", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, **rest)


def attach(thole, session, begin="oldest"):
    viewer = WebSocket(thole, f"/v1/sessions/{session}/attach", "thole.v1", timeout=120)
    viewer.send(json.dumps({"schema_version": "1", "type": "resume", "from": begin}))
    return viewer


class Pace:
    """Counts bytes, and how fast those behind FILLED came."""

    def __init__(self):
        self.size, self.begin, self.last = 0, None, 0.0

    def add(self, count):
        self.size += count
        self.last = time.monotonic()
        if self.begin is None and self.size >= FILLED:
            self.begin = self.size, self.last

    @property
    def rate(self):
        """MB a second."""
        return (self.size - self.begin[0]) / (self.last - self.begin[1]) / 1e6


def drain(viewer):
    """Reads frames until the exit."""
    buffer, pace, acked = bytearray(viewer.rest), Pace(), 0
    viewer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    while True:
        at = 0
        while len(buffer) - at >= 10:
            length, head = buffer[at + 1], 2
            if length == 126:
                length, head = struct.unpack_from(">H", buffer, at + 2)[0], 4
            elif length == 127:
                length, head = struct.unpack_from(">Q", buffer, at + 2)[0], 10
            if len(buffer) - at < head + length:
                break
            opcode = buffer[at] & 15
            if opcode == BINARY:
                pace.add(length - 9)
            elif opcode == 1 and b'"exit"' in buffer[at:at + head + length]:
                return pace
            elif opcode == 8:
                raise Closed(None, bytes(buffer[at + head:at + head + length]).decode(errors="replace"))
            at += head + length
        del buffer[:at]
        if pace.size - acked > 1 << 18:
            acked = pace.size
            viewer.send(json.dumps({"schema_version": "1", "type": "ack", "seq": acked}))
        data = viewer.socket.recv(1 << 19)
        if not data:
            raise Closed(None)
        buffer += data


def through_thole(both, workload, tty):
    session = both.session(workload, CAT, tty=tty, flow="lossless")
    viewer = attach(both.thole, session)
    pace = drain(viewer)
    viewer.end()
    both.thole.delete(f"/v1/sessions/{session}").expect(204)
    return pace


def through_docker(both, workload, tty):
    process = both.docker(*(["-t"] if tty else []), workload["engine_id"], *CAT)
    pace = Pace()
    while block := os.read(process.stdout.fileno(), 1 << 19):
        pace.add(len(block))
    process.wait()
    return pace


def throughput(both, workload, tty):
    rates = {"thole": [], "docker_exec": []}
    ways = {"thole": through_thole, "docker_exec": through_docker}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            pace = way(both, workload, tty)
            if pace.size != TEXT_MB * 16 * SAMPLE[0]:
                raise AssertionError(f"{name} gave {pace.size} bytes of {TEXT_MB * 16 * SAMPLE[0]}")
            rates[name].append(pace.rate)
    result = {f"{name}_mb_per_second": round(statistics.median(values), 1) for name, values in rates.items()}
    result["ratio"] = round(result["thole_mb_per_second"] / result["docker_exec_mb_per_second"], 3)
    return result


# keys ----------------------------------------------------------------------------------------------------

def thole_keys(both, workload):
    session = both.session(workload, ECHO)
    viewer = attach(both.thole, session)
    seen = b""
    while not seen.endswith(b"up"):
        message = viewer.message()
        seen += message[9:] if isinstance(message, bytes) else b""
    times = []
    for _ in range(KEYS):
        begin = time.monotonic()
        viewer.send(b"\0k")
        while not isinstance(viewer.message(), bytes):
            pass
        times.append(time.monotonic() - begin)
    viewer.end()
    both.thole.delete(f"/v1/sessions/{session}").expect(204)
    return times


def docker_keys(both, workload):
    """The engine's own stream, without its client."""
    body = {"AttachStdin": True, "AttachStdout": True, "Tty": True, "Cmd": ECHO}
    made = both.engine.post(f"/containers/{workload['engine_id']}/exec", body).expect(201).json["Id"]
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(both.engine.path)
        data = b'{"Detach":false,"Tty":true}'
        stream.sendall(b"POST /exec/%s/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (made.encode(), len(data), data))
        seen = b""
        while not seen.endswith(b"up"):
            seen += stream.recv(4096)
        times = []
        for _ in range(KEYS):
            begin = time.monotonic()
            stream.sendall(b"k")
            stream.recv(16)
            times.append(time.monotonic() - begin)
    return times


def keys(both, workload):
    times = {"thole": [], "docker_exec": []}
    for _ in range(ROUNDS):
        times["docker_exec"] += docker_keys(both, workload)
        times["thole"] += thole_keys(both, workload)
    result = {}
    for name, values in times.items():
        values.sort()
        result[name] = {"p50_ms": round(values[len(values) // 2] * 1e3, 3), "p99_ms": round(values[len(values) * 99 // 100] * 1e3, 3)}
    for part in ("p50_ms", "p99_ms"):
        result[f"added_{part}"] = round(result["thole"][part] - result["docker_exec"][part], 3)
    return result


# viewers -------------------------------------------------------------------------------------------------

def viewers(both):
    """Bytes of the daemon for each viewer that is attached and has nothing to do."""
    workloads = [both.run() for _ in range(VIEWERS // A_WORKLOAD)]
    sessions = [both.session(workload, ["sh", "-c", "echo up; exec cat"]) for workload in workloads]
    for session in sessions:
        attach(both.thole, session).message()
    before, open_ones = rss(both.thole.process.pid), []
    for session in sessions:
        for _ in range(A_WORKLOAD):
            viewer = attach(both.thole, session)
            viewer.message()
            open_ones.append(viewer)
    used = rss(both.thole.process.pid) - before
    for viewer in open_ones:
        viewer.end()
    for workload in workloads:
        both.thole.remove(workload)
    return {"count": len(open_ones), "kib_each": round(used / len(open_ones) / 1024, 2)}


SAMPLE = []


def main():
    if not shutil.which("docker"):
        raise SystemExit("the docker command is not installed")
    with Sessions() as both:
        workload = both.run()
        done = both.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["sh", "-c", MAKE + "; wc -c </s"], "timeout": 300}).expect(200).json
        SAMPLE.append(int(done["stdout"].split()[1]))
        terminal, pipes = throughput(both, workload, True), throughput(both, workload, False)
        echoes = keys(both, workload)
        both.thole.remove(workload)
        report("terminal", {"megabytes": TEXT_MB, "rounds": ROUNDS, "load": os.getloadavg()[0], "terminal": terminal, "pipes": pipes,
                            "keys": echoes, "idle_viewers": viewers(both)},
               {"terminal.ratio": (">=", 1.0), "pipes.ratio": (">=", 0.6), "idle_viewers.kib_each": ("<=", 32)})


main()
