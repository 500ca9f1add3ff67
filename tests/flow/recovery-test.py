#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 of the daemon at many moments; the memory engine keeps what it has in a file."""
import http.client
import datetime
import json
import os
import random
import threading
import time

from memory import FOREVER, Kept, STUBBORN, case, main, script

AGREE = {"running": "running", "paused": "paused", "stopped": ("exited", "created"), "crashed": "exited", "suspended": "exited"}


class Killed(Kept):
    """Daemons die here; what they leave is compared with the engine."""

    def spawn(self, rules=None):
        """Starts the daemon over what the last one left, with faults in its engine."""
        self.thole.backends["memory"].pop("faults", None)
        if rules:
            self.thole.backends["memory"]["faults"] = rules
        self.thole.start()
        self.till_ready()

    def crash_with(self, rules, request):
        """Starts it with the rules, makes the request, waits until it has died of them."""
        self.thole.stop()
        self.spawn(rules)
        try:
            request()
        except (OSError, http.client.HTTPException):
            pass
        self.until(lambda: self.thole.process.poll() is not None, 20, "the daemon dies")
        self.thole.died_as_asked = True
        self.spawn()

    def agrees(self):
        """Every workload rests, in the state that the engine has; nothing is doubled, nothing lost."""
        objects, wrong = self.objects(), []
        for workload in self.mine():
            engine = objects.pop(workload["id"], "gone")
            wanted = AGREE.get(workload["state"], ())
            if engine not in ([wanted] if isinstance(wanted, str) else wanted):
                wrong.append((workload["name"], workload["state"], workload["desired_state"], engine))
        return not wrong and not objects or (wrong, objects) and False

    def settle(self, seconds=30):
        self.until(self.agrees, seconds, "daemon and engine agree")

    def events_hold(self):
        """Dense numbers, and each workload's last event tells its revision."""
        events = self.thole.events()
        self.equal([event["seq"] for event in events], list(range(1, len(events) + 1)), "event numbers")
        last = {event["subject"]: event for event in events if event["type"].startswith("workload.")}
        for workload in self.mine():
            self.equal(last[workload["id"]]["data"]["revision"], self.get(workload)["revision"], "the revision of the last event")


def rows(t):
    return {workload["name"]: workload for workload in t.mine()}


@case("what runs goes on over kill -9: same engine object, same start, no restart", proves="LC-32 OP-04")
def _(t):
    made = [t.run(FOREVER), t.run(["count", "0", "50"], wait="running")]
    t.thole.kill()
    t.spawn()
    for workload in made:
        seen = t.wait(workload, "running")
        for field in ("engine_id", "started_at", "restarts", "id", "name"):
            t.equal(seen[field], workload[field], field)
    t.until(lambda: int(t.logs(made[1], "?tail=1")) > 5, what="its output goes on")
    t.settle()


@case("what ended meanwhile is told with its true end")
def _(t):
    good = t.run(["sleep", "0.6"], wait="running")
    bad = t.run(script("sleep 0.6", "exit 6"), wait="running")
    killed = t.run(script("sleep 0.6", "oom"), wait="running")
    again = t.run(script("sleep 0.6", "exit 1"), wait="running", restart={"policy": "always", "backoff": 0.1, "max_retries": 0})
    t.thole.kill()
    time.sleep(0.8)
    t.spawn()
    t.equal(t.wait(good, "stopped")["exit_code"], 0)
    t.equal(t.wait(bad, "crashed")["exit_code"], 6)
    t.holds(t.wait(killed, "crashed")["state_reason"], "oom")
    t.until(lambda: t.get(again)["restarts"] >= 1, 20, "the policy restarts it")
    t.events_hold()


@case("paused, suspended and stopped stay what they are")
def _(t):
    paused, suspended, stopped = t.run(FOREVER), t.run(FOREVER), t.run(FOREVER)
    t.verb(paused, "pause", wait="paused")
    t.verb(suspended, "suspend", wait="suspended")
    t.verb(stopped, "stop", wait="stopped")
    t.thole.kill()
    t.spawn()
    time.sleep(0.3)
    t.equal([t.get(workload)["state"] for workload in (paused, suspended, stopped)], ["paused", "suspended", "stopped"])
    t.settle()


