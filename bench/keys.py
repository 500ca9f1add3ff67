#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The way of a key and back, without an engine: viewer, daemon, agent, terminal, program, and all the way again. Measured twice: as
the machine is, and before all other processes (SCHED_RR), which is what a calm machine gives."""
import json
import os
import sys
import time

from measure import AGENT, SMOKE, report

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "flow"))

from memory import FOREVER, Kept  # noqa: E402
from ws_client import WebSocket  # noqa: E402

KEYS = 200 if SMOKE else 2000


class Keys(Kept):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT}

    def measure(self, **body):
        workload = self.run(FOREVER)
        command = ["sh", "-c", "stty raw -echo; printf up; exec cat"]
        made = self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": command, **body}).expect(201).json
        viewer = WebSocket(self.thole, f"/v1/sessions/{made['id']}/attach", "thole.v1", timeout=60)
        viewer.send(json.dumps({"schema_version": "1", "type": "resume", "from": "oldest"}))
        seen, times = b"", []
        while not seen.endswith(b"up"):
            message = viewer.message()
            seen += message[9:] if isinstance(message, bytes) else b""
        for _ in range(KEYS):
            begin = time.monotonic()
            viewer.send(b"\0k")
            while not isinstance(viewer.message(), bytes):
                pass
            times.append(time.monotonic() - begin)
        viewer.end()
        times.sort()
        return {"p50_ms": round(times[KEYS // 2] * 1e3, 3), "p99_ms": round(times[KEYS * 99 // 100] * 1e3, 3)}


def measured():
    keys = Keys()
    try:
        return {"load": round(os.getloadavg()[0], 2), "plain": keys.measure(), "recorded": keys.measure(record=True)}
    finally:
        keys.after()
        keys.close()


def main():
    as_it_is = measured()
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    alone = measured()
    report("keys", {"keys": KEYS, "as_it_is": as_it_is, "alone": alone}, {"alone.plain.p50_ms": ("<=", 1.0), "alone.plain.p99_ms": ("<=", 3.0)})


main()
