#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions that the daemon holds itself, in containers without an agent, by a socket of this machine and by TCP; and the console
of their main process."""
import hashlib
import os
import random
import threading
import time

from real_docker import case, main
from two_ways import WAYS, TwoWays, till
from ws_client import Thole, WebSocket

MEGABYTES = 256 if os.environ.get("THOLE_LONG") == "1" else 6
LINES = 200  # of a second that a console shows


class Held(TwoWays):
    places = {"agent": "no"}

    def processes(self, workload, word):
        """How many of the container's processes have this word in their command line."""
        top = self.engine.get(f"/containers/{self.engine.container(workload)['Id']}/top").expect(200).json
        return sum(word in " ".join(process) for process in top["Processes"])


class Console(Thole):
    def __init__(self, client, workload, seq=None, start="oldest", **rest):
        WebSocket.__init__(self, client, f"/v1/workloads/{workload['id']}/console", "thole.v1", **rest)
        self.output, self.channels, self.exit, self.gaps, self.stdin = b"", {}, None, [], 0
        self.skipped = 0
        self.say("resume", **({"from": start} if seq is None else {"from_seq": seq}))
        self.resumed = self.until("resumed")
        self.seq, self.stdin = self.resumed["seq"], self.resumed["stdin"]

    def step(self):
        message = super().step()
        if message and message["type"] == "gap":
            self.skipped += message.get("lines", 0)
        return message


@case("a terminal: typed, seen, resized, its code", "TE-08 TE-09 TE-21", each=WAYS)
def _(t, way):
    session = t.open(t.run(body={"backend": way}), "sh", "-i", tty=True, rows=30, cols=90, env={"PS1": "ready> "})
    t.equal((session["durability"], session["state"]), ("daemon", "running"))
    viewer = Thole(t.thole, session["id"])
    till(viewer, b"ready> ")
    viewer.input(b"stty size; echo $TERM\n")
    till(viewer, b"30 90")
    till(viewer, b"xterm-256color")
    viewer.say("resize", rows=41, cols=101)
    viewer.until("resized")
    viewer.input(b"stty size\n")
    till(viewer, b"41 101")
    viewer.input(b"exit 6\n")
    t.equal(viewer.until("exit")["code"], 6)
    t.equal(t.ended(session)["exit_code"], 6)


@case("bytes of all kinds both ways through pipes, lossless, and the end of input", "TE-19 TE-22 row:25", each=WAYS)
def _(t, way):
    session = t.open(t.run(body={"backend": way}), "cat; echo done >&2; exit 3", flow="lossless", scrollback=65536)
    data = random.Random(5).randbytes(MEGABYTES << 20)
    viewer = Thole(t.thole, session["id"], timeout=60)
    got, count, sent = hashlib.sha256(), 0, 0
    while count < len(data):
        # no more on the way than may be
        while sent < len(data) and sent - viewer.stdin < 200000:
            viewer.input(data[sent:sent + 30000])
            sent += 30000
        viewer.step()
        if viewer.output:
            got.update(viewer.output)
            count += len(viewer.output)
            viewer.output = b""
            viewer.channels.clear()
            viewer.say("ack", seq=viewer.seq)
    t.equal((count, got.hexdigest()), (len(data), hashlib.sha256(data).hexdigest()))
    viewer.input(b"")
    t.equal(viewer.until("exit")["code"], 3)
    t.equal(viewer.channels.get(2), b"done\n")


@case("signals reach the program and what it started", "TE-21", each=WAYS)
def _(t, way):
    workload = t.run(body={"backend": way})
    session = t.open(workload, "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done")
    viewer = Thole(t.thole, session["id"])
    till(viewer, b"up")
    t.thole.post(f"/v1/sessions/{session['id']}/signal", {"signal": "SIGTERM"}).expect(204)
    t.equal((viewer.until("exit")["code"], t.ended(session)["exit_code"]), (5, 5))
    session = t.open(workload, "sleep 1000")
    t.thole.post(f"/v1/sessions/{session['id']}/signal", {"signal": "SIGKILL"}).expect(204)
    t.equal((t.ended(session)["exit_code"], t.show(session)["exit_signal"]), (137, "SIGKILL"))