@case("an object that vanished while the daemon was away is an error with its reason")
def _(t):
    workload, again = t.run(FOREVER), t.run(FOREVER, restart={"policy": "always", "backoff": 0.1})
    t.thole.kill()
    with open(t.BACKEND["state_file"], "a", encoding="utf-8") as file:
        for gone in (workload, again):
            file.write(json.dumps({"kind": "gone", "of": "workload", "id": gone["id"]}) + "\n")
    t.spawn()
    t.holds(t.wait(workload, "error")["state_reason"], "engine_object_missing")
    t.until(lambda: (seen := t.get(again))["state"] == "running" and seen["engine_id"] != again["engine_id"], 20, "it is made again")
    t.thole.remove(workload)
    t.settle()


MOMENTS = [f"{slot}:{action}" for slot in ("workload.create", "workload.start", "workload.stop", "workload.remove", "workload.kill",
                                           "workload.pause", "workload.update") for action in ("crash", "crash=after")]


@case("the daemon dies before and after each call of a life", proves="LC-05 LC-33 OC-02", each=MOMENTS)
def _(t, moment):
    slot = moment.split(":")[0].split(".")[1]
    bystander = t.run(FOREVER, name="bystander")
    subject = None if slot in ("create", "start") else t.run(script("trap SIGHUP reloaded", "forever"), name="subject")
    path = f"/v1/workloads/{subject['id']}" if subject else "/v1/workloads"
    request = {
        "create": lambda: t.thole.post(path, {"name": "subject", "spec": t.spec(FOREVER)}),
        "start": lambda: t.thole.post(path, {"name": "subject", "spec": t.spec(FOREVER)}),
        "stop": lambda: t.thole.post(path + "/stop"), "kill": lambda: t.thole.post(path + "/kill", {"signal": "SIGHUP"}),
        "pause": lambda: t.thole.post(path + "/pause"), "remove": lambda: t.thole.delete(path + "?force=true"),
        "update": lambda: t.thole.patch(path, {"spec": {"resources": {"memory": 1 << 25}}}),
    }[slot]
    t.crash_with(moment + ":times=1", request)
    wanted = {"create": "running", "start": "running", "stop": "stopped", "kill": "running", "pause": "paused",
              "update": "running"}.get(slot)
    if wanted:
        t.until(lambda: rows(t).get("subject", {}).get("state") == wanted, 30, f"the subject is {wanted}")
    else:
        t.until(lambda: "subject" not in rows(t), 30, "the subject is gone")
    t.settle()
    t.equal(t.get(bystander)["engine_id"], bystander["engine_id"])
    t.equal(len(t.objects()), 2 if wanted else 1)
    t.events_hold()


@case("the daemon dies in the install step", proves="LC-10", each=["workload.start:crash", "workload.start:crash=after"])
def _(t, moment):
    body = {"name": "installed", "spec": t.spec(FOREVER, install={"command": script("sleep 0.3", "print made")})}
    # not the text of a rule that has had its time already
    t.crash_with(moment + ":times=1:after=0", lambda: t.thole.post("/v1/workloads", body))
    t.until(lambda: rows(t).get("installed", {}).get("state") == "running", 30, "it runs")
    t.settle()
    t.equal(t.states(rows(t)["installed"]).count("installing"), 1)


