#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon does by itself: restarts, health, time to live, the install step."""
import datetime
import http.server
import threading
import time

from daemon import Daemon
from memory import FOREVER, IMAGE, Memory, case, main, script

ALWAYS = {"policy": "always", "backoff": 0.05}
ON_FAILURE = {"policy": "on-failure", "backoff": 0.05}


@case("never: it stays where it ended", each=["0 stopped", "1 crashed"])
def _(t, line):
    code, state = line.split()
    workload = t.run(script("sleep 0.1", f"exit {code}"), wait=state, restart={"policy": "never"})
    time.sleep(0.5)
    seen = t.get(workload)
    t.equal((seen["state"], seen["restarts"], seen["desired_state"]), (state, 0, "stopped"))


@case("on-failure: a failure is run again, a good end is not", proves="LC-28")
def _(t):
    good = t.run(script("sleep 0.1", "exit 0"), wait="stopped", restart=ON_FAILURE)
    bad = t.run(script("sleep 0.1", "exit 3"), wait="running", restart={**ON_FAILURE, "max_retries": 0})
    t.until(lambda: t.get(bad)["restarts"] >= 2, 15, "two restarts")
    t.equal((t.get(good)["restarts"], t.get(good)["state"]), (0, "stopped"))
    t.equal(t.get(bad)["desired_state"], "running")


@case("always: a good end is run again, too", proves="LC-28")
def _(t):
    workload = t.run(script("print run", "sleep 0.1", "exit 0"), wait="running", restart=ALWAYS)
    t.until(lambda: t.get(workload)["restarts"] >= 3, 15, "three restarts")
    t.true(t.logs(workload).count("run") >= 3, "it really ran")


@case("a stop ends the restarting")
def _(t):
    workload = t.run(script("sleep 0.1", "exit 1"), wait="running", restart={**ALWAYS, "max_retries": 0, "backoff": 0.5})
    t.until(lambda: t.get(workload)["restarts"] >= 1, 15)
    t.verb(workload, "stop", wait="stopped,crashed")
    restarts = t.get(workload)["restarts"]
    time.sleep(1.5)
    seen = t.get(workload)
    t.equal((seen["restarts"], seen["desired_state"]), (restarts, "stopped"))
    t.true(seen["state"] in ("stopped", "crashed"), "it does not run")


@case("a stop while it runs is no failure")
def _(t):
    workload = t.run(FOREVER, restart=ALWAYS)
    t.verb(workload, "stop", wait="stopped")
    time.sleep(0.5)
    t.equal((t.get(workload)["state"], t.get(workload)["restarts"]), ("stopped", 0))


@case("a crash loop is left alone after max_retries, with the reason", proves="LC-28")
def _(t):
    workload = t.run(script("exit 9"), wait="crashed", restart={**ON_FAILURE, "max_retries": 2})
    t.until(lambda: t.get(workload)["state_reason"].startswith("crash_loop"), 20, "the daemon gives up")
    seen = t.get(workload)
    t.equal((seen["state"], seen["restarts"], seen["desired_state"], seen["exit_code"]), ("crashed", 2, "stopped", 9))
    t.equal(t.verb(workload, "start", status=(200, 202)).json["desired_state"], "running")


@case("the pause doubles")
def _(t):
    workload = t.run(script("exit 1"), wait="crashed", restart={**ON_FAILURE, "max_retries": 3, "backoff": 0.3})
    t.until(lambda: t.get(workload)["state_reason"].startswith("crash_loop"), 30)
    events = [event for event in t.thole.events() if event["subject"] == workload["id"]]
    starts = [event["time"] for event in events if event["data"].get("state") == "starting"]
    seconds = [float(stamp[17:-1]) + 60 * float(stamp[14:16]) for stamp in starts]
    pauses = [(later - earlier) % 3600 for earlier, later in zip(seconds, seconds[1:])]
    t.equal(len(pauses), 3)
    # not before their time; that they are no longer is for the clock of the policy's own test
    t.true(all(pause > 0.29 * 2 ** number for number, pause in enumerate(pauses)), f"pauses {pauses}")


@case("out of memory is a failure for the policy")
def _(t):
    workload = t.run(script("sleep 0.1", "oom"), wait="running", restart=ON_FAILURE)
    t.until(lambda: t.get(workload)["restarts"] >= 1, 15)


@case("a changed policy counts from then on")
def _(t):
    workload = t.run(FOREVER, restart={"policy": "never"})
    t.thole.patch(f"/v1/workloads/{workload['id']}", {"spec": {"restart": {"policy": "always", "backoff": 0.05}}}).expect(200, 202)
    t.order("exit", workload["id"], "1")
    t.until(lambda: t.get(workload)["restarts"] >= 1, 15)


