#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store's disk is full, read-only or broken for a while, under a daemon that many clients use. Every answer is clear,
what was acknowledged is there afterwards, what was refused is not, and the service goes on by itself.

The disk is a small tmpfs in a mount namespace of this process; faults that no mount gives for a while come from a library
before libc (broken-disk.c). THOLE_LONG=1: fifty rounds instead of six."""
import errno
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

from crash import BROKEN, LONG, SEED, Audited, Checks, Daemon, Skip, case, main
from event_reader import EventReader, stored

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = "THOLE_TEST_MOUNTS"
ROUNDS = 50 if LONG else 6
CLIENTS = 8
REFUSED = {507: "storage_full", 503: "storage"}
ROOM = "96m" if LONG else "24m"


def mounts_of_ones_own():
    """Runs this program again where its mounts are nobody else's and go with it."""
    if os.getuid() == 0 and ALONE not in os.environ:
        os.environ[ALONE] = "1"
        probe = subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], check=False, capture_output=True)
        if probe.returncode == 0:
            os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
        os.environ[ALONE] = "0"


class Client(threading.Thread):
    """Does all kinds of things to workloads of its own and remembers what was acknowledged."""

    def __init__(self, bed, number):
        super().__init__(daemon=True)
        self.thole, self.number, self.random = bed.thole, number, random.Random(SEED * 100 + number)
        self.names, self.labels, self.gone, self.unknown = {}, {}, set(), set()
        self.refused, self.statuses, self.done = set(), {}, {}
        self.count, self.fault = 0, None
        # was what was refused surely not stored? Not when the disk had it all and only its promise was missing
        self.sure = True
        self.work, self.idle, self.enough = threading.Event(), threading.Event(), threading.Event()
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                if not self.work.is_set():
                    self.idle.set()
                    self.work.wait(0.1)
                    continue
                self.idle.clear()
                try:
                    self.act()
                except BROKEN:
                    time.sleep(0.02)
        except Exception as fault:
            self.fault = fault
        self.idle.set()

    def ask(self, kind, method, path, body=None, good=(200, 201, 202, 204), headers=None):
        """The answer when it was done, None when it was refused for want of a disk."""
        reply = self.thole.request(method, path, body, headers)
        self.statuses[reply.status] = self.statuses.get(reply.status, 0) + 1
        if reply.status in good:
            self.done[kind] = self.done.get(kind, 0) + 1
            return reply
        if reply.status == 503 and reply.code == "interrupted":
            # it is going down: what comes of this is as open as without an answer
            raise ConnectionError(reply.text)
        if reply.status in REFUSED:
            check_refusal(reply)
            self.refused.add(kind)
            return None
        raise AssertionError(f"{method} {path}: status {reply.status}: {reply.body[:600]!r}")

    def act(self):
        kind = self.random.choice(("create", "create", "label", "label", "verb", "verb", "verb", "delete", "read"))
        if kind == "create" and len(self.names) < 12:
            self.create()
        elif self.names:
            getattr(self, kind if kind != "create" else "label")(self.random.choice(sorted(self.names)))

    def create(self):
        self.count += 1
        name = f"c{self.number}-{self.count}"
        self.unknown.add(name)
        reply = self.ask("create", "POST", "/v1/workloads", {"name": name, "spec": {"image": "app", "command": ["forever"]}},
                         headers={"Idempotency-Key": name})
        if reply or self.sure:
            self.unknown.discard(name)
        if reply:
            self.names[name] = reply.json["id"]
        elif self.sure:
            self.gone.add(name)

    def label(self, name):
        self.count += 1
        tried = self.labels.setdefault(name, [-1])
        tried.append(self.count)
        if self.ask("label", "PATCH", f"/v1/workloads/{self.names[name]}", {"labels": {"n": str(self.count)}}):
            self.labels[name] = [self.count]

    def verb(self, name):
        verb = self.random.choice(("start", "stop", "restart", "kill"))
        self.ask(verb, "POST", f"/v1/workloads/{self.names[name]}/{verb}", good=(200, 202, 409))

    def delete(self, name):
        number = self.names.pop(name)
        self.unknown.add(name)
        done = self.ask("delete", "DELETE", f"/v1/workloads/{number}?force=true")
        if done or self.sure:
            self.unknown.discard(name)
        if done:
            self.gone.add(name)
        elif self.sure:
            self.names[name] = number

    def read(self, name):
        """What needs no disk is answered as always."""
        for path in (f"/v1/workloads/{self.names[name]}", "/v1/workloads?limit=3", "/v1/events?tail=true"):
            reply = self.thole.get(path)
            if reply.status != 200:
                raise AssertionError(f"GET {path}: status {reply.status}: {reply.body[:600]!r}")

    def pause(self):
        self.work.clear()
        if not self.idle.wait(60):
            raise AssertionError("a client waits for an answer")
        if self.fault:
            raise self.fault


