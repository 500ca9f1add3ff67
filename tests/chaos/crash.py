# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon that kills itself at a numbered place, and the audit of what is true afterwards.

The program is a build of its own with the option `crash_points`, made here when it is missing (THOLE_CRASH_BUILD names
another). THOLE_LONG=1 asks for the long form of each test; THOLE_SEED replays the choices of a short one.
"""
import http.client
import os
import random
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "flow"), os.path.join(ROOT, "tests", "engines")]

import daemon  # noqa: E402
from daemon import BAD_OUTPUT, Daemon  # noqa: E402
from tap import Checks, Skip, case, main  # noqa: E402,F401
from real_docker import IMAGE, Bench, Dockerd  # noqa: E402,F401

LONG = os.environ.get("THOLE_LONG") == "1"
SEED = int(os.environ.get("THOLE_SEED", random.SystemRandom().randrange(1 << 31)))
CRASH = os.path.abspath(os.environ.get("THOLE_CRASH_BUILD", os.path.join(ROOT, "build-crash")))
MOVING = {"provisioning", "installing", "starting", "stopping", "deleting", "transferring"}
KINDS = ("leaked", "doubled", "lost", "wrong", "stuck")
# what a client sees of a daemon that dies under it
BROKEN = (OSError, http.client.HTTPException)


def build():
    """The program with crash points, as new as the sources."""
    if "THOLE_CRASH_BUILD" in os.environ:
        return
    steps = [["nice", "ninja", "-C", CRASH, "core/tholed", "sdk/check/thole-driver-check", "plugins/memory.so", "plugins/docker.so"]]
    if not os.path.exists(os.path.join(CRASH, "build.ninja")):
        steps.insert(0, ["meson", "setup", CRASH, "-Dcrash_points=true"])
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(step)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


class CrashDaemon(Daemon):
    """One that ends at the Nth place it passes after arm()."""

    def __init__(self, *words, **rest):
        super().__init__(*words, **rest)
        self.armed, self.points = os.path.join(self.directory, "armed"), os.path.join(self.directory, "points")

    def command(self):
        command = super().command()
        command[command.index(daemon.THOLED)] = os.path.join(CRASH, "core", "tholed")
        return command

    def spawn_environment(self):
        return {**super().spawn_environment(), "THOLE_DRIVER_PATH": os.path.join(CRASH, "plugins")}

    def start_for(self, number, at_once=False):
        """Starts it so that it ends at that place: from arm() on, or counted from its start."""
        self.disarm()
        self.environment = {"THOLE_CRASH_AT": str(number), "THOLE_CRASH_LOG": self.points}
        if not at_once:
            self.environment["THOLE_CRASH_WHEN"] = self.armed
        return self.start(wait=not at_once)

    def arm(self):
        if os.path.exists(self.points):
            os.unlink(self.points)
        with open(self.armed, "w", encoding="ascii"):
            pass

    def disarm(self):
        if os.path.exists(self.armed):
            os.unlink(self.armed)

    def passed(self):
        """The names of the places that were passed, in order."""
        try:
            with open(self.points, encoding="ascii") as file:
                return [line.split()[1] for line in file]
        except FileNotFoundError:
            return []

    def dead(self):
        """Did it end by itself? Anything but its crash point, or words of distress, is an error of its own."""
        if self.process.poll() is None:
            return False
        if self.process.returncode != -9 or BAD_OUTPUT.search(self.output()):
            raise AssertionError(f"it ended with {self.process.returncode}: {self.output()[-3000:]}")
        return True


class Tally:
    """One line of the table: what went wrong with an operation."""

    def __init__(self, name):
        self.name, self.points, self.rounds, self.faults = name, 0, 0, []

    def count(self, kind):
        return sum(1 for fault in self.faults if fault[0] == kind)

    def add(self, where, faults):
        self.faults += [(kind, f"{where}: {text}") for kind, text in faults]

    def check(self):
        if self.faults:
            raise AssertionError("\n".join(f"{kind}: {text}" for kind, text in self.faults[:12]))


def print_table(tallies, heads=("operation", "points", "rounds")):
    print(f"# {heads[0]:<22} {heads[1]:>6} {heads[2]:>6} " + " ".join(f"{kind:>8}" for kind in KINDS))
    for tally in tallies + [total(tallies)]:
        print(f"# {tally.name:<22} {tally.points:>6} {tally.rounds:>6} "
              + " ".join(f"{tally.count(kind):>8}" for kind in KINDS), flush=True)


def total(tallies):
    all_of_them = Tally("all")
    for tally in tallies:
        all_of_them.points += tally.points
        all_of_them.rounds += tally.rounds
        all_of_them.faults += tally.faults
    return all_of_them


def rests(workload):
    """Is there nothing left to do for it?"""
    state, desired = workload["state"], workload["desired_state"]
    if state in MOVING:
        return False
    if state == "running":
        return desired == "running"
    if state == "paused":
        return desired == "paused"
    # what is gone or cannot be started stays wanted; only a policy makes it again
    return desired != "running" or (state == "error" and workload["spec"].get("restart", {}).get("policy", "never") == "never")


class Audited:
    """What every bed can do; it has `thole`, and objects() gives what the engine has of ours as dicts with id, state, role."""

    FITS = {"running": {"running"}, "paused": {"paused"}, "exited": {"stopped", "crashed", "suspended", "error"},
            "created": {"stopped", "error", "suspended"}, "dead": {"error"}, "failed": {"error", "crashed"}}

    def at_rest(self):
        return (all(rests(workload) for workload in self.thole.listed("/v1/workloads"))
                and not self.thole.listed("/v1/operations?state=running"))

    def settle_all(self, seconds=60):
        """Waits for rest; what is stuck, as faults."""
        end = time.monotonic() + seconds
        while not self.at_rest():
            if time.monotonic() > end:
                return [("stuck", f"{w['name']} is {w['state']}, wanted {w['desired_state']}: {w['state_reason']}")
                        for w in self.thole.listed("/v1/workloads") if not rests(w)] + [
                        ("stuck", f"operation {o['type']} of {o['target']} goes on") for o in
                        self.thole.listed("/v1/operations?state=running")]
            time.sleep(0.02)
        return []

    def audit(self):
        """Store against engine, at rest; looked at again where an event may still be on its way."""
        faults = []
        for _ in range(300):
            faults = self.compare()
            if not faults:
                return []
            time.sleep(0.1)
        return faults

    def compare(self):
        faults, found = [], {}
        rows = {w["id"]: w for w in self.thole.listed("/v1/workloads")}
        for thing in self.objects():
            found.setdefault(thing["id"], []).append(thing)
        names = [w["name"] for w in rows.values()]
        faults += [("doubled", f"{names.count(name)} workloads named {name}") for name in set(names) if names.count(name) > 1]
        faults += [("doubled", f"{len(things)} objects of {name}") for name, things in found.items() if len(things) > 1]
        faults += [("leaked", f"{things[0]}") for name, things in found.items() if name not in rows]
        for name, workload in rows.items():
            thing = found.get(name, [None])[0]
            if thing is None and workload["state"] != "error":
                faults.append(("lost", f"the object of {workload['name']}, which is {workload['state']}"))
            elif thing is not None and workload["state"] not in self.FITS[thing["state"]]:
                faults.append(("wrong", f"{workload['name']} is {workload['state']}, its object {thing['state']}"))
        return faults

    def dense(self):
        numbers = [event["seq"] for event in self.thole.events()]
        return [] if numbers == list(range(1, len(numbers) + 1)) else [("wrong", "the events' numbers have gaps")]


class DockerBed(Audited, Bench):
    """A private Docker Engine under a daemon that crashes."""

    NAME = "docker"
    settings = {}

    def daemon(self, name="thole"):
        build()
        directory = os.path.join(self.directory, name)
        os.makedirs(directory, exist_ok=True)
        return CrashDaemon({"docker": {"driver": "docker", "url": self.engine.url, "default": "true"}}, self.settings, directory)

    def objects(self):
        return [{"id": c["Labels"]["org.thole.id"], "state": c["State"], "role": c["Labels"].get("org.thole.role", "main"),
                 "engine_id": c["Id"]} for c in self.engine.containers()]

    def forever(self):
        return self.spec("sleep 100000", network="none", stop={"grace": 0.2})

    def crash_program(self, workload):
        """The program ends unasked, by the engine's hand. False: the order may have been lost with the daemon."""
        self.engine.post(f"/containers/{workload['engine_id']}/kill?signal=KILL").expect(204)
        return True


