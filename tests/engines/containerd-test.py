#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workloads on a real containerd, through the daemon."""
import base64
import os
import signal
import subprocess
import threading
import time

from real_containerd import BUILD, Bench, Pusher, Registry, busybox_root, case, layer, main, sha256
from real_docker import HeldWire
from ws_client import Thole

THOLECTL = os.path.join(BUILD, "cli", "tholectl")
PASSWORD = "s3cret-of-the-registry"
COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


class Box(Bench):
    def back(self, how):
        """The daemon goes, by kill or stop, and comes again."""
        getattr(self.thole, how)()
        self.thole.start()
        self.wait_ready()

    def pull(self, image, wait="succeeded,failed,cancelled", **body):
        operation = self.thole.post("/v1/images/pull", {"image": image, **body}).expect(202)
        name = operation.json["id"] if operation.json["id"].startswith("op-") else operation.headers["thole-operation"]
        query = f"?wait={wait}&timeout=60" if wait else ""
        return self.thole.get(f"/v1/operations/{name}{query}").expect(200).json

    @staticmethod
    def established(port):
        """How many connections to a port of loopback stand, by their clients."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return sum(row[2] == f"0100007F:{port:04X}" and row[3] == "01" for row in rows)

    def pusher_layer(self, name):
        """Pushes an image of one layer that nobody else has; the layer's digest is the name of its snapshot."""
        data = layer({**busybox_root(), "said": (0o644, f"of {name}\n".encode())})
        self.pusher.image(name, "1", [data])
        return sha256(data)

    def open(self, workload, *command, **body):
        if len(command) == 1:
            command = ("sh", "-c", *command)
        body.setdefault("tty", False)
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(201).json


@case("tholectl run pulls, starts, and shows what the program said", "LC-13 LC-14")
def _(t):
    environment = {**os.environ, "THOLE_URL": "unix:" + t.thole.path}
    done = subprocess.run([THOLECTL, "run", "--rm", "--backend", "box", t.image, "--", "echo", "hello"], capture_output=True, text=True, timeout=60,
                          env=environment, check=False)
    t.equal((done.returncode, done.stdout.strip()), (0, "hello"), done.stderr)


@case("the end of a program: its code or its signal", "LC-13", each=[("exit 0", "stopped", 0, None), ("exit 3", "crashed", 3, None),
                                                                  ("kill -KILL $$", "crashed", 137, "SIGKILL")])
def _(t, wanted):
    script, state, code, signal = wanted
    # process 1 takes no signal from itself
    ended = t.ended(f"sh -c '{script}'; exit $?" if signal else script)
    t.equal((ended["state"], ended["exit_code"], ended["exit_signal"] or None), (state, code, signal), str(ended))


@case("stdout and stderr are told apart, in their order, and the last lines alone when asked for", "LC-13")
def _(t):
    workload = t.run(f"for i in 1 2 3 4 5; do echo out $i; done; {t.gate('err')}; echo err >&2; {t.gate('half')}; printf half")
    t.until(lambda: "out 5\n" in t.logs(workload), what="the first stream")
    t.let_on(workload, "err")
    t.until(lambda: "err\n" in t.logs(workload), what="the second stream")
    t.let_on(workload, "half")
    t.thole.wait(workload, "stopped")
    t.equal(t.logs(workload), "out 1\nout 2\nout 3\nout 4\nout 5\nerr\nhalf")
    t.equal(t.logs(workload, "?stream=stderr"), "err\n")
    t.equal(t.logs(workload, "?tail=2"), "err\nhalf")
    t.equal(t.logs(workload, "?tail=1&stream=stdout"), "half")


@case("a log is followed to the end of its program", "LC-13")
def _(t):
    workload = t.run("for i in 1 2 3; do echo $i; sleep 0.3; done")
    t.equal(t.thole.get(f"/v1/workloads/{workload['id']}/logs?follow=true", timeout=30).expect(200).text, "1\n2\n3\n")


@case("a program runs again after its end, and its log goes on", "LC-13")
def _(t):
    workload = t.ended("echo again")
    t.verb(workload, "start")
    t.until(lambda: t.logs(workload) == "again\nagain\n", 60, "the second run's output")


