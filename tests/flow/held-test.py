#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions that the daemon holds itself over exec/1, where no agent can be: the same but for a restart of the daemon."""
import http.client
import json
import os
import threading

from daemon import BUILD
from memory import FOREVER, Kept, case, main
from ws_client import Closed, Thole, WebSocket, channels

AGENT = os.path.join(BUILD, "agent", "thole-agent")
LINES = 30000


def flood(lines):
    """What the instruction prints: numbered lines of 64 bytes."""
    return [b"%063d\n" % number for number in range(lines)]


class Held(Kept):
    BACKEND = {"durable": "true"}
    # the daemon has an agent, this backend says that it cannot be there
    SETTINGS = {"daemon.agent": AGENT, "limits.sessions": "8", "limits.caller_sessions": "0"}

    def open(self, *command, workload=None, status=(201,), **body):
        workload = workload or self.run(FOREVER)
        body.setdefault("tty", False)
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(*status).json

    def show(self, session):
        return self.thole.get(f"/v1/sessions/{session['id']}").expect(200).json

    def ended(self, session, seconds=20):
        self.until(lambda: self.show(session)["state"] == "ended", seconds, "the session has ended")
        return self.show(session)

    def signals(self):
        return self.calls("exec.signal")

    def events_of(self, session):
        return [event for event in self.thole.events() if event["subject"] == session["id"]]


@case("it is made without an agent, and says so", "TE-05 TE-06 TE-21")
def _(t):
    session = t.open("print", "one", ";", "error", "two", ";", "cat", ";", "exit", "3", name="first")
    t.equal((session["state"], session["durability"], session["name"]), ("running", "daemon", "first"))
    viewer = Thole(t.thole, session["id"])
    viewer.read(8)
    t.equal((viewer.channels[1], viewer.channels[2]), (b"one\n", b"two\n"))
    viewer.input(b"typed")
    viewer.read(13)
    viewer.input(b"")
    t.equal(viewer.until("exit")["code"], 3)
    closed = viewer.rest_of_it()
    t.equal((closed.code, json.loads(closed.reason)["code"], viewer.stdin), (1000, "ended", 5))
    t.equal((t.ended(session)["exit_code"], t.show(session)["output"]), (3, 13))
    again = Thole(t.thole, session["id"], seq=4)
    again.until("exit")
    t.equal(again.output, b"two\ntyped", "of one that has ended")
    other = t.open("sleep", "0", workload={"id": session["workload"]})
    t.equal(t.ended(other)["exit_code"], 0, "the second is not asked of an agent")
    t.equal(t.calls("agent.connect"), 1)


@case("what cannot run leaves nothing", "TE-05")
def _(t):
    workload = t.run(FOREVER)
    t.open("nonsense", workload=workload, status=(422,))
    t.equal(t.thole.listed(f"/v1/workloads/{workload['id']}/sessions"), [])


@case("each dialect", "TE-13 TE-19 TE-20 row:24 row:25")
def _(t):
    command = ["print", "out", ";", "error", "err", ";", "cat", ";", "exit", "7"]

    def attach(protocol):
        return WebSocket(t.thole, f"/v1/sessions/{t.open(*command)['id']}/attach", protocol)
    kube = attach("v5.channel.k8s.io")
    kube.send(b"\0in")
    kube.send(b"\xff\0")
    found, closed = channels(kube)
    t.equal((found[1], found[2], closed.code), (b"out\nin", b"err\n", 1000))
    t.holds(found[3], b'"message":"7"')
    page = attach("tty")
    page.send('{"AuthToken":"","columns":80,"rows":24}')
    seen = b""
    while b"err" not in seen:
        message = page.message()
        seen += message[1:] if message[:1] == b"0" else b""
    page.close()
    box = attach("execbox.v1")
    box.send(json.dumps({"type": "stdin", "data": "in"}))
    box.send(json.dumps({"type": "eof"}))
    said = []
    try:
        while True:
            said.append(json.loads(box.message()))
    except Closed:
        pass
    t.equal("".join(item["data"] for item in said if item["type"] == "stdout"), "out\nin")
    t.equal([item["code"] for item in said if item["type"] == "exit_code"], [7])


@case("a terminal: its screen, its size, its signals", "TE-09 TE-34")
def _(t):
    session = t.open("print", "hello", ";", "watch-size", tty=True, rows=10, cols=40)
    t.until(lambda: "hello" in t.thole.get(f"/v1/sessions/{session['id']}/snapshot?format=text").expect(200).text, 20, "its screen")
    viewer = Thole(t.thole, session["id"])
    viewer.say("resize", rows=33, cols=77)
    t.equal(viewer.until("resized")["cols"], 77)
    while b"33 77" not in viewer.output:
        viewer.step()
    t.thole.post(f"/v1/sessions/{session['id']}/resize", {"rows": 20, "cols": 50}).expect(204)
    while b"20 50" not in viewer.output:
        viewer.step()
    t.equal((t.show(session)["rows"], t.show(session)["cols"]), (20, 50))
    viewer.say("signal", name="SIGUSR1")
    t.equal(viewer.until("exit")["signal"], "SIGUSR1")
    t.equal((t.ended(session)["exit_code"], t.show(session)["exit_signal"]), (138, "SIGUSR1"))


