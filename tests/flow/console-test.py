#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The console of a workload's main process: its log and what comes, in every dialect, for any number of viewers, guarded against floods."""
import json
import re
import threading
import time

from daemon import Client
from memory import Kept, case, main, script
from ws_client import Refused, Thole, WebSocket, channels


class Console(Thole):
    """thole.v1 on /console; `skipped` are the marks of the flood guard."""

    def __init__(self, client, workload, seq=None, query="", start="oldest", **rest):
        WebSocket.__init__(self, client, f"/v1/workloads/{workload['id']}/console{query}", "thole.v1", **rest)
        self.output, self.channels, self.exit, self.gaps, self.stdin, self.skipped = b"", {}, None, [], 0, []
        self.say("resume", **({"from": start} if seq is None else {"from_seq": seq}))
        self.resumed = self.until("resumed")
        self.seq, self.stdin = self.resumed["seq"], self.resumed["stdin"]

    def step(self):
        message = super().step()
        if message and message["type"] == "gap" and "lines" in message:
            self.skipped.append(message["lines"])
        return message

    def till(self, text):
        while text not in self.output:
            self.step()
        return self


class Consoles(Kept):
    BACKEND = {"log_bytes": "4194304"}


@case("what it has written, then what comes, and how it ends", "TE-01 TE-18 TE-28 row:20")
def _(t):
    workload = t.run(script("print before 3", "error wrong", "cat", "exit 4"), stdin=True)
    viewer = Console(t.thole, workload).till(b"wrong\n")
    t.equal((viewer.channels[1], viewer.channels[2]), (b"before\n" * 3, b"wrong\n"))
    viewer.input(b"typed")
    viewer.till(b"typed")
    t.verb(workload, "kill", {"signal": "SIGKILL"})
    t.equal(viewer.until("exit")["signal"], "SIGKILL")
    t.equal(viewer.rest_of_it().word, "ended")
    with_log = t.logs(workload)
    t.holds(with_log, "typed")
    t.wait(workload, "stopped,crashed")
    try:
        Console(t.thole, workload)
        t.true(False, "it does not run")
    except Refused as refused:
        t.equal(refused.status, 409)
    except Exception as closed:
        t.equal(closed.code, 4409)


@case("many viewers, one types; its size", "TE-01 TE-36 row:28")
def _(t):
    workload = t.run(["watch-size"], tty=True, stdin=True)
    first = Console(t.thole, workload, start="live")
    second = Console(t.thole, workload, start="live")
    t.equal((first.until("control")["held"], second.until("control")["held"]), (True, False))
    first.say("resize", rows=31, cols=71)
    first.till(b"31 71")
    second.till(b"31 71")
    second.say("resize", rows=9, cols=9)
    first.close()
    t.equal(second.until("control")["held"], True)
    second.say("resize", rows=12, cols=13)
    second.till(b"12 13")
    t.equal(t.get(workload)["state"], "running", "who leaves ends nothing")


@case("each dialect", "TE-01 TE-03 TE-13 TE-20")
def _(t):
    workload = t.run(script("print hello", "cat", "exit 3"), stdin=True)
    path = f"/v1/workloads/{workload['id']}/console"
    page = WebSocket(t.thole, path, "tty")
    page.send('{"AuthToken":"","columns":80,"rows":24}')
    seen = b""
    while b"hello" not in seen:
        message = page.message()
        seen += message[1:] if message[:1] == b"0" else b""
    box = WebSocket(t.thole, path, "execbox.v1")
    t.equal(json.loads(box.message()), {"type": "stdout", "data": "hello\n"})
    kube = WebSocket(t.thole, path, "v5.channel.k8s.io")
    t.verb(workload, "kill", {"signal": "SIGKILL"})
    found, closed = channels(kube)
    t.equal((found[1], closed.code), (b"hello\n", 1000))
    t.holds(found[3], b'"message":"137"')