@case("stop gives its grace, then kills; kill sends a signal", "LC-13")
def _(t):
    workload = t.run("trap 'echo got it; exit 7' TERM; echo set; while :; do sleep 0.1; done", stop={"grace": 3600})
    t.until(lambda: t.logs(workload) == "set\n", what="the trap")
    t.verb(workload, "stop", wait="stopped,crashed")
    t.holds(t.logs(workload), "got it")
    deaf = t.run("trap '' TERM; while :; do sleep 0.1; done", stop={"grace": 0.5})
    t.equal(t.verb(deaf, "stop", wait="stopped,crashed")["exit_signal"], "SIGKILL")
    heard = t.run("trap 'echo hup' HUP; echo set; while :; do sleep 0.1; done")
    t.until(lambda: t.logs(heard) == "set\n", what="the trap")
    t.verb(heard, "kill", {"signal": "SIGHUP"})
    t.until(lambda: "hup" in t.logs(heard), 60, "the signal")


@case("what is paused stands still, and can be stopped", "LC-13")
def _(t):
    workload = t.run(COUNT)
    t.verb(workload, "pause", wait="paused")
    said = t.rested_log(workload)
    t.verb(workload, "unpause", wait="running")
    t.until(lambda: len(t.logs(workload)) > len(said), 60, "further output")
    t.verb(workload, "pause", wait="paused")
    t.verb(workload, "stop", wait="stopped,crashed")


@case("commands beside it: code, streams, input, user, folder, environment, a limit of time", "TE-06")
def _(t):
    workload = t.run(env={"A": "from the spec"})
    done = t.exec(workload, "echo out; echo err >&2; exit 5")
    t.equal((done["exit_code"], done["stdout"], done["stderr"]), (5, "out\n", "err\n"))
    t.equal(t.exec(workload, ["cat"], stdin="some words")["stdout"], "some words")
    t.equal(t.exec(workload, "echo $A $B $(id -un) $(pwd)", env={"B": "and more"}, user="nobody", working_dir="/tmp")["stdout"],
            "from the spec and more nobody /tmp\n")
    t.equal(len(t.exec(workload, "yes | head -c 300000")["stdout"]), 300000)
    # an answer that waited for its end would come too late for this client
    t.exec(workload, "sleep 4321", timeout=1, status=(504,))
    t.until(lambda: t.exec(workload, "ps | grep -c '[s]leep 4321'")["stdout"] == "0\n", what="the end of what took too long")
    t.exec(workload, ["/no/such/program"], status=(422,))


@case("who it is: users of the image by name, with their groups; host name, folder, files and secrets", "CF-10")
def _(t):
    t.equal(t.output("id -u; id -G", user="nobody"), "65534\n65534 100\n")
    t.equal(t.output("id -u; id -g", user="5:users"), "5\n100\n")
    t.holds(t.run(user="stranger", wait="error")["state_reason"], "stranger")
    t.equal(t.output("hostname; cat /etc/hostname; pwd", hostname="inside", working_dir="/tmp"), "inside\ninside\n/tmp\n")
    t.thole.post("/v1/secrets", {"name": "box-secret", "value": "a $value"}).expect(201)
    said = t.output("cat /srv/deep/er/file; printf \"$TOKEN\"; stat -c ' %a %u' /run/key", user="nobody", env={"TOKEN": {"secret": "box-secret"}},
                    files=[{"path": "/srv/deep/er/file", "content": "given\n"}, {"path": "/run/key", "secret": "box-secret"}])
    t.equal(said, "given\na $value 400 65534\n")
    t.true("a $value" not in t.engine.ctr("content", "ls"), "no blob of it is left")


@case("mounts of the machine, read-only as well", "LC-13")
def _(t):
    folder = os.path.join(t.directory, "given")
    os.makedirs(folder, exist_ok=True)
    t.output("echo written >/there/file; ! touch /fixed/x", mounts=[{"source": folder, "target": "/there"},
                                                                    {"source": folder, "target": "/fixed", "read_only": True}])
    with open(os.path.join(folder, "file"), encoding="utf-8") as file:
        t.equal(file.read(), "written\n")


