#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions in containers of a real Docker Engine: what runs in them, and what they outlive."""
import hashlib
import os
import random
import threading

from real_docker import case, main
from two_ways import WAYS, TwoWays, till
from ws_client import Thole

LONG = os.environ.get("THOLE_LONG") == "1"
COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


class Sessions(TwoWays):
    """By its socket the agent is mounted, by TCP it is uploaded."""

    def after(self):
        self.engine.start()
        self.wait_ready()
        super().after()

    def back(self, how):
        """The daemon goes, by kill or stop, and comes again."""
        getattr(self.thole, how)()
        self.thole.start()
        self.wait_ready()

def numbers(output):
    """The whole lines of a counter, which must follow each other from 1 on."""
    lines = [int(line) for line in output.replace(b"\r", b"").split(b"\n")[:-1]]
    if lines != list(range(1, len(lines) + 1)):
        odd = next(i for i, line in enumerate(lines) if line != i + 1)
        raise AssertionError(f"line {odd + 1} is {lines[odd]}")
    return lines


# what runs in them -----------------------------------------------------------------------------------------

@case("a terminal: typed, seen, resized", "TE-08 TE-09 TE-18", each=WAYS)
def _(t, way):
    session = t.open(t.run(body={"backend": way}), "sh", "-i", tty=True, rows=30, cols=90, env={"PS1": "ready> "})
    t.equal((session["durability"], session["state"]), ("agent", "running"))
    viewer = Thole(t.thole, session["id"])
    till(viewer, b"ready> ")
    viewer.input(b"echo $((6*7)); stty size; tty\n")
    till(viewer, b"/dev/pts/")
    t.holds(viewer.output, b"42\r\n30 90\r\n")
    viewer.say("resize", rows=40, cols=100)
    viewer.until("resized")
    viewer.input(b"stty size; exit 3\n")
    t.equal(viewer.until("exit")["code"], 3)
    t.holds(viewer.output, b"40 100\r\n")

@case("exit code and signal", "TE-21", each=[("exit 0", 0, None), ("exit 1", 1, None), ("exit 127", 127, None),
                                             ("no-such-program-at-all", 127, None), ("kill -KILL $$", 137, "SIGKILL"),
                                             ("kill -TERM $$", 143, "SIGTERM")])
def _(t, wanted):
    script, code, signal = wanted
    workload = t.run()
    for tty in (False, True):
        session = t.open(workload, script, tty=tty)
        ended = t.ended(session)
        t.equal((ended["exit_code"], ended["exit_signal"]), (code, signal))
        viewer = Thole(t.thole, session["id"])
        viewer.rest_of_it()
        t.equal(viewer.exit[:2], (code, signal))

@case("one that wants too much memory is killed alone", "TE-21", each=WAYS)
def _(t, way):
    # a kernel takes the pages of one that it kills back in lots of up to 38 MiB, and looks for the next one to kill before the last lot
    # is free: of a small one that is all it had
    workload = t.run(body={"backend": way}, resources={"memory": "128MiB"})
    session = t.ended(t.open(workload, "tail", "/dev/zero"))
    t.equal((session["exit_code"], session["exit_signal"]), (137, "SIGKILL"))
    t.equal(t.get(workload)["state"], "running")
    t.equal(t.ended(t.open(workload, "exit 7"))["exit_code"], 7)

@case("closing its input ends cat", "TE-19")
def _(t):
    session = t.open(t.run(), "cat", "-")
    viewer = Thole(t.thole, session["id"])
    viewer.input(b"some words")
    viewer.input(b"")
    t.equal(viewer.until("exit")["code"], 0)
    t.equal(viewer.output, b"some words")

@case("stdout and stderr are apart, but counted as one", "TE-19 TE-32")
def _(t):
    session = t.open(t.run(), "printf out; read x; printf err >&2; read x; printf more")
    viewer = Thole(t.thole, session["id"])
    for said in (b"out", b"err"):
        till(viewer, said)
        viewer.input(b"\n")
    t.equal(viewer.until("exit")["seq"], 10)
    t.equal((viewer.output, viewer.channels[2]), (b"outerrmore", b"err"))

