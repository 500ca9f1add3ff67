#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tholectl at sessions: exec -it, attach, sessions; on a terminal, over pipes, and while the daemon is killed."""
import fcntl
import hashlib
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import termios
import time

from daemon import BUILD, THOLECTL
from memory import FOREVER, Kept, Skip, case, main, patient

AGENT = os.path.join(BUILD, "agent", "thole-agent")
BAD = re.compile(rb"Sanitizer|runtime error:|CRITICAL")
COUNT = "i=0; while [ $i -lt {} ]; do i=$((i+1)); echo $i; sleep 0.005; done"


class Seat:
    """tholectl on a terminal of its own."""

    def __init__(self, test, *words, rows=24, cols=80):
        self.t, self.seen = test, b""
        self.master, slave = pty.openpty()
        self.size(rows, cols, slave)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen([THOLECTL, *words], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                                        start_new_session=True, env=test.environment(),
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def size(self, rows, cols, fd=None):
        fcntl.ioctl(self.master if fd is None else fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:
                return False
        return True

    def see(self, text, seconds=60):
        """Reads until @text is there; what came before and with it is then forgotten."""
        end = time.monotonic() + seconds * patient()
        text = text.encode()
        while text not in self.seen:
            if time.monotonic() > end or (self.process.poll() is not None and not self.read(0)):
                raise AssertionError(f"{text} does not come: {self.seen[-2000:]}")
            self.read(0.2)
        before, _, self.seen = self.seen.partition(text)
        return (before + text).decode()

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, seconds=60):
        """The exit code; the terminal is as it was."""
        stop = time.monotonic() + seconds * patient()
        while self.process.poll() is None and time.monotonic() < stop:
            self.read(0.05)
        code = self.process.poll()
        if code is None:
            raise AssertionError(f"it does not end: {self.seen[-2000:]}")
        while select.select([self.master], [], [], 0)[0]:
            self.read(0)
        self.t.equal(termios.tcgetattr(self.slave), self.before, "the terminal")
        self.t.true(not BAD.search(self.seen), self.seen[-3000:])
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)


class Attached(Kept):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT}

    def __init__(self):
        super().__init__()
        self.count, self.seats = 0, []

    def environment(self):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("THOLE_", "LC_", "LANG"))}
        return {**kept, "THOLE_URL": "unix:" + self.thole.path, "LC_ALL": "C.UTF-8", "TERM": "xterm"}

    def after(self):
        while self.seats:
            self.seats.pop().close()
        super().after()

    def name(self):
        self.count += 1
        return self.run(FOREVER, name=f"w{self.count}")["name"]

    def seat(self, *words, **size):
        self.seats.append(Seat(self, *words, **size))
        return self.seats[-1]

    def do(self, *words, data=None, code=0):
        result = subprocess.run([THOLECTL, *words], input=data, stdin=subprocess.DEVNULL if data is None else None,
                                capture_output=True, timeout=120, check=False, env=self.environment())
        if BAD.search(result.stderr) or code not in (None, result.returncode):
            raise AssertionError(f"tholectl {words} ended with {result.returncode}: {result.stdout[-500:]} {result.stderr[-2000:]}")
        return result

    def sessions(self, *words):
        return json.loads(self.do("sessions", *words, "-o", "json").stdout)

    def again(self, how="kill"):
        getattr(self.thole, how)()
        self.thole.start()
        self.till_ready()


@case("exec -it: a terminal with our size that changes, and the exit code", proves="TE-09 TE-21")
def _(t):
    name = t.name()
    seat = t.seat("exec", "-it", "-e", "PS1=ready:", "-w", "/usr", name, "sh", rows=31, cols=99)
    seat.see("ready:")
    seat.type("stty size; pwd; echo $TERM\r")
    t.holds(seat.see("xterm\r\nready:"), "31 99\r\n/usr\r\n")
    seat.size(40, 120)
    t.until(lambda: [(s["rows"], s["cols"]) for s in t.sessions(name)] == [(40, 120)], 20, "the new size")
    seat.type("stty size\r")
    # a prompt that comes late would be taken for the next one
    seat.see("40 120\r\nready:")
    # keys go through as they are: Ctrl-C is for the program
    seat.type("sleep 100\r")
    seat.see("sleep 100\r\n")
    # the shell may lose one that comes while it starts the program
    for _ in range(20):
        seat.type("\x03")
        seat.read(1)
        if b"ready:" in seat.seen:
            break

    def left():
        # a second Ctrl-C that was late takes the line with it that is typed meanwhile
        if b"ready:" in seat.seen:
            seat.seen = b""
            seat.type("exit 7\r")
        seat.read(0.05)
        return seat.process.poll() is not None
    t.until(left, 20 * patient(), "the end")
    t.equal(seat.end(), 7)
    t.equal(t.sessions(name, "--all"), [])