@case("what the kernel does not let it do", "LC-13")
def _(t):
    said = t.output("exec 2>&1; mount -t tmpfs x /tmp 2>&1; unshare -n true 2>&1; chroot / true && echo may; cat /proc/kcore 2>&1 | head -c 10; "
                    "touch /proc/sys/kernel/x 2>&1; mknod /dev/mine b 8 0 2>&1; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status; "
                    "ls /sys/class/net")
    t.equal(said.count("permitted"), 3, said)
    t.true("may" not in said, said)
    t.holds(said, "NoNewPrivs:\t1\nSeccomp:\t2")
    t.equal(said.splitlines()[-1], "lo", said)
    t.holds(t.output("grep CapEff /proc/self/status; chroot / true && echo may", privileges={"capabilities": ["SYS_CHROOT"]}), "may")


@case("limits: memory, processes, processor; and what is used", "LC-13")
def _(t):
    hungry = t.ended("sh -c 'tail /dev/zero'; exit $?", resources={"memory": "24MiB"})
    t.equal(hungry["exit_code"], 137, str(hungry))
    workload = t.run("while :; do :; done", resources={"memory": "64MiB", "pids": 20, "cpu": 0.5})
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(200).json.get("cpu_seconds", 0) > 0.1, 60, "use of the processor")
    sample = t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(200).json
    t.equal((sample["memory_limit"], sample["pids"] >= 1), (64 << 20, True), str(sample))
    t.holds(t.exec(workload, "for i in $(seq 40); do sleep 5 & done; true")["stderr"], "fork")


@case("what this engine cannot do is refused with its name", "LC-13")
def _(t):
    for spec, word in (({"ports": [{"container": 80}]}, "ports"), ({"network": "mine"}, "mine"),
                       ({"backend_options": {"volume_driver": "x"}}, "volume_driver")):
        workload = t.thole.create(t.spec("true", **spec), wait="error,running,stopped")
        t.made.append(workload["id"])
        t.holds(workload["state_reason"], word)


@case("files go in and come out before it runs, while it does and after; a link of its leads nowhere outside", "FS-01")
def _(t):
    def write(path, data):
        return t.thole.request("PUT", f"/v1/workloads/{workload['id']}/files?path={path}", data, {"Content-Type": "application/octet-stream"})

    def read(path):
        return t.thole.get(f"/v1/workloads/{workload['id']}/files?path={path}")

    data = os.urandom(300001)
    workload = t.run("ln -s ../../../../../../.. /up; cat /tmp/early; until [ -e /tmp/go ]; do sleep 0.1; done", wait="stopped", body={"start": False})
    write("/tmp/early", b"early\n").expect(200, 201, 204)
    t.verb(workload, "start", wait="running")
    write("/tmp/during", data).expect(200, 201, 204)
    t.equal(read("/tmp/during").expect(200).body, data)
    stray = f"thole-stray-{os.getpid()}-{time.monotonic_ns()}"
    t.until(lambda: write(f"/up/{stray}", b"inside").status < 300, 60, "its link")
    t.equal((os.path.exists(f"/{stray}"), read(f"/{stray}").expect(200).body), (False, b"inside"))
    write("/tmp/go", b"").expect(200, 201, 204)
    t.thole.wait(workload, "stopped")
    t.equal((read("/tmp/during").expect(200).body, t.logs(workload)), (data, "early\n"))
    read("/tmp/none").expect(404)


@case("sessions: a terminal that is typed into and resized, input that ends, an end that is told", "TE-08 TE-18 TE-19 TE-21")
def _(t):
    workload = t.run()
    session = t.open(workload, "sh", "-i", tty=True, rows=30, cols=90, env={"PS1": "ready> "})
    t.equal((session["durability"], session["state"]), ("agent", "running"))
    viewer = Thole(t.thole, session["id"])
    while b"ready> " not in viewer.output:
        viewer.step()
    viewer.input(b"echo $((6*7)); stty size; exit 3\n")
    t.equal(viewer.until("exit")["code"], 3)
    t.holds(viewer.output, b"42\r\n30 90\r\n")
    viewer = Thole(t.thole, t.open(workload, "cat", "-")["id"])
    viewer.input(b"some words")
    viewer.input(b"")
    t.equal((viewer.until("exit")["code"], viewer.output), (0, b"some words"))