@case("many viewers, one types", "TE-36 row:28")
def _(t):
    session = t.open("cat")
    first, second = Thole(t.thole, session["id"]), Thole(t.thole, session["id"])
    t.equal((first.until("control")["held"], second.until("control")["held"]), (True, False))
    second.input(b"no")
    first.input(b"yes")
    t.equal((first.read(3), second.read(3)), (b"yes", b"yes"))
    second.say("take")
    t.equal(first.until("control")["held"], False)
    second.input(b"now")
    t.equal(first.read(6), b"yesnow")


@case("lossless: a viewer that reads late and is cut gets every byte, and the program waits for it", "TE-22 TE-32 row:29")
def _(t):
    whole = b"".join(flood(LINES))
    session = t.open("flood", str(len(whole)), flow="lossless", scrollback=65536)
    before = -1
    while t.show(session)["output"] != before:
        before = t.show(session)["output"]
    t.equal(before, 65536, "nobody looks: it waits behind a full ring")
    got = b""
    while len(got) < len(whole):
        viewer = Thole(t.thole, session["id"], seq=len(got))
        for _ in range(40):
            if len(got) + len(viewer.output) >= len(whole):
                break
            viewer.step()
            viewer.say("ack", seq=viewer.seq)
        t.equal(viewer.gaps, [])
        got += viewer.output
        viewer.end()
    t.true(got == whole, "every byte once")
    t.equal(t.ended(session)["exit_code"], 0)


@case("latest: the program never waits, and who is behind is told of a gap", "TE-22 row:26")
def _(t):
    whole = b"".join(flood(LINES))
    session = t.open("flood", str(len(whole)), flow="latest", scrollback=65536)
    t.equal(t.ended(session)["output"], len(whole))
    viewer = Thole(t.thole, session["id"], seq=64)
    viewer.until("exit")
    t.equal((viewer.gaps, viewer.output == whole[-65536:]), ([(64, len(whole) - 65536)], True))
    late = Thole(t.thole, session["id"])
    t.equal(late.seq, len(whole) - 65536)


@case("DELETE asks, then kills", "TE-05")
def _(t):
    session = t.open("ignore-term", ";", "forever")
    viewer = Thole(t.thole, session["id"])
    before = t.signals()
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)
    t.equal(t.signals() - before, 2)
    t.equal(viewer.rest_of_it().word, "removed")
    t.equal([event["type"] for event in t.events_of(session)][-1], "session.deleted")
    t.equal(t.events_of(session)[-1]["data"]["reason"], "deleted")


@case("DELETE where the engine cannot signal closes the stream and says what may be left")
def _(t):
    session = t.open("forever")
    t.order("faults", "exec.signal:fail=unsupported")
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)
    t.order("faults")
    t.holds(t.events_of(session)[-1]["data"]["reason"], "its program may go on")


@case("the last viewer leaves: it is stopped", "TE-26 row:30")
def _(t):
    session = t.open("forever", on_detach="stop")
    viewer = Thole(t.thole, session["id"])
    before = t.signals()
    viewer.close()
    t.holds(t.ended(session)["reason"], "detached")
    t.until(lambda: t.signals() > before, 20, "its program is ended")


@case("the last viewer's time is over while it is being started: it is stopped once it runs", "TE-26 row:30")
def _(t):
    workload = t.run(FOREVER)
    before = t.signals()
    t.order("faults", "exec.open:delay=3000:times=1")
    answers = []
    opening = threading.Thread(target=lambda: answers.append(t.open("forever", workload=workload)))
    opening.start()
    session = t.until(lambda: t.thole.listed(f"/v1/workloads/{workload['id']}/sessions"), 20, "it is there")[0]
    t.equal(session["state"], "starting")
    t.thole.patch(f"/v1/sessions/{session['id']}", {"on_detach": "stop-after", "stop_after": 1}).expect(200)
    opening.join()
    t.equal([answer["state"] for answer in answers], ["running"])
    t.holds(t.ended(session)["reason"], "detached")
    t.until(lambda: t.signals() > before, 20, "its program is ended")
    types = [event["type"] for event in t.events_of(session)]
    t.true(types.index("session.started") < types.index("session.ended"), types)