def check_refusal(reply):
    """A problem with the code of its status and a sentence for people."""
    problem = reply.json
    if (reply.headers["content-type"] != "application/problem+json" or problem["code"] != REFUSED[reply.status]
            or problem["status"] != reply.status or not problem["title"] or not problem["detail"]):
        raise AssertionError(f"not a clear refusal: {reply.status} {reply.headers} {reply.body!r}")
    return problem


class Disk(Audited, Checks):
    """Its case object; each case has a daemon whose state folder is a file system of its own."""

    def __init__(self):
        if os.environ.get(ALONE) != "1":
            raise Skip("a small file system of its own cannot be mounted here (not root)")
        self.folders, self.libraries, self.clients = [], [], []
        self.thole = None

    def begin(self, size=ROOM, environment=None, **settings):
        folder = tempfile.TemporaryDirectory(prefix="thole-disk-")
        self.folders.append(folder)
        thole = Daemon({"memory": {"driver": "memory", "default": "true", "images": "app", "delay_ms": "2", "jitter_ms": "6",
                                   "state_file": os.path.join(folder.name, "engine")}},
                       {"events.keep": 10_000_000, "daemon.log_level": "warn", **settings}, folder.name, environment)
        self.thole = thole
        os.makedirs(thole.state)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "thole-test", thole.state], check=True)
        return thole

    def after(self):
        for client in self.clients:
            client.enough.set()
        self.clients = []
        if self.thole and self.thole.process and self.thole.process.poll() is None:
            self.thole.kill()
        for folder in self.folders:
            subprocess.run(["umount", "--lazy", os.path.join(folder.name, "state")], check=False)
            folder.cleanup()
        for folder in self.libraries:
            folder.cleanup()
        self.folders, self.libraries, self.thole = [], [], None

    def objects(self):
        reply = self.thole.post(f"/v1/workloads/{self.anchor}/exec", {"command": ["control", "objects"]}).expect(200)
        return [dict(zip(("id", "state", "role"), line.split())) for line in reply.json["stdout"].splitlines()]

    def till_ready(self, seconds=60):
        self.until(lambda: self.thole.get("/readyz").status == 200, seconds, "it is ready by itself")

    def till_troubled(self, seconds=60):
        self.until(lambda: any(reason.startswith("store: ") for reason in self.reasons()), seconds, "it is not ready for its store")

    def reasons(self):
        reply = self.thole.get("/readyz")
        return reply.json.get("reasons", []) if reply.status == 503 else []

    def start_anchor(self):
        self.anchor = self.thole.create({"image": "app", "command": ["forever"]}, name="anchor")["id"]

    # the disk --------------------------------------------------------------------------------------

    @property
    def ballast(self):
        return os.path.join(self.thole.state, "ballast")

    def fill(self):
        """To the last byte, as long as somebody gives one back."""
        with open(self.ballast, "ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"b" * size)
                except OSError:
                    pass

    def free(self):
        os.unlink(self.ballast)

    def broken(self, **settings):
        """A daemon with a disk whose faults come and go by break_disk()."""
        folder = tempfile.TemporaryDirectory(prefix="thole-broken-")
        self.libraries.append(folder)
        library, self.orders = os.path.join(folder.name, "broken-disk.so"), os.path.join(folder.name, "orders")
        done = subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, os.path.join(HERE, "broken-disk.c")],
                              capture_output=True, text=True, check=False)
        self.equal((done.returncode, done.stderr), (0, ""))
        return self.begin(environment={"LD_PRELOAD": library, "THOLE_TEST_DISK": self.orders,
                                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}, **settings)

    def break_disk(self, what, number):
        part = self.orders + ".part"
        with open(part, "w", encoding="ascii") as file:
            file.write(f"{what} {number}")
        os.rename(part, self.orders)

    def mend_disk(self):
        os.unlink(self.orders)

    def refused_start(self, *words):
        """It does not start, says why in one line, and leaves all as it is."""
        before = sorted(os.listdir(self.thole.state))
        self.thole.write_config()
        done = subprocess.run(self.thole.command(), capture_output=True, text=True, check=False, timeout=60,
                              env=self.thole.spawn_environment())
        self.equal((done.returncode, done.stdout), (1, ""))
        told = [line for line in done.stderr.splitlines() if line.startswith("tholed: ")]
        self.equal(len(told), 1, f"one clear line: {done.stderr!r}")
        for word in (self.thole.state, *words):
            self.holds(told[0], word)
        return before

    # the clients -----------------------------------------------------------------------------------

    def crowd(self):
        self.clients = [Client(self, number) for number in range(CLIENTS)]
        return self.clients

    def work(self):
        for client in self.clients:
            client.done, client.refused = {}, set()
            client.work.set()

    def rest(self):
        for client in self.clients:
            client.pause()

    def all_of_them(self, field, kinds, seconds=60, each=lambda: None):
        """Waits until every kind of request has met that."""
        def met():
            each()
            for client in self.clients:
                if client.fault:
                    raise client.fault
            return {kind for client in self.clients for kind in getattr(client, field)} >= set(kinds)
        self.until(met, seconds, f"{kinds} were {field}")

    def check_truth(self):
        """Acknowledged is there, refused is not, store and engine agree, the events are whole."""
        self.equal(self.settle_all() + self.audit() + self.dense(), [], "faults")
        there = {workload["name"]: workload for workload in self.thole.listed("/v1/workloads")}
        for client in self.clients:
            for name, number in client.names.items():
                self.true(name in there and there[name]["id"] == number, f"{name}, which was acknowledged,")
                if name in client.labels:
                    seen = int(there[name]["labels"].get("n", "-1"))
                    self.among(seen, client.labels[name], f"the label of {name}")
            self.equal(client.gone & set(there), set(), "refused or deleted workloads that are there")
        mine = {name for client in self.clients for name in list(client.names) + list(client.unknown)} | {"anchor"}
        self.equal(set(there) - mine, set(), "workloads that nobody made")

    def statuses(self):
        total = {}
        for client in self.clients:
            for status, count in client.statuses.items():
                total[status] = total.get(status, 0) + count
        return dict(sorted(total.items()))


