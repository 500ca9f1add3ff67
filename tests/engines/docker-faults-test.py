#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must not be lost: the engine goes and comes, things happen behind our back, the daemon is killed at any moment."""
import threading
import time

from real_docker import IMAGE, Bench, case, main


class Faults(Bench):
    def mixed(self):
        """Workloads in several states, by name."""
        made = {"running": self.run(), "crashed": self.ended("exit 4"), "stopped": self.ended("exit 0"),
                "paused": self.run(), "made": self.run("true", wait="stopped", body={"start": False}),
                "always": self.run(restart={"policy": "always", "backoff": 0.2})}
        self.verb(made["paused"], "pause", None, "paused")
        return made

    def after(self):
        self.engine.start()
        self.wait_ready()
        super().after()

    def engine_back(self):
        self.engine.start()
        self.wait_ready()
        self.settle(60)

    def killed(self):
        """kill -9 of the daemon, and a new one over the same folder."""
        self.thole.kill()
        self.thole.start()
        self.wait_ready()
        self.settle()


# the engine ----------------------------------------------------------------------------------------------

@case("a stopped engine makes the backend unavailable; its return gives every workload its true state", "LC-07 LC-45 row:2")
def _(t):
    made = t.mixed()
    before = t.last_event()
    t.engine.stop()
    t.until(lambda: t.backend()["state"] == "unavailable", 60, "the backend's state `unavailable`")
    reply = t.thole.post(f"/v1/workloads/{made['running']['id']}/exec", {"command": ["true"]})
    t.equal((reply.status, reply.code), (503, "backend_unavailable"))
    t.equal(t.thole.get(f"/v1/workloads/{made['stopped']['id']}").expect(200).json["state"], "stopped", "reads go on")
    t.engine_back()
    # it is ready before all that it told is known
    for name in ("running", "paused"):
        t.thole.wait(made[name], "crashed")
    now = {name: t.get(workload) for name, workload in made.items()}
    t.equal({name: w["state"] for name, w in now.items() if name != "always"},
            {"running": "crashed", "crashed": "crashed", "stopped": "stopped", "paused": "crashed", "made": "stopped"})
    for name in ("running", "paused"):
        t.holds(now[name]["state_reason"], "engine_restarted", f"the reason of `{name}`")
    t.true("engine_restarted" not in now["crashed"]["state_reason"], "what had crashed before keeps its reason")
    t.until(lambda: "crashed" in t.states(made["always"], before) and t.states(made["always"], before)[-1] == "running", what="its restart")
    t.dense()
    for name in ("running", "paused"):
        t.holds(t.states(made[name], before), "crashed", f"the events of `{name}`")
    t.same_as_engine()


@case("kill -9 of the engine is told the same way", "LC-45")
def _(t):
    workload = t.run()
    t.engine.kill()
    t.until(lambda: t.backend()["state"] == "unavailable", 60, "the backend's state `unavailable`")
    t.engine_back()
    workload = t.thole.wait(workload, "crashed")
    t.holds(workload["state_reason"], "engine_restarted")
    t.same_as_engine()


@case("create and delete while the engine is away are done when it is back", "LC-05 LC-41 OC-02 row:2")
def _(t):
    old = t.ended("exit 0")
    t.engine.stop()
    t.until(lambda: t.backend()["state"] == "unavailable", 60, "the backend's state `unavailable`")
    reply = t.thole.post("/v1/workloads", {"spec": t.spec("sleep 1000")}).expect(202)
    t.made.append(reply.json["id"])
    t.equal(reply.json["state"], "provisioning")
    t.thole.delete(f"/v1/workloads/{old['id']}").expect(202)
    t.equal(t.get(old)["state"], "deleting")
    t.engine_back()
    t.thole.wait(reply.json, "running")
    t.until(lambda: t.thole.get(f"/v1/workloads/{old['id']}").status in (404, 410), 60, "the deleted one gone")
    t.same_as_engine()


@case("the daemon starts while the engine is away", "LC-33")
def _(t):
    workload = t.run(restart={"policy": "always", "backoff": 0.1})
    t.engine.stop()
    t.thole.restart()
    t.thole.get("/healthz").expect(200)
    t.thole.get("/readyz").expect(200, 503)
    t.get(workload)
    t.engine_back()
    t.thole.wait(workload, "running")
    t.same_as_engine()


