#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions in containers of a real containerd: what they outlive, and what is left of those that outlive nothing."""
import os
import random
import shutil
import sqlite3
import subprocess
import threading

from real_containerd import AGENT, NAMESPACE, Bench, case, main
from terminals import LONG, SETTINGS, TERMINALS, survive
from ws_client import Thole

KILLS = 50 if LONG else 3


class Sessions(Bench):
    """One engine by two backends: one whose containers have an agent, and one where the daemon holds sessions itself."""

    settings = {**Bench.settings, **SETTINGS, "reconcile.orphan_grace": "1"}

    def daemon(self, name="thole"):
        daemon = super().daemon(name)
        daemon.backends["bare"] = {**daemon.backends["box"], "default": "false", "agent": "no", "namespace": NAMESPACE + "-bare"}
        return daemon

    def wait_ready(self, seconds=60):
        super().wait_ready(seconds)
        self.until(lambda: self.thole.get("/v1/backends/bare").expect(200).json["state"] == "ready", seconds, "the bare backend")

    def open(self, workload, *command, **body):
        if len(command) == 1:
            command = ("sh", "-c", *command)
        body.setdefault("tty", False)
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(201).json

    def show(self, session):
        return self.thole.get(f"/v1/sessions/{session['id']}").expect(200).json

    def ended(self, session, seconds=60):
        self.until(lambda: self.show(session)["state"] == "ended", seconds, "the end of the session")
        return self.show(session)

    def programs(self, word):
        """How many processes of this machine have the word in their command line, as only those of one case have."""
        found = 0
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    found += word.encode() in file.read().replace(b"\0", b" ")
            except OSError:
                pass
        return found

    def pipes(self):
        """What lies in the runtime folders of execs."""
        return [name for path, _, names in os.walk(os.path.join(self.thole.directory)) for name in names if name.endswith((".out", ".err", ".in"))]


def till(viewer, text):
    while text not in viewer.output:
        viewer.step()


def a_number():
    """A time to sleep that tells the processes of one case from all others of this machine."""
    return f"{random.randrange(10 ** 8, 10 ** 9)}"


@case(f"{TERMINALS} terminals, {KILLS} kills and {KILLS} restarts: each number is seen once", "TE-04 TE-15 TE-25 TE-32 row:22")
def _(t):
    survive(t, turns=KILLS)


@case("sessions that the daemon holds: a signal, and a DELETE that ends all that came of it", "TE-05 TE-21 TE-26")
def _(t):
    workload, number = t.run(body={"backend": "bare"}), a_number()
    session = t.open(workload, "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done")
    t.equal(session["durability"], "daemon")
    viewer = Thole(t.thole, session["id"])
    till(viewer, b"up")
    t.thole.post(f"/v1/sessions/{session['id']}/signal", {"signal": "SIGTERM"}).expect(204)
    t.equal((viewer.until("exit")["code"], t.ended(session)["exit_code"]), (5, 5))
    for tty in (False, True):
        session = t.open(workload, f"trap '' HUP TERM; sleep {number} & (sleep {number} & sleep {number} &) & echo up; sleep {number}", tty=tty)
        till(Thole(t.thole, session["id"]), b"up")
        t.until(lambda: t.programs(f"sleep {number}") >= 4, 60, "all of it runs")
        t.thole.delete(f"/v1/sessions/{session['id']}").expect(204)
        t.until(lambda: t.programs(f"sleep {number}") == 0, 60, "none of it runs")


@case("what a daemon that is gone had started without an agent is ended, and the engine forgets it", "TE-25", each=["kill", "stop"])
def _(t, how):
    workload, number = t.run(body={"backend": "bare"}), a_number()
    session = t.open(workload, f"trap '' HUP; while :; do sleep {number}; done")
    t.until(lambda: t.programs(f"sleep {number}") > 0, 60, "it runs")

    def ask():
        try:
            t.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["sh", "-c", f"trap '' HUP; yes {number} & sleep 1{number}"]})
        except OSError:
            pass
    asking = threading.Thread(target=ask)
    asking.start()
    t.until(lambda: t.programs(f"sleep 1{number}") > 0, 60, "the other one runs")
    getattr(t.thole, how)()
    asking.join()
    t.thole.start()
    t.wait_ready()
    t.holds(t.ended(session)["reason"], "daemon_restarted")
    t.until(lambda: t.programs(number) == 0, 60, "their programs are ended")
    t.until(lambda: t.pipes() == [], 60, "their pipes are gone")
    t.equal(t.get(workload)["state"], "running")


@case("a task whose container is lost, and that nobody knows, is an orphan and removed", "OC-01")
def _(t):
    workload, number = t.run("sleep 1000"), a_number()
    t.exec(workload, f"sleep {number} >/dev/null 2>&1 &")
    name = workload["engine_id"]
    t.thole.stop()
    store = sqlite3.connect(os.path.join(t.thole.state, "thole.db"))
    store.execute("DELETE FROM workloads WHERE id = ?", (workload["id"],))
    store.commit()
    store.close()
    t.made.remove(workload["id"])
    t.engine.call("containers.v1.Containers/Delete", b"\x0a" + bytes([len(name)]) + name.encode())
    t.equal((name in t.engine.ctr("tasks", "list", "-q"), name in t.engine.ctr("containers", "list", "-q")), (True, False))
    t.thole.start()
    t.wait_ready()
    t.until(lambda: [orphan["object"] for orphan in t.thole.listed("/v1/orphans")] == [workload["id"]], 60, "it is listed")
    t.until(lambda: t.thole.post("/v1/backends/box/reconcile").status == 200 and t.thole.listed("/v1/orphans") == [], 60, "it is removed", 0.3)
    t.equal((t.programs(f"sleep {number}"), t.engine.ctr("tasks", "list", "-q"), t.engine.ctr("containers", "list", "-q")), (0, "", ""))
    t.true(workload["id"] not in t.engine.ctr("snapshots", "list"), "no snapshot of it is left")


@case("a shim of which the engine knows nothing any more is ended with all that runs under it", "OC-01")
def _(t):
    number = a_number()
    workload = t.run(f"sleep {number}")
    t.thole.stop()
    t.engine.kill()
    bundle = os.path.join(t.engine.directory, "state", "io.containerd.runtime.v2.task", NAMESPACE, workload["engine_id"])
    subprocess.run(["umount", "-l", os.path.join(bundle, "rootfs")], check=False)
    shutil.rmtree(bundle)
    t.engine.start()
    t.equal((len(t.engine.shims()), t.programs(f"sleep {number}")), (1, 1))
    t.thole.start()
    t.wait_ready()
    t.until(lambda: (len(t.engine.shims()), t.programs(f"sleep {number}")) == (0, 0), 60, "neither shim nor program is left")
    t.equal(t.thole.wait(workload, "stopped,crashed")["exit_code"], 255)


if __name__ == "__main__":
    main(Sessions)