KINDS = ("create", "label", "start", "stop", "delete")


def work_with_room(t):
    t.work()
    t.all_of_them("done", KINDS)


def work_in_trouble(t, each):
    for client in t.clients:
        client.refused = set()
    t.all_of_them("refused", KINDS, 120, each)
    t.till_troubled()
    t.equal(t.thole.get("/healthz").status, 200, "it lives")
    t.equal(t.thole.get("/metrics").status, 200, "it is measured")
    t.equal(t.thole.get(f"/v1/workloads/{t.anchor}").json["state"], "running")


def meanwhile(t, way):
    """What else befalls a daemon whose disk is full."""
    if way == "kill -9":
        t.thole.kill()
    elif way == "restart":
        t.thole.stop()
    t.rest()
    if way == "nothing":
        return
    t.thole.start()
    t.until(lambda: t.thole.get("/v1/backends/memory").json["state"] == "ready", 60, "its backend")
    t.equal(t.thole.get(f"/v1/workloads/{t.anchor}").json["state"], "running", "what it knows on a full disk")


@case("a full disk: clear refusals, nothing acknowledged lost, it goes on by itself")
def _(t):
    print(f"# THOLE_SEED={SEED}")
    with t.begin() as thole:
        t.start_anchor()
        t.crowd()
        reader = EventReader(thole, SEED)
        for number in range(ROUNDS):
            # a log that was long once has room in itself
            thole.restart()
            work_with_room(t)
            t.fill()
            work_in_trouble(t, t.fill)
            way = ("nothing", "kill -9", "restart")[number % 3]
            meanwhile(t, way)
            t.free()
            begin = time.monotonic()
            t.till_ready()
            took = time.monotonic() - begin
            work_with_room(t)
            t.rest()
            t.check_truth()
            print(f"# round {number}, {way}: ready again after {took:.2f} s; answers so far {t.statuses()}", flush=True)
        whole = stored(thole)
        t.until(lambda: reader.fault or len(reader.seen.events) >= len(whole), 60, "the reader of events")
        t.equal(reader.fault, None)
        t.equal(reader.seen.events == whole and not reader.seen.gaps, True, f"the set of {len(whole)} events")
        reader.enough.set()
        thole.restart()
        t.check_truth()
        print(f"# {len(whole)} events, {sum(len(client.names) for client in t.clients)} workloads there, "
              f"{sum(len(client.gone) for client in t.clients)} refused or deleted")


FAULTS = [("write", errno.EROFS), ("write", errno.EIO), ("write", errno.ENOSPC), ("write", errno.EDQUOT), ("sync", errno.EIO)]


