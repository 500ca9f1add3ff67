#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Engines that go, come back, lose answers and objects, under a running daemon."""
import time

from daemon import Daemon
from memory import FOREVER, STUBBORN, Memory, case, main, parallel, script


@case("an engine that goes and comes back: every workload in its true state", proves="LC-32 LC-45")
def _(t):
    stays = t.run(FOREVER)
    for seconds in (1, 4, 16):
        ends, fails = (t.run(script(f"sleep {seconds}", f"exit {code}"), wait="running,stopped,crashed") for code in (0, 5))
        begin = t.thole.newest()
        t.order("engine-down", str(2 * seconds))
        t.away(begin)
        # a machine with other work may not have been in time to see them go on
        if (t.get(ends)["state"], t.get(fails)["state"]) == ("running", "running"):
            break
        t.till_ready()
    away = next(event for event in t.thole.events(begin) if event["type"] == "backend.state")
    t.true(away["data"]["state"] != "ready" and away["data"].get("reason"), f"why: {away}")
    t.among(t.thole.get("/readyz").status, (200, 503))
    t.equal(t.get(stays)["state"], "running")
    t.till_ready()
    # it may have taken them along: an end in its absence is nobody's wish
    for workload, code in ((ends, 0), (fails, 5)):
        seen = t.wait(workload, "crashed")
        t.equal((seen["exit_code"], seen["state_reason"].split(":")[0]), (code, "engine_restarted"))
    t.equal((t.get(stays)["state"], t.get(stays)["restarts"]), ("running", 0))
    t.until(lambda: len(t.told(begin)) >= 2, what="the backend's events")


@case("reads are served while the engine is away, engine calls are 503", proves="API-09")
def _(t):
    workload = t.run(FOREVER)

    def check():
        t.thole.get("/v1/workloads").expect(200)
        t.get(workload)
        for verb, path in (("get", "stats"), ("get", "logs"), ("post", "exec")):
            body = {"command": ["exit"]} if verb == "post" else None
            reply = t.thole.request(verb.upper(), f"/v1/workloads/{workload['id']}/{path}", body).expect(503)
            t.equal(reply.code, "backend_unavailable")
    t.while_away(check)


@case("create while the engine is away stores its intent and is finished later", proves="LC-05")
def _(t):

    def check():
        reply = t.thole.post("/v1/workloads", {"spec": t.spec(FOREVER)}).expect(202)
        t.equal(reply.json["state"], "provisioning")
        t.equal(t.get(reply.json)["state"], "provisioning")
        return reply.json
    workload = t.while_away(check)
    t.equal(t.wait(workload, "running")["state"], "running")


@case("delete while the engine is away is finished later", proves="OC-02 LC-41")
def _(t):
    made = [t.run(FOREVER) for _ in range(3)]

    def check():
        workload = made.pop()
        t.thole.delete(f"/v1/workloads/{workload['id']}?force=true").expect(202)
        t.equal(t.get(workload)["state"], "deleting")
        return workload
    workload = t.while_away(check)
    for other in made:
        t.till_ready()
        t.thole.remove(other)
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}").status in (404, 410), 60, "it goes")
    t.till_ready()
    t.equal(t.objects(), {})


@case("an engine that restarts takes its workloads along: the restart policy decides")
def _(t):
    left, again = t.run(FOREVER), t.run(FOREVER, restart={"policy": "always", "backoff": 0.05})
    begin = t.thole.newest()
    t.order("engine-restart", "1")
    t.away(begin)
    t.till_ready()
    seen = t.wait(left, "crashed")
    t.equal((seen["state"], seen["state_reason"].split(":")[0]), ("crashed", "engine_restarted"))
    t.until(lambda: (seen := t.get(again))["state"] == "running" and seen["restarts"] == 1, 30, "it runs again")


@case("a workload that vanishes is an error, told by the event", proves="LC-32", each=["told", "quiet"])
def _(t, how):
    workload = t.run(FOREVER)
    t.order("vanish", workload["id"], *(["quiet"] if how == "quiet" else []))
    if how == "quiet":
        t.order("resync")
    seen = t.wait(workload, "error")
    t.holds(seen["state_reason"], "engine_object_missing")
    t.thole.delete(f"/v1/workloads/{workload['id']}?wait=deleted").expect(204)


