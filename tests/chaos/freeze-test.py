#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGSTOP of the daemon, in the short form 8 s, or 32 where a deadline is to pass, and 60 s in the long one: what happened
meanwhile is found out, what was asked for is answered, nothing is late that was not late."""
import os
import signal
import threading
import time

from crash import LONG, DockerBed, case, main

SECONDS = 60 if LONG else 8
# long enough for an engine that is busy
PROVISION = 58 if LONG else 30
# a deadline that passes while nobody could look at the engine is not missed
BEYOND = PROVISION + 2


class Freezer(DockerBed):
    settings = {"workload.provision_timeout": str(PROVISION)}

    def freeze(self):
        os.kill(self.thole.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.thole.process.pid, signal.SIGCONT)

    def frozen(self, meanwhile=lambda: None, seconds=SECONDS):
        self.freeze()
        try:
            begin = time.monotonic()
            meanwhile()
            time.sleep(max(0, seconds - (time.monotonic() - begin)))
        finally:
            self.thaw()

    def sound(self):
        self.equal(self.settle_all() + self.audit() + self.dense(), [], "faults")

    def after(self):
        self.thaw()
        super().after()

    def later(self, function):
        """Runs it beside; its result is found in the list that this gives."""
        result = []

        def run():
            try:
                result.append(function())
            except Exception as error:
                result.append(error)
        thread = threading.Thread(target=run)
        thread.start()
        result_of = lambda: (thread.join(SECONDS + 60), result[0] if result else None)[1]  # noqa: E731
        return result_of


@case("what happened to programs while it was frozen is true afterwards", "LC-07 LC-45 row:2")
def _(t):
    names = ("kept", "ended", "killed", "paused", "removed", "again")
    made = {name: t.run(t.forever()["command"][-1] if name != "ended" else "sleep 2; exit 7", network="none", stop={"grace": 0.2},
                        **({"restart": {"policy": "always", "backoff": 0.1}} if name == "again" else {})) for name in names}

    def meanwhile():
        for name, act in (("killed", "kill?signal=KILL"), ("again", "kill?signal=KILL"), ("paused", "pause")):
            t.engine.post(f"/containers/{made[name]['engine_id']}/{act}").expect(204)
        t.engine.remove(made["removed"]["engine_id"])
    t.frozen(meanwhile)
    t.thole.wait(made["ended"], "crashed")
    t.thole.wait(made["removed"], "error")
    t.until(lambda: t.get(made["again"])["restarts"] == 1, 60, "its restart")
    t.sound()
    now = {name: t.get(made[name]) for name in names}
    t.equal({name: workload["state"] for name, workload in now.items()},
            {"kept": "running", "ended": "crashed", "killed": "crashed", "paused": "paused", "removed": "error", "again": "running"})
    t.equal(now["ended"]["exit_code"], 7)
    t.equal(now["kept"]["started_at"], made["kept"]["started_at"])
    t.equal(t.backend()["state"], "ready")


@case("requests that came while it was frozen are answered when it goes on", "row:2")
def _(t):
    workload = t.run(network="none")
    t.freeze()
    reads = [t.later(lambda: t.thole.get(f"/v1/workloads/{workload['id']}", timeout=SECONDS + 60).status) for _ in range(8)]
    made = t.later(lambda: t.thole.create(t.forever(), name="asked-while-frozen", wait="running", timeout=60))
    time.sleep(SECONDS)
    t.thaw()
    t.equal([read() for read in reads], [200] * 8)
    result = made()
    t.true(isinstance(result, dict), f"a workload, not {result!r}")
    t.made.append(result["id"])
    t.equal(result["state"], "running")
    t.sound()


@case("every operation under way when it froze is finished", "LC-05 LC-41 row:2 row:133")
def _(t):
    verbs = ("stop", "restart", "pause", "kill")
    made = {verb: t.run(network="none", stop={"grace": 0.2}) for verb in verbs}
    gone = t.run(network="none")
    stopped = t.run("true", wait="stopped", body={"start": False}, network="none")
    for verb in verbs:
        t.verb(made[verb], verb)
    t.verb(stopped, "start")
    t.thole.delete(f"/v1/workloads/{gone['id']}?force=true").expect(202)
    created = [t.run(wait=None, network="none") for _ in range(4)]
    t.frozen(seconds=BEYOND)
    t.sound()
    t.equal({verb: t.get(made[verb])["state"] for verb in verbs},
            {"stop": "stopped", "restart": "running", "pause": "paused", "kill": "stopped"})
    t.equal(t.thole.wait(stopped, "stopped")["exit_code"], 0)
    t.equal(t.thole.get(f"/v1/workloads/{gone['id']}").status in (404, 410), True, "it is gone")
    t.equal([(t.get(w)["state"], t.get(w)["state_reason"]) for w in created], [("running", "")] * 4)


@case("a reader of events misses none", "row:133")
def _(t):
    after = t.last_event()
    seen = []

    def read():
        for number, _, data in t.thole.sse("/v1/events", after=after, timeout=SECONDS + 60):
            seen.append(number)
            if data["type"] == "workload.created" and data["data"]["name"] == "the-last":
                return True
        return False
    reader = t.later(read)
    t.run(network="none")
    t.frozen()
    t.run(network="none", body={"name": "the-last"})
    t.equal(reader(), True)
    t.equal(seen, list(range(after + 1, after + 1 + len(seen))), "the numbers")


main(Freezer)
