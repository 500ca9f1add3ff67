#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""?wait= and long operations."""
import threading
import time

from memory import FOREVER, STUBBORN, Memory, case, main, parallel, script


LONG = 600  # seconds, longer than a client waits for an answer: one that comes did not wait for its time


@case("GET waits until the state is reached", proves="LC-26")
def _(t):
    workload = t.run(script("sleep 0.7", "exit 0"), wait="running")
    reply = t.thole.get(f"/v1/workloads/{workload['id']}?wait=stopped&timeout={LONG}")
    t.equal((reply.status, reply.json["state"]), (200, "stopped"))


@case("a wait for what is so already answers at once")
def _(t):
    workload = t.run(FOREVER)
    t.thole.get(f"/v1/workloads/{workload['id']}?wait=stopped,running&timeout={LONG}").expect(200)


@case("a wait that runs out is 504 with the resource", proves="LC-26")
def _(t):
    workload = t.run(FOREVER)
    begin = time.monotonic()
    reply = t.thole.get(f"/v1/workloads/{workload['id']}?wait=stopped&timeout=0.3").expect(504)
    t.equal((reply.code, reply.json["resource"]["id"]), ("timeout", workload["id"]))
    t.true(time.monotonic() - begin > 0.25, "not before its time")


@case("a verb whose workload comes to rest elsewhere says so at once")
def _(t):
    workload = t.run(FOREVER)
    reply = t.verb(workload, "stop", wait="crashed", timeout=LONG, status=(409,))
    t.holds(reply.json["detail"], "stopped")
    t.equal(reply.json["resource"]["state"], "stopped")


@case("a wait for a state that can no longer come ends before its time, or with the resource")
def _(t):
    workload = t.run(["exit", "1"], wait="crashed")
    reply = t.thole.get(f"/v1/workloads/{workload['id']}?wait=running&timeout=0.5").expect(504)
    t.equal(reply.json["resource"]["state"], "crashed")


@case("wait=deleted answers when it is gone")
def _(t):
    workload = t.run(STUBBORN)
    t.order("faults", f"workload.remove:delay=300:id={workload['id']}")
    begin = time.monotonic()
    t.thole.delete(f"/v1/workloads/{workload['id']}?force=true&wait=deleted").expect(204)
    t.true(time.monotonic() - begin > 0.25, "not before")
    t.order("faults")


@case("those who wait for something else are told when it is deleted")
def _(t):
    workload = t.run(FOREVER)
    replies = []
    waiter = threading.Thread(target=lambda: replies.append(
        t.thole.get(f"/v1/workloads/{workload['id']}?wait=crashed&timeout={LONG}")))
    waiter.start()
    time.sleep(0.2)
    t.thole.remove(workload)
    waiter.join(90)
    t.equal(len(replies), 1)
    t.among(replies[0].status, (404, 410))


@case("a hundred wait at once")
def _(t):
    workload = t.run(script("sleep 1", "exit 0"), wait="running")
    replies = parallel(100, lambda _: t.thole.get(f"/v1/workloads/{workload['id']}?wait=stopped&timeout={LONG}"))
    t.equal({(reply.status, reply.json["state"]) for reply in replies}, {(200, "stopped")})


@case("a client that goes away does not stop the work")
def _(t):
    connection = t.thole.connection()
    connection.request("POST", "/v1/workloads?wait=stopped", '{"name":"left","spec":{"image":"app","command":["forever"]}}',
                       {"Content-Type": "application/json"})
    t.until(lambda: t.thole.get("/v1/workloads/left").status == 200, what="its work has begun")
    connection.close()
    t.order("exit", t.wait({"id": "left"}, "running")["id"], "0")
    t.equal(t.wait({"id": "left"}, "stopped,crashed")["exit_code"], 0)


@case("an operation tells its progress to the end", proves="LC-33")
def _(t):
    reply = t.thole.post("/v1/workloads", {"spec": t.spec(FOREVER)}).expect(202)
    path = f"/v1/operations/{reply.headers['thole-operation']}"
    done = t.thole.get(path + "?wait=succeeded,failed").expect(200).json
    t.equal((done["type"], done["target"], done["state"], done["error"]), ("workload.create", reply.json["id"], "succeeded", None))
    told = [event["data"]["state"] for event in t.thole.events() if event["subject"] == done["id"]]
    t.equal(told, ["running", "succeeded"], "what is told of it")
    t.true(done["finished_at"] >= done["created_at"], "its end")


@case("an operation that fails keeps the problem")
def _(t):
    reply = t.thole.post("/v1/workloads", {"spec": t.spec(FOREVER, backend_options={"faults": "workload.create:fail=denied"})})
    path = f"/v1/operations/{reply.expect(201, 202).headers['thole-operation']}"
    done = t.thole.get(path + "?wait=succeeded,failed").expect(200).json
    t.equal((done["state"], done["error"]["code"], done["error"]["status"]), ("failed", "denied", 403))


@case("operations are listed by state and target")
def _(t):
    workload = t.run(FOREVER)
    t.verb(workload, "stop", wait="stopped")
    listed = t.thole.listed(f"/v1/operations?target={workload['id']}")
    t.equal(sorted(item["type"] for item in listed), ["workload.create", "workload.stop"])
    t.equal({item["state"] for item in listed}, {"succeeded"})
    t.equal(t.thole.listed(f"/v1/operations?target={workload['id']}&state=failed"), [])
    t.thole.get("/v1/operations/op-nothing").expect(404)


@case("a stop that is overtaken by a kill: both operations end")
def _(t):
    workload = t.run(STUBBORN, stop={"grace": 60})
    stop = t.verb(workload, "stop", status=(202,)).headers["thole-operation"]
    kill = t.verb(workload, "kill", wait="stopped").headers.get("thole-operation")
    for operation in filter(None, (stop, kill)):
        done = t.thole.get(f"/v1/operations/{operation}?wait=succeeded,failed,cancelled").expect(200).json
        t.true(done["state"] != "running", "it ended")


@case("why tells the chain that led here", proves="LC-39")
def _(t):
    workload = t.run(["exit", "3"], wait="crashed")
    why = t.thole.get(f"/v1/workloads/{workload['id']}/why").expect(200)
    t.holds(why.text, "workload.create")
    t.holds(why.text, "crashed")


@case("more than the queue holds is busy, not lost")
def _(t):
    workload = t.run(FOREVER)
    t.order("faults", f"workload.stop:delay=500:id={workload['id']}")
    replies = parallel(60, lambda _: t.verb(workload, "restart", status=(200, 202, 409)))
    t.true(any(reply.status in (200, 202) for reply in replies), "some are taken")
    t.equal({reply.code for reply in replies if reply.status == 409} - {"busy", "illegal_transition"}, set())
    t.order("faults")
    t.until(lambda: t.get(workload)["state"] == "running", 20)


main(Memory)