@case("sessions of another user than root", "TE-06")
def _(t):
    workload = t.run(user="nobody")
    viewer = Thole(t.thole, t.open(workload, "id -u; exit 4")["id"])
    t.equal((viewer.until("exit")["code"], viewer.output), (4, b"65534\n"))


@case("a daemon that is killed loses no line, no session and no end", "TE-01")
def _(t):
    folder = os.path.join(t.directory, "seen")
    os.makedirs(folder)
    mounts = [{"source": folder, "target": "/seen"}]
    counter = t.run("i=0; while :; do i=$((i+1)); echo $i; echo >>/seen/count; sleep 0.02; done", mounts=mounts)
    short = t.run("until [ -e /seen/go ]; do sleep 0.05; done; echo bye; touch /seen/gone; exit 9", mounts=mounts)
    viewer = Thole(t.thole, t.open(counter, COUNT)["id"])
    while len(viewer.output) < 10:
        viewer.step()
    t.thole.kill()
    open(os.path.join(folder, "go"), "wb").close()
    t.until(lambda: os.path.exists(os.path.join(folder, "gone")), what="the end of the short one")
    counted = os.path.getsize(os.path.join(folder, "count")) + 60
    t.until(lambda: os.path.getsize(os.path.join(folder, "count")) >= counted, what="lines of the time without a daemon")
    t.thole.start()
    t.wait_ready()
    t.equal(t.thole.wait(short, "stopped,crashed")["exit_code"], 9)
    t.equal(t.logs(short), "bye\n")
    lines = t.logs(counter).split("\n")[:-1]
    t.equal(lines, [str(i + 1) for i in range(len(lines))])
    t.true(len(lines) >= counted, f"{len(lines)} lines, also the {counted} until the daemon came back,")
    sessions = t.thole.get(f"/v1/workloads/{counter['id']}/sessions").expect(200).json["items"]
    t.equal([s["state"] for s in sessions], ["running"])


@case("an engine that is killed and comes back: its workloads ran on, and an end meanwhile is found", "LC-13")
def _(t):
    folder = os.path.join(t.directory, "meanwhile")
    os.makedirs(folder)
    counter = t.run(COUNT)
    short = t.run("until [ -e /seen/go ]; do sleep 0.05; done; touch /seen/gone; exit 9", mounts=[{"source": folder, "target": "/seen"}])
    t.engine.kill()
    t.until(lambda: t.backend()["state"] != "ready", 60, "the notice that the engine is away")
    open(os.path.join(folder, "go"), "wb").close()
    t.until(lambda: os.path.exists(os.path.join(folder, "gone")), what="the end of the short one")
    t.engine.start()
    t.wait_ready()
    t.among(t.thole.wait(short, "stopped,crashed")["exit_code"], (9, 137))
    t.equal(t.get(counter)["state"], "running")
    before = len(t.logs(counter))
    t.until(lambda: len(t.logs(counter)) > before, 60, "further output")
    t.verb(counter, "stop", wait="stopped,crashed")


@case("images: chosen from an index, listed, kept while they are used, removed", "CF-09")
def _(t):
    t.pusher.image("chosen", "1", [layer({**busybox_root(), "said": (0o644, b"of the image\n")})], index=True, Cmd=["cat", "/said"])
    name = f"{t.registry.address}/chosen:1"
    workload = t.thole.create({"image": name, "stop": {"grace": 1}}, wait="stopped,crashed,error")
    t.made.append(workload["id"])
    t.equal(t.logs(workload), "of the image\n", str(workload))
    t.true(any(name in image["references"] for image in t.thole.listed("/v1/images?backend=box")), "it is listed")
    t.thole.delete(f"/v1/images?backend=box&image={name}").expect(409)
    t.thole.remove(workload)
    t.thole.delete(f"/v1/images?backend=box&image={name}").expect(204)
    t.true(not any(name in image["references"] for image in t.thole.listed("/v1/images?backend=box")), "it is gone")
    missing = t.thole.create(t.spec("true", image=f"{t.registry.address}/nowhere:1"), wait="error,running,stopped")
    t.made.append(missing["id"])
    t.holds(missing["state_reason"], "image_not_found")
    t.equal(t.pull("archive:of-a-backend-without.tar")["error"]["code"], "not_supported")


