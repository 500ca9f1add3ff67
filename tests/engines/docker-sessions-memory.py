#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of the daemon and of the agent under sessions in containers. Not for a build with sanitizers."""
import os
import threading
import time

from real_docker import AGENT, Bench, Skip, case, main, sanitized
from ws_client import Thole, WebSocket

MIB = 1024 * 1024
SECONDS = 60 if os.environ.get("THOLE_LONG") == "1" else 8
WARM = 3


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


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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

    def rate(self, seconds):
        """Bytes a second from now on."""
        before, begin = self.size, time.monotonic()
        time.sleep(seconds)
        return (self.size - before) / (time.monotonic() - begin)

    def end(self):
        self.ending = True
        self.join()
        self.viewer.end()


@case(f"`yes` for {SECONDS} s with viewers that never read beside one that reads: flat memory, and it is not slowed",
      "TE-22 TE-24 TE-36 row:28 row:29")
def _(t):
    workload = t.run()
    session = t.open(workload, "yes", "a line of some length, as terminals have them")
    pid = t.agent(workload)
    reader = Reader(t.thole, session)
    reader.start()
    time.sleep(WARM)
    alone = [reader.rate(2), reader.rate(2)]
    idle = [WebSocket(t.thole, f"/v1/sessions/{session['id']}/attach?from=live", dialect)
            for dialect in ("thole.v1", "v5.channel.k8s.io", "execbox.v1", "tty")]
    for viewer, first in zip(idle, ('{"schema_version":"1","type":"resume","from":"live"}', None, None, b"{}")):
        if first:
            viewer.send(first)
    time.sleep(WARM)
    before = t.thole.rss(), resident(pid)
    most, beside = list(before), []
    for _ in range(SECONDS // 2):
        beside.append(reader.rate(2))
        most = [max(most[0], t.thole.rss()), max(most[1], resident(pid))]
    for viewer in idle:
        viewer.end()
    time.sleep(1)
    alone += [reader.rate(2), reader.rate(2)]
    reader.end()
    print(f"# the reader alone {min(alone) / 1e6:.1f} to {max(alone) / 1e6:.1f} MB/s, beside four that never read {min(beside) / 1e6:.1f} to "
          f"{max(beside) / 1e6:.1f} MB/s; daemon "
          f"{before[0] / MIB:.1f} MiB, at most {(most[0] - before[0]) / MIB:.2f} MiB more; agent {before[1] / MIB:.2f} MiB, "
          f"at most {(most[1] - before[1]) / MIB:.2f} MiB more")
    t.true(most[0] - before[0] < MIB, "the daemon's growth is below 1 MiB")
    t.true(most[1] - before[1] < MIB // 2, "the agent's growth is below 0.5 MiB")
    # one that had to wait for them would stand still; whatever else the machine does changes the rate by half and more
    t.true(max(beside) > min(alone) / 4, f"{max(beside) / 1e6:.1f} MB/s is not held up beside {min(alone) / 1e6:.1f} MB/s")


main(Memory)
