#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of workloads over HTTP, with the memory driver."""
import time

from memory import FOREVER, STUBBORN, Memory, case, main, script


@case("create runs it and answers with the whole object", proves="LC-01 LC-08 LC-31 API-01")
def _(t):
    reply = t.thole.post("/v1/workloads?wait=running", {"name": "one", "spec": t.spec(FOREVER), "labels": {"app": "web"}})
    reply.expect(201)
    workload = reply.json
    t.equal(reply.headers["location"], f"/v1/workloads/{workload['id']}")
    t.true(workload["id"].startswith("wl-"), "the prefix of the id")
    t.equal((workload["state"], workload["desired_state"], workload["name"]), ("running", "running", "one"))
    t.equal((workload["backend"], workload["labels"], workload["exit_code"]), ("memory", {"app": "web"}, None))
    t.true(workload["engine_id"] and workload["started_at"] and workload["addresses"], "engine id, start and address")
    t.equal(t.get(workload), workload)
    t.equal(t.thole.get("/v1/workloads/one").expect(200).json["id"], workload["id"])


@case("create without waiting answers 202 or 201 with an operation", proves="LC-33")
def _(t):
    t.order("faults", "workload.create:delay=300:times=1")
    reply = t.thole.post("/v1/workloads", {"spec": t.spec(FOREVER)}).expect(202)
    t.equal(reply.json["state"], "provisioning")
    t.true(reply.headers["thole-operation"].startswith("op-"), "the operation")
    t.equal(t.wait(reply.json, "running")["state"], "running")


@case("start: false makes it and leaves it stopped")
def _(t):
    workload = t.thole.post("/v1/workloads?wait=stopped", {"spec": t.spec(FOREVER), "start": False}).expect(201).json
    t.equal((workload["state"], workload["desired_state"], workload["started_at"]), ("stopped", "stopped", None))
    t.equal(t.objects()[workload["id"]], "created")
    t.equal(t.verb(workload, "start", wait="running").json["state"], "running")


@case("a name is made from the id when none is given")
def _(t):
    t.true(t.run(FOREVER)["name"], "the name")


@case("stop ends it with SIGTERM", proves="LC-08")
def _(t):
    workload = t.run(FOREVER)
    stopped = t.verb(workload, "stop", wait="stopped").json
    t.equal((stopped["state"], stopped["desired_state"]), ("stopped", "stopped"))
    t.true(stopped["stopped_at"], "the time of the end")
    t.equal(t.states(workload), ["provisioning", "starting", "running", "stopping", "stopped"])


@case("a program that ignores SIGTERM is killed after the grace")
def _(t):
    workload = t.run(STUBBORN, stop={"grace": 0.5})
    begin = time.monotonic()
    stopped = t.verb(workload, "stop", wait="stopped").json
    t.true(time.monotonic() - begin > 0.4, "not before the grace")
    t.equal((stopped["exit_code"], stopped["exit_signal"]), (137, "SIGKILL"))
    t.equal(stopped["state"], "stopped")


@case("the grace and the signal of a stop can be given with it")
def _(t):
    workload = t.run(script("trap SIGTERM never", "on-term 0 5", "forever"), stop={"grace": 60})
    stopped = t.verb(workload, "stop", {"signal": "SIGINT", "grace": 5}, wait="stopped").json
    t.equal(stopped["exit_code"], 5)


@case("a stop during a stop is one stop; a kill ends it at once")
def _(t):
    workload = t.run(STUBBORN, stop={"grace": 60})
    t.equal(t.verb(workload, "stop").json["state"], "stopping")
    t.equal(t.verb(workload, "stop").json["state"], "stopping")
    killed = t.verb(workload, "kill", wait="stopped").json
    t.equal((killed["state"], killed["exit_signal"]), ("stopped", "SIGKILL"))


@case("start again after a stop keeps id and name")
def _(t):
    workload = t.run(FOREVER)
    t.verb(workload, "stop", wait="stopped")
    again = t.verb(workload, "start", wait="running").json
    t.equal((again["id"], again["name"], again["state"]), (workload["id"], workload["name"], "running"))
    t.equal(again["engine_id"], workload["engine_id"])


@case("starting what runs and stopping what is stopped succeed and change nothing")
def _(t):
    workload = t.run(FOREVER)
    t.equal(t.verb(workload, "start", status=(200,)).json["revision"], t.get(workload)["revision"])
    t.verb(workload, "stop", wait="stopped")
    revision = t.get(workload)["revision"]
    t.equal(t.verb(workload, "stop", status=(200,)).json["revision"], revision)