@case("an image whose snapshot somebody removed is unpacked again", "CF-09")
def _(t):
    chain = "sha256:" + t.pusher_layer("unpacked")
    name = f"{t.registry.address}/unpacked:1"
    t.equal(t.pull(name)["state"], "succeeded")
    t.engine.ctr("snapshots", "delete", chain)
    t.true(chain not in t.engine.ctr("snapshots", "list"), "it is gone")
    t.equal(t.output("cat /said", image=name), "of unpacked\n")


@case("a registry with a password: with the right one, a wrong one and none; nobody is told it", "CF-10")
def _(t):
    closed = Registry(os.path.join(t.directory, "closed"), "carol", PASSWORD)
    closed.start()
    try:
        secret = "Basic " + base64.b64encode(f"carol:{PASSWORD}".encode()).decode()
        Pusher(closed.address, secret).image("private", "1", [layer({"file": (0o644, b"x")})])
        name = f"{closed.address}/private:1"
        t.equal(t.pull(name)["error"]["code"], "auth")
        t.equal(t.pull(name, username="carol", password="wrong")["error"]["code"], "auth")
        t.equal(t.pull(name, username="carol", password=PASSWORD)["state"], "succeeded")
        told = t.thole.get("/v1/operations?limit=1000").text + t.thole.get("/v1/events?limit=1000").text + t.thole.output(True)
        t.true(PASSWORD not in told, "no operation, event or log line holds the password")
    finally:
        closed.stop()


@case("a pull tells its progress and can be cancelled; what it began is not there afterwards", "row:86 API-12")
def _(t):
    t.pusher.image("large", "1", [layer({"file": (0o644, os.urandom(3_000_000))})])
    wire = HeldWire(t.registry.port, 1_000_000, 1_500_000)
    operation = t.pull(f"127.0.0.1:{wire.port}/large:1", wait=None)

    def told():
        seen = t.thole.get(f"/v1/operations/{operation['id']}").json
        return seen if seen["progress"]["done"] > 100_000 else None
    seen = t.until(told, 60, "progress")
    t.true(seen["progress"]["done"] < seen["progress"]["total"], f"{seen['progress']} is on its way")
    t.thole.post(f"/v1/operations/{operation['id']}/cancel").expect(200, 202)
    ended = t.thole.get(f"/v1/operations/{operation['id']}?wait=cancelled,succeeded,failed&timeout=60").expect(200).json
    t.equal(ended["state"], "cancelled")
    t.true(not any(f":{wire.port}/" in name for image in t.thole.listed("/v1/images?backend=box") for name in image["references"]), "no image")
    wire.stop()
    whole = t.pull(f"{t.registry.address}/large:1")
    t.equal((whole["state"], whole["progress"]["done"]), ("succeeded", whole["progress"]["total"]), str(whole))


@case("layers are fetched three at a time, and a pull that is cancelled ends all of them", "row:86")
def _(t):
    layers = [layer({f"file{number}": (0o644, os.urandom(300_000)), **(busybox_root() if number == 0 else {})}) for number in range(7)]
    t.pusher.image("many", "1", layers)
    # three that stand still, so that a fourth would be seen beside them
    wire = HeldWire(t.registry.port, 400_000, 200_000)
    operation = t.pull(f"127.0.0.1:{wire.port}/many:1", wait=None)
    open_ = t.until(lambda: t.established(wire.port) >= 3 and t.established(wire.port), 60, "three connections to the registry")
    t.true(open_ <= 4, f"{open_} connections")
    t.thole.post(f"/v1/operations/{operation['id']}/cancel").expect(200, 202)
    t.equal(t.thole.get(f"/v1/operations/{operation['id']}?wait=cancelled,succeeded,failed&timeout=60").expect(200).json["state"], "cancelled")
    wire.stop()
    ended = t.pull(f"{t.registry.address}/many:1")
    t.equal((ended["state"], ended["progress"]["done"]), ("succeeded", ended["progress"]["total"]), str(ended))
    t.equal(t.output("ls / | grep -c file", image=f"{t.registry.address}/many:1"), "7\n")


