# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private Docker Engine, a registry on loopback and a tholed on them: what the tests against a real engine share."""
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.parse
import warnings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from daemon import BUILD, Client, Daemon, free_port, sanitized  # noqa: E402,F401
from tap import Checks, Skip, case, main  # noqa: E402,F401

SCRIPT = os.path.join(ROOT, "tests", "dockerd.sh")
IMAGE = "thole/busybox:latest"
# the one that needs nothing of its container: a build with sanitizers makes it beside its own
AGENT = os.path.join(BUILD, "agent", "thole-agent-alone")
if not os.path.exists(AGENT):
    AGENT = os.path.join(BUILD, "agent", "thole-agent")


class Dockerd(Client):
    """dockerd in a private folder; requests go straight to the Engine API."""

    def __init__(self, directory, flags=()):
        super().__init__(path=os.path.join(directory, "docker.sock"))
        self.directory, self.flags = directory, list(flags)
        self.url = f"unix://{self.path}"

    def script(self, *words):
        done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, timeout=180, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        said = self.script("start", self.directory, *self.flags)
        self.networked = "network none" not in said
        return self

    def stop(self):
        self.script("stop", self.directory)

    @property
    def pid(self):
        with open(os.path.join(self.directory, "pid"), encoding="ascii") as file:
            return int(file.read())

    def kill(self, number=signal.SIGKILL):
        """kill -9 of dockerd alone: containerd and the shims live on."""
        pid = self.pid
        os.kill(pid, number)
        while os.path.exists(f"/proc/{pid}"):
            time.sleep(0.02)

    def end(self):
        """Asks dockerd to end; what lives on by live-restore keeps its mounts."""
        self.kill(signal.SIGTERM)

    def make_image(self, name, *files):
        self.script("image", self.url, name, *files)

    def containers(self, label="org.thole.id", everything=True):
        filters = urllib.parse.quote(json.dumps({"label": [label]}))
        return self.get(f"/containers/json?all={int(everything)}&filters={filters}").expect(200).json

    def container(self, workload):
        """The engine's own description of a workload's container."""
        found = [c for c in self.containers(f"org.thole.id={workload['id']}") if c["Labels"].get("org.thole.role", "main") == "main"]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} containers of {workload['id']}")
        return self.get(f"/containers/{found[0]['Id']}/json").expect(200).json

    def remove(self, container_id):
        self.delete(f"/containers/{container_id}?force=1&v=1").expect(204, 404, 409)


class Registry:
    """docker-registry (Debian's package) on loopback, optionally with a password."""

    def __init__(self, directory, user=None, password=None):
        self.directory, self.user, self.password = directory, user, password
        self.port = free_port()
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        if not shutil.which("docker-registry"):
            raise Skip("docker-registry is not installed")
        os.makedirs(self.directory, exist_ok=True)
        config = {"version": 0.1, "log": {"level": "error"}, "http": {"addr": self.address},
                  "storage": {"filesystem": {"rootdirectory": os.path.join(self.directory, "data")}}}
        if self.user:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import crypt
                secret = crypt.crypt(self.password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=2 ** 5))
            with open(os.path.join(self.directory, "htpasswd"), "w", encoding="ascii") as file:
                file.write(f"{self.user}:{secret.replace('$2b$', '$2y$')}\n")
            config["auth"] = {"htpasswd": {"realm": "test", "path": os.path.join(self.directory, "htpasswd")}}
        path = os.path.join(self.directory, "config.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)  # JSON is YAML
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", path], stdout=log, stderr=log)
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError("docker-registry does not serve")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


class HeldWire:
    """Passes TCP on to a port, so many bytes of a connection a second towards the client, and so many at all until it is stopped:
    what is pulled over it tells of its progress, and does not end."""

    def __init__(self, port, rate, size):
        self.target, self.rate, self.size = port, rate, size
        self.stopped = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            threading.Thread(target=self.copy, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, self.size), daemon=True).start()

    def copy(self, source, sink, left):
        try:
            while data := source.recv(8192 if left is None else min(8192, left)):
                sink.sendall(data)
                if left is not None:
                    left -= len(data)
                    time.sleep(len(data) / self.rate)
                    if left == 0:
                        self.stopped.wait()
                        return
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self.stopped.set()
        self.listener.close()