@case("restart gives it a new run")
def _(t):
    workload = t.run(script("print run", "forever"))
    again = t.verb(workload, "restart", wait="running").json
    again = t.until(lambda: t.logs(workload) == "run\nrun\n" and t.wait(workload, "running"))
    t.true(again["started_at"] > workload["started_at"], "a later start")
    t.equal(again["restarts"], 0)


@case("kill with another signal leaves the program to decide")
def _(t):
    workload = t.run(script("trap SIGHUP reloaded", "forever"))
    t.verb(workload, "kill", {"signal": "SIGHUP"})
    t.until(lambda: t.logs(workload) == "reloaded\n", what="the program's answer")
    t.equal(t.get(workload)["state"], "running")


@case("pause freezes, unpause thaws", proves="LC-18")
def _(t):
    for seconds in (1, 5, 25):
        workload = t.run(script(f"sleep {seconds}", "exit 0"), wait="running,stopped")
        paused = t.verb(workload, "pause", wait="paused", status=(200, 409))
        # a machine with other work may come too late with it
        if paused.status == 200:
            break
    t.equal((paused.json["state"], paused.json["desired_state"]), ("paused", "paused"))
    time.sleep(seconds + 0.3)
    t.equal(t.get(workload)["state"], "paused")
    t.equal(t.verb(workload, "unpause", wait="running,stopped").json["desired_state"], "running")
    t.equal(t.wait(workload, "stopped")["exit_code"], 0)


@case("stop of a paused one ends it")
def _(t):
    workload = t.run(FOREVER, stop={"grace": 1})
    t.verb(workload, "pause", wait="paused")
    t.equal(t.verb(workload, "stop", wait="stopped").json["state"], "stopped")


@case("suspend stops and locks; unsuspend unlocks", proves="LC-08")
def _(t):
    workload = t.run(FOREVER)
    t.equal(t.verb(workload, "suspend", wait="suspended").json["state"], "suspended")
    refused = t.verb(workload, "start", status=(409,))
    t.equal(refused.code, "illegal_transition")
    t.holds(refused.json["detail"], "suspended")
    t.equal(t.objects()[workload["id"]], "exited")
    t.equal(t.verb(workload, "unsuspend", wait="stopped").json["state"], "stopped")
    t.equal(t.verb(workload, "start", wait="running").json["state"], "running")


@case("the exit code tells stopped from crashed", proves="LC-12 TE-21", each=[0, 1, 3, 255])
def _(t, code):
    workload = t.run(["exit", str(code)], wait="stopped,crashed")
    t.equal(workload["exit_code"], code)
    t.equal(workload["state"], "stopped" if code == 0 else "crashed")


@case("out of memory is told apart from a kill", proves="LC-12")
def _(t):
    workload = t.run(script("sleep 0.1", "oom"), wait="crashed")
    t.equal((workload["exit_code"], workload["exit_signal"]), (137, "SIGKILL"))
    t.holds(workload["state_reason"], "oom")
    other = t.run(script("sleep 0.1", "signal SIGKILL"), wait="crashed")
    t.equal(other["exit_code"], 137)
    t.true("oom" not in other["state_reason"], "no word of memory")


@case("a crash is told with its signal")
def _(t):
    workload = t.run(script("sleep 0.1", "signal SIGSEGV"), wait="crashed")
    t.equal((workload["exit_code"], workload["exit_signal"]), (139, "SIGSEGV"))


@case("a program that does not exist is an error with the engine's words")
def _(t):
    workload = t.run(["no-such-program"], wait="error,crashed")
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "no such program")


@case("delete wants force for what runs")
def _(t):
    workload = t.run(FOREVER)
    refused = t.thole.delete(f"/v1/workloads/{workload['id']}").expect(409)
    t.equal(refused.code, "illegal_transition")
    t.thole.delete(f"/v1/workloads/{workload['id']}?force=true&wait=deleted").expect(204)
    t.thole.get(f"/v1/workloads/{workload['id']}").expect(404, 410)
    t.equal(t.objects(), {})


@case("a row goes only after the engine confirmed", proves="LC-41 OC-02")
def _(t):
    workload = t.run(["exit"], wait="stopped")
    t.order("faults", f"workload.remove:fail=failed:times=2:id={workload['id']}")
    t.thole.delete(f"/v1/workloads/{workload['id']}").expect(202, 204)
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}").status in (404, 410), 30, "the row goes")
    t.equal(t.objects(), {})
    t.true(t.calls("workload.remove") >= 3, "three tries")


