# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dockerd is stopped or killed under running workloads and under operations. Run with live-restore and without: what then counts
as true differs (an engine without it takes its programs along)."""
import os
import random
import re
import threading

from crash import BROKEN, LONG, SEED, DockerBed, Tally, case, main, print_table

LEAVE = ("stop", "kill")
ROUNDS = 12 if LONG else 1


class Away(DockerBed):
    LIVE = False

    def spec(self, command=None, **spec):
        """Programs that an engine which ends does not wait for."""
        spec.setdefault("stop", {"signal": "SIGKILL", "grace": 0.2})
        spec.setdefault("network", "none")
        return super().spec(command, **spec)

    def mixed(self):
        """Workloads in several states under each restart policy, by name."""
        made = {"never": self.run(), "crashed": self.ended("exit 4"),
                "stopped": self.ended("exit 0"), "paused": self.run(),
                "made": self.run("true", wait="stopped", body={"start": False}),
                "always": self.run(restart={"policy": "always", "backoff": 0.2}),
                "on-failure": self.run(restart={"policy": "on-failure", "backoff": 0.2}),
                # with an engine that takes no program along it ends while there is none, else it is taken along
                "ends": self.run("until [ -e /gate/go ]; do sleep 0.05; done; exit 7", mounts=[{"source": self.fresh_gate(), "target": "/gate"}])}
        self.verb(made["paused"], "pause", None, "paused")
        return {name: self.get(workload) for name, workload in made.items()}

    def fresh_gate(self):
        self.gates = getattr(self, "gates", 0) + 1
        self.shut = os.path.join(self.directory, f"gate-{self.gates}")
        os.makedirs(self.shut)
        return self.shut

    def end_one(self):
        if self.LIVE:
            open(os.path.join(self.shut, "go"), "wb").close()

    def leave(self, how):
        if how == "kill":
            self.engine.kill()
        else:
            self.engine.end()

    def back(self):
        """dockerd.sh starts it once more when its first start fails."""
        self.engine.start()
        self.wait_ready(90)

    def after(self):
        self.back()
        super().after()
        left = self.engine.containers()
        for container in left:
            self.engine.remove(container["Id"])
        self.equal(left, [], "containers that nobody knows")

    def sound(self):
        self.equal(self.settle_all() + self.audit() + self.dense(), [], "faults")

    def told(self, workload):
        return [link["text"] for link in self.thole.get(f"/v1/workloads/{workload['id']}/why").expect(200).json["because"]]


@case("the engine leaves and comes back", "LC-07 LC-45 row:2", LEAVE)
def _(t, how):
    before, first = t.mixed(), t.last_event()
    t.leave(how)
    t.until(lambda: t.backend()["state"] == "unavailable", 60, "the backend's state `unavailable`")
    t.end_one()
    t.back()
    t.thole.wait(before["ends"], "crashed")
    t.until(lambda: t.get(before["always"])["state"] == "running" and t.get(before["on-failure"])["state"] == "running", 60, "restarts")
    t.sound()
    now = {name: t.get(workload) for name, workload in before.items()}
    same = {"crashed": "crashed", "stopped": "stopped", "made": "stopped", "always": "running", "on-failure": "running"}
    gone = {"never": "running", "paused": "paused"} if t.LIVE else {"never": "crashed", "paused": "crashed"}
    t.equal({name: w["state"] for name, w in now.items() if name != "ends"}, {**same, **gone})
    for name in ("never", "paused", "always", "on-failure"):
        if t.LIVE:
            t.equal((now[name]["started_at"], now[name]["restarts"], t.states(now[name], first)),
                    (before[name]["started_at"], 0, []), f"what happened to `{name}`")
        else:
            t.holds(t.states(now[name], first), "crashed", f"the states of `{name}`")
            t.true(any("engine_restarted" in text for text in t.told(now[name])), f"`why` of {name} names the engine: {t.told(now[name])}")
    if t.LIVE:
        t.equal(now["ends"]["exit_code"], 7)
    else:
        t.equal({name: now[name]["restarts"] for name in ("always", "on-failure")}, {"always": 1, "on-failure": 1})
        for name in ("never", "paused", "ends"):
            t.holds(now[name]["state_reason"], "engine_restarted", f"the reason of `{name}`")
    for name in ("crashed", "stopped", "made"):
        t.equal(now[name]["state_reason"], before[name]["state_reason"], f"the reason of `{name}`")


VERBS = {"create": None, "start": "stopped", "stop": "running", "restart": "running", "kill": "running", "pause": "running",
         "unpause": "paused", "delete": "running"}
# killed while it starts a container, dockerd forgets the task that containerd has by then, and cannot start it ever again
FORGOTTEN = re.compile("task .* already exists|id already in use|failed to start shim: mkdir .* file exists")
GOALS = {"create": "running", "start": "running", "stop": "stopped", "restart": "running", "kill": "stopped", "pause": "paused",
         "unpause": "running", "delete": None}


def ask(t, verb, workload):
    """One request; its name or id, when it was acknowledged."""
    if verb == "create":
        body = {"name": f"away-{random.getrandbits(40):x}", "spec": t.spec("sleep 100000")}
        return t.thole.post("/v1/workloads", body).expect(201, 202).json
    if verb == "delete":
        t.thole.delete(f"/v1/workloads/{workload['id']}?force=true").expect(200, 202, 204)
    else:
        t.thole.post(f"/v1/workloads/{workload['id']}/{verb}").expect(200, 202)
    return workload


def began(t, verb):
    before = VERBS[verb]
    if before is None:
        return None
    workload = t.run(wait="running,stopped", body={"start": before != "stopped"})
    if before == "paused":
        t.verb(workload, "pause", None, "paused")
    return workload


def judge(t, verb, workload):
    """What was acknowledged is so, or the engine took it along when it left."""
    reply = t.thole.get(f"/v1/workloads/{workload['id']}")
    if GOALS[verb] is None or reply.status != 200:
        good = GOALS[verb] is None and reply.status in (404, 410)
        return [] if good else [("lost", f"{verb}: {reply}")]
    state, reason = reply.json["state"], reply.json["state_reason"]
    if state == GOALS[verb] or (not t.LIVE and state == "crashed" and "engine_restarted" in reason):
        return []
    if state == "error" and FORGOTTEN.search(reason):
        print(f"# {verb}: the engine's own words: {reason}")
        return []
    return [("wrong", f"{verb} ended as {state}: {reason}")]


@case("the engine leaves in the middle of every operation", "LC-05 LC-41 row:2 row:133", LEAVE)
def _(t, how):
    chance = random.Random(f"{SEED} {how} {t.LIVE}")
    tally = Tally(f"{how}, live-restore {'on' if t.LIVE else 'off'}")
    for _ in range(ROUNDS):
        begun = {verb: began(t, verb) for verb in VERBS}
        leaving = threading.Timer(chance.uniform(0, 0.6), t.leave, [how])
        leaving.start()
        asked = {verb: ask(t, verb, begun[verb]) for verb in VERBS}
        leaving.join()
        t.back()
        t.made.append(asked["create"]["id"])
        tally.points += len(VERBS)
        tally.rounds += 1
        tally.add(how, t.settle_all(90) + t.audit() + t.dense())
        for verb, workload in asked.items():
            tally.add(how, judge(t, verb, workload))
        super(Away, t).after()
    print(f"# seed {SEED}")
    print_table([tally], ("dockerd", "asked", "rounds"))
    tally.check()


@case("engine and daemon are killed together", "LC-07 LC-45 row:2 row:133")
def _(t):
    before = t.mixed()
    t.engine.kill()
    t.thole.kill()
    t.end_one()
    t.thole.start()
    t.back()
    t.thole.wait(before["ends"], "crashed")
    t.until(lambda: t.get(before["always"])["state"] == "running", 60, "its restart")
    t.sound()
    t.equal(t.get(before["never"])["state"], "running" if t.LIVE else "crashed")


def run(bed):
    try:
        main(bed)
    except BROKEN as error:
        raise AssertionError(f"the daemon does not answer: {error}") from error
