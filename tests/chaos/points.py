# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 of the daemon at every numbered place of every lifecycle operation, on any bed.

A round: bring a workload into the state that the operation starts from, arm place N, ask for the operation, let the daemon
die, start it again, wait for rest, audit; then ask again as a client does that has no answer, and audit again. In the long
form each round also crashes once more during the recovery, at a place by chance.
"""
import os
import random
import time

from crash import BROKEN, LONG, SEED, Tally, print_table

MOST_POINTS = 80


class Operation:
    """before: how the workload begins (None = there is none); goal: what it must be in the end ("gone" = no more)."""

    def __init__(self, name, before, method, path, goal, body=None, check=None, spec=None, trigger=None):
        self.name, self.before, self.method, self.path, self.goal = name, before, method, path, goal
        self.body, self.check, self.spec, self.trigger = body, check, spec, trigger


def run_anew(_, old, new):
    return [] if new["started_at"] > old["started_at"] else [("wrong", "it was not started anew")]


def restarted_once(_, old, new):
    return [] if new["restarts"] == 1 and new["started_at"] > old["started_at"] else [
        ("wrong", f"restarts {new['restarts']}, started at {new['started_at']} after {old['started_at']}")]


def killed(_, old, new):
    return [] if new["exit_signal"] in ("SIGKILL", "KILL") else [("wrong", f"exit signal {new['exit_signal']!r}")]


def limited(bed, old, new):
    if new["spec"]["resources"]["pids"] != 77:
        return [("lost", f"the change of {new['spec']['resources']}")]
    if bed.NAME != "docker":
        return []
    seen = bed.engine.container(new)["HostConfig"]["PidsLimit"]
    return [] if seen == 77 else [("wrong", f"the engine's limit is {seen}")]


def installed_once(bed, old, new):
    if bed.NAME != "docker":
        return []
    with open(os.path.join(bed.directory, "installs", "log"), encoding="ascii") as file:
        runs = file.read().count("x")
    return [] if runs == 1 else [("doubled", f"the install step ran {runs} times")]


def with_install(bed):
    spec = bed.forever()
    if bed.NAME != "docker":
        return {**spec, "install": {"command": ["sleep", "0.02"]}}
    folder = os.path.join(bed.directory, "installs")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "log"), "w", encoding="ascii"):
        pass
    return {**spec, "mounts": [{"source": folder, "target": "/installs"}],
            "install": {"command": ["sh", "-c", "echo x >> /installs/log"]}}


def with_restart(bed):
    return {**bed.forever(), "restart": {"policy": "always", "backoff": 0.05}}


CREATE = "/v1/workloads"
ONE = "/v1/workloads/{id}"
OPERATIONS = [
    Operation("create", None, "POST", CREATE, "running"),
    Operation("create stopped", None, "POST", CREATE, "stopped", {"start": False}),
    Operation("install step", None, "POST", CREATE, "running", spec=with_install, check=installed_once),
    Operation("start", "stopped", "POST", ONE + "/start", "running"),
    Operation("stop", "running", "POST", ONE + "/stop", "stopped"),
    Operation("restart", "running", "POST", ONE + "/restart", "running", check=run_anew),
    Operation("kill", "running", "POST", ONE + "/kill", "stopped", check=killed),
    Operation("pause", "running", "POST", ONE + "/pause", "paused"),
    Operation("unpause", "paused", "POST", ONE + "/unpause", "running"),
    Operation("suspend", "running", "POST", ONE + "/suspend", "suspended"),
    Operation("update", "running", "PATCH", ONE, "running", {"spec": {"resources": {"pids": 77}}}, check=limited),
    Operation("delete", "stopped", "DELETE", ONE, "gone"),
    Operation("force delete", "running", "DELETE", ONE + "?force=true", "gone"),
    Operation("restart by policy", "running", None, None, "running", spec=with_restart, check=restarted_once,
              trigger="crash_program"),
]


class Round:
    """One operation with one crash."""

    def __init__(self, bed, operation, number):
        self.bed, self.operation, self.number = bed, operation, number
        self.thole = bed.thole
        self.key = f"{operation.name}-{number}-{time.monotonic_ns()}"
        self.old = None
        self.told = True
        self.faults = []

    def prepare(self):
        operation, bed = self.operation, self.bed
        self.spec = operation.spec(bed) if operation.spec else bed.forever()
        if operation.before is None:
            return
        start = operation.before != "stopped"
        self.old = self.thole.create(self.spec, name="subject", start=start, wait="running,stopped,error")
        if operation.before == "paused":
            self.thole.post(f"/v1/workloads/{self.old['id']}/pause?wait=paused").expect(200)
        self.faults += bed.settle_all()
        self.old = bed.get(self.old)
        if self.old["state"] != operation.before:
            raise AssertionError(f"it begins as {self.old}")

    def ask(self):
        """Asks once; the reply, or None when none came."""
        operation = self.operation
        if operation.trigger:
            self.told = getattr(self.bed, operation.trigger)(self.old)
            return None
        body = operation.body
        if operation.method == "POST" and operation.before is None:
            body = {"name": "subject", "spec": self.spec, **(body or {})}
        headers = {"Idempotency-Key": self.key} if operation.method == "POST" else {}
        path = operation.path.format(id=self.old["id"] if self.old else "")
        try:
            return self.thole.request(operation.method, path, body, headers, timeout=90)
        except BROKEN:
            return None

    def acknowledged(self, reply):
        if reply is None:
            return False
        if reply.status in (200, 201, 202, 204):
            return True
        if self.operation.goal == "gone" and reply.status in (404, 410):
            return True
        raise AssertionError(f"{self.operation.name} was answered {reply}")

    def crash(self):
        """Lets it die; False when it came to rest without passing that place."""
        quiet = 0
        while quiet < 8:
            if self.thole.dead():
                return True
            try:
                quiet = quiet + 1 if self.bed.at_rest() and self.changed() else 0
            except BROKEN:
                quiet = 0
            time.sleep(0.02)
        return False

    def changed(self):
        """A program that was made to crash rests until the daemon hears of it."""
        return not self.operation.trigger or self.bed.get(self.old)["restarts"] > 0

    def recover(self, again):
        """Starts it again; with `again`, it dies once more at that place of its recovery if it passes so many."""
        if again:
            self.thole.start_for(again, at_once=True)
            end = time.monotonic() + 60
            while not self.thole.dead() and time.monotonic() < end:
                try:
                    if "ready" in self.thole.output() and self.backend_ready() and self.bed.at_rest():
                        self.thole.kill()
                except BROKEN:
                    pass
                time.sleep(0.02)
        self.thole.start_for(self.number + 1)
        self.bed.wait_ready()
        # an order that died with the daemon, before or after it reached the engine
        if not self.told and self.bed.get(self.old)["state"] == "running" and not self.changed():
            self.ask()
        self.bed.until(self.changed, 60, "its restart")
        self.faults += self.bed.settle_all()

    def backend_ready(self):
        return self.thole.get(f"/v1/backends/{self.bed.NAME}").json["state"] == "ready"

    def subject(self):
        found = [w for w in self.thole.listed("/v1/workloads") if w["name"] == "subject"]
        return found[0] if found else None

    def judge(self, acknowledged):
        """Is what is there what the client may expect?"""
        goal, now = self.operation.goal, self.subject()
        state = now["state"] if now else "gone"
        before = self.operation.before or "gone"
        if acknowledged and state != goal:
            reason = now["state_reason"] if now else ""
            kind = "lost" if state in ("gone", before) else "wrong"
            self.faults.append((kind, f"acknowledged, yet {state} instead of {goal}: {reason}"))
        elif state not in (goal, before):
            self.faults.append(("wrong", f"{state}, neither {before} nor {goal}: {now['state_reason']}"))
        elif acknowledged and now and self.operation.check:
            self.faults += self.operation.check(self.bed, self.old, now)

    def repeat(self, acknowledged):
        """As a client does that got no answer: the same again, until there is one."""
        if acknowledged or self.operation.trigger:
            self.judge(True)
            return
        self.judge(False)
        reply = self.ask()
        if self.acknowledged(reply):
            self.faults += self.bed.settle_all()
            self.judge(True)
        else:
            self.faults.append(("stuck", "no answer to the second request"))

    def clean(self):
        now = self.subject()
        if now:
            self.thole.remove(now)
        self.faults += self.bed.settle_all()
        self.faults += self.bed.audit()

    def run(self, again=0):
        """True when the daemon died at that place."""
        self.prepare()
        self.thole.arm()
        acknowledged = self.acknowledged(self.ask())
        crashed = self.crash()
        self.place = self.thole.passed()[self.number - 1] if crashed else ""
        self.points = len(self.thole.passed())
        self.thole.disarm()
        if not crashed:
            self.judge(True)
            self.faults += self.bed.audit()
            self.clean()
            return False
        self.recover(again)
        self.faults += self.bed.audit()
        self.repeat(acknowledged)
        self.faults += self.bed.audit()
        self.clean()
        return True


def restart_for(bed, number):
    bed.thole.stop()
    bed.thole.start_for(number)
    bed.wait_ready()


def one_round(bed, operation, number, tally, again=0):
    attempt = Round(bed, operation, number)
    try:
        crashed = attempt.run(again)
    except Exception:
        print(f"# {operation.name}, place {number}, again {again}: {attempt.thole.passed()}")
        raise
    if crashed:
        tally.rounds += 1
    tally.points = max(tally.points, number if crashed else attempt.points)
    tally.add(f"{operation.name} at {number} ({getattr(attempt, 'place', '')})" + (f" and {again}" if again else ""), attempt.faults)
    return crashed


def every_point(bed, operation, stride=1):
    """Rounds at every place, or at every `stride`-th from one by chance on; the tally."""
    chance = random.Random(f"{SEED} {operation.name}")
    tally = Tally(operation.name)
    number = chance.randrange(stride) + 1
    restart_for(bed, number)
    while number <= MOST_POINTS and one_round(bed, operation, number, tally):
        number += stride
        if stride > 1:
            restart_for(bed, number)
    for _ in range(tally.points * 2 if LONG else 0):
        number = chance.randrange(tally.points) + 1
        restart_for(bed, number)
        one_round(bed, operation, number, tally, chance.randrange(1, 16))
    tally.add(operation.name, bed.dense())
    return tally


def close_with_table(bed, tallies):
    print(f"# seed {SEED}, {bed.NAME}")
    print_table(tallies)