@case("health of a command comes from the engine", proves="LC-17 MH-01")
def _(t):
    workload = t.run(FOREVER, health={"command": ["cat", "/ok"], "interval": 0.2, "retries": 2})
    t.equal(workload["health"], "starting")
    t.until(lambda: t.get(workload)["health"] == "unhealthy", 10, "it is unhealthy")
    t.exec(workload, ["write", "/ok", "yes"])
    t.until(lambda: t.get(workload)["health"] == "healthy", 10, "it is healthy")
    told = [event["data"].get("health") for event in t.thole.events() if event["subject"] == workload["id"]]
    t.true({"unhealthy", "healthy"} <= set(told), f"events tell it: {told}")


@case("health is none without a check and after the end")
def _(t):
    t.equal(t.run(FOREVER)["health"], "none")
    workload = t.run(FOREVER, health={"command": ["exit", "0"], "interval": 0.1})
    t.until(lambda: t.get(workload)["health"] == "healthy", 10)
    t.equal(t.verb(workload, "stop", wait="stopped").json["health"], "none")


class Server:
    """Answers with a status that can be changed."""

    def __enter__(self):
        owner, self.status = self, 200

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(owner.status if self.path == "/health" else 404)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@case("an HTTP check follows the answer", proves="MH-01")
def _(t):
    with Server() as server:
        workload = t.run(FOREVER, network="host", health={"http": {"port": server.port, "path": "/health"}, "interval": 0.2,
                                                          "retries": 2, "timeout": 1})
        t.until(lambda: t.get(workload)["health"] == "healthy", 10, "it is healthy")
        server.status = 500
        t.until(lambda: t.get(workload)["health"] == "unhealthy", 10, "it is unhealthy")
        server.status = 204
        t.until(lambda: t.get(workload)["health"] == "healthy", 10, "it is healthy again")


@case("a TCP check follows the listener")
def _(t):
    with Server() as server:
        workload = t.run(FOREVER, network="host", health={"tcp": {"port": server.port}, "interval": 0.2, "retries": 1, "timeout": 1})
        t.until(lambda: t.get(workload)["health"] == "healthy", 10, "it is healthy")
    t.until(lambda: t.get(workload)["health"] == "unhealthy", 10, "it is unhealthy")


@case("failures within the start period do not count")
def _(t):
    workload = t.run(FOREVER, health={"command": ["exit", "1"], "interval": 0.1, "retries": 1, "start_period": 1.5})
    t.until(lambda: t.get(workload)["health"] == "unhealthy")
    event = next(event for event in t.thole.events() if event["subject"] == workload["id"] and event["data"].get("health") == "unhealthy")
    since = datetime.datetime.fromisoformat(event["time"][:-1]) - datetime.datetime.fromisoformat(workload["started_at"][:-1])
    t.true(since.total_seconds() > 1.4, f"unhealthy {since} after its start")


@case("ttl deletes it, also while it runs", proves="OC-03")
def _(t):
    workload = t.run(FOREVER, ttl=1)
    t.equal(workload["state"], "running")
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}").status in (404, 410), 15, "it goes")
    t.equal(t.objects(), {})
    reasons = [event["data"].get("reason", "") for event in t.thole.events() if event["subject"] == workload["id"]]
    t.true(any(reason.startswith("ttl") for reason in reasons), f"the reason: {reasons}")


def spared(t, change):
    """One that was changed before its time to live was over, after that time."""
    for ttl in (1, 5, 25):
        workload = t.run(FOREVER, ttl=ttl)
        # a machine with other work may come too late with it
        if t.thole.patch(f"/v1/workloads/{workload['id']}", change).status in (200, 202):
            break
    time.sleep(ttl + 0.6)
    return workload


@case("ttl can be changed and taken away")
def _(t):
    workload = spared(t, {"spec": {"ttl": 0}})
    t.equal(t.get(workload)["state"], "running")


@case("what nobody uses is stopped, and its restart policy does not start it", proves="row:95")
def _(t):
    workload = t.run(FOREVER, idle_timeout=1, restart=ALWAYS)
    t.until(lambda: t.get(workload)["state"] == "stopped", 20, "it is stopped")
    seen = t.get(workload)
    t.equal((seen["desired_state"], seen["restarts"]), ("stopped", 0))
    t.equal(seen["state_reason"], "idle: nobody used it for 1 s")
    why = t.thole.get(f"/v1/workloads/{workload['id']}/why").expect(200).text
    t.holds(why, "a policy decided; from running to stopping: idle: nobody used it for 1 s")
    t.equal(t.verb(workload, "start", wait="running").json["state_reason"], "")
    t.until(lambda: t.get(workload)["state"] == "stopped", 20, "it is stopped once more")


