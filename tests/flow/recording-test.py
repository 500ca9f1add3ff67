#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recordings of sessions: asciinema's files, whole over kills of the daemon, bounded, and gone with their session."""
import codecs
import json
import os
import re
import stat

from daemon import BUILD
from memory import FOREVER, Kept, case, main

AGENT = os.path.join(BUILD, "agent", "thole-agent")
MOST = 300000
COUNT = "i=0; while [ $i -lt {} ]; do i=$((i+1)); echo $i; sleep 0.002; done"
ALL_BYTES = "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %o $i)\"; i=$((i+1)); done"


def parse(text):
    """(head, events) of a recording; each line is held against what asciinema's page says of version 2."""
    assert text.endswith(b"\n"), "whole lines"
    lines = text.decode("utf-8", "strict").split("\n")[:-1]
    head = json.loads(lines[0])
    assert head["version"] == 2 and isinstance(head["timestamp"], int), head
    assert all(isinstance(head[key], int) and head[key] > 0 for key in ("width", "height")), head
    assert head["env"] and all(isinstance(value, str) for value in head["env"].values()), head
    events, last = [], 0.0
    for line in lines[1:]:
        time, kind, data = json.loads(line)
        assert isinstance(time, float) and time >= last, line
        assert kind in ("o", "r", "m") and isinstance(data, str), line
        assert kind != "r" or re.fullmatch(r"\d+x\d+", data), line
        last = time
        events.append((time, kind, data))
    return head, events


def told(events, kind="o"):
    return "".join(data for _, what, data in events if what == kind)


class Recordings(Kept):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT, "limits.recording": str(MOST)}

    def open(self, *command, **body):
        workload = self.run(FOREVER)
        body = {"command": list(command), "record": True, "tty": False, **body}
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", body).expect(201).json

    def show(self, session):
        return self.thole.get(f"/v1/sessions/{session['id']}").expect(200).json

    def path(self, session, query=""):
        return f"/v1/sessions/{session['id']}/recording{query}"

    def read(self, session, query=""):
        return self.thole.get(self.path(session, query)).expect(200)

    def followed(self, session):
        """The recording up to the end of the session."""
        return parse(self.read(session, "?follow=true").body)

    def files(self):
        return sorted(os.listdir(os.path.join(self.thole.state, "recordings")))


@case("a terminal: head, output, sizes, times", proves="row:119")
def _(t):
    session = t.open("/bin/sh", "-c", "echo begun; read x; echo got $x; stty size; read y", tty=True, rows=30, cols=90, term="vt220")
    t.equal((session["recording"], t.read(session).headers["content-type"]), (True, "application/x-asciicast"))
    t.until(lambda: "begun" in told(parse(t.read(session).body)[1]), 20, "its output is there while it is written")
    t.thole.patch(f"/v1/sessions/{session['id']}", {"rows": 40, "cols": 120}).expect(200)
    t.until(lambda: told(parse(t.read(session).body)[1], "r"), 20, "the new size is there")
    t.thole.post(f"/v1/sessions/{session['id']}/signal", {"signal": "SIGKILL"}).expect(204)
    head, events = t.followed(session)
    t.equal((head["width"], head["height"], head["env"]), (90, 30, {"TERM": "vt220"}))
    t.equal((told(events), told(events, "r"), told(events, "m")), ("begun\r\n", "120x40", ""))
    t.until(lambda: t.show(session)["state"] == "ended", 20, "it has ended")
    t.equal(t.show(session)["recorded"], len(t.read(session).body))
    folder = os.path.join(t.thole.state, "recordings")
    modes = {stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) for name in t.files()}
    t.equal((modes, stat.S_IMODE(os.stat(folder).st_mode)), ({0o600}, 0o700))


