#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs inside workloads speak to the daemon with the token of their workload, and as that workload alone."""
import json
import os
import time

from daemon import Client
from memory import FOREVER, Kept, case, main, script

TELL = script("env THOLE_WORKLOAD_ID", "env THOLE_WORKLOAD_TOKEN", FOREVER)
RATE = 30


class Helpers(Kept):
    SETTINGS = {"limits.address_rate": "0", "limits.user_rate": str(RATE)}

    def tokens(self, workload):
        """What its programs were given, run by run."""
        return [line for line in self.logs(workload).split() if line.startswith("thw_")]

    def helper(self, **spec):
        """A workload that runs, and who speaks for it."""
        workload = self.run(TELL, helper=True, **spec)
        self.until(lambda: self.tokens(workload), 20, "it has told its token")
        return workload, self.by(self.tokens(workload)[-1])

    def by(self, token):
        return Client(port=self.thole.tcp_port, token=token)

    def report(self, client, workload, named=None, **body):
        return client.post(f"/v1/workloads/{workload['id']}/reports", {"workload": named or workload["id"], "type": "step.done", **body})


@case("its own report becomes an event; the token follows from who it is", "NA-15 NA-19 row:74")
def _(t):
    workload, client = t.helper()
    t.equal(t.logs(workload).split()[0], workload["id"])
    token = t.tokens(workload)[0]
    t.true(token.startswith(f"thw_{workload['id']}_") and len(token) > len(workload["id"]) + 64, "the form of the token")
    told = t.report(client, workload, data={"done": 3, "of": [4]}).expect(201).json
    event = next(one for one in t.thole.events() if one["seq"] == told["seq"])
    t.equal(event, told)
    t.equal((event["type"], event["subject"], event["actor"]), ("workload.report", workload["id"], f"workload:{workload['id']}"))
    t.equal((event["data"]["type"], event["data"]["data"]), ("step.done", {"done": 3, "of": [4]}))
    # an administrator may, too
    t.report(t.thole, workload).expect(201)
    # what it has told does not hide why it is as it is
    t.true("workload.report" not in t.thole.get(f"/v1/workloads/{workload['id']}/why").expect(200).text)
    # without asking for it there is none
    plain = t.run(script("env THOLE_WORKLOAD_TOKEN", "exit 0"))
    t.equal(t.logs(plain).strip(), "")


@case("nobody speaks for another one: not in the path, not in the body, not with another token", "NA-15 NA-19 row:74")
def _(t):
    one, first = t.helper()
    two, second = t.helper(env={"OTHER": "1"})
    t.equal(t.report(first, one, named=two["id"]).expect(403).code, "identity_mismatch")
    t.report(first, two).expect(404)
    t.report(first, two, named=one["id"]).expect(404)
    t.equal(t.report(t.thole, one, named=two["id"]).expect(403).code, "identity_mismatch")
    audit = t.thole.get("/v1/audit?action=workload.report&result=identity_mismatch").expect(200).json["items"]
    t.equal([(row["actor"], row["decision"]) for row in audit][0], (f"workload:{one['id']}", "denied"))
    # nothing else of the daemon
    for path in ("/v1/workloads", f"/v1/workloads/{one['id']}", f"/v1/workloads/{one['id']}/logs", "/v1/events", "/v1/me", "/metrics"):
        first.get(path).expect(403)
    first.post(f"/v1/workloads/{one['id']}/stop").expect(403)
    first.post("/v1/tickets", {"path": f"/v1/workloads/{one['id']}/console"}).expect(403)
    mine, its = t.tokens(one)[0], t.tokens(two)[0]
    for wrong in (mine[:-1] + ("0" if mine[-1] != "0" else "1"), mine + "0", mine[:-1], "thw_", "thw__", f"thw_{one['id']}_",
                  mine.replace(one["id"], two["id"]), f"thw_{one['id']}_{its.rsplit('_', 1)[1]}"):
        t.report(t.by(wrong), one).expect(401)
    t.report(first, one).expect(201)
    t.report(second, two).expect(201)