@case("a log that is followed when the engine goes comes to an end", "TE-25")
def _(t):
    workload = t.run("while :; do echo x; sleep 0.1; done")
    done, reads = [], threading.Event()

    def follow():
        connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true", timeout=90)
        try:
            answer.readline()
            reads.set()
            done.append(answer.read())
        except OSError as error:
            done.append(error)
        except Exception as error:  # an aborted chunked body tells that it is not whole
            done.append(error)
        connection.close()
    reader = threading.Thread(target=follow)
    reader.start()
    t.true(reads.wait(60), "the first line")
    t.engine.stop()
    reader.join(60)
    t.true(done, "the reader was let go")
    t.engine_back()


# behind our back -----------------------------------------------------------------------------------------

@case("a container removed behind our back is `error` with engine_object_missing", "LC-06 OC-02")
def _(t):
    workload = t.run()
    t.engine.remove(workload["engine_id"])
    workload = t.thole.wait(workload, "error")
    t.holds(workload["state_reason"], "engine_object_missing")
    t.dense()


@case("a stopped container removed behind our back is found out", "LC-06")
def _(t):
    workload = t.ended("exit 0")
    t.engine.remove(workload["engine_id"])
    t.holds(t.thole.wait(workload, "error")["state_reason"], "engine_object_missing")


@case("under the policy `always` it is made again", "OC-01 row:10")
def _(t):
    workload = t.run(restart={"policy": "always", "backoff": 0.2})
    t.engine.remove(workload["engine_id"])
    t.until(lambda: t.get(workload)["engine_id"] != workload["engine_id"] and t.get(workload)["state"] == "running", 60,
            "a new container")
    t.same_as_engine()


@case("removed while the daemon was away", "LC-06 OC-02")
def _(t):
    workload = t.run()
    t.thole.stop()
    t.engine.remove(workload["engine_id"])
    t.thole.start()
    t.wait_ready()
    t.holds(t.thole.wait(workload, "error")["state_reason"], "engine_object_missing")


@case("stopped, started, paused and renamed behind our back is taken over", "LC-06 LC-45")
def _(t):
    workload = t.run()
    path = f"/containers/{workload['engine_id']}"
    t.engine.post(f"{path}/pause").expect(204)
    t.thole.wait(workload, "paused")
    t.engine.post(f"{path}/unpause").expect(204)
    t.thole.wait(workload, "running")
    t.engine.post(f"{path}/rename?name=another").expect(204)
    t.equal(t.exec(workload, "echo here")["stdout"], "here\n")
    t.engine.post(f"{path}/stop?t=0").expect(204)
    t.thole.wait(workload, "crashed,stopped")
    t.engine.post(f"{path}/start").expect(204)
    t.thole.wait(workload, "running")
    t.dense()


@case("what we did not make is never touched", "OC-01")
def _(t):
    foreign = t.engine.post("/containers/create?name=foreign", {"Image": IMAGE, "Cmd": ["sleep", "1000"]}).expect(201).json["Id"]
    t.engine.post(f"/containers/{foreign}/start").expect(204)
    t.run("true", body={"name": "foreign"})
    t.killed()
    t.after()
    seen = t.engine.get(f"/containers/{foreign}/json").expect(200).json
    t.true(seen["State"]["Running"], "it runs")
    t.equal([w for w in t.thole.listed("/v1/workloads")], [], "workloads")
    t.engine.remove(foreign)


# the daemon ----------------------------------------------------------------------------------------------

@case("what runs goes on while the daemon is stopped or killed", "OP-05 row:2")
def _(t):
    made = t.mixed()
    before = {name: t.get(workload) for name, workload in made.items()}
    for way in (t.thole.stop, t.thole.kill):
        way()
        t.thole.start()
        t.wait_ready()
        t.settle()
        now = {name: t.get(workload) for name, workload in made.items()}
        for name, workload in before.items():
            for field in ("state", "engine_id", "exit_code", "started_at", "desired_state"):
                t.equal(now[name][field], workload[field], f"{field} of `{name}`")
    t.dense()
    t.same_as_engine()