@case("one that vanishes is made again under the policy always, and only once")
def _(t):
    workload = t.run(FOREVER, restart={"policy": "always", "backoff": 0.05})
    t.order("vanish", workload["id"])
    t.until(lambda: (seen := t.get(workload))["state"] == "running" and seen["engine_id"] != workload["engine_id"], 30,
            "it is made again")
    t.equal(list(t.objects()), [workload["id"]])


@case("a stopped one that vanished is made again by a start")
def _(t):
    workload = t.run(["exit"], wait="stopped")
    t.order("vanish", workload["id"], "quiet")
    t.verb(workload, "start", status=(200, 202))
    t.until(lambda: t.get(workload)["state"] in ("stopped", "error"), 20)
    seen = t.get(workload)
    t.true(seen["state"] == "stopped" or "engine_object_missing" in seen["state_reason"], f"a true state: {seen}")


@case("what somebody else did at the engine is seen", each=["exit", "oom", "health"])
def _(t, what):
    workload = t.run(FOREVER)
    t.order(*{"exit": ("exit", workload["id"], "6"), "oom": ("oom", workload["id"]),
              "health": ("health", workload["id"], "unhealthy")}[what])
    if what == "health":
        t.until(lambda: t.get(workload)["health"] == "unhealthy")
    else:
        t.equal(t.wait(workload, "crashed")["exit_code"], 6 if what == "exit" else 137)


@case("a change whose event is lost is found by the next comparison")
def _(t):
    workload = t.run(FOREVER)
    t.order("events", "lost")
    t.order("exit", workload["id"], "6")
    time.sleep(0.4)
    t.equal(t.get(workload)["state"], "running")
    t.order("events", "told")
    done = t.thole.post("/v1/backends/memory/reconcile").expect(200).json
    t.holds(str(done), workload["id"])
    t.equal(t.wait(workload, "crashed")["exit_code"], 6)


@case("a dry comparison tells and changes nothing")
def _(t):
    workload = t.run(FOREVER)
    t.order("events", "lost")
    t.order("exit", workload["id"], "6")
    t.order("events", "told")
    t.holds(t.thole.post("/v1/backends/memory/reconcile?dry_run=true").expect(200).text, workload["id"])
    time.sleep(0.3)
    t.equal(t.get(workload)["state"], "running")
    t.thole.post("/v1/backends/memory/reconcile").expect(200)


@case("orphans are listed, then removed; what is not ours is left alone", proves="OC-01")
def _(t):
    t.order("plant", "wl-orphan")
    t.order("plant", "wl-foreign", "another-instance")
    t.thole.post("/v1/backends/memory/reconcile").expect(200)
    orphans = t.thole.listed("/v1/orphans")
    t.equal([orphan["object"] for orphan in orphans], ["wl-orphan"])
    time.sleep(1.2)
    t.until(lambda: t.thole.post("/v1/backends/memory/reconcile").status == 200 and "wl-orphan" not in t.objects(), 15,
            "the orphan is removed after its grace", 0.3)
    t.true("wl-foreign" in t.objects(), "the foreign one stays")
    t.until(lambda: t.thole.listed("/v1/orphans") == [], what="the list is empty")
    t.order("vanish", "wl-foreign")


@case("a lost answer is neither doubled nor forgotten", proves="LC-33", each=["create", "start", "stop", "remove"])
def _(t, slot):
    code = "timeout"
    workload = t.run(FOREVER, backend_options={"faults": f"workload.{slot}:lose-answer={code}:times=1"})
    t.equal(workload["state"], "running")
    t.equal(t.verb(workload, "stop", wait="stopped").json["state"], "stopped")
    t.equal(list(t.objects()), [workload["id"]])
    t.thole.remove(workload)
    t.equal(t.objects(), {})


@case("answers that come twice do no harm")
def _(t):
    t.order("faults", "workload.*:repeat")
    workload = t.run(FOREVER)
    t.verb(workload, "stop", wait="stopped")
    t.verb(workload, "start", wait="running")
    t.verb(workload, "pause", wait="paused")
    t.verb(workload, "unpause", wait="running")
    t.equal(list(t.objects()), [workload["id"]])
    t.thole.remove(workload)
    t.order("faults")
    t.equal(t.objects(), {})