@case("a workload that stops takes it along", "TE-25")
def _(t):
    workload = t.run(FOREVER)
    session = t.open("forever", workload=workload)
    viewer = Thole(t.thole, session["id"])
    t.verb(workload, "stop", wait="stopped")
    t.true(viewer.rest_of_it().word in ("workload_gone", "ended"), "its viewer is told")
    t.ended(session)
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)


@case("what it said before its workload stopped is seen and recorded, also by who is slow", "TE-25 row:119")
def _(t):
    whole = b"".join(flood(LINES * 4))
    workload = t.run(FOREVER)
    # its end is behind what nobody reads, so that the workload is seen to stop first
    session = t.open("flood", str(len(whole)), ";", "forever", workload=workload, record=True, flow="lossless", scrollback=1048576)
    viewer = Thole(t.thole, session["id"])
    t.until(lambda: t.show(session)["output"] >= 1048576, 20, "it waits behind a full ring")
    t.verb(workload, "kill", {"signal": "SIGKILL"}, wait="stopped,crashed")
    said = t.show(session)["output"]
    closed = viewer.rest_of_it()
    t.true(closed.word in ("workload_gone", "ended"), closed.word)
    t.ended(session)
    t.true(len(viewer.output) >= said and whole.startswith(viewer.output), f"{len(viewer.output)} of {said} bytes were seen")
    text = t.thole.get(f"/v1/sessions/{session['id']}/recording?follow=true").expect(200).text
    events = [json.loads(line) for line in text.splitlines()[1:]]
    t.true(sum(len(data) for _, kind, data in events if kind == "o") >= said, "it is recorded")


@case("a broken way ends it, and its program is ended", "TE-25 row:27")
def _(t):
    session = t.open("forever")
    viewer = Thole(t.thole, session["id"])
    before = t.signals()
    t.order("engine-restart")
    t.equal(viewer.rest_of_it().word, "lost")
    t.holds(t.ended(session)["reason"], "lost")
    t.till_ready()
    t.until(lambda: t.signals() > before, 30, "the engine is asked to end it")


@case("a broken way ends its recording, too, for those who follow it", "row:119")
def _(t):
    session = t.open("print", "one", ";", "forever", record=True)
    connection, answer = t.thole.open(f"/v1/sessions/{session['id']}/recording?follow=true")
    t.until(lambda: b"one" in t.thole.get(f"/v1/sessions/{session['id']}/recording").expect(200).body, 20, "it is recorded")
    t.order("engine-restart")
    t.holds(answer.read().decode(), "one")
    connection.close()
    t.holds(t.ended(session)["reason"], "lost")
    t.till_ready()


@case("a daemon that is gone takes it along: the next one says so and ends what is left", "TE-25", each=["kill", "stop"])
def _(t, how):
    session = t.open("forever", tty=True)
    viewer = Thole(t.thole, session["id"], start="live")
    ending = threading.Thread(target=getattr(t.thole, how))
    ending.start()
    try:
        t.equal(viewer.rest_of_it().code, 1001 if how == "stop" else None)
    except OSError:
        t.equal(how, "kill")
    viewer.end()
    ending.join()
    t.thole.start()
    t.till_ready()
    t.holds(t.ended(session)["reason"], "daemon_restarted")
    t.until(lambda: t.signals() >= 1, 30, "the engine is asked to end what is left")
    t.thole.get(f"/v1/sessions/{session['id']}/snapshot").expect(410)
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)


@case("a daemon that is killed while it starts a program: the next one ends what runs of it", "TE-25")
def _(t):
    workload = t.run(FOREVER)
    t.order("faults", "exec.open:lose-answer:times=1")
    before = t.calls("exec.open")

    def ask():
        try:
            t.open("forever", workload=workload)
        except (OSError, http.client.HTTPException):
            pass
    asking = threading.Thread(target=ask)
    asking.start()
    session = t.until(lambda: t.thole.listed(f"/v1/workloads/{workload['id']}/sessions"), 20, "it is there")[0]
    t.until(lambda: t.calls("exec.open") > before, 20, "its program is started")
    t.thole.kill()
    asking.join()
    t.thole.start()
    t.till_ready()
    t.holds(t.ended(session)["reason"], "while its program was being started")
    t.until(lambda: t.signals() >= 1, 30, "the engine is asked to end what runs of it")
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)


@case("it is recorded as one of an agent is", "row:119")
def _(t):
    whole = b"".join(flood(3000))
    session = t.open("flood", str(len(whole)), record=True)
    text = t.thole.get(f"/v1/sessions/{session['id']}/recording?follow=true").expect(200).text
    events = [json.loads(line) for line in text.splitlines()[1:]]
    t.equal("".join(data for _, kind, data in events if kind == "o").encode(), whole)
    t.equal([data for _, kind, data in events if kind == "m"], [])


main(Held)