@case("user, folder and environment", "TE-06", each=WAYS)
def _(t, way):
    said = 'echo $(id -u):$(id -g) $(pwd) $A'

    def output(workload, **body):
        session = t.open(workload, said, **body)
        viewer = Thole(t.thole, session["id"])
        viewer.until("exit")
        return viewer.output.decode().strip()

    workload = t.run(body={"backend": way})
    t.equal(output(workload, env={"A": "b c"}, working_dir="/etc"), "0:0 /etc b c")
    t.equal(output(workload, user="nobody", working_dir="/tmp"), "65534:65534 /tmp")
    t.equal(output(workload, user="1:2", working_dir="/"), "1:2 /")
    other = t.run(body={"backend": way}, user="1234:56", privileges={"read_only_root": True})
    t.equal(output(other, working_dir="/tmp"), "1234:56 /tmp")
    # where everything is one user's nobody becomes another
    t.among(t.open(other, "true", user="0", status=(403, 422))["code"], ("forbidden", "invalid_field", "denied"))

# what they outlive -----------------------------------------------------------------------------------------

@case("a viewer has each byte once through kills and restarts of the daemon", "TE-04 TE-15 TE-25 row:22", each=WAYS)
def _(t, way):
    session = t.open(t.run(body={"backend": way}), COUNT, tty=True)
    got = b""
    for how in ("kill", "stop", "kill", "stop", None):
        viewer = Thole(t.thole, session["id"], seq=len(got))
        viewer.read(200)
        if how == "kill":
            t.back(how)
        elif how == "stop":
            going = threading.Thread(target=t.thole.stop)
            going.start()
            closed = viewer.rest_of_it()
            going.join()
            t.equal((closed.code, closed.word), (1001, "restarting"))
            t.thole.start()
            t.wait_ready()
        got += viewer.output
        t.equal(viewer.gaps, [])
    t.true(len(numbers(got)) > 200, "hundreds of numbers")

@case("input is taken once, whatever dies", "TE-25 TE-33", each=WAYS)
def _(t, way):
    session = t.open(t.run(body={"backend": way}), "cat", "-")
    data = random.Random(3).randbytes(400_000)
    sent, got, chance = 0, b"", random.Random(4)
    for turn in range(8):
        viewer = Thole(t.thole, session["id"], seq=len(got))
        sent = viewer.stdin
        limit = len(got) + 50_000
        while len(got) + len(viewer.output) < min(limit, len(data)):
            # at most 64 KiB on their way
            while sent - viewer.stdin < 65536 and sent < len(data):
                piece = data[sent:sent + chance.randrange(1, 20_000)]
                viewer.input(piece)
                sent += len(piece)
            viewer.step()
        got += viewer.output
        if turn % 2 and len(got) < len(data):
            t.back("kill" if turn % 4 == 1 else "stop")
        viewer.end()
    viewer = Thole(t.thole, session["id"], seq=len(got))
    for at in range(viewer.stdin, len(data), 20_000):
        viewer.input(data[at:at + 20_000])
    viewer.read(len(data) - len(got))
    t.equal(hashlib.sha256(got + viewer.output).hexdigest(), hashlib.sha256(data).hexdigest())

@case("dockerd is killed: a mounted agent's viewer does not notice", "TE-15 TE-25")
def _(t):
    session = t.open(t.run(), COUNT, tty=True)
    viewer = Thole(t.thole, session["id"])
    viewer.read(200)
    t.engine.kill()
    viewer.read(len(viewer.output) + 400)
    t.engine.start()
    t.wait_ready()
    viewer.read(len(viewer.output) + 400)
    numbers(viewer.output)
    t.equal(t.show(session)["state"], "running")