@case("exec -i: any bytes of any length both ways, outputs apart, the end of input", proves="TE-19 TE-30 TE-33")
def _(t):
    name = t.name()
    data = random.Random(3).randbytes(12 << 20)
    result = t.do("exec", "-i", name, "sh", "-c", "cat; echo done >&2; exit 3", data=data, code=3)
    t.equal(hashlib.sha256(result.stdout).hexdigest(), hashlib.sha256(data).hexdigest(), f"{len(result.stdout)} bytes")
    t.equal(result.stderr, b"done\n")
    t.equal(t.do("exec", "-i", name, "sh", "-c", "kill -KILL $$", data=b"", code=137).stdout, b"")
    t.holds(t.do("exec", "-i", name, "/nonsense", data=b"", code=1).stderr.decode(), "no such program")
    t.do("exec", "-i", "nobody", "sh", data=b"", code=3)
    t.do("exec", "-it", "--timeout", "5", name, "sh", data=b"", code=2)
    t.do("exec", "-it", "--detach-keys", "control", name, "sh", data=b"", code=None)


@case("left with Ctrl-P Ctrl-Q it goes on, and attach shows its screen", proves="TE-04 TE-15")
def _(t):
    name = t.name()
    seat = t.seat("exec", "-it", "-e", "PS1=ready:", name, "sh")
    seat.see("ready:")
    seat.type("echo first-$((40+2))\r")
    seat.see("first-42\r\n")
    # the first of the keys alone belongs to the program
    seat.type("echo \x10")
    seat.type("two-$((1+2))\r")
    seat.see("-3\r\n")
    seat.type("\x10")
    seat.type("\x11")
    seat.see("tholectl attach se-")
    t.equal(seat.end(), 0)
    session, = t.sessions(name)
    t.equal((session["state"], session["on_detach"]), ("running", "keep"))
    again = t.seat("attach", name)
    again.see("first-42")
    again.see("-3")
    again.see("ready:")
    again.type("exit 5\r")
    t.equal(again.end(), 5)