@case("a program that ended while the daemon was away has its true exit", "LC-07 LC-45")
def _(t):
    good, bad = (t.run(f"trap 'exit {code}' USR1; echo up; while :; do sleep 0.05; done") for code in (0, 6))
    for workload in (good, bad):
        t.until(lambda workload=workload: t.logs(workload) == "up\n", what="the trap")
    t.thole.kill()
    for workload in (good, bad):
        path = f"/containers/{workload['engine_id']}"
        t.engine.post(f"{path}/kill?signal=USR1").expect(204)
        t.until(lambda path=path: not t.engine.get(f"{path}/json").json["State"]["Running"], what="the end of the program")
    t.thole.start()
    t.wait_ready()
    t.equal((t.thole.wait(good, "stopped")["exit_code"], t.thole.wait(bad, "crashed")["exit_code"]), (0, 6))


def kill_during(t, moment, act):
    """Lets act() run on its own and kills the daemon `moment` seconds after it has begun, or when `moment` is true."""
    def quietly():
        try:
            act()
        except Exception:
            pass  # the connection dies with the daemon
    worker = threading.Thread(target=quietly)
    worker.start()
    if callable(moment):
        t.until(moment, what="the moment", pause=0.01)
    else:
        time.sleep(moment)
    t.thole.kill()
    worker.join(60)
    t.thole.start()
    t.wait_ready()
    t.settle(60)


MOMENTS = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4, 0.6)


@case("kill -9 of the daemon during create", "LC-05 OC-01 row:2 row:133", MOMENTS)
def _(t, moment):
    body = {"name": "half", "spec": t.spec("sleep 1000")}
    kill_during(t, moment, lambda: t.thole.post("/v1/workloads?wait=running", body, {"Idempotency-Key": f"during-{moment}"}))
    reply = t.thole.post("/v1/workloads?wait=running", body, {"Idempotency-Key": f"during-{moment}"}).expect(200, 201, 202)
    t.made.append(reply.json["id"])
    t.equal([w["name"] for w in t.thole.listed("/v1/workloads")], ["half"], "workloads")
    t.equal(t.thole.wait(reply.json, "running")["state"], "running")
    t.equal(len(t.engine.containers()), 1, "containers")
    t.same_as_engine()
    t.dense()


@case("kill -9 of the daemon during start", "LC-07 row:2 row:133", MOMENTS)
def _(t, moment):
    workload = t.run("sleep 1000", wait="stopped", body={"start": False})
    kill_during(t, moment, lambda: t.verb(workload, "start", None, "running"))
    workload = t.get(workload)
    t.equal(workload["state"], "running" if workload["desired_state"] == "running" else "stopped")
    t.same_as_engine()
    t.dense()


@case("kill -9 of the daemon during stop", "LC-07 row:2 row:133", MOMENTS)
def _(t, moment):
    workload = t.run("trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done", stop={"grace": 5})
    kill_during(t, moment, lambda: t.verb(workload, "stop", {}, "stopped"))
    workload = t.get(workload)
    t.equal(workload["state"], "running" if workload["desired_state"] == "running" else "stopped")
    t.same_as_engine()
    t.dense()


@case("kill -9 of the daemon during delete", "LC-41 OC-02 row:133", MOMENTS[::3])
def _(t, moment):
    workload = t.run()
    kill_during(t, moment, lambda: t.thole.remove(workload))
    reply = t.thole.get(f"/v1/workloads/{workload['id']}").expect(200, 404, 410)
    t.equal(len(t.engine.containers()), 1 if reply.status == 200 else 0, "containers")
    t.same_as_engine()


@case("kill -9 of the daemon while many are made: none doubled, none lost", "row:133")
def _(t):
    begun = []

    def act():
        for number in range(12):
            begun.append(number)
            t.thole.post("/v1/workloads", {"name": f"many-{number}", "spec": t.spec("sleep 1000")}).expect(201, 202)
    kill_during(t, lambda: len(begun) > 5, act)
    workloads = t.thole.listed("/v1/workloads")
    t.made += [workload["id"] for workload in workloads]
    t.equal({workload["state"] for workload in workloads}, {"running"}, "their states")
    t.true(len(workloads) >= len(begun) - 1, f"{len(workloads)} are there, {len(begun)} were begun")
    t.equal(len(t.engine.containers()), len(workloads), "containers")
    t.same_as_engine()
    t.dense()


main(Faults)