@case("characters cut in the middle are carried over, what is none is replaced", proves="row:119")
def _(t):
    pieces = [r"\303", r"\244\342\202", r"\254\360\237", r"\230\200", r"\377\342\202", r"(\303"]
    script = "; ".join(f"printf '{piece}'; sleep 0.2" for piece in pieces)
    bytes_of = re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), "".join(pieces).encode())
    _, events = t.followed(t.open("/bin/sh", "-c", script))
    t.equal(told(events), codecs.decode(bytes_of, "utf-8", "replace"))
    t.true(len(events) > 2, "they came in pieces")
    _, events = t.followed(t.open("/bin/sh", "-c", ALL_BYTES + "; printf '\\342\\202'; sleep 0.2; printf x"))
    t.equal(told(events), codecs.decode(bytes(range(256)) + b"\xe2\x82x", "utf-8", "replace"))


@case("killed daemons lose and double nothing", proves="row:119 TE-25")
def _(t):
    session = t.open("/bin/sh", "-c", COUNT.format(1000), flow="latest")
    for _ in range(3):
        seen = t.show(session)["recorded"]
        t.until(lambda: t.show(session)["recorded"] > seen, 20, "it goes on")
        before = t.read(session).body
        t.thole.kill()
        with open(os.path.join(t.thole.state, "recordings", session["id"] + ".cast"), "ab") as file:
            file.write(b'[9.0,"o","a line that does not count"]\n[9.1,"o","and half a')
        t.thole.start()
        t.till_ready()
        t.true(t.read(session).body.startswith(before), "what was written stays")
    t.thole.restart()
    t.till_ready()
    t.until(lambda: t.show(session)["state"] == "ended", 60, "it has ended")
    _, events = t.followed(session)
    t.equal(told(events).split(), [str(number) for number in range(1, 1001)])
    t.equal(told(events, "m"), "")


@case("what it printed while the daemon was away is recorded afterwards, also when it ended", proves="row:119")
def _(t):
    go, done = (os.path.join(t.folder, name) for name in ("go", "done"))
    session = t.open("/bin/sh", "-c", f"while ! [ -e {go} ]; do sleep 0.02; done; seq 1 3000; touch {done}")
    t.thole.kill()
    with open(go, "w", encoding="ascii"):
        pass
    t.until(lambda: os.path.exists(done), 20, "it has printed all")
    t.thole.start()
    t.till_ready()
    t.until(lambda: t.show(session)["state"] == "ended", 30, "it has ended")
    t.until(lambda: told(parse(t.read(session).body)[1]).endswith("3000\n"), 20, "all of it is recorded")
    t.equal(told(parse(t.read(session).body)[1]).split(), [str(number) for number in range(1, 3001)])


@case("where it is full it says so, and the session goes on", proves="row:119")
def _(t):
    session = t.open("/bin/sh", "-c", "seq 1 100000; exec cat")
    t.until(lambda: told(parse(t.read(session).body)[1], "m"), 20, "it is full")
    text = t.read(session, "?follow=true").body
    t.true(len(text) <= MOST, "no byte more")
    _, events = parse(text)
    t.equal(events[-1][1:], ("m", f"the recording ends here: it reached {MOST} bytes"))
    t.true("".join(f"{number}\n" for number in range(1, 100001)).startswith(told(events)), "the begin of the output")
    t.until(lambda: t.show(session)["output"] == 588895, 20, "its output goes on")
    t.equal(t.show(session)["state"], "running")


@case("it goes with its session; one that is not recorded has none", proves="row:119")
def _(t):
    plain = t.open("cat", record=False)
    t.equal(t.thole.get(t.path(plain)).expect(409).code, "conflict")
    session = t.open("/bin/sh", "-c", "echo one; exec cat")
    t.until(lambda: "one" in told(parse(t.read(session).body)[1]), 20, "it is recorded")
    connection, answer = t.thole.open(t.path(session, "?follow=true"))
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)
    t.equal(told(parse(answer.read())[1]), "one\n")
    connection.close()
    t.thole.get(t.path(session)).expect(404)
    t.equal([name for name in t.files() if session["id"] in name], [])


@case("files that belong to no session are removed at the start")
def _(t):
    t.thole.kill()
    for name in ("se-nobody.cast", "se-nobody.next"):
        with open(os.path.join(t.thole.state, "recordings", name), "w", encoding="ascii") as file:
            file.write("{}\n")
    t.thole.start()
    t.till_ready()
    t.equal([name for name in t.files() if "nobody" in name], [])


if __name__ == "__main__":
    main(Recordings)