@case("dockerd is killed: a bridge is made anew, and no byte is lost", "TE-15 TE-25")
def _(t):
    session = t.open(t.run(body={"backend": "far"}), COUNT, tty=True)
    viewer = Thole(t.thole, session["id"])
    viewer.read(200)
    t.engine.kill()
    t.engine.start()
    t.wait_ready()
    viewer.read(len(viewer.output) + 400)
    numbers(viewer.output)

@case("dockerd and who reads are cut at once: what was not acknowledged is still there", "TE-25 TE-32 row:29")
def _(t):
    workload, last = t.run(body={"backend": "far"}), 60000
    session = t.open(workload, f"seq 1 {last}", flow="lossless", scrollback=65536)
    viewer = Thole(t.thole, session["id"])
    viewer.read(65536)
    t.engine.kill()
    t.engine.start()
    t.wait_ready()
    # what is said over the new way comes behind the attachments
    t.equal(t.ended(t.open(workload, "exit 5"))["exit_code"], 5)
    viewer.end()
    viewer = Thole(t.thole, session["id"], seq=0)
    while viewer.exit is None:
        viewer.step()
        viewer.say("ack", seq=viewer.seq)
    t.equal(viewer.gaps, [])
    t.equal(len(numbers(viewer.output)), last)

@case("a workload that stops or restarts ends its sessions and says why", "TE-25", each=["stop", "restart", "kill"])
def _(t, verb):
    workload = t.run()
    session = t.open(workload, COUNT, tty=True)
    viewer = Thole(t.thole, session["id"])
    viewer.read(20)
    t.verb(workload, verb, {}, "running" if verb == "restart" else "stopped")
    closed = viewer.rest_of_it()
    t.equal((closed.code, closed.word), (4409, "workload_gone"), closed.reason)
    t.equal(t.ended(session)["reason"].split(":")[0], "workload_restarted" if verb == "restart" else "workload_stopped")
    if verb == "restart":
        t.equal(t.ended(t.open(workload, "exit 5"))["exit_code"], 5)

@case("what dies with its container is told", "TE-25")
def _(t):
    workload = t.run()
    session = t.open(workload, COUNT, tty=True)
    viewer = Thole(t.thole, session["id"])
    viewer.read(20)
    t.engine.post(f"/containers/{workload['engine_id']}/kill").expect(204)
    closed = viewer.rest_of_it()
    t.true(closed.code is not None and closed.word, "a code and a reason")
    t.true(t.ended(session)["reason"] != "", "its reason")

@case("nothing of an agent stays behind a deleted workload")
def _(t):
    folder = os.path.join(t.thole.state, "backends", "docker", "agents")
    workload = t.run()
    t.open(workload, "cat", "-")
    t.equal(len(os.listdir(folder)), 1)
    t.thole.remove(workload)
    t.made.remove(workload["id"])
    t.equal(os.listdir(folder), [])

@case("random bytes both ways through pipes are the same", "TE-16 TE-19", each=WAYS)
def _(t, way):
    size = (256 if LONG else 8) << 20
    session = t.open(t.run(body={"backend": way}), "cat", "-")
    viewer = Thole(t.thole, session["id"], timeout=120)
    chance, wanted, seen = random.Random(5), hashlib.sha256(), hashlib.sha256()
    sent, got, acked = 0, 0, 0
    while got < size:
        while sent < size and sent - viewer.stdin < 131072 and sent - got < 1 << 20:
            piece = chance.randbytes(min(32768, size - sent))
            wanted.update(piece)
            viewer.input(piece)
            sent += len(piece)
        viewer.step()
        seen.update(viewer.output)
        got += len(viewer.output)
        viewer.output = b""
        viewer.channels.clear()
        if got - acked > 262144:
            viewer.say("ack", seq=got)
            acked = got
    t.equal(seen.hexdigest(), wanted.hexdigest())

main(Sessions)