@case("the disk fails for a while", each=[f"{what} {errno.errorcode[number]}" for what, number in FAULTS])
def _(t, fault):
    what, number = next(each for each in FAULTS if fault == f"{each[0]} {errno.errorcode[each[1]]}")
    wanted = 507 if number in (errno.ENOSPC, errno.EDQUOT) else 503
    with t.broken() as thole:
        t.start_anchor()
        for client in t.crowd():
            client.sure = what != "sync"
        for way in ("nothing", "kill -9", "nothing"):
            work_with_room(t)
            t.break_disk(what, number)
            work_in_trouble(t, lambda: None)
            refusal = thole.patch(f"/v1/workloads/{t.anchor}", {"labels": {"n": "1"}})
            t.equal(refusal.status, wanted, f"{refusal}")
            problem = check_refusal(refusal)
            t.holds(problem["detail"], "full" if wanted == 507 and number != errno.EDQUOT else os.strerror(number), "the refusal")
            t.holds(t.reasons()[0], problem["detail"], "why it is not ready")
            if way == "kill -9":
                thole.kill()
                t.rest()
                t.mend_disk()
                thole.start()
            else:
                t.rest()
                t.mend_disk()
            t.till_ready()
            work_with_room(t)
            t.rest()
            t.check_truth()
        print(f"# {problem['detail']!r}; answers {t.statuses()}")


def begin_all(thole, seconds):
    """Programs that end after so many seconds, one that may live little longer, and what is on its way."""
    def make(name, words, **spec):
        return thole.create({"image": "app", "command": words, **spec}, wait="running,stopped,crashed", name=name)
    good, bad = make("good", ["sleep", str(seconds)]), make("bad", ["sleep", str(seconds), ";", "exit", "7"])
    again = make("again", ["sleep", str(seconds), ";", "exit", "1"], restart={"policy": "always", "backoff": 0.1, "max_retries": 0})
    mortal = make("mortal", ["forever"], ttl=seconds + 0.5)
    slow = thole.create({"image": "app", "command": ["forever"], "backend_options": {"faults": "workload.start:delay=600"}}, wait="",
                        name="slow")
    going = make("going", ["forever"], backend_options={"faults": "workload.remove:delay=600"})
    begun = thole.delete(f"/v1/workloads/{going['id']}?force=true").expect(202).headers["thole-operation"]
    pulled = thole.post("/v1/images/pull", {"image": "some/image"}).expect(202).headers["thole-operation"]
    return good, bad, again, mortal, slow, going, begun, pulled


@case("what ends, expires and is on its way while nothing can be stored")
def _(t):
    with t.broken() as thole:
        t.start_anchor()

        for seconds in (1.5, 10, 60):
            good, bad, again, mortal, slow, going, begun, pulled = begin_all(thole, seconds)
            t.break_disk("write", errno.ENOSPC)
            t.till_troubled()
            seen = {workload["name"]: workload["state"] for workload in thole.listed("/v1/workloads")}
            # a busy machine may need so long that they ended before
            if [seen.get(name) for name in ("good", "bad", "again", "mortal")] == ["running"] * 4:
                break
            t.mend_disk()
            t.till_ready()
            for workload in thole.listed("/v1/workloads"):
                if workload["id"] != t.anchor:
                    thole.remove(workload)
        time.sleep(2 * seconds)
        seen = {workload["name"]: workload["state"] for workload in thole.listed("/v1/workloads")}
        print(f"# meanwhile it tells what is stored: {seen}")
        t.equal((seen["good"], seen["mortal"], seen["again"]), ("running", "running", "running"))
        t.mend_disk()
        t.till_ready()
        t.equal(thole.wait(good, "stopped")["exit_code"], 0)
        t.equal(thole.wait(bad, "crashed")["exit_code"], 7)
        t.equal(thole.wait(slow, "running")["state"], "running")
        for operation in (begun, pulled):
            done = thole.get(f"/v1/operations/{operation}?wait=succeeded,failed,cancelled").expect(200).json
            t.equal(done["state"], "succeeded", done["type"])
        for workload in (mortal, going):
            t.until(lambda workload=workload: thole.get(f"/v1/workloads/{workload['id']}").status in (404, 410), 60, "it is gone")
        t.until(lambda: thole.get(f"/v1/workloads/{again['id']}").json["restarts"] > 0, 60, "its policy restarts it")
        thole.post(f"/v1/workloads/{again['id']}/stop?wait=stopped,crashed").expect(200, 409)
        t.equal(t.settle_all() + t.audit() + t.dense(), [], "faults")


