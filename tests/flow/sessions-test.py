#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions: programs inside workloads that outlive the daemon, kept by a real thole-agent."""
import os
import time

from daemon import BUILD, PLUGINS
from memory import FOREVER, Kept, Skip, case, main

AGENT = os.path.join(BUILD, "agent", "thole-agent")


class Sessions(Kept):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT, "limits.sessions": "3"}

    def __init__(self):
        super().__init__()
        self.workload = None

    def open(self, workload, *command, status=(201,), **body):
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(*status)

    def show(self, session):
        return self.thole.get(f"/v1/sessions/{session['id']}").expect(200).json

    def screen(self, session):
        return self.thole.get(f"/v1/sessions/{session['id']}/snapshot?format=text").expect(200).text

    def ended(self, session, seconds=20):
        self.until(lambda: self.show(session)["state"] == "ended", seconds, "the session has ended")
        return self.show(session)


@case("made, shown, listed, deleted", proves="TE-05 TE-06 TE-07")
def _(t):
    workload = t.run(FOREVER)
    first = t.open(workload, "/bin/sh", "-c", "pwd; exec cat", name="one", working_dir="/usr")
    session = first.json
    t.equal(first.headers["location"], f"/v1/sessions/{session['id']}")
    t.equal((session["state"], session["name"], session["durability"], session["tty"]), ("running", "one", "agent", True))
    second = t.open(workload, "cat", name="two", working_dir="/tmp").json
    t.until(lambda: "/usr" in t.screen(session), 20, "the program shows its folder")
    t.equal([item["name"] for item in t.thole.listed(f"/v1/workloads/{workload['id']}/sessions")], ["one", "two"])
    t.equal(t.thole.get("/v1/sessions/two").expect(200).json["id"], second["id"])
    t.true(t.show(session)["output"] > 0 and t.show(session)["last_activity"] >= session["created_at"], "its activity")
    changed = t.thole.patch(f"/v1/sessions/{session['id']}", {"name": "three", "rows": 30, "cols": 100}).expect(200).json
    t.equal((changed["name"], changed["rows"], changed["cols"]), ("three", 30, 100))
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)
    t.thole.get(f"/v1/sessions/{session['id']}").expect(404)
    types = [event["type"] for event in t.thole.events() if event["subject"] == session["id"]]
    t.equal(types, ["session.created", "session.started", "session.updated", "session.ended", "session.deleted"])


@case("a name is taken, and a workload has so many", proves="TE-29")
def _(t):
    workload = t.run(FOREVER)
    t.open(workload, "cat", name="one")
    t.equal(t.open(workload, "cat", name="one", status=(409,)).code, "conflict")
    t.open(workload, "cat")
    t.open(workload, "cat")
    t.equal(t.open(workload, "cat", status=(429,)).code, "quota_exceeded")


@case("what cannot run leaves nothing", proves="TE-05")
def _(t):
    workload = t.run(FOREVER)
    t.equal(t.open(workload, "/nonsense", status=(422,)).code, "invalid_field")
    t.equal(t.thole.listed(f"/v1/workloads/{workload['id']}/sessions"), [])
    t.equal(t.open(workload, "cat", rows=0, status=(422,)).pointers, ["/rows"])


@case("exit code and signal", proves="TE-21", each=[("exit 0", 0, None), ("exit 1", 1, None), ("exit 127", 127, None),
                                                    ("kill -KILL $$", 137, "SIGKILL")])
def _(t, wanted):
    script, code, signal = wanted
    session = t.ended(t.open(t.run(FOREVER), "/bin/sh", "-c", script).json)
    t.equal((session["exit_code"], session["exit_signal"]), (code, signal))


@case("signals and sizes reach the program", proves="TE-09")
def _(t):
    session = t.open(t.run(FOREVER), "/bin/sh", "-c", "trap 'stty size; exit 5' TERM; echo up; while :; do sleep 0.05; done").json
    t.until(lambda: "up" in t.screen(session), 20, "it is up")
    t.thole.post(f"/v1/sessions/{session['id']}/resize", {"rows": 33, "cols": 77}).expect(204)
    t.thole.post(f"/v1/sessions/{session['id']}/signal", {"signal": "SIGTERM"}).expect(204)
    t.equal(t.ended(session)["exit_code"], 5)
    t.holds(t.screen(session), "33 77")


@case("the screen as JSON, text and SVG", proves="TE-34")
def _(t):
    session = t.open(t.run(FOREVER), "/bin/sh", "-c", r"printf 'a\033[1mbold\033[0m'; exec cat", rows=5, cols=20).json
    t.until(lambda: "abold" in t.screen(session), 20, "its output")
    screen = t.thole.get(f"/v1/sessions/{session['id']}/snapshot").expect(200).json
    t.equal((screen["rows"], screen["cols"], screen["lines"][0]["text"]), (5, 20, "abold"))
    t.equal(screen["lines"][0]["runs"], [{"from": 1, "to": 5, "bold": True}])
    svg = t.thole.get(f"/v1/sessions/{session['id']}/snapshot?format=svg").expect(200)
    t.equal(svg.headers["content-type"], "image/svg+xml")
    t.holds(svg.text, "bold</text>")


@case("what a session writes keeps its workload running", proves="row:95")
def _(t):
    workload = t.run(FOREVER, idle_timeout=300)
    session = t.open(workload, "/bin/sh", "-c", "while :; do echo on; sleep 0.2; done").json
    t.thole.patch(f"/v1/workloads/{workload['id']}", {"spec": {"idle_timeout": 4}}).expect(200, 202)
    time.sleep(10)
    t.equal(t.get(workload)["state"], "running")
    t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)
    t.until(lambda: t.get(workload)["state"] == "stopped", 30, "it is stopped afterwards")


@case("a session lives on while the daemon is gone", proves="TE-04 TE-15", each=["kill", "stop"])
def _(t, how):
    workload = t.run(FOREVER)
    session = t.open(workload, "/bin/sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done").json
    t.until(lambda: "5\n" in t.screen(session), 20, "it counts")
    getattr(t.thole, how)()
    t.thole.start()
    t.till_ready()
    before = t.show(session)
    t.equal(before["state"], "running")
    t.until(lambda: t.show(session)["output"] > before["output"], 20, "it counts on")
    lines = [int(line) for line in t.screen(session).split()]
    t.equal(lines, list(range(lines[0], lines[0] + len(lines))), "the numbers")


@case("a workload that stops ends its sessions and says why", proves="TE-25")
def _(t):
    workload = t.run(FOREVER)
    session = t.open(workload, "cat").json
    t.verb(workload, "stop", wait="stopped")
    t.equal(t.ended(session)["reason"].split(":")[0] in ("workload_stopped", "signalled", "exited"), True, "its reason")
    t.open(workload, "cat", status=(409,))


@case("the same request again makes one session")
def _(t):
    workload = t.run(FOREVER)
    path, key = f"/v1/workloads/{workload['id']}/sessions", {"Idempotency-Key": "k" + workload["id"]}
    first = t.thole.post(path, {"command": ["cat"]}, key).expect(201).json
    again = t.thole.post(path, {"command": ["cat"]}, key).expect(200)
    t.equal((again.json["id"], again.headers["idempotency-replayed"]), (first["id"], "true"))


def setup():
    with open(os.path.join(PLUGINS, "memory.plugin"), encoding="utf-8") as manifest:
        if "agent" not in manifest.read():
            raise Skip("the memory driver has no agent here")
    return Sessions()


main(setup)
