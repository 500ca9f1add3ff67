# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the flow tests share: a daemon with the memory driver, programs for it and orders to its engine
(plugins/memory/README.md)."""
import os
import shutil
import signal
import tempfile
import threading

from daemon import Daemon
from tap import Checks, Skip, case, main  # noqa: F401

IMAGE = "app"
FOREVER = ["forever"]
STUBBORN = ["ignore-term", ";", "forever"]


def script(*instructions):
    """Words of a program: script("print a", ["exit", "3"])."""
    words = []
    for instruction in instructions:
        words += ([";"] if words else []) + (instruction.split() if isinstance(instruction, str) else instruction)
    return words


class Memory(Checks):
    """Its case object: `thole` is the daemon; every case leaves it empty."""

    SETTINGS = {}
    BACKEND = {}

    def __init__(self):
        backend = {"driver": "memory", "default": "true", "images": IMAGE, **self.BACKEND}
        self.thole = Daemon({"memory": backend}, self.SETTINGS)
        self.thole.start()
        self.till_ready()

    def close(self):
        self.thole.close()

    def after(self):
        if self.thole.process.poll() is not None:
            raise AssertionError(f"tholed ended: {self.thole.output()[-3000:]}")
        self.till_ready()
        for workload in self.mine():
            self.thole.remove(workload)

    def till_ready(self, name="memory", seconds=90):
        return self.until(lambda: self.backend(name)["state"] == "ready", seconds, f"backend {name} is ready")

    def backend(self, name="memory"):
        return self.thole.get(f"/v1/backends/{name}").expect(200).json

    def reload(self, **settings):
        """Changes keys (section__name) and lets the daemon read them."""
        told = "the configuration was read again"
        before = self.thole.output().count(told)
        self.thole.settings = {**self.thole.settings, **{key.replace("__", "."): value for key, value in settings.items()}}
        self.thole.write_config()
        self.thole.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.thole.output().count(told) > before, 60, "the end of the reload")

    def away(self, after):
        """Waits until the daemon has told, after this event, that its engine is away: it may be back by then."""
        self.until(lambda: set(self.told(after)) - {"ready"}, what="the backend is unavailable", pause=0.01)

    def told(self, after):
        """The states of the backend that were told after an event."""
        return [event["data"]["state"] for event in self.thole.events(after) if event["type"] == "backend.state"]

    def while_away(self, check):
        """Calls check(seconds) while the engine is away; when it is back before the end of a check that fails, then once more,
        for longer: how long an absence is enough is not known of a machine with other work."""
        for seconds in (1.5, 6, 24):
            self.till_ready()
            begin = self.thole.newest()
            self.order("engine-down", str(seconds))
            self.away(begin)
            try:
                return check()
            except AssertionError:
                back = self.backend()["state"] == "ready" or "ready" in self.told(begin)
                if not back or seconds == 24:
                    raise
        return None

    # workloads -------------------------------------------------------------------------------------

    def spec(self, words=(), **spec):
        return {"image": IMAGE, "command": list(words), **spec}

    def run(self, words=(), wait="running,crashed,error,stopped", name=None, labels=None, **spec):
        """Makes and starts one; its object once it rests."""
        body = {"spec": self.spec(words, **spec)}
        body.update({"name": name} if name else {})
        body.update({"labels": labels} if labels else {})
        path = "/v1/workloads" + (f"?wait={wait}" if wait else "")
        return self.thole.post(path, body).expect(201, 202).json

    def mine(self, query=""):
        """All workloads but the one that orders go through."""
        return [item for item in self.thole.listed("/v1/workloads" + query) if item["name"] != "control"]

    def get(self, workload):
        return self.thole.get(f"/v1/workloads/{workload['id']}").expect(200).json

    def verb(self, workload, verb, body=None, wait=None, status=(200, 202), **query):
        sign = "&".join([f"{key}={value}" for key, value in query.items()] + ([f"wait={wait}"] if wait else []))
        return self.thole.post(f"/v1/workloads/{workload['id']}/{verb}" + ("?" + sign if sign else ""), body).expect(*status)

    def wait(self, workload, states, timeout=90):
        return self.thole.wait(workload, states, timeout)

    def exec(self, workload, words, status=(200,), **body):
        return self.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": list(words), **body}).expect(*status)

    def logs(self, workload, query=""):
        return self.thole.get(f"/v1/workloads/{workload['id']}/logs{query}").expect(200).text

    # the engine ------------------------------------------------------------------------------------

    def order(self, *words):
        """An order to the engine; what it says, as lines."""
        found = self.thole.get("/v1/workloads/control")
        if found.status == 404:
            control = self.run(FOREVER, name="control")
        else:
            control = found.expect(200).json
            if control["state"] != "running":
                control = self.verb(control, "start", wait="running").json
        return self.exec(control, ["control", *words]).json["stdout"].splitlines()

    def objects(self):
        """What the engine really has: {id: state}, without the control workload."""
        control = self.thole.get("/v1/workloads/control").json.get("id")
        lines = [line.split() for line in self.order("objects")]
        control = control or self.thole.get("/v1/workloads/control").json["id"]
        return {line[0]: line[1] for line in lines if line[0] != control}

    def calls(self, slot):
        """How often a slot was called."""
        return dict((line.split()[0], int(line.split()[1])) for line in self.order("calls")).get(slot, 0)

    def states(self, workload, after=0):
        """The states that its events tell, in order."""
        items = [event for event in self.thole.events(after) if event["subject"] == workload["id"]]
        return [event["data"].get("state", event["type"].split(".")[1]) for event in items]


class Kept(Memory):
    """Its engine keeps what it has while the daemon is away."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-engine-")
        self.BACKEND = {**self.BACKEND, "state_file": os.path.join(self.folder, "engine")}
        super().__init__()

    def close(self):
        super().close()
        shutil.rmtree(self.folder)


def parallel(count, function):
    """Runs function(0) ... function(count - 1) at once; their results in order."""
    results = [None] * count

    def run(index):
        try:
            results[index] = function(index)
        except Exception as error:  # told by the caller's assertions
            results[index] = error
    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def patient():
    """Sanitized daemons are slower: a factor for times."""
    return 3 if "asan" in os.environ.get("THOLE_BUILD", "") else 1