@case("kill -9 of the daemon: output goes on at the byte", proves="TE-04 TE-15 TE-25", each=["kill", "stop"])
def _(t, how):
    name = t.name()
    process = subprocess.Popen([THOLECTL, "exec", "-i", name, "sh", "-c", COUNT.format(600) + "; exit 4"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=t.environment())
    try:
        got = b""
        for least in (300, 900):
            while len(got) < least:
                got += os.read(process.stdout.fileno(), 4096)
            t.again(how)
        rest, errors = process.communicate(timeout=60 * patient())
    finally:
        process.kill()
    t.equal((got + rest).decode().split(), [str(number) for number in range(1, 601)])
    t.equal(process.returncode, 4)
    # it may take so long to come back that it is told
    for line in errors.decode().splitlines():
        t.true(line in ("tholectl: the connection broke, connecting again", "tholectl: connected again"), line)


@case("kill -9 of the daemon under a terminal: what is typed meanwhile arrives once", proves="TE-25 TE-32")
def _(t):
    name = t.name()
    seat = t.seat("exec", "-it", "-e", "PS1=ready:", name, "sh")
    seat.see("ready:")
    for number in range(3):
        seat.type(f"echo before-$(({number}+1))\r")
        seat.see(f"before-{number + 1}\r\n")
        t.thole.kill()
        seat.type(f"echo while-$(({number}+1))\r")
        time.sleep(0.3)
        t.thole.start()
        seen = seat.see(f"while-{number + 1}\r\n")
        t.equal(seen.count(f"echo while-$(({number}+1))"), 1, seen)
    t.till_ready()
    seat.type("exit 6\r")
    t.equal(seat.end(), 6)


@case("a long cut is told, and can be left", proves="TE-25")
def _(t):
    name = t.name()
    seat = t.seat("exec", "-it", "--detach-keys", "ctrl-],q", "-e", "PS1=ready:", name, "sh")
    seat.see("ready:")
    t.thole.kill()
    try:
        seat.see("connecting again; ctrl-],q leaves")
    finally:
        t.thole.start()
    seat.see("connected again")
    t.till_ready()
    seat.type("\x1dq")
    t.equal(seat.end(), 0)


@case("however much is typed while the daemon is away, the keys that leave are seen")
def _(t):
    name = t.name()
    seat = t.seat("exec", "-it", "-e", "PS1=ready:", name, "sh")
    seat.see("ready:")
    t.thole.kill()
    try:
        for _ in range(150):
            seat.type("x" * 4095)
        seat.see("\a")
        seat.type("\x10\x11")
        seat.see("after the daemon is back: tholectl attach se-")
    finally:
        t.thole.start()
    t.equal(seat.end(), 0)


@case("without the daemon it gives up after its patience")
def _(t):
    name = t.name()
    t.thole.post(f"/v1/workloads/{name}/sessions", {"command": ["cat"], "name": "patient"}).expect(201)
    seat = t.seat("attach", "--patience", "1", "patient")
    seat.type("x\r")
    seat.see("x\r\nx\r\n")
    t.thole.kill()
    try:
        t.equal(seat.end(), 5)
    finally:
        t.thole.start()


@case("its program ended meanwhile: attach ends with its exit code", proves="TE-21")
def _(t):
    name = t.name()
    process = subprocess.Popen([THOLECTL, "exec", "-i", name, "sh", "-c", "echo up; sleep 1; exit 9"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=t.environment())
    try:
        t.equal(process.stdout.readline(), b"up\n")
        t.thole.kill()
        time.sleep(2)
        t.thole.start()
        t.equal(process.wait(60), 9)
    finally:
        process.kill()
        process.communicate()


@case("one types and others watch, until they take over")
def _(t):
    name = t.name()
    first = t.seat("exec", "-it", "-e", "PS1=ready:", name, "sh")
    first.see("ready:")
    session = t.sessions(name)[0]["id"]
    watcher = t.seat("attach", session)
    watcher.see("you watch")
    reader = t.seat("attach", "--read-only", session)
    reader.see("ready:")
    watcher.type("echo nothing\r")
    first.type("echo one-$((1+1))\r")
    for seat in (first, watcher, reader):
        t.true("nothing" not in seat.see("one-2\r\n"), "what a watcher types")
    taker = t.seat("attach", "--take", session)
    taker.see("one-2")
    first.see("you watch")
    taker.type("exit 3\r")
    t.equal([seat.end() for seat in (first, watcher, reader, taker)], [3, 3, 3, 3])


@case("keys take control and give it back, and who shares types in any case", proves="TE-18")
def _(t):
    name = t.name()
    first = t.seat("exec", "-it", "-e", "PS1=ready:", name, "sh")
    first.see("ready:")
    session = t.sessions(name)[0]["id"]
    second = t.seat("attach", session)
    second.see("you watch; ctrl-p,ctrl-t takes over")
    second.type("\x10\x14")
    second.see("now you type")
    first.see("you watch; ctrl-p,ctrl-t takes over")
    second.type("echo second-$((1+1))\r")
    first.see("second-2")
    # the keys count only while somebody else types, and never reach the program
    first.type("\x10")
    first.type("\x14")
    first.see("now you type")
    first.type("echo first-$((1+1))\r")
    second.see("first-2")
    third = t.seat("attach", "--shared", session)
    third.see("first-2")
    third.type("echo third-$((1+1))\r")
    second.see("third-2")
    first.type("exit 4\r")
    t.equal([seat.end() for seat in (first, second, third)], [4, 4, 4])


@case("exec --record and play", proves="row:119")
def _(t):
    name = t.name()
    result = t.do("exec", "-i", "--record", name, "sh", "-c", "printf 'one\\0two\\n'; printf 'nine \\303\\244\\n' >&2", data=b"")
    t.equal(result.stdout, b"one\0two\n")
    session = re.search(r"tholectl play (\S+)", result.stderr.decode())[1]
    played = t.do("play", session, "-s", "1000").stdout
    t.equal(sorted(played.split(b"\n")), sorted(["".encode(), b"onetwo", "nine ä".encode()]))
    t.holds(t.do("play", "nobody", code=3).stderr.decode(), "nobody")
    t.do("exec", "--record", name, "true", code=2)
    # one that goes on is followed to its end
    seat = t.seat("exec", "-it", "--record", "-e", "PS1=ready:", name, "sh")
    seat.see("ready:")
    player = t.seat("play", "--follow", t.sessions(name)[0]["id"])
    player.see("ready:")
    seat.type("echo live-$((1+1))\r")
    player.see("live-2")
    seat.type("exit 0\r")
    seat.see("recorded: tholectl play se-")
    t.equal((seat.end(), player.end()), (0, 0))


@case("sessions are listed and ended", proves="TE-05 TE-06 TE-07")
def _(t):
    name = t.name()
    for session in ("one", "two"):
        t.thole.post(f"/v1/workloads/{name}/sessions", {"command": ["cat", "-u"], "name": f"{session}-of-{name}"}).expect(201)
    table = t.do("sessions").stdout.decode()
    t.true(re.search(rf"se-\S+ +one-of-{name} +wl-\S+ +running +0 .*cat -u$", table, re.M), table)
    t.equal(t.do("sessions", name, "-o", "name").stdout.decode().split(), [f"one-of-{name}", f"two-of-{name}"])
    t.holds(t.do("attach", name, code=2).stderr.decode(), f"one-of-{name}")
    t.equal(t.do("sessions", "--kill", f"one-of-{name}").stdout.decode(), f"one-of-{name}\n")
    t.do("sessions", "--kill", "nobody", code=3)
    t.equal([s["name"] for s in t.sessions(name)], [f"two-of-{name}"])
    t.do("sessions", "-k", f"two-of-{name}")
    t.do("attach", "se-nothing", code=3)
    t.do("attach", "nobody", code=3)


@case("our terminal goes away: the session waits for us a while")
def _(t):
    name = t.name()
    seat = t.seat("exec", "-it", "-e", "PS1=ready:", name, "sh")
    seat.see("ready:")
    seat.process.send_signal(signal.SIGHUP)
    t.equal(seat.end(), 129)
    session, = t.sessions(name)
    t.equal((session["state"], session["on_detach"]), ("running", "stop-after"))


@case("attach to the main program: what comes, keys that leave, on over a killed daemon", proves="TE-01 TE-03 TE-18 TE-25")
def _(t):
    name = t.run(["cat"], name="main", tty=True, stdin=True)["name"]
    seat = t.seat("attach", name, rows=20, cols=70)
    seat.type("one\n")
    t.until(lambda: seat.read(0.1) and "one" in t.logs({"id": name}), 30, "it is typed")
    t.again()
    seat.type("two\n")
    t.until(lambda: seat.read(0.1) and "two" in t.logs({"id": name}), 30, "it is typed on")
    seat.type("\x10\x11")
    seat.see("left; it goes on: tholectl attach --console main")
    t.equal(seat.end(), 0)
    t.equal(t.thole.get("/v1/workloads/main").expect(200).json["state"], "running")
    counter = t.run(["count", "60", "50"], name="counter")["name"]
    seat = t.seat("attach", "--console", "--from", "oldest", counter)
    seat.see("\n5\r\n")
    t.again()
    seen = seat.see("\n60\r\n", 60)
    numbers = [int(line) for line in seen.split("\r\n") if line.strip().isdigit()]
    t.equal(numbers, list(range(6, 61)), "every number once")
    t.equal(seat.end(), 0)


def setup():
    if not os.path.exists(AGENT):
        raise Skip("there is no agent here")
    return Attached()


main(setup)