def at_random(t, rand, actions, delay_ms):
    """Makes requests from threads and kills the daemon in their midst."""
    def ask(action):
        try:
            action()
        except (OSError, http.client.HTTPException, AssertionError, ValueError):
            pass
    threads = [threading.Thread(target=ask, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    time.sleep(rand.uniform(0, delay_ms) / 1000)
    t.thole.kill()
    for thread in threads:
        thread.join()


@case("kill -9 at random moments of create, start and stop: none doubled, none lost", proves="LC-05 LC-33", each=range(10))
def _(t, seed):
    rand = random.Random(seed)
    stopped = [t.run(FOREVER, name=f"stopped-{index}") for index in range(3)]
    running = [t.run(FOREVER if index else STUBBORN, name=f"running-{index}", stop={"grace": 0.2}) for index in range(3)]
    for workload in stopped:
        t.verb(workload, "stop", wait="stopped")
    t.thole.stop()
    t.spawn("workload.*:delay=20:probability=0.7")
    answered = []

    def create(index):
        reply = t.thole.post("/v1/workloads", {"name": f"new-{index}", "spec": t.spec(FOREVER)}, {"Idempotency-Key": f"key-{seed}-{index}"})
        if reply.status in (201, 202):
            answered.append(f"new-{index}")
    at_random(t, rand, [lambda index=index: create(index) for index in range(4)]
              + [lambda workload=workload: t.thole.post(f"/v1/workloads/{workload['id']}/start") for workload in stopped]
              + [lambda workload=workload: t.thole.post(f"/v1/workloads/{workload['id']}/stop") for workload in running], 120)
    t.spawn()
    t.until(lambda: all(workload["state"] in ("running", "stopped") and workload["state"] == workload["desired_state"]
                        for workload in t.mine()), 30, "all rest where they are wanted")
    t.settle()
    seen = rows(t)
    t.equal({name for name in seen if not name.startswith("new")}, {workload["name"] for workload in stopped + running})
    t.equal(set(answered) - set(seen), set(), "creates that were answered and are lost")
    for name in [f"new-{index}" for index in range(4)]:
        key = {"Idempotency-Key": f"key-{seed}-{name[4:]}"}
        reply = t.thole.post("/v1/workloads?wait=running", {"name": name, "spec": t.spec(FOREVER)}, key).expect(200, 201)
        t.equal(reply.json["id"], seen.get(name, reply.json)["id"], "the id of the repeated create")
    t.equal(len(t.objects()), 10)
    t.events_hold()


@case("kill -9 during deletion of twenty: all go")
def _(t):
    made = [t.run(FOREVER, name=f"going-{index}") for index in range(20)]
    t.thole.stop()
    t.spawn("workload.remove:delay=30")
    at_random(t, random.Random(7), [lambda workload=workload: t.thole.delete(f"/v1/workloads/{workload['id']}?force=true")
                                    for workload in made], 60)
    t.spawn()
    t.until(lambda: all(workload["state"] in ("deleting", "running") for workload in t.mine()), 5)
    for workload in made:
        t.thole.remove(workload)
    t.equal((t.objects(), t.mine()), ({}, []))


@case("operations of the dead daemon are taken up or ended")
def _(t):
    t.thole.stop()
    t.spawn("workload.create:delay=300")
    operation = t.thole.post("/v1/workloads", {"name": "taken-up", "spec": t.spec(FOREVER)}).expect(202).headers["thole-operation"]
    pull = t.thole.post("/v1/images/pull", {"image": "slow/pulled"}).expect(202).json
    time.sleep(0.1)
    t.thole.kill()
    t.spawn()
    for one in (operation, pull["id"]):
        done = t.thole.get(f"/v1/operations/{one}?wait=succeeded,failed,cancelled").expect(200).json
        t.equal(done["state"], "succeeded", f"the end of {done['type']}")
    t.equal(t.wait({"id": "taken-up"}, "running")["state"], "running")
    t.settle()


@case("what nobody uses is stopped over kill -9, too", proves="row:95")
def _(t):
    workload = t.run(FOREVER, idle_timeout=3)
    for _ in range(3):
        t.thole.kill()
        t.spawn()
    t.until(lambda: t.get(workload)["state"] == "stopped", what="it is stopped")
    seen = t.get(workload)
    t.equal(seen["state_reason"], "idle: nobody used it for 3 s")
    since = datetime.datetime.fromisoformat(seen["stopped_at"][:-1]) - datetime.datetime.fromisoformat(seen["started_at"][:-1])
    t.true(since.total_seconds() > 2.9, f"not before its time: after {since}")


@case("a time to live that passed while the daemon was away")
def _(t):
    workload = t.run(FOREVER, ttl=1)
    t.thole.kill()
    time.sleep(1.2)
    t.spawn()
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}").status in (404, 410), 20, "it is deleted")
    t.equal(t.objects(), {})


@case("twenty deaths in a row lose nothing")
def _(t):
    made = {f"many-{index}": t.run(FOREVER, name=f"many-{index}") for index in range(5)}
    for _ in range(20):
        t.thole.kill()
        t.spawn()
    t.settle()
    for name, workload in made.items():
        t.equal(rows(t)[name]["engine_id"], workload["engine_id"])
    t.events_hold()


@case("a daemon with another store does not touch what this one made", proves="OC-01")
def _(t):
    workload = t.run(FOREVER)
    t.thole.stop()
    state, t.thole.state = t.thole.state, t.thole.state + "-other"
    t.spawn()
    t.thole.post("/v1/backends/memory/reconcile").expect(200)
    t.equal((t.thole.listed("/v1/workloads"), t.thole.listed("/v1/orphans")), ([], []))
    t.thole.stop()
    t.thole.state = state
    t.spawn()
    t.equal(t.get(workload)["state"], "running")
    t.settle()


@case("the engine's file is whole after all that")
def _(t):
    with open(t.BACKEND["state_file"], encoding="utf-8") as file:
        for line in file:
            json.loads(line)
    t.true(os.path.getsize(t.BACKEND["state_file"]) > 0, "it has lines")


main(Killed)