@case("a layer that is longer than its manifest says is not read to its end", "CF-09")
def _(t):
    class Liar(Pusher):
        def blob(self, repository, data):
            place = super().blob(repository, data)
            return {**place, "size": min(place["size"], 1_000_000)}
    Liar(t.registry.address).image("longer", "1", [layer({"file": (0o644, os.urandom(5_000_000))})])
    ended = t.pull(f"{t.registry.address}/longer:1")
    t.equal(ended["state"], "failed", str(ended))
    t.holds(str(ended["error"]), "more of a layer")
    t.true(ended["progress"]["done"] <= 1_000_000, str(ended["progress"]))


@case("a shim that is killed: its workload has ended, and can be started again", "LC-13")
def _(t):
    workload = t.run()
    shims = t.engine.shims()
    for pid in shims:
        os.kill(pid, signal.SIGKILL)
    ended = t.thole.wait(workload, "stopped,crashed")
    t.among(ended["state"], ("stopped", "crashed"), str(ended))
    t.equal(ended["exit_code"], 137, str(ended))
    t.verb(workload, "start", wait="running")


@case("what is removed leaves nothing at the engine and on the disk", "LC-13")
def _(t):
    workloads = [t.run(), t.ended("true"), t.thole.create(t.spec("true"), start=False)]
    for workload in workloads:
        t.thole.remove(workload)
    t.made = []
    left = [t.engine.ctr(*words) for words in (("containers", "list", "-q"), ("tasks", "list", "-q"), ("leases", "list", "-q"))]
    t.equal(left, ["", "", ""])
    t.true("thole-" not in t.engine.ctr("snapshots", "list"), "no snapshot of ours is left")
    # a shim ends after it has answered
    t.until(lambda: t.engine.shims() == [], what="the end of every shim")
    folders = [os.path.join(path, name) for path, names, _ in os.walk(t.thole.state) for name in names if name.startswith("thole-")]
    t.equal(folders, [])


@case("a health check by command turns healthy, then unhealthy, and a restart of the daemon forgets neither", "LC-17 row:109")
def _(t):
    health = {"command": ["test", "-e", "/ok"], "interval": 0.2, "timeout": 5, "retries": 2}
    workload = t.run("touch /ok; sleep 1000", health=health)
    t.until(lambda: t.get(workload)["health"] == "healthy", 60, "healthy")
    t.exec(workload, "rm /ok")
    t.until(lambda: t.get(workload)["health"] == "unhealthy", 60, "unhealthy")
    t.back("kill")
    t.equal(t.get(workload)["health"], "unhealthy")
    t.exec(workload, "touch /ok")
    t.until(lambda: t.get(workload)["health"] == "healthy", 60, "healthy again")


@case("a volume outlives its workloads, and goes when nobody has it", "LC-13")
def _(t):
    mount = {"volume": "kept", "target": "/v"}
    t.output("echo kept words >/v/file", mounts=[mount])
    for name in t.made:
        t.thole.remove(name)
    t.made = []
    t.equal(t.output("cat /v/file; ! touch /v/x 2>/dev/null", mounts=[{**mount, "read_only": True}]), "kept words\n")
    volumes = os.listdir(os.path.join(t.thole.state, "backends", "box", "volumes"))
    t.equal(len(volumes), 1, volumes)


@case("twenty at once", "LC-13")
def _(t):
    results = []

    def one(number):
        results.append((number, t.logs(t.ended(f"echo {number}", timeout=60))))
    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.equal(sorted(results), [(number, f"{number}\n") for number in range(20)])


if __name__ == "__main__":
    main(Box)
