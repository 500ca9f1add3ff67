#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What others do at the engine, what the store does not know, what cannot be deleted; the words that tell of it."""
import json
import os
import shutil
import subprocess
import time

from crash import BROKEN, CrashDaemon, DockerBed, Skip, case, main
from daemon import THOLECTL
from real_docker import IMAGE

GRACE = 2


class Behind(DockerBed):
    settings = {"reconcile.orphan_grace": str(GRACE), "reconcile.period": "1"}

    def second(self, name, **settings):
        """Another daemon with a store of its own on the same engine."""
        directory = os.path.join(self.directory, name)
        os.makedirs(directory)
        other = CrashDaemon({"docker": {"driver": "docker", "url": self.engine.url, "default": "true"}},
                            {**self.settings, **settings}, directory)
        other.start()
        self.until(lambda: other.get("/v1/backends/docker").json["state"] == "ready", 60, "the other one's backend")
        return other

    def instance(self, workload):
        return self.engine.container(workload)["Config"]["Labels"]["org.thole.instance"]

    def plant(self, instance, name="wl-planted", **labels):
        """A container that looks like one of this instance."""
        body = {"Image": IMAGE, "Cmd": ["sleep", "100000"], "HostConfig": {"NetworkMode": "none"},
                "Labels": {"org.thole.id": name, "org.thole.instance": instance, "org.thole.role": "main", **labels}}
        made = self.engine.post("/containers/create", body).expect(201).json["Id"]
        self.engine.post(f"/containers/{made}/start").expect(204)
        return made

    def there(self, container):
        return self.engine.get(f"/containers/{container}/json").status == 200

    def orphans(self, thole=None):
        return (thole or self.thole).get("/v1/orphans").expect(200).json["items"]

    def reconcile(self, query="", thole=None):
        return (thole or self.thole).post(f"/v1/backends/docker/reconcile{query}").expect(200).json

    def why(self, workload):
        return self.thole.get(f"/v1/workloads/{workload['id']}/why").expect(200).json

    def ctl(self, thole, *words, code=0):
        environment = {**os.environ, "THOLE_URL": f"unix:{thole.path}", "LC_ALL": "C.UTF-8"}
        done = subprocess.run([THOLECTL, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)
        self.equal(done.returncode, code, f"the exit code of {words}: {done.stderr}")
        return done.stdout


# orphans -------------------------------------------------------------------------------------------------

@case("an orphan is listed, told of and removed after its grace time", "OC-01 row:67")
def _(t):
    workload = t.run(network="none")
    first = t.last_event()
    planted = t.plant(t.instance(workload))
    orphan = t.until(t.orphans, 60, "the orphan in the list")[0]
    t.equal((orphan["object"], orphan["engine_id"], orphan["backend"]), ("wl-planted", planted, "docker"))
    t.true(orphan["remove_at"] > orphan["found_at"], "it has its grace time")
    t.until(lambda: not t.there(planted), 60, "its removal")
    t.until(lambda: not t.orphans(), 60, "an empty list")
    told = [(event["type"], event["subject"]) for event in t.thole.events(first) if event["type"].startswith("orphan")]
    t.equal(told, [("orphan.found", "docker:wl-planted"), ("orphan.removed", "docker:wl-planted")])
    times = [event["time"] for event in t.thole.events(first) if event["type"].startswith("orphan")]
    t.true(times[1] >= orphan["remove_at"], f"it was removed at {times[1]}, not before {orphan['remove_at']},")
    t.equal(t.get(workload)["state"], "running")


@case("the grace time of an orphan outlives the daemon", "OC-01 row:67")
def _(t):
    planted = t.plant(t.instance(t.run(network="none")))
    found = t.until(t.orphans, 60, "the orphan in the list")[0]
    t.thole.kill()
    time.sleep(GRACE)
    t.thole.start()
    t.wait_ready()
    t.until(lambda: not t.there(planted), 60, "its removal")
    events = [e for e in t.thole.events() if e["type"] == "orphan.found" and e["time"] >= found["found_at"]]
    t.equal(len(events), 1, "told once")


@case("never_destroy: orphans are listed and stay", "OC-01 row:67")
def _(t):
    other = t.second("careful", **{"reconcile.never_destroy": "true", "reconcile.orphan_grace": "0"})
    try:
        made = other.create(t.forever())
        planted = t.plant(t.instance(made), "wl-stays")
        t.until(lambda: t.orphans(other), 60, "the orphan in the list")
        for _ in range(3):
            t.reconcile(thole=other)
        orphan = t.orphans(other)[0]
        t.equal((orphan["object"], orphan.get("remove_at")), ("wl-stays", None))
        t.true(t.there(planted), "it stays")
        other.delete(f"/v1/orphans/{orphan['id']}").expect(204)
        t.true(not t.there(planted), "a person may remove it")
        t.equal(t.orphans(other), [])
        other.remove(made)
    finally:
        other.stop()


@case("two daemons on one engine leave each other's workloads alone", "OC-01 row:67")
def _(t):
    other = t.second("other", **{"reconcile.orphan_grace": "0"})
    try:
        ours, theirs = t.run(network="none", body={"name": "same"}), other.create(t.forever(), name="same")
        for _ in range(3):
            for thole in (t.thole, other):
                differences = t.reconcile(thole=thole)["differences"]
                t.equal(differences, [], "differences")
                t.equal(t.orphans(thole), [], "orphans")
            time.sleep(0.5)
        other.kill()
        t.reconcile()
        other.start()
        t.equal((t.get(ours)["state"], other.get(f"/v1/workloads/{theirs['id']}").json["state"]), ("running", "running"))
        t.equal(len(t.engine.containers()), 2, "containers")
        other.remove(theirs)
        t.equal(t.get(ours)["state"], "running")
    finally:
        other.stop()


@case("what has no label of ours, or half of one, is never touched", "OC-01 row:67")
def _(t):
    instance = t.instance(t.run(network="none"))
    plain = {"Image": IMAGE, "Cmd": ["sleep", "100000"], "HostConfig": {"NetworkMode": "none"}}
    sets = ({}, {"org.thole.id": "wl-x"}, {"org.thole.instance": "another", "org.thole.id": "wl-y"}, {"a": "b"})
    made = [t.engine.post("/containers/create", {**plain, "Labels": labels}).expect(201).json["Id"] for labels in sets]
    try:
        for container in made[:2]:
            t.engine.post(f"/containers/{container}/start").expect(204)
        end = time.monotonic() + GRACE + 3
        while time.monotonic() < end:
            t.reconcile()
            time.sleep(0.5)
        t.equal([t.there(container) for container in made], [True] * 4)
        t.equal(t.orphans(), [])
        t.true(instance != "another", "the instance is ours")
    finally:
        for container in made:
            t.engine.remove(container)


# comparing -----------------------------------------------------------------------------------------------

@case("a dry comparison tells and changes nothing, a real one does it", "OC-01")
def _(t):
    other = t.second("still", **{"reconcile.period": "0", "reconcile.orphan_grace": "3600"})
    try:
        kept, gone = other.create(t.forever()), other.create(t.forever())
        planted = t.plant(t.instance(kept), "wl-dry")
        t.equal([d["rule"] for d in t.reconcile("?dry_run=true", other)["differences"]], ["orphan"])
        t.equal(t.orphans(other), [])
        t.equal([d["rule"] for d in t.reconcile(thole=other)["differences"]], ["orphan"])
        t.equal(len(t.orphans(other)), 1)
        other.delete(f"/v1/orphans/{t.orphans(other)[0]['id']}").expect(204)
        t.true(not t.there(planted), "it is gone")
        for workload in (kept, gone):
            other.remove(workload)
    finally:
        other.stop()


@case("a container that was removed while nobody looked is found by the comparison", "LC-06 OC-02")
def _(t):
    workload = t.run(network="none")
    t.thole.stop()
    t.engine.remove(workload["engine_id"])
    t.thole.start()
    t.wait_ready()
    seen = t.thole.wait(workload, "error")
    t.holds(seen["state_reason"], "engine_object_missing")
    t.true(any("engine_object_missing" in link["text"] for link in t.why(workload)["because"]), "`why` tells it")


@case("tholectl reconcile, orphans and why tell the same", "OC-01")
def _(t):
    # one that removes none by itself meanwhile
    other = t.second("patient", **{"reconcile.orphan_grace": "3600"})
    try:
        workload = other.create(t.spec("exit 5", network="none"), wait="crashed", name="told")
        planted = t.plant(t.instance(workload), "wl-ctl")
        t.until(lambda: t.orphans(other), 60, "the orphan in the list")
        t.holds(t.ctl(other, "orphans"), "docker:wl-ctl")
        t.equal([o["object"] for o in json.loads(t.ctl(other, "orphans", "-o", "json"))], ["wl-ctl"])
        said = json.loads(t.ctl(other, "reconcile", "--dry-run", "-o", "json"))
        t.equal([(d["backend"], d["id"], d["rule"]) for d in said], [("docker", "wl-ctl", "orphan")])
        t.holds(t.ctl(other, "reconcile", "-n", "docker"), "wl-ctl")
        t.ctl(other, "reconcile", "nowhere", code=3)
        t.equal(t.ctl(other, "orphans", "--remove", "docker:wl-ctl"), "docker:wl-ctl\n")
        t.true(not t.there(planted), "it is gone")
        t.ctl(other, "orphans", "--remove", "docker:wl-ctl", code=3)
        text = t.ctl(other, "why", "told")
        t.holds(text.splitlines()[0], "told is crashed")
        t.holds(text, "exit code 5")
        t.equal(json.loads(t.ctl(other, "why", "told", "-o", "json"))["id"], workload["id"])
        t.ctl(other, "why", "nobody", code=3)
        other.remove(workload)
    finally:
        other.stop()


# why -----------------------------------------------------------------------------------------------------

@case("why: a crash goes back to who asked for the start", "OC-02")
def _(t):
    workload = t.run("exit 9", wait="crashed", network="none")
    chain = t.why(workload)
    texts = [link["text"] for link in chain["because"]]
    t.holds(texts[0], "asked for workload.create")
    t.holds(texts[-1], "exit code 9")
    t.true(any("workload.start" in text for text in texts), f"the call of the engine: {texts}")
    t.equal((chain["state"], chain["desired_state"]), ("crashed", "stopped"))


@case("why: a program that used too much memory", "OC-02")
def _(t):
    workload = t.run("tail /dev/zero", wait="crashed,error,stopped", network="none", resources={"memory": "16MiB"})
    if "oom" not in workload["state_reason"]:
        raise Skip(f"the machine does not limit memory: {workload['state_reason']}")
    t.holds(t.why(workload)["because"][-1]["text"], "oom_killed")


@case("why: a restart by policy names the policy", "OC-02")
def _(t):
    workload = t.run("sleep 0.2; exit 1", wait="running", network="none", restart={"policy": "on-failure", "backoff": 0.1, "max_retries": 1})
    t.until(lambda: t.get(workload)["state"] == "crashed" and t.get(workload)["desired_state"] == "stopped", 60, "its end")
    texts = [link["text"] for link in t.why(workload)["because"]]
    t.true(any("a policy decided" in text and "restart policy" in text for text in texts), f"the policy: {texts}")
    t.holds(texts[-1], "crash_loop")


# deletion ------------------------------------------------------------------------------------------------

@case("what is protected cannot be deleted, not even by force", "OC-02")
def _(t):
    workload = t.run(network="none", body={"protected": True})
    path = f"/v1/workloads/{workload['id']}"
    for query in ("", "?force=true"):
        t.equal(t.thole.delete(path + query).status, 409)
    t.thole.kill()
    t.thole.start()
    t.wait_ready()
    t.equal(t.thole.delete(path + "?force=true").status, 409)
    t.equal(t.get(workload)["state"], "running")
    t.thole.patch(path, {"protected": False}).expect(200)
    t.thole.remove(workload)
    t.equal(t.engine.containers(), [])


@case("a delete that the engine refuses stays with its reason and is tried again", "OC-02 row:67")
def _(t):
    if not shutil.which("chattr"):
        raise Skip("no chattr")
    workload = t.run(network="none")
    pinned = os.path.join(t.engine.directory, "data", "containers", workload["engine_id"], "config.v2.json")
    if subprocess.run(["chattr", "+i", pinned], capture_output=True, check=False).returncode != 0:
        raise Skip("the file system has no immutable files")
    try:
        t.thole.delete(f"/v1/workloads/{workload['id']}?force=true").expect(202)
        t.until(lambda: "delete_failed" in t.get(workload)["state_reason"], 60, "the reason of the failure")
        t.equal(t.get(workload)["state"], "deleting")
        t.thole.kill()
        t.thole.start()
        t.wait_ready()
        t.equal(t.get(workload)["state"], "deleting", "after a crash")
        t.true(any("delete_failed" in link["text"] for link in t.why(workload)["because"]), "`why` tells it")
    finally:
        subprocess.run(["chattr", "-i", pinned], capture_output=True, check=False)
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}").status in (404, 410), 60, "the end of its row")
    t.equal(t.engine.containers(), [])
    t.equal(t.thole.listed("/v1/operations?state=running"), [])


try:
    main(Behind)
except BROKEN as error:
    raise AssertionError(f"the daemon does not answer: {error}") from error