@case("ids are not used again", proves="LC-11")
def _(t):
    ids = set()
    for _ in range(5):
        workload = t.run(["exit"], wait="stopped", name="again")
        ids.add(workload["id"])
        t.thole.remove(workload)
    t.equal(len(ids), 5)
    t.equal(sorted(ids), list(sorted(ids)))


@case("intent is stored before the engine is called", proves="LC-05 LC-07")
def _(t):
    workload = t.run(FOREVER)
    t.order("faults", f"workload.stop:delay=400:id={workload['id']}")
    t.equal(t.verb(workload, "stop").json["state"], "stopping")
    t.equal(t.get(workload)["state"], "stopping")
    types = [event["data"].get("state") for event in t.thole.events() if event["subject"] == workload["id"]]
    t.equal(types[-1], "stopping")
    t.equal(t.objects()[workload["id"]], "running")
    t.wait(workload, "stopped")
    t.order("faults")


@case("files of the spec are there before the start")
def _(t):
    workload = t.run(["cat", "/etc/motd"], wait="stopped", files=[{"path": "/etc/motd", "content": "hello\n"}])
    t.equal((workload["exit_code"], t.logs(workload)), (0, "hello\n"))


@case("environment, working directory and user reach the program")
def _(t):
    workload = t.run(script("env NAME", "env PWD", "env USER"), wait="stopped", env={"NAME": "value"},
                     working_dir="/srv", user="me")
    t.equal(t.logs(workload), "value\n/srv\nme\n")


@case("args follow the command")
def _(t):
    workload = t.run(["print"], wait="stopped", args=["an argument"])
    t.equal(t.logs(workload), "an argument\n")


@case("ports that the engine chose are shown", proves="LC-34")
def _(t):
    workload = t.run(FOREVER, ports=[{"container": 80}, {"container": 53, "host": 5353, "protocol": "udp"}])
    ports = {port["container"]: port for port in workload["ports"]}
    t.true(ports[80]["host"] >= 1024, "a port was chosen")
    t.equal((ports[53]["host"], ports[53]["protocol"]), (5353, "udp"))


@case("a port that is taken is an error, and free again after a stop")
def _(t):
    first = t.run(FOREVER, ports=[{"container": 80, "host": 8099}])
    second = t.run(FOREVER, ports=[{"container": 80, "host": 8099}], wait="running,error")
    t.equal(second["state"], "error")
    t.holds(second["state_reason"], "8099")
    t.verb(first, "stop", wait="stopped")
    t.equal(t.verb(second, "start", wait="running,error").json["state"], "running")


@case("patch changes name, labels and limits", proves="LC-19")
def _(t):
    workload = t.run(FOREVER, name="old", labels={"a": "1", "b": "2"})
    path = f"/v1/workloads/{workload['id']}"
    changed = t.thole.patch(path, {"name": "new", "labels": {"a": None, "c": "3"}, "spec": {"resources": {"memory": "64MiB"}}})
    changed.expect(200, 202)
    t.equal((changed.json["name"], changed.json["labels"]), ("new", {"b": "2", "c": "3"}))
    t.equal(changed.json["spec"]["resources"]["memory"], 64 << 20)
    t.thole.get("/v1/workloads/old").expect(404)
    t.equal(t.thole.get("/v1/workloads/new").expect(200).json["id"], workload["id"])
    t.until(lambda: t.thole.get(path + "/stats").expect(200).json["memory_limit"] == 64 << 20, what="the limit")


@case("a name is unique, and free again after deletion")
def _(t):
    workload = t.run(FOREVER, name="unique")
    t.thole.post("/v1/workloads", {"name": "unique", "spec": t.spec(FOREVER)}).expect(409)
    other = t.run(FOREVER, name="other")
    t.thole.patch(f"/v1/workloads/{other['id']}", {"name": "unique"}).expect(409)
    t.thole.remove(workload)
    t.thole.patch(f"/v1/workloads/{other['id']}", {"name": "unique"}).expect(200)


@case("fifty verbs at once on one workload end in one true state")
def _(t):
    from memory import parallel
    workload = t.run(FOREVER)
    replies = parallel(50, lambda index: t.verb(workload, "stop" if index % 2 else "start", status=(200, 202, 409)))
    t.true(any(reply.status in (200, 202) for reply in replies), "some were taken")
    final = t.wait(workload, "running,stopped")
    t.until(lambda: t.get(workload)["state"] in ("running", "stopped") and t.get(workload)["state"] ==
            t.get(workload)["desired_state"], 20, "it rests where it is wanted")
    final = t.get(workload)
    t.equal(t.objects()[workload["id"]], "running" if final["state"] == "running" else "exited")


main(Memory)