@case("a command in it is use as long as it runs", proves="row:95")
def _(t):
    workload = t.run(FOREVER, idle_timeout=2)
    t.exec(workload, ["sleep", "5"])
    t.until(lambda: t.get(workload)["state"] == "stopped", what="it is stopped afterwards")
    event = next(event for event in t.thole.events() if event["subject"] == workload["id"] and event["data"].get("state") == "stopping")
    since = datetime.datetime.fromisoformat(event["time"][:-1]) - datetime.datetime.fromisoformat(workload["started_at"][:-1])
    t.true(since.total_seconds() > 6.5, f"stopped {since} after its start, with a command of 5 s and 2 s without")


@case("who reads its logs uses it", proves="row:95")
def _(t):
    workload = t.run(script("print here", "forever"), idle_timeout=2)
    connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true")
    t.equal(answer.status, 200)
    time.sleep(5)
    t.equal(t.get(workload)["state"], "running")
    connection.close()
    t.until(lambda: t.get(workload)["state"] == "stopped", 40, "it is stopped afterwards")


@case("idle_timeout can be changed and taken away")
def _(t):
    workload, other = t.run(FOREVER, idle_timeout=300), t.run(FOREVER, idle_timeout=300)
    for seconds in (2, 0):
        t.thole.patch(f"/v1/workloads/{other['id']}", {"spec": {"idle_timeout": seconds}}).expect(200, 202)
    t.thole.patch(f"/v1/workloads/{workload['id']}", {"spec": {"idle_timeout": 1}}).expect(200, 202)
    t.until(lambda: t.get(workload)["state"] == "stopped", 20, "it is stopped")
    time.sleep(2.5)
    t.equal(t.get(other)["state"], "running")


@case("what is paused is not idle")
def _(t):
    workload = t.run(FOREVER, idle_timeout=300)
    t.verb(workload, "pause", wait="paused")
    t.thole.patch(f"/v1/workloads/{workload['id']}", {"spec": {"idle_timeout": 2}}).expect(200, 202)
    time.sleep(3)
    t.equal(t.get(workload)["state"], "paused")
    t.verb(workload, "unpause", wait="running,stopping,stopped")
    t.until(lambda: t.get(workload)["state"] == "stopped", 20, "it is stopped")


@case("ttl spares what is protected", proves="")
def _(t):
    workload = spared(t, {"protected": True})
    path = f"/v1/workloads/{workload['id']}"
    t.equal(t.get(workload)["state"], "running")
    t.thole.delete(path + "?force=true").expect(409, 403)
    t.thole.patch(path, {"protected": False}).expect(200, 202)


@case("the install step runs first, with its own image, once", proves="LC-10")
def _(t):
    t.thole.post("/v1/images/pull", {"image": "installer"}).expect(202)
    t.order("faults", "workload.start:delay=200:times=1")
    reply = t.thole.post("/v1/workloads", {"spec": t.spec(FOREVER, install={"image": "installer", "command": script("print made", "sleep 0.3")})})
    workload = reply.expect(201, 202).json
    t.equal(t.wait(workload, "running")["state"], "running")
    t.equal([state for state in t.states(workload) if state != "provisioning"][:3], ["installing", "starting", "running"])
    t.equal(list(t.objects()), [workload["id"]])
    t.verb(workload, "restart", wait="running")
    t.until(lambda: t.get(workload)["state"] == "running")
    t.equal(t.states(workload).count("installing"), 1)


@case("an install step that fails is an error with its exit code", proves="LC-10")
def _(t):
    workload = t.run(FOREVER, wait="error,running", install={"command": script("sleep 0.1", "exit 4")})
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "install_failed")
    t.holds(workload["state_reason"], "4")
    t.until(lambda: list(t.objects()) == [workload["id"]], what="nothing is left of the step")


@case("an install step that takes too long is ended")
def _(t):
    workload = t.run(FOREVER, wait="error,running", install={"command": FOREVER, "timeout": 1})
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "install_failed")
    t.until(lambda: list(t.objects()) == [workload["id"]], what="nothing is left of the step")


@case("a delete during the install step ends both")
def _(t):
    reply = t.thole.post("/v1/workloads?wait=installing", {"spec": t.spec(FOREVER, install={"command": FOREVER})})
    workload = reply.expect(201, 202).json
    t.thole.delete(f"/v1/workloads/{workload['id']}?force=true&wait=deleted&timeout=60").expect(204)
    t.until(lambda: t.objects() == {}, what="nothing is left")


@case("provisioning has a deadline", proves="PV-02 SC-07")
def _(t):
    # a daemon of its own: the others need not be made in so short a time
    backend = {"driver": "memory", "default": "true", "images": IMAGE}
    with Daemon({"memory": backend}, {"workload.provision_timeout": "2"}) as thole:
        spec = t.spec(FOREVER, backend_options={"faults": "workload.create:hang"})
        seen = thole.wait(thole.post("/v1/workloads", {"spec": spec}).expect(201, 202).json, "error")
        t.equal(seen["state"], "error")
        t.true(seen["state_reason"] != "", "a reason")


main(Memory)