@case("DELETE ends every process that came of it", "TE-05 TE-26", each=WAYS)
def _(t, way):
    workload = t.run(body={"backend": way})
    stubborn = "trap '' HUP TERM; sleep 4711 & (sleep 4712 & sleep 4713 &) & echo up; while :; do sleep 4714; done"
    for tty in (False, True):
        session = t.open(workload, stubborn, tty=tty)
        viewer = Thole(t.thole, session["id"])
        till(viewer, b"up")
        t.until(lambda: t.processes(workload, "sleep 471") >= 4, 60, "all of it runs")
        t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)
        t.until(lambda: t.processes(workload, "sleep 471") == 0, 60, "none of it runs")
        t.equal(viewer.rest_of_it().word, "removed")


@case("a daemon that is gone: its sessions have ended and their programs are ended", "TE-25", each=["kill", "stop"])
def _(t, how):
    places = [t.run(body={"backend": way}) for way in WAYS]
    sessions = [t.open(place, "trap '' HUP; while :; do sleep 4715; done") for place in places]
    viewers = [Thole(t.thole, session["id"], start="live") for session in sessions]
    for place in places:
        t.until(lambda place=place: t.processes(place, "sleep 4715") > 0, 60, "it runs")
    ending = threading.Thread(target=getattr(t.thole, how))
    ending.start()
    for viewer in viewers:
        try:
            t.equal(viewer.rest_of_it().code, 1001 if how == "stop" else None)
        except OSError:
            t.equal(how, "kill")
        viewer.end()
    ending.join()
    t.thole.start()
    t.wait_ready()
    for place, session in zip(places, sessions):
        t.holds(t.ended(session)["reason"], "daemon_restarted")
        t.until(lambda place=place: t.processes(place, "sleep 4715") == 0, 60, "its program is ended")


@case("the console: what it wrote, what it is told, its size, its end", "TE-01 TE-03 TE-28 row:20", each=WAYS)
def _(t, way):
    workload = t.run("echo begun; read line; echo got $line >&2; stty size; read line; exit 3", tty=True, stdin=True, body={"backend": way})
    viewer = Console(t.thole, workload)
    till(viewer, b"begun")
    viewer.say("resize", rows=33, cols=77)
    viewer.until("resized")
    viewer.input(b"word\n")
    till(viewer, b"got word")
    till(viewer, b"33 77")
    other = Console(t.thole, workload)
    till(other, b"33 77")
    viewer.input(b"\n")
    t.equal((viewer.until("exit")["code"], other.until("exit")["code"]), (3, 3))


@case("the console under a flood, and again with another daemon", "TE-01 TE-02 TE-25 row:21", each=["kill", "stop"])
def _(t, how):
    workload = t.run("i=0; read line; seq 1 20000; while :; do i=$((i+1)); echo n $i; sleep 0.02; done", stdin=True)
    viewer = Console(t.thole, workload)
    begin = time.monotonic()
    viewer.input(b"\n")
    while viewer.output.count(b"n ") < 10:
        viewer.step()
    # the flood may take its time: so many lines of each second may be shown, and those of the second it began in
    most = LINES * (time.monotonic() - begin + 1)
    shown = viewer.output.count(b"\n")
    t.true(viewer.output.startswith(b"1\n2\n3\n"), "the first lines are shown")
    before_n = viewer.output.index(b"n ")
    t.true(LINES <= viewer.output[:before_n].count(b"\n") <= most, f"{shown} lines were shown, at most {most:.0f}")
    # what is skipped may reach into the counter
    t.true(viewer.skipped + viewer.output[:before_n].count(b"\n") >= 20000, "the others are counted")
    seen, at = viewer.output[before_n:], viewer.seq
    viewer.end()
    getattr(t.thole, how)()
    t.thole.start()
    t.wait_ready()
    again = Console(t.thole, workload, seq=at)
    t.equal((again.resumed["seq"], again.gaps), (at, []))
    begin = int(seen.split(b"\n")[-2].split()[1])
    till(again, b"n %d\n" % (begin + 150))
    numbers = [int(line.split()[1]) for line in (seen + again.output).split(b"\n")[:-1]]
    first = numbers[0]
    t.equal(numbers[:begin + 150 - first + 1], list(range(first, begin + 151)), "every number once")
    t.equal(t.logs(workload).count("\n") >= 20000, True, "the log has every line")


main(Held)