@case("what is typed before the program is reached", "TE-01 TE-18", each=["execbox.v1", "v5.channel.k8s.io"])
def _(t, dialect):
    workload = t.run(script("cat", "exit"), stdin=True)
    t.order("faults", "exec.attach:delay=300")
    early = WebSocket(t.thole, f"/v1/workloads/{workload['id']}/console", dialect)
    early.send(b"\0early" if dialect.startswith("v5") else json.dumps({"type": "stdin", "data": "early"}))
    seen = b""
    while b"early" not in seen:
        message = early.message()
        seen += message if isinstance(message, bytes) else message.encode()
    t.order("faults")


@case("a flood: 200 lines in a second and a mark; the log has all", "TE-02 row:21")
def _(t):
    lines = 5000
    workload = t.run(script("cat", "exit"), stdin=True)
    viewer = Console(t.thole, workload)
    typed = b"".join(b"line %d\n" % number for number in range(lines))
    begin = time.monotonic()
    sender = threading.Thread(target=lambda: [viewer.input(typed[at:at + 8192]) for at in range(0, len(typed), 8192)])
    sender.start()
    while viewer.seq - viewer.resumed["seq"] < len(typed):
        viewer.step()
    sender.join()
    shown, seconds = viewer.output.count(b"\n"), time.monotonic() - begin
    t.true(200 <= shown <= 200 * (seconds + 2), f"{shown} lines were shown in {seconds:.1f} s")
    t.equal(shown + sum(viewer.skipped), lines, "shown and skipped")
    t.true(viewer.output.startswith(b"line 0\nline 1\n") and viewer.output.endswith(b"\n"), "whole lines")
    other = WebSocket(t.thole, f"/v1/workloads/{workload['id']}/console?from=oldest", "v4.channel.k8s.io")
    seen = b""
    while b"lines skipped]\n" not in seen:
        message = other.message()
        seen += message[1:] if message[:1] == b"\1" else b""
    t.equal(int(re.search(rb"\[(\d+) lines skipped\]", seen)[1]), viewer.skipped[0])
    t.until(lambda: t.logs(workload).count("\n") == lines, 20, "the log has every line")


@case("a viewer that comes back to another daemon gets what it missed from the log", "TE-01 TE-25", each=["kill", "stop"])
def _(t, how):
    workload = t.run(["count", "0", "20"])
    viewer = Console(t.thole, workload).till(b"5\n")
    seen, at = viewer.output, viewer.seq
    viewer.end()
    getattr(t.thole, how)()
    t.thole.start()
    t.till_ready()
    again = Console(t.thole, workload, seq=at)
    t.equal((again.resumed["seq"], again.gaps), (at, []))
    whole = int(seen.split()[-1]) + 40
    again.till(b"\n%d\n" % whole)
    numbers = [int(line) for line in (seen + again.output).split(b"\n")[:-1]]
    t.equal(numbers[:whole], list(range(1, whole + 1)), "every number once")


@case("who may read the log may look, but not type", "TE-01 row:20")
def _(t):
    workload = t.run(["cat"], stdin=True)
    users = [{"email": f"{role}@example.org", "password": "a good password", "roles": [role]} for role in ("admin", "viewer")]
    clients = []
    for user in users:
        t.thole.post("/v1/users", user).expect(201)
        login = t.thole.tcp(token=False).post("/v1/auth/login", {"email": user["email"], "password": user["password"]}).expect(200)
        clients.append(Client(port=t.thole.tcp_port, token=login.json["token"]))
    admin, looker = Console(clients[0], workload), Console(clients[1], workload, query="?take=true&input=shared")
    t.equal(looker.until("control")["held"], False)
    looker.input(b"no\n")
    looker.say("take")
    admin.input(b"yes\n")
    t.equal(looker.till(b"yes").output, b"yes\n")


@case("who only watches does not type", "TE-01")
def _(t):
    workload = t.run(["cat"], stdin=True)
    viewer = Console(t.thole, workload, query="?input=none")
    t.equal(viewer.until("control")["held"], False)
    viewer.input(b"no\n")
    typist = Console(t.thole, workload)
    typist.input(b"yes\n")
    t.equal(viewer.till(b"yes").output, b"yes\n")


main(Consoles)