@case("a slow engine holds up nobody else", proves="LC-19")
def _(t):
    slow = t.run(FOREVER, backend_options={"faults": "workload.stop:hang:times=1"})
    before = t.calls("workload.stop")
    t.verb(slow, "stop")
    t.until(lambda: t.calls("workload.stop") > before, what="the engine is asked")
    t.run(["exit"], wait="stopped")
    t.thole.get("/v1/workloads").expect(200)
    t.equal(t.get(slow)["state"], "stopping", "the one that others did not wait for")
    t.verb(slow, "kill", wait="stopped")


@case("a hundred lives at once on an engine that fails and loses answers", proves="LC-33 OC-01")
def _(t):
    t.order("faults", "workload.create:lose-answer=timeout:probability=0.1;workload.start:fail=unavailable:probability=0.1;"
            "workload.stop:lose-answer=unavailable:probability=0.1;workload.remove:fail=timeout:probability=0.1;"
            "workload.*:delay=20:probability=0.3")
    made = parallel(100, lambda index: t.thole.post("/v1/workloads", {"name": f"life-{index}", "spec": t.spec(FOREVER)})
                    .expect(201, 202).json)
    for workload in made:
        t.wait(workload, "running", 60)
    # an answer that says unavailable takes the backend away for a moment
    t.till_ready()
    t.equal(set(t.objects().values()), {"running"})
    t.equal(len(t.objects()), 100)
    parallel(50, lambda index: t.verb(made[index], "stop", wait="stopped", timeout=60))
    t.till_ready()
    t.equal(sorted(t.objects().values()), ["exited"] * 50 + ["running"] * 50)
    parallel(100, lambda index: t.thole.delete(f"/v1/workloads/{made[index]['id']}?force=true&wait=deleted&timeout=60").expect(204))
    t.till_ready()
    t.order("faults")
    t.equal(t.objects(), {})


@case("an engine that is down at start: the daemon serves, then finds it")
def _(t):
    begin = t.thole.newest()
    t.thole.stop()
    t.thole.backends["memory"]["faults"] = "probe:fail=unavailable:times=2"
    t.thole.start()
    t.thole.get("/v1/workloads").expect(200)
    t.till_ready()
    t.until(lambda: "ready" in t.told(begin), what="its event")
    t.true(t.told(begin).index("ready") > 0, f"not at first: {t.told(begin)}")
    del t.thole.backends["memory"]["faults"]


@case("a call that never comes back makes the backend stuck, not the daemon")
def _(t):
    workload = t.run(FOREVER)
    t.order("faults", "workload.stats:late=100000:times=1")
    before = t.calls("workload.stats")
    connection = t.thole.connection()
    connection.request("GET", f"/v1/workloads/{workload['id']}/stats")
    t.until(lambda: t.calls("workload.stats") > before, what="the engine is asked")
    connection.close()
    t.thole.get("/v1/workloads").expect(200)
    t.until(lambda: t.backend()["state"] == "stuck", 60)
    t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(503)
    t.thole.get("/v1/workloads").expect(200)
    t.thole.stop()
    t.thole.start()
    t.till_ready()


@case("a kill overtakes a stop that the engine does not answer")
def _(t):
    workload = t.run(STUBBORN, stop={"grace": 30}, backend_options={"faults": "workload.stop:hang:times=1"})
    t.verb(workload, "stop")
    t.verb(workload, "kill", wait="stopped", timeout=80)
    t.equal(t.objects()[workload["id"]], "exited")


@case("with an engine whose programs survive it an end in its absence is the program's own")
def _(t):
    backend = {"driver": "memory", "default": "true", "images": "app", "durable": "true"}
    with Daemon({"memory": backend}) as thole:
        t.until(lambda: thole.get("/v1/backends/memory").json["state"] == "ready", 20)
        ends, stays = (thole.create({"image": "app", "command": words}, wait="running") for words in (["sleep", "1"], FOREVER))
        thole.post(f"/v1/workloads/{stays['id']}/exec", {"command": ["control", "engine-restart", "1.5"]}).expect(200, 503)
        t.equal(thole.wait(ends, "stopped,crashed")["state"], "stopped")
        t.equal((thole.wait(stays, "running")["restarts"], thole.wait(stays, "running")["engine_id"]), (0, stays["engine_id"]))


class Strict(Memory):
    SETTINGS = {"reconcile.orphan_grace": "1"}


main(Strict)
