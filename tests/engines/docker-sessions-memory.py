#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of the daemon and of the agent under sessions in containers. Not for a build with sanitizers."""
import os
import re
import threading
import time

from real_docker import AGENT, Bench, Skip, case, main, sanitized
from ws_client import Thole, WebSocket

MIB = 1024 * 1024
SECONDS = 60 if os.environ.get("THOLE_LONG") == "1" else 4
WARM = 16 * MIB
# more than lies anywhere on the way to a viewer
FURTHER = 64 * MIB


class Memory(Bench):
    def __init__(self):
        if sanitized():
            raise Skip("a sanitizer's memory is not the daemon's")
        self.settings = {**self.settings, "daemon.agent": AGENT}
        super().__init__()

    def open(self, workload, *command, **body):
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(201).json

    def agent(self, workload):
        """The agent's process as this machine sees it."""
        top = self.engine.get(f"/containers/{workload['engine_id']}/top?ps_args=-eo%20pid,args").expect(200).json
        found = [int(row[0]) for row in top["Processes"] if row[1].startswith("/.thole/agent hold")]
        self.equal(len(found), 1, "agents in the workload")
        return found[0]


def own(pid):
    """Bytes that are nobody else's and no file's."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^RssAnon:\s+(\d+) kB$", file.read(), re.M)[1]) * 1024


class Reader(threading.Thread):
    """Reads one session as fast as it can."""

    def __init__(self, thole, session):
        super().__init__(daemon=True)
        self.viewer, self.size, self.ending = Thole(thole, session["id"], start="live", timeout=60), 0, False

    def run(self):
        while not self.ending:
            self.viewer.step()
            self.size += len(self.viewer.output)
            self.viewer.output = b""
            self.viewer.channels.clear()
            self.viewer.gaps.clear()

    def end(self):
        self.ending = True
        self.join()
        self.viewer.end()


@case("`yes` with viewers that never read beside one that reads: flat memory, and it goes on", "TE-22 TE-24 TE-36 row:28 row:29")
def _(t):
    workload = t.run()
    session = t.open(workload, "yes", "a line of some length, as terminals have them")
    pid = t.agent(workload)
    reader = Reader(t.thole, session)
    reader.start()
    t.until(lambda: reader.size > WARM, 300, f"{WARM} bytes for the one that reads alone")
    idle = [WebSocket(t.thole, f"/v1/sessions/{session['id']}/attach?from=live", dialect)
            for dialect in ("thole.v1", "v5.channel.k8s.io", "execbox.v1", "tty")]
    for viewer, first in zip(idle, ('{"schema_version":"1","type":"resume","from":"live"}', None, None, b"{}")):
        if first:
            viewer.send(first)
    begun = reader.size
    t.until(lambda: reader.size > begun + WARM, 300, f"{WARM} bytes beside four that never read")
    before = own(t.thole.process.pid), own(pid)
    most = list(before)

    def gone_on():
        for index, process in enumerate((t.thole.process.pid, pid)):
            most[index] = max(most[index], own(process))
        return reader.size > begun + FURTHER
    begin = time.monotonic()
    # one that had to wait for them would stand still before that
    t.until(gone_on, 300, f"{FURTHER} bytes beside four that never read", 0.1)
    t.until(lambda: gone_on() and time.monotonic() - begin >= SECONDS, SECONDS + 60, "a look for so long", 0.5)
    for viewer in idle:
        viewer.end()
    reader.end()
    print(f"# {(reader.size - begun) / MIB:.0f} MiB beside four that never read; daemon {before[0] / MIB:.1f} MiB, "
          f"at most {(most[0] - before[0]) / MIB:.2f} MiB more; agent {before[1] / MIB:.2f} MiB, at most {(most[1] - before[1]) / MIB:.2f} MiB more")
    t.true(most[0] - before[0] < 2 * MIB, "the daemon's growth is below 2 MiB")
    t.true(most[1] - before[1] < MIB // 2, "the agent's growth is below 0.5 MiB")


main(Memory)