class MemoryBed(Audited, Checks):
    """The memory driver, whose engine outlives the daemon in a file."""

    NAME = "memory"
    SETTINGS, BACKEND = {}, {}

    def __init__(self):
        build()
        self.made = []
        self.thole = CrashDaemon({}, self.SETTINGS)
        self.thole.backends = {"memory": {"driver": "memory", "default": "true", "images": "app",
                                          "state_file": os.path.join(self.thole.directory, "engine"), **self.BACKEND}}
        self.thole.start()
        self.wait_ready()
        self.anchor = self.thole.create({"image": "app", "command": ["forever"]}, name="anchor")["id"]

    def wait_ready(self, seconds=60):
        self.until(lambda: self.thole.get("/v1/backends/memory").expect(200).json["state"] == "ready", seconds,
                   "the backend's state `ready`", 0.01)

    def order(self, *words):
        reply = self.thole.post(f"/v1/workloads/{self.anchor}/exec", {"command": ["control", *words]}).expect(200)
        return reply.json["stdout"].splitlines()

    def objects(self):
        return [dict(zip(("id", "state", "role"), line.split())) for line in self.order("objects")]

    def forever(self):
        return {"image": "app", "command": ["forever"]}

    def crash_program(self, workload):
        try:
            self.order("exit", workload["id"], "3")
        except BROKEN:
            return False
        return True

    def get(self, workload):
        return self.thole.get(f"/v1/workloads/{workload['id']}").expect(200).json

    def close(self):
        try:
            self.thole.stop()
        finally:
            shutil.rmtree(self.thole.directory, ignore_errors=True)