@case("what is reported is bounded and checked")
def _(t):
    workload, client = t.helper()
    t.report(client, workload, data={"x": "y" * (4096 - len('{"x":""}'))}).expect(201)
    t.equal(t.report(client, workload, data={"x": "y" * (4097 - len('{"x":""}'))}).expect(422).pointers, ["/data"])
    for kind in ("", "a" * 65, "A", "a b", "a/b"):
        t.equal(t.report(client, workload, type=kind).expect(422).pointers, ["/type"])
    t.equal(t.report(client, workload, data=[1]).expect(422).pointers, ["/data"])
    t.equal(t.report(client, workload, more=1).expect(422).pointers, ["/more"])
    t.equal(client.post(f"/v1/workloads/{workload['id']}/reports", {"type": "x"}).expect(422).pointers, ["/workload"])
    own = t.thole.post("/v1/workloads", {"spec": t.spec([], helper=True, env={"THOLE_WORKLOAD_TOKEN": "x"})}).expect(422)
    t.equal(own.pointers, ["/spec/env/THOLE_WORKLOAD_TOKEN"])


@case("a token ends with its workload, and when it is taken back", "NA-15 row:74")
def _(t):
    workload, client = t.helper()
    t.report(client, workload).expect(201)
    path = f"/v1/workloads/{workload['id']}"
    t.thole.patch(path, {"spec": {"helper": False}}).expect(200)
    t.report(client, workload).expect(401)
    t.thole.patch(path, {"spec": {"helper": True}}).expect(200)
    t.report(client, workload).expect(401)
    # what is made anew at the engine has a new one
    t.order("vanish", workload["id"])
    t.wait(workload, "crashed,stopped,error")
    t.verb(workload, "start", wait="running")
    t.until(lambda: t.tokens(workload)[-1:] not in ([], [client.token]), 20, "it has told a new token")
    fresh = t.by(t.tokens(workload)[-1])
    t.report(fresh, workload).expect(201)
    t.report(client, workload).expect(401)
    t.thole.stop()
    t.thole.start()
    t.till_ready()
    t.report(t.by(fresh.token), workload).expect(201)
    t.report(t.by(client.token), workload).expect(401)
    t.thole.remove(workload)
    t.report(t.by(fresh.token), workload).expect(401)


@case("each workload has a limit of its own")
def _(t):
    one, first = t.helper()
    two, second = t.helper()
    replies = [t.report(first, one).status for _ in range(RATE + 3)]
    t.equal((replies.count(201), replies.count(429)), (RATE, 3))
    t.report(second, two).expect(201)


@case("a report counts as use")
def _(t):
    workload, client = t.helper(idle_timeout=3)
    for _ in range(6):
        reported = time.monotonic()
        t.report(client, workload).expect(201)
        t.thole.get(f"/v1/workloads/{workload['id']}?wait=stopped&timeout=0.6")
        if t.get(workload)["state"] != "running":
            t.true(time.monotonic() - reported > 2.9, "it is stopped before its time")
            break
    t.holds(t.wait(workload, "stopped")["state_reason"], "idle")


@case("the token is found in no file, log, event or answer", "AU-32")
def _(t):
    workload, client = t.helper()
    mark = t.tokens(workload)[0].rsplit("_", 1)[1]
    t.report(client, workload).expect(201)
    t.report(client, workload, named="wl-other").expect(403)
    answers = [t.thole.get(path).text for path in ("/v1/workloads", "/v1/audit?limit=1000", "/v1/operations", "/metrics",
                                                   f"/v1/workloads/{workload['id']}", f"/v1/workloads/{workload['id']}/why")]
    answers.append(json.dumps(t.thole.events()))
    places = {"an answer": "".join(answers).encode(), "the log": t.thole.output(whole=True).encode()}
    for folder, _, names in os.walk(t.thole.directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    places[path] = file.read()
    t.true(any(path.endswith("thole.db") for path in places), "the store was looked at")
    for place, content in places.items():
        t.true(mark.encode() not in content, f"{place} without the token")


main(Helpers)