@case("every operation of the interface on a full disk")
def _(t):
    with t.broken(**{"daemon.log_level": "info"}) as thole:
        t.start_anchor()
        setup = re.search(r"set-up token (\S+)", thole.output())
        root = {"email": "root@example.org", "password": "correct horse battery"}
        made = thole.tcp(token=False).post("/v1/auth/setup", {**root, "token": setup[1]}).expect(201).json
        user = made["user"]["id"]
        key = thole.post("/v1/api-keys", {"name": "one", "user": user}).expect(201).json["id"]
        path = f"/v1/workloads/{t.anchor}"
        t.break_disk("write", errno.ENOSPC)
        signed = thole.tcp(made["token"])
        changes = [("POST", "/v1/workloads", {"name": "new", "spec": {"image": "app"}}), ("PATCH", path, {"labels": {"a": "b"}}),
                   ("DELETE", path + "?force=true", None), ("POST", "/v1/images/pull", {"image": "some/image"}),
                   ("POST", "/v1/users", {"email": "two@example.org", "password": "a good password", "roles": []}),
                   ("PATCH", f"/v1/users/{user}", {"email": "three@example.org"}), ("DELETE", f"/v1/api-keys/{key}", None),
                   ("POST", "/v1/api-keys", {"name": "two", "user": user}),
                   ("POST", "/v1/admin/backup", {"path": os.path.join(thole.directory, "copy.db")})]
        changes += [("POST", f"{path}/{verb}", None) for verb in ("stop", "restart", "pause", "suspend")]
        for method, target, body in changes:
            reply = thole.request(method, target, body)
            t.equal(reply.status, 507, f"{method} {target}: {reply}")
            check_refusal(reply)
        # who signs out is told so only when that is stored
        t.equal(signed.post("/v1/auth/logout").status, 507)
        t.equal(signed.post("/v1/me/password", {"old": root["password"], "new": "another good one"}).status, 507)
        signed.get("/v1/me").expect(200)
        login = thole.tcp(token=False).post("/v1/auth/login", root)
        t.among(login.status, (200, 507), "signing in")
        for target in (path, "/v1/workloads", path + "/why", path + "/logs", path + "/stats", "/v1/events?limit=10", "/v1/operations",
                       "/v1/users", "/v1/api-keys", "/v1/backends", "/v1/drivers", "/v1/orphans", "/v1/images", "/v1/sessions",
                       "/v1/me", "/metrics", "/healthz", "/v1/openapi.json"):
            t.equal(thole.get(target).status, 200, f"GET {target}")
        t.mend_disk()
        t.till_ready()
        t.equal([w["name"] for w in thole.listed("/v1/workloads")], ["anchor"])
        t.equal([(u["email"]) for u in thole.listed("/v1/users")], ["root@example.org"])
        t.equal([(k["id"]) for k in thole.listed("/v1/api-keys")], [key])
        t.equal(signed.post("/v1/auth/logout").status, 204)
        t.equal(signed.get("/v1/me").status, 401)


@case("a store that cannot be begun or opened is refused in one line, and works when it can")
def _(t):
    thole = t.begin(size="2m")
    t.fill()
    before = t.refused_start("No space left on device")
    t.free()
    with thole:
        t.start_anchor()
    again = sorted(os.listdir(thole.state))
    t.true(set(again) >= set(before) - {"ballast"}, "what was there")
    for name, words in (("ro", ("Read-only file system",)), ("rw", ())):
        subprocess.run(["mount", "-o", f"remount,{name}", thole.state], check=True)
        if words:
            t.equal(t.refused_start(*words), sorted(os.listdir(thole.state)), "what is there")
    with thole:
        t.equal([workload["name"] for workload in thole.listed("/v1/workloads")], ["anchor"])


@case("a back-up that finds no room leaves nothing, and the store goes on")
def _(t):
    with t.begin() as thole:
        t.start_anchor()
        other = os.path.join(thole.directory, "small")
        os.makedirs(other)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "thole-test", other], check=True)
        try:
            begun = thole.post("/v1/admin/backup", {"path": os.path.join(other, "copy.db")}).expect(202)
            ended = thole.get(f"/v1/operations/{begun.headers['thole-operation']}?wait=succeeded,failed,cancelled").expect(200).json
            t.equal((ended["state"], ended["error"]["code"]), ("failed", "storage_full"))
            t.equal(os.listdir(other), [])
        finally:
            subprocess.run(["umount", other], check=True)
        t.equal(thole.get("/readyz").status, 200)
        thole.patch(f"/v1/workloads/{t.anchor}", {"labels": {"n": "1"}}).expect(200)


mounts_of_ones_own()
main(Disk)