class Bench(Checks):
    """What a case gets: an engine, a daemon on it, and short words for both."""

    settings = {"http.max_body": "67108864"}
    flags = ()  # of dockerd

    def __init__(self):
        if os.getuid() != 0:
            raise Skip("a private dockerd needs root")
        if not shutil.which("dockerd"):
            raise Skip("dockerd is not installed (package docker.io)")
        self.directory = tempfile.mkdtemp(prefix="thole-engine-")
        self.made = []
        self.engine = Dockerd(os.path.join(self.directory, "engine"), self.flags)
        self.thole = None
        try:
            self.engine.start()
            self.engine.make_image(IMAGE)
            self.thole = self.daemon()
            self.thole.start()
            self.wait_ready()
        except Exception:
            self.close()
            raise

    def daemon(self, name="thole"):
        directory = os.path.join(self.directory, name)
        os.makedirs(directory, exist_ok=True)
        backends = {"docker": {"driver": "docker", "url": self.engine.url, "default": "true"}}
        return Daemon(backends, self.settings, directory)

    def until(self, condition, seconds=60, what="the condition", pause=0.05):
        """A real engine takes its time where the machine has little of it."""
        return super().until(condition, seconds, what, pause)

    def wait_ready(self, seconds=60):
        self.until(lambda: self.backend()["state"] == "ready", seconds, "the backend's state `ready`", 0.05)

    def backend(self):
        return self.thole.get("/v1/backends/docker").expect(200).json

    def volume(self, name):
        """A volume as the driver would make it: no operation offers that over HTTP."""
        probe = self.thole.create(self.spec("true"))
        instance = self.engine.container(probe)["Config"]["Labels"]["org.thole.instance"]
        self.thole.remove(probe)
        self.engine.post("/volumes/create", {"Name": f"thole-{instance[:8]}-{name}", "Labels": {
            "org.thole.instance": instance, "org.thole.id": name}}).expect(201)
        return [{"volume": name, "target": "/v"}]

    # workloads -------------------------------------------------------------------------------------

    def spec(self, command=None, **spec):
        spec.setdefault("image", IMAGE)
        spec.setdefault("pull", "never")
        spec.setdefault("stop", {"grace": 1})
        if isinstance(command, str):
            command = ["sh", "-c", command]
        if command:
            spec["command"] = command
        return spec

    def run(self, command="sleep 1000", wait="running,crashed,error,stopped", body=None, **spec):
        """A workload of busybox; it is removed after the case."""
        workload = self.thole.create(self.spec(command, **spec), wait=wait, **(body or {}))
        self.made.append(workload["id"])
        return workload

    def ended(self, command, timeout=60, **spec):
        """A workload whose program has come to its end."""
        return self.thole.wait(self.run(command, **spec), "stopped,crashed,error", timeout)

    # a program that waits until it is let on: gate() for its shell, let_on() for the test
    @staticmethod
    def gate(name="go"):
        return f"until [ -e /tmp/{name} ]; do sleep 0.05; done"

    def let_on(self, workload, name="go"):
        self.equal(self.exec(workload, ["touch", f"/tmp/{name}"])["exit_code"], 0, f"the exit code of touch in {workload['id']}")

    def rested_log(self, workload, looks=10):
        """Its log, once it stands still for so many looks on end."""
        seen, same = None, 0
        while same < looks:
            now = self.logs(workload)
            seen, same = now, same + 1 if now == seen else 0
            time.sleep(0.05)
        return seen

    def get(self, workload):
        return self.thole.get(f"/v1/workloads/{workload['id']}").expect(200).json

    def verb(self, workload, verb, body=None, wait=None, timeout=60, status=(200, 202)):
        path = f"/v1/workloads/{workload['id']}/{verb}"
        if wait:
            path += f"?wait={wait}&timeout={timeout}"
        return self.thole.post(path, body, timeout=timeout + 30).expect(*status).json

    def logs(self, workload, query=""):
        return self.thole.get(f"/v1/workloads/{workload['id']}/logs{query}").expect(200).text

    def output(self, command, **spec):
        """The log of a program that ended with 0."""
        workload = self.ended(command, **spec)
        if workload["exit_code"] != 0:
            raise AssertionError(f"it ended as {workload}: {self.logs(workload)}")
        return self.logs(workload)

    def exec(self, workload, command, status=(200,), **body):
        if isinstance(command, str):
            command = ["sh", "-c", command]
        reply = self.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": command, **body}).expect(*status)
        return reply.json

    def states(self, workload, after=0):
        """The states that events told of a workload, in their order."""
        return [event["data"]["state"] for event in self.thole.events(after)
                if event["subject"] == workload["id"] and event["type"] == "workload.state"]

    def last_event(self):
        events = self.thole.events()
        return events[-1]["seq"] if events else 0

    def dense(self):
        """Every stored event, after a check that their numbers have no gap."""
        events = self.thole.events()
        numbers = [event["seq"] for event in events]
        self.equal(numbers, list(range(1, len(numbers) + 1)), "the events' numbers")
        return events

    def same_as_engine(self, seconds=60):
        """Each workload has exactly one container and each container of ours a workload; the states agree, as soon as news are known."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.compare_with_engine()
                return
            except AssertionError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def compare_with_engine(self):
        workloads = {w["id"]: w for w in self.thole.listed("/v1/workloads")}
        containers = {}
        for container in self.engine.containers():
            containers.setdefault(container["Labels"]["org.thole.id"], []).append(container)
        doubled = [name for name, found in containers.items() if len(found) > 1]
        self.equal(doubled, [], "workloads with two containers")
        self.equal(sorted(set(containers) - set(workloads)), [], "containers without a workload")
        fits = {"running": {"running"}, "paused": {"paused"}, "exited": {"stopped", "crashed", "suspended"},
                "created": {"stopped", "error"}, "dead": {"error"}}
        for name, found in containers.items():
            self.among(workloads[name]["state"], fits[found[0]["State"]], f"the state of {name} ({found[0]['State']})")
        for name in set(workloads) - set(containers):
            self.among(workloads[name]["state"], {"error"}, f"the state of {name}, which has no container")

    def settle(self, seconds=60):
        """Waits until no workload is on its way any more."""
        moving = {"provisioning", "installing", "starting", "stopping", "deleting", "transferring"}
        self.until(lambda: not [w for w in self.thole.listed("/v1/workloads") if w["state"] in moving], seconds,
                   "rest of all workloads")

    def after(self):
        """After each case: what it made goes."""
        made, self.made = self.made, []
        for name in made:
            self.thole.remove(name)

    def close(self):
        try:
            if self.thole:
                self.thole.close()
        finally:
            self.engine.stop()
            shutil.rmtree(self.directory, ignore_errors=True)


def layer(files):
    """A tar archive of {path: bytes}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()
