#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tholectl against a fake daemon (fake-daemon.py): parsing, outputs, exit codes, signals, completion, languages.

The program is THOLECTL, else the one in THOLE_BUILD. The last line is `N passed, N failed, N skipped`.
"""
import contextlib
import gettext
import http.client
import io
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unicodedata
import fcntl

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from tap import Checks, Skip, case, main  # noqa: E402

BUILD = os.path.abspath(os.environ.get("THOLE_BUILD", os.path.join(ROOT, "build")))
THOLECTL = os.environ.get("THOLECTL", os.path.join(BUILD, "cli", "tholectl"))
LOCALES = os.environ.get("THOLE_LOCALE_DIR", os.path.join(BUILD, "po"))
TOKEN = "secret-token"
ESCAPE = re.compile(r"\x1b")
COMMANDS = ("run ps show start stop restart kill pause unpause suspend unsuspend rm logs cp exec attach sessions play top events drivers backends "
            "images pull rmi operations cancel why reconcile orphans backup audit login logout whoami context user role group key settings quota secret version completion help").split()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out_bytes, self.err_bytes = code, out, err

    @property
    def out(self):
        return self.out_bytes.decode()

    @property
    def err(self):
        return self.err_bytes.decode()

    @property
    def json(self):
        return json.loads(self.out_bytes)


class World(Checks):
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-cli-")
        self.socket = os.path.join(self.folder, "s")
        self.port = free_port()
        self.daemon = None
        self.begin()
        self.count = 0

    def begin(self):
        self.daemon = subprocess.Popen([sys.executable, os.path.join(HERE, "fake-daemon.py"), self.socket, str(self.port), TOKEN],
                                       stdout=subprocess.PIPE)
        self.daemon.stdout.readline()

    def end(self):
        self.daemon.terminate()
        self.daemon.wait()
        self.daemon.stdout.close()

    def close(self):
        self.end()
        shutil.rmtree(self.folder)

    def environment(self, **more):
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(("THOLE_", "LC_", "LANG", "COLUMNS", "LINES")) and key != "TERM"}
        kept.update(THOLE_URL="unix:" + self.socket, LC_ALL="C.UTF-8", THOLE_LOCALE_DIR=LOCALES,
                    G_DEBUG="fatal-criticals")
        kept.update({key: value for key, value in more.items() if value is not None})
        for key, value in more.items():
            if value is None:
                kept.pop(key, None)
        return kept

    def run(self, *words, stdin=None, timeout=30, **environment):
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        result = subprocess.run([THOLECTL, *words], capture_output=True, timeout=timeout, check=False,
                                env=self.environment(**environment), **given)
        self.sane(result.stderr)
        return Result(result.returncode, result.stdout, result.stderr)

    def sane(self, text):
        if re.search(rb"Sanitizer|runtime error:|CRITICAL|WARNING \*\*", text):
            raise AssertionError(text.decode(errors="replace")[:3000])

    def good(self, *words, **more):
        result = self.run(*words, **more)
        if result.code != 0:
            raise AssertionError(f"{words} ended with {result.code}: {result.err}")
        return result

    def fake(self, what):
        connection = UnixConnection(self.socket)
        connection.request("GET", "/fake/" + what)
        reply = json.loads(connection.getresponse().read())
        connection.close()
        return reply

    def sent(self, method=None, path=None):
        """The requests since the last call, perhaps only some."""
        return [request for request in self.fake("requests")
                if method in (None, request["method"]) and (path is None or re.fullmatch(path, request["path"]))]

    def body(self, *words, code=0, **more):
        """What `run -d WORDS` posts."""
        self.fake("requests")
        result = self.run("run", "-d", *words, **more)
        self.equal((result.code, result.err if code == 0 else ""), (code, ""), "result")
        return self.sent("POST", "/v1/workloads")[0]["body"]

    def name(self):
        self.count += 1
        return f"t{os.getpid()}-{self.count}"

    def workload(self, image="sleep", *options):
        name = self.name()
        self.good("run", "-d", "--wait=running,stopped", "--name", name, *options, image)
        return name

    def state(self, name):
        return self.good("show", name, "-o", "json").json["state"]

    @contextlib.contextmanager
    def going(self, *words, **environment):
        process = subprocess.Popen([THOLECTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.environment(**environment))
        # what is waited for from it may never come
        limit = threading.Timer(60, process.kill)
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            if process.poll() is None:
                process.kill()
            process.communicate()

    def terminal(self, *words, keys=b"", wait_for=b"", columns=80, rows=24, timeout=20, after=None, **environment):
        """(code, what the terminal got): runs on a pseudo terminal; types @keys when @wait_for was seen."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen([THOLECTL, *words], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                                   start_new_session=True, env=self.environment(TERM="xterm", **environment),
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        seen, end, typed = b"", time.monotonic() + timeout, False
        while time.monotonic() < end:
            if not typed and (keys or after) and wait_for in seen:
                typed = True
                if keys:
                    os.write(master, keys)
                if after:
                    after(process)
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        if time.monotonic() >= end:
            process.kill()
        code = process.wait()
        os.close(master)
        self.sane(seen)
        return code, seen.decode(errors="replace").replace("\r\n", "\n")


# the command line itself -----------------------------------------------------------------------------------

@case("help names every command and ends with 0")
def _(t):
    result = t.good("--help")
    for command in COMMANDS:
        t.true(re.search(rf"^  {command} ", result.out, re.M), command)
    t.equal(result.err, "")
    t.equal(result.out, t.good("help").out)


@case("each command has a help of its own", each=COMMANDS)
def _(t, command):
    result = t.good(command, "--help")
    t.holds(result.out, f"tholectl {command}")
    t.equal(result.out, t.good("help", command).out)
    t.true(max(map(len, result.out.splitlines())) <= 80, "width of 80")


WRONG = {"no command": [], "unknown command": ["fly"], "unknown option": ["ps", "--fly"], "unknown letter": ["ps", "-Z"],
         "missing value": ["ps", "--state"], "value for a flag": ["ps", "--all=1"], "missing argument": ["stop"],
         "argument too many": ["ps", "x"], "empty argument": ["show", ""], "unknown format": ["ps", "-o", "xml"],
         "empty format": ["ps", "--output="], "no image": ["run"], "memory": ["run", "-m", "lots", "x"],
         "negative memory": ["run", "--memory=-1", "x"], "cpu": ["run", "--cpu", "many", "x"], "pids": ["run", "--pids", "-1", "x"],
         "port": ["run", "-p", "http", "x"], "port range": ["run", "-p", "70000", "x"], "port zero": ["run", "-p", "0", "x"],
         "protocol": ["run", "-p", "1/icmp", "x"], "volume": ["run", "-v", "data", "x"],
         "relative target": ["run", "-v", "data:here", "x"], "mount mode": ["run", "-v", "a:/b:rx", "x"],
         "restart": ["run", "--restart", "maybe", "x"], "env": ["run", "-e", "=x", "x"], "ttl": ["run", "--ttl", "soon", "x"],
         "rm with -d": ["run", "-d", "--rm", "x"], "start and no-start": ["run", "--start", "--no-start", "x"],
         "wait without -d": ["run", "--wait", "x"], "timeout without wait": ["run", "-d", "--timeout", "1", "x"],
         "unknown state": ["run", "-d", "--wait=flying", "x"], "no such file": ["run", "--json", "/nowhere", "x"],
         "tail": ["logs", "--tail", "many", "x"], "stream": ["logs", "--stream", "in", "x"], "exec without command": ["exec", "x"],
         "events tail without -f": ["events", "--tail"], "events tail and after": ["events", "-f", "--tail", "--after", "1"],
         "after": ["events", "--after", "x"], "shell": ["completion", "csh"], "help of nothing": ["help", "fly"],
         "url": ["--url", "ftp://x", "ps"], "empty unix url": ["--url", "unix:", "ps"],
         "token file": ["--token-file", "/nowhere", "ps"], "interval": ["top", "--interval", "x"],
         "interactive timeout": ["exec", "-i", "--timeout", "3", "x", "y"], "attach from": ["attach", "--from", "here", "x"],
         "speed": ["play", "--speed", "0", "x"], "read-only take": ["attach", "-r", "--take", "x"], "take shared": ["attach", "--shared", "--take", "x"],
         "record": ["exec", "--record", "x", "y"], "patience": ["attach", "--patience", "x", "y"],
         "rm timeout without wait": ["start", "--timeout", "3", "x"]}


@case("wrong use ends with 2 and says why", each=sorted(WRONG))
def _(t, what):
    result = t.run(*WRONG[what])
    t.equal((result.code, result.out), (2, ""))
    t.holds(result.err, "tholectl: ")
    t.true("\x1b" not in result.err, "plain text")


@case("options stand anywhere, -- ends them, letters cluster")
def _(t):
    name = t.workload()
    t.equal(t.good("-o", "name", "ps", "-n", name).out, name + "\n")
    t.equal(t.good("ps", f"-qn{name}", "--output=name").out, name + "\n")
    t.equal(t.good("show", "-o", "name", "--", name).out, name + "\n")
    t.equal(t.run("show", "--", "-x").code, 3)


@case("what follows the image belongs to the program")
def _(t):
    body = t.body("sleep", "--name", "x", "-e", "A=1", "--")
    t.equal(body["spec"]["args"], ["--name", "x", "-e", "A=1", "--"])
    t.true("name" not in body, "no name")
    t.equal(t.body("sleep", "--", "echo", "--", "-x")["spec"]["args"], ["echo", "--", "-x"])
    t.equal(t.good("exec", "--timeout", "5", t.workload(), "--", "show", "-x").json["command"], ["show", "-x"])


@case("run makes the whole spec from its options")
def _(t):
    name = t.name()
    body = t.body("--name", name, "--backend", "box", "-e", "A=1", "-e", "B=x=y", "-p", "80", "-p", "8080:81/udp", "-p",
                  "127.0.0.1:1:2", "-p", "[::1]:3:4", "-v", "/srv:/srv:ro", "-v", "data:/data", "-w", "/", "-u", "1:1",
                  "--memory", "64m", "--cpu", "0.5", "--pids", "99", "--label", "app=web", "-l", "x", "--restart",
                  "on-failure:3", "--network", "none", "--tty", "--stdin", "--pull", "never", "--ttl", "1h30m",
                  "--idle-timeout", "10m", "--hostname", "h", "--entrypoint", "/bin/sh", "sleep", "a", "b")
    t.equal(body, {"name": name, "backend": "box", "labels": {"app": "web", "x": ""}, "spec": {
        "image": "sleep", "args": ["a", "b"], "command": ["/bin/sh"], "env": {"A": "1", "B": "x=y"}, "working_dir": "/",
        "user": "1:1", "hostname": "h", "network": "none", "pull": "never", "tty": True, "stdin": True, "ttl": 5400.0,
        "idle_timeout": 600.0,
        "ports": [{"container": 80, "host": 0, "protocol": "tcp"}, {"container": 81, "host": 8080, "protocol": "udp"},
                  {"container": 2, "host": 1, "protocol": "tcp", "address": "127.0.0.1"},
                  {"container": 4, "host": 3, "protocol": "tcp", "address": "::1"}],
        "mounts": [{"source": "/srv", "target": "/srv", "read_only": True}, {"volume": "data", "target": "/data"}],
        "resources": {"memory": 64 << 20, "cpu": 0.5, "pids": 99}, "restart": {"policy": "on-failure", "max_retries": 3}}})


@case("a variable without a value is ours, one that is not set is left out")
def _(t):
    t.equal(t.body("-e", "MINE", "-e", "NOBODYS", "sleep", MINE="värde")["spec"]["env"], {"MINE": "värde"})


SIZES = {"4096": 4096, "1k": 1024, "512MiB": 512 << 20, "1.5g": 3 << 29, "2MB": 2000000, "1 GiB": 1 << 30, "0": 0}


@case("sizes are read as people write them", each=sorted(SIZES))
def _(t, text):
    t.equal(t.body("--memory", text, "sleep")["spec"]["resources"]["memory"], SIZES[text])


@case("a relative path of a mount becomes absolute")
def _(t):
    t.equal(t.body("-v", "./x/../y:/y", "sleep")["spec"]["mounts"][0]["source"], os.path.join(os.getcwd(), "y"))


@case("--json takes a spec or a whole body, and options add to it")
def _(t):
    path = os.path.join(t.folder, "spec.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"image": "sleep", "env": {"A": "1"}, "ports": [{"container": 1}], "resources": {"disk": 5}}, file)
    spec = t.body("--json", path, "-e", "B=2", "-p", "2", "--memory", "1k")["spec"]
    t.equal((spec["image"], spec["env"], spec["resources"]), ("sleep", {"A": "1", "B": "2"}, {"disk": 5, "memory": 1024}))
    t.equal([port["container"] for port in spec["ports"]], [1, 2])
    whole = json.dumps({"name": t.name(), "labels": {"a": "b"}, "spec": {"image": "talk"}}).encode()
    body = t.body("--json", "-", "sleep", stdin=whole)
    t.equal((body["labels"], body["spec"]["image"]), ({"a": "b"}, "sleep"))


@case("--json refuses what is not JSON and says where", each=["{", "[]", '{"a":1,"a":2}', ""])
def _(t, text):
    result = t.run("run", "--json", "-", stdin=text.encode())
    t.equal(result.code, 2)
    t.holds(result.err, "--json: ")


# run -------------------------------------------------------------------------------------------------------

@case("run follows the output and ends with the program's exit code", each=[0, 1, 3, 137])
def _(t, code):
    result = t.run("run", f"exit:{code}")
    t.equal((result.code, result.out, result.err), (code, "hello\n", "oops\n"))


@case("run shows the reason of a workload in error and ends with 1")
def _(t):
    result = t.run("run", "missing")
    t.equal((result.code, result.out), (1, ""))
    t.holds(result.err, "image_not_found")


@case("run writes bytes as they are")
def _(t):
    t.equal(t.good("run", "binary").out_bytes, b"\xff\x00\xfe\n")


@case("run follows a workload through a restart by its policy")
def _(t):
    t.equal(t.good("run", "--restart", "on-failure", "again").out, "first\nsecond\n")


@case("run loses and repeats nothing when its log is cut")
def _(t):
    t.equal(t.good("run", "cut").out, "".join(f"line {number}\n" for number in range(6)))


@case("run --rm removes it")
def _(t):
    name = t.name()
    t.equal(t.run("run", "--rm", "--name", name, "exit:2").code, 2)
    t.equal(t.run("show", name).code, 3)


@case("run -d prints the id, its name, or JSON")
def _(t):
    t.true(re.fullmatch(r"wl-\d+\n", t.good("run", "-d", "sleep").out), "an id")
    name = t.name()
    t.equal(t.good("run", "-d", "--name", name, "-o", "name", "sleep").out, name + "\n")
    t.equal(t.good("run", "-d", "--name", t.name(), "-o", "json", "sleep").json["spec"], {"image": "sleep"})


@case("run -d --wait waits for running, or for another state")
def _(t):
    t.equal(t.good("run", "-d", "--wait", "-o", "json", "sleep").json["state"], "running")
    t.equal(t.good("run", "-d", "--wait=crashed", "-o", "json", "exit:1").json["state"], "crashed")


@case("run -d --wait fails when it comes to rest elsewhere, and when time is over")
def _(t):
    result = t.run("run", "-d", "--wait", "missing")
    t.equal(result.code, 1)
    t.holds(result.err, "image_not_found")
    t.true(result.out.startswith("wl-"), "its id all the same")
    result = t.run("run", "-d", "--wait=stopped", "--timeout", "0.3", "sleep")
    t.equal(result.code, 1)
    t.holds(result.err, "did not reach")


@case("run --no-start only creates")
def _(t):
    name = t.name()
    t.good("run", "--no-start", "--name", name, "sleep")
    t.equal(t.state(name), "stopped")


def talking(t, *words):
    name = t.name()
    return name, t.going("run", "--name", name, *words)


@case("Ctrl-C stops the workload and the exit code is the program's")
def _(t):
    name, going = talking(t, "talk")
    with going as process:
        t.equal(process.stdout.readline(), b"tick 1\n")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        t.equal(process.returncode, 0)
        t.holds(err.decode(), "stopping it")
    t.equal(t.state(name), "stopped")


@case("a second Ctrl-C kills it")
def _(t):
    name, going = talking(t, "stubborn")
    with going as process:
        t.until(lambda: t.run("show", name).code == 0 and t.state(name) == "running")
        process.send_signal(signal.SIGTERM)
        t.until(lambda: t.state(name) == "stopping")
        t.equal(process.poll(), None)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        t.among(process.returncode, (137, 1))


@case("a third Ctrl-C leaves it alone")
def _(t):
    name, going = talking(t, "stubborn")
    with going as process:
        t.until(lambda: t.run("show", name).code == 0 and t.state(name) == "running")
        process.send_signal(signal.SIGINT)
        t.until(lambda: t.state(name) == "stopping")
        os.kill(t.daemon.pid, signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
        finally:
            os.kill(t.daemon.pid, signal.SIGCONT)
        t.equal(process.returncode, 1)
        t.holds(err.decode(), "left alone")


@case("run stops the workload when nobody reads its output any more")
def _(t):
    name, going = talking(t, "talk")
    with going as process:
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        process.wait(timeout=10)
    t.until(lambda: t.state(name) == "stopped")


# lists -----------------------------------------------------------------------------------------------------

@case("ps shows what runs, crashed and failed, not what is stopped; -a shows all")
def _(t):
    names = [t.workload("sleep"), t.name(), t.name()]
    t.run("run", "--name", names[1], "exit:1")
    t.run("run", "--name", names[2], "exit:0")
    shown = t.good("ps", "-o", "name").out.split()
    t.equal([name in shown for name in names], [True, True, False])
    t.true(set(names) <= set(t.good("ps", "-a", "-o", "name").out.split()), "all with -a")
    line = [line for line in t.good("ps").out.splitlines() if line.startswith(names[1])][0]
    t.holds(line, "crashed (1)")
    t.holds(line, "exited: exit code 1")


@case("ps filters by state, backend, label and name")
def _(t):
    first, second = t.workload("sleep", "-l", "kind=a"), t.workload("sleep", "-l", "kind=b", "-b", "far")
    t.equal(t.good("ps", "-o", "name", "-l", "kind=a").out, first + "\n")
    t.equal(t.good("ps", "-o", "name", "-l", "kind", "-l", "kind=b").out, second + "\n")
    t.equal(t.good("ps", "-o", "name", "--backend", "far", "-l", "kind").out, second + "\n")
    t.equal(t.good("ps", "-o", "name", "--name", first).out, first + "\n")
    t.equal(t.good("ps", "-o", "name", "--state", "paused,error", "-l", "kind").out, "")
    t.fake("requests")
    t.good("ps", "--label", "a b&c=ü")
    t.equal(t.sent()[0]["query"]["label"], ["a b&c=ü"])


@case("ps -q prints ids, with --output name names")
def _(t):
    name = t.workload()
    t.true(re.fullmatch(r"wl-\d+\n", t.good("ps", "-q", "-n", name).out), "an id")
    t.equal(t.good("ps", "-q", "-n", name, "--output", "name").out, name + "\n")


@case("lists are read to their last page, JSON is one array")
def _(t):
    names = [t.workload("sleep", "-l", "page") for _ in range(5)]
    found = t.good("ps", "-l", "page", "-o", "json").json
    t.equal([thing["name"] for thing in found], names)


@case("an empty list is a title, an empty array, nothing")
def _(t):
    t.equal(t.good("ps", "-l", "none").out.split()[:2], ["NAME", "ID"])
    t.equal(t.good("ps", "-l", "none", "-o", "json").out, "[]\n")
    t.equal(t.good("ps", "-l", "none", "-o", "name").out, "")


@case("ports and age are for people")
def _(t):
    name = t.workload("sleep", "-p", "127.0.0.1:8080:80", "-p", "[::1]:53:53/udp")
    line = t.good("ps", "-n", name).out.splitlines()[1]
    t.holds(line, "127.0.0.1:8080->80/tcp, [::1]:53->53/udp")
    t.true(re.search(r" 9\ds ", line), "its age")


@case("show describes every field, JSON is the object")
def _(t):
    name = t.workload("sleep", "-p", "80", "-e", "A=1")
    text = t.good("show", name).out
    for part in (f"name: {name}", "state: running", "spec:\n  ", "env:\n    A: 1", "- "):
        t.holds(text, part)
    t.equal(t.good("show", name, "-o", "json").json["name"], name)


@case("several arguments: each is done, each failure is told, the first one's code rules")
def _(t):
    first, second = t.workload(), t.workload()
    result = t.run("show", "-o", "name", first, "nobody", second, "forbidden")
    t.equal((result.code, result.out), (3, f"{first}\n{second}\n"))
    t.holds(result.err, "tholectl: nobody: No such object")
    t.holds(result.err, "tholectl: forbidden: ")


@case("drivers, backends, images and operations are listed", each=["drivers", "backends", "images", "operations"])
def _(t, command):
    t.good("pull", "demo")
    table = t.good(command).out.splitlines()
    t.true(len(table) >= 2 and table[0].isupper(), "a title and rows")
    t.true(isinstance(t.good(command, "-o", "json").json, list), "a JSON array")
    t.true(t.good(command, "-o", "name").out.strip(), "names")


@case("a refused driver and a backend that is away are shown with their reason")
def _(t):
    t.true(re.search(r"^odd +refused +\S+odd.so +its ABI is 7$", t.good("drivers").out, re.M), "the driver")
    t.true(re.search(r"^far +null +unavailable +connection refused$", t.good("backends").out, re.M), "the backend")
    t.holds(t.good("backends", "box").out, "engine: Demo Engine")
    t.equal(t.run("drivers", "none").code, 3)


@case("images prints every reference as a name; rmi removes one")
def _(t):
    t.equal(t.good("images", "-o", "name").out, "demo:latest\ndemo:1\n")
    t.equal(t.good("rmi", "demo:1").out, "demo:1\n")
    t.equal(t.run("rmi", "none").code, 3)


# verbs -----------------------------------------------------------------------------------------------------

@case("verbs do what they say", each=["stop", "pause", "kill", "restart", "suspend"])
def _(t, verb):
    name = t.workload()
    t.equal(t.good(verb, "--wait", name).out, name + "\n")
    goal = {"stop": "stopped", "pause": "paused", "kill": "stopped", "restart": "running", "suspend": "suspended"}[verb]
    t.equal(t.state(name), goal)
    back = {"stop": "start", "pause": "unpause", "suspend": "unsuspend"}.get(verb)
    if back:
        t.equal(t.good(back, "--wait", "-o", "json", name).json["state"], "stopped" if back == "unsuspend" else "running")


@case("stop and kill send their signal and grace")
def _(t):
    name = t.workload("stubborn")
    t.fake("requests")
    t.good("stop", "-s", "SIGHUP", "-t", "1m", name)
    t.equal(t.sent("POST")[0]["body"], {"signal": "SIGHUP", "grace": 60.0})
    t.good("kill", "--wait", name)
    t.equal(t.run("kill", name).code, 1)
    other = t.workload()
    t.fake("requests")
    t.good("kill", "-s", "USR1", other)
    t.equal(t.sent("POST")[0]["body"], {"signal": "USR1"})


@case("every POST carries its own Idempotency-Key")
def _(t):
    first, second = t.workload(), t.workload()
    t.fake("requests")
    t.good("stop", first, second)
    keys = {request["headers"].get("idempotency-key") for request in t.sent("POST")}
    t.equal((len(keys), None in keys), (2, False))


@case("an illegal transition tells both states and ends with 1")
def _(t):
    name = t.workload()
    result = t.run("unpause", name)
    t.equal(result.code, 1)
    t.holds(result.err, "not possible in state running")


@case("--wait that takes too long ends with 1")
def _(t):
    name = t.workload("stubborn")
    result = t.run("stop", "--wait", "--timeout", "0.3", name)
    t.equal(result.code, 1)
    t.holds(result.err, "not reached in time")


@case("rm refuses what runs, -f takes it, --wait waits")
def _(t):
    name = t.workload()
    t.equal(t.run("rm", name).code, 1)
    t.equal(t.good("rm", "-f", "--wait", name).out, name + "\n")
    t.equal(t.run("rm", name).code, 3)


@case("rm takes several and goes on after a failure")
def _(t):
    names = [t.workload() for _ in range(3)]
    result = t.run("rm", "-f", names[0], "nobody", *names[1:])
    t.equal((result.code, result.out.split()), (3, names))


@case("names are escaped in paths")
def _(t):
    t.fake("requests")
    t.run("show", "a/b?c=d#e%20ü")
    t.holds(json.dumps(t.sent()), "/v1/workloads/a%2Fb%3Fc%3Dd%23e%2520%C3%BC")


# logs, exec, events ----------------------------------------------------------------------------------------

@case("logs keeps stdout and stderr apart, and picks one")
def _(t):
    name = t.name()
    t.run("run", "--name", name, "exit:0")
    result = t.good("logs", name)
    t.equal((result.out, result.err), ("hello\n", "oops\n"))
    result = t.good("logs", "--stream", "stderr", name)
    t.equal((result.out, result.err), ("", "oops\n"))


@case("logs: tail, time stamps, JSON")
def _(t):
    name = t.name()
    t.run("run", "--name", name, "exit:0")
    t.equal(t.good("logs", "-n", "1", name).err, "oops\n")
    t.equal(t.good("logs", "-T", name).out, "2026-01-01T00:00:00.000Z hello\n")
    records = [json.loads(line) for line in t.good("logs", "-o", "json", name).out.splitlines()]
    t.equal([(record["stream"], record["text"]) for record in records], [("stdout", "hello\n"), ("stderr", "oops\n")])


@case("logs --since takes an age")
def _(t):
    name = t.workload()
    t.fake("requests")
    t.good("logs", "--since", "10m", "--until", "2026-01-01T00:00:00Z", name)
    query = t.sent("GET", ".*/logs")[0]["query"]
    t.true(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", query["since"][0]), query["since"])
    t.equal(query["until"], ["2026-01-01T00:00:00Z"])


@case("logs -f ends with the workload; without records it copies text")
def _(t):
    name = t.workload("talk")
    with t.going("logs", "-f", name) as process:
        process.stdout.readline()
        t.good("stop", name)
        process.communicate(timeout=10)
        t.equal(process.returncode, 0)
    t.run("run", "--name", "plain", "exit:0")
    t.equal(t.good("logs", "plain").out, "hello\noops\n")


@case("logs of nothing ends with 3")
def _(t):
    t.equal(t.run("logs", "nobody").code, 3)
    t.equal(t.run("logs", "-f", "nobody").code, 3)


@case("exec gives streams and the exit code of the command")
def _(t):
    name = t.workload()
    result = t.run("exec", name, "exit", "7")
    t.equal((result.code, result.out, result.err), (7, "out\n", "err\n"))
    t.equal(t.run("exec", name, "die").code, 128 + 15)


@case("exec sends its standard input, text or bytes", each=["ä text\n", "bytes"])
def _(t, text):
    name = t.workload()
    data = text.encode() if text != "bytes" else bytes(range(256))
    t.equal(t.good("exec", name, "cat", stdin=data).out_bytes, data)
    t.equal(t.good("exec", "-n", name, "cat", stdin=data).out_bytes, b"")


@case("exec refuses more than 1 MiB of input")
def _(t):
    t.equal(t.run("exec", t.workload(), "cat", stdin=b"x" * (1 << 20 | 1)).code, 2)


@case("exec sends environment, folder, user and time")
def _(t):
    seen = t.good("exec", "-e", "A=1", "-w", "/x", "-u", "0", "--timeout", "5", t.workload(), "show", "-e", "B").json
    t.equal(seen, {"command": ["show", "-e", "B"], "env": {"A": "1"}, "working_dir": "/x", "user": "0", "timeout": 5.0})


RECORDING = """{"version": 2, "width": 80, "height": 24, "timestamp": 1}
[0, "o", "first \\u001b[1mbold\\u001b[0m\\r\\n"]
[0.2, "i", "typed"]
[0.4, "o", "ä\\r\\n"]
[500, "o", "last"]
"""


@case("play writes what was recorded, in time")
def _(t):
    with tempfile.NamedTemporaryFile("w", suffix=".cast", encoding="utf-8") as file:
        file.write(RECORDING)
        file.flush()
        begin = time.monotonic()
        out = t.good("play", "--idle", "0.2", file.name).out_bytes
        t.equal(out.decode(), "first \x1b[1mbold\x1b[0m\r\nä\r\nlast")
        t.true(time.monotonic() - begin >= 0.4, "its pauses")
        t.equal(t.good("play", "-s", "1000", file.name).out_bytes, out)
        code, seen = t.terminal("play", file.name, wait_for="ä".encode(), after=lambda process: process.send_signal(signal.SIGINT))
        t.equal(code, 130)
        t.holds(seen, "\x1b[?25h")


NO_RECORDING = {"empty": "", "text": "hello", "version 1": '{"version": 1}', "an event that is none": '{"version": 2}\n[1]',
                "not JSON": '{"version": 2}\n[1, "o"'}


@case("play says what is no recording", each=sorted(NO_RECORDING))
def _(t, what):
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(NO_RECORDING[what])
        file.flush()
        result = t.run("play", file.name)
        t.equal((result.code, result.out), (1, ""))
        t.holds(result.err, "line")


@case("play of nothing ends with 3")
def _(t):
    t.equal(t.run("play", "/nowhere").code, 3)


@case("exec tells that output was cut, and that the workload does not run")
def _(t):
    name = t.workload()
    t.holds(t.good("exec", name, "lots").err, "longer than 1 MiB")
    t.good("stop", "--wait", name)
    t.equal(t.run("exec", name, "cat").code, 1)


@case("events lists all pages, and only some types")
def _(t):
    t.workload()
    events = [json.loads(line) for line in t.good("events", "-o", "json").out.splitlines()]
    t.equal([event["seq"] for event in events], list(range(1, len(events) + 1)))
    after = len(events) - 1
    t.equal(t.good("events", "--after", str(after), "-o", "name").out, f"{len(events)}\n")
    made = t.good("events", "--type", "workload.created").out.splitlines()
    t.equal(len(made), sum(event["type"] == "workload.created" for event in events))


def read_numbers(process, count):
    return [json.loads(process.stdout.readline())["seq"] for _ in range(count)]


@case("events -f resumes after lost connections without gap or doubling")
def _(t):
    start = t.fake("event")["events"]
    with t.going("events", "-f", "--after", str(start), "-o", "json") as process:
        numbers = []
        for _ in range(8):
            for _ in range(3):
                t.fake("event")
            numbers += read_numbers(process, 3)
            t.fake("drop")
        t.equal(numbers, list(range(start + 1, start + 25)))
    t.true(any(request["headers"].get("last-event-id") == str(start + 3) for request in t.sent("GET", "/v1/events")),
           "Last-Event-ID")


@case("events -f --tail begins with what is new, even when its first connection is lost")
def _(t):
    start = t.fake("event")["events"]
    with t.going("events", "-f", "--tail", "-o", "json") as process:
        t.until(lambda: any("text/event-stream" in request["headers"]["accept"] for request in t.sent("GET", "/v1/events")))
        t.fake("drop")
        t.fake("event")
        t.equal(read_numbers(process, 1), [start + 1])


@case("events -f outlives a restart of the daemon")
def _(t):
    start = t.fake("event")["events"]
    with t.going("events", "-f", "--after", str(start), "-o", "json") as process:
        t.fake("event")
        t.equal(read_numbers(process, 1), [start + 1])
        t.end()
        t.begin()
        for _ in range(start + 3):
            t.fake("event")
        t.equal(read_numbers(process, 2), [start + 2, start + 3])


@case("events begins with the oldest kept, and says so when the number asked for is gone")
def _(t):
    for _ in range(3):
        t.fake("event")
    kept = t.fake("forget")["events"]
    t.fake("event")
    t.equal(t.good("events", "-o", "name").out.split()[0], str(kept + 1))
    result = t.run("events", "--after", "0")
    t.equal(result.code, 3)
    t.holds(result.err, "no longer kept")


# pull, operations ------------------------------------------------------------------------------------------

@case("pull prints plain lines elsewhere and the image at its end")
def _(t):
    result = t.good("pull", "demo")
    t.equal(result.out, "demo\n")
    t.holds(result.err, "pulling demo")
    t.true(not ESCAPE.search(result.err) and "\r" not in result.err, "plain lines")


@case("pull of what is missing ends with 3 and the engine's words")
def _(t):
    result = t.run("pull", "missing")
    t.equal((result.code, result.out), (3, ""))
    t.holds(result.err, "No such image: no such image: missing")


@case("pull sends backend, user and password")
def _(t):
    t.fake("requests")
    t.good("pull", "-b", "box", "--username", "me", "--password-stdin", "demo", stdin=b"pass word\n")
    t.equal(t.sent("POST")[0]["body"], {"image": "demo", "backend": "box", "username": "me", "password": "pass word"})
    t.equal(t.run("pull", "--password-stdin", "demo", stdin=b"").code, 2)


@case("Ctrl-C cancels a pull")
def _(t):
    with t.going("pull", "endless") as process:
        t.until(lambda: t.sent("POST", "/v1/images/pull"))
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    t.equal((process.returncode, out), (1, b""))
    t.holds(err.decode(), "cancelled")
    t.true(any(op["state"] == "cancelled" for op in t.good("operations", "-o", "json").json), "it is cancelled")


@case("pull -d prints the operation, which can be cancelled once")
def _(t):
    name = t.good("pull", "-d", "endless").out.strip()
    t.equal(t.good("cancel", name).out, name + "\n")
    t.until(lambda: t.good("operations", name, "-o", "json").json["state"] == "cancelled")
    t.equal(t.run("cancel", name).code, 1)


@case("a terminal gets a progress bar")
def _(t):
    code, seen = t.terminal("pull", "slow")
    t.equal(code, 0)
    t.holds(seen, "\r")
    t.true(re.search(r"\[#+\.*\] +\d+%", seen), "a bar")
    t.true(seen.rstrip("\n").endswith("slow"), "the image at the end")


# top, terminal, languages ------------------------------------------------------------------------------------

@case("top --once prints a table, JSON the samples")
def _(t):
    name = t.workload()
    line = [line for line in t.good("top", "--once").out.splitlines() if line.startswith(name)][0]
    t.equal(line.split()[1:8], ["running", "25.0%", "12.0", "MiB", "64.0", "MiB", "3"])
    t.true(any(sample["name"] == name and sample["pids"] == 3 for sample in t.good("top", "-o", "json").json), "a sample")


@case("top renews its page until q and leaves the terminal as it was")
def _(t):
    name = t.workload()
    code, seen = t.terminal("top", "--interval", "0.2", keys=b"q", wait_for=b"q quits", columns=160)
    t.equal(code, 0)
    t.holds(seen, name)
    t.true(seen.rstrip().endswith("\x1b[?25h\x1b[?1049l"), "the cursor is back")


@case("top ends with a signal, too, and gives the terminal back")
def _(t):
    code, seen = t.terminal("top", wait_for=b"q quits", after=lambda process: process.send_signal(signal.SIGTERM))
    t.equal(code, 0)
    t.true(seen.rstrip().endswith("\x1b[?25h\x1b[?1049l"), "the cursor is back")


@case("top keeps to its page")
def _(t):
    for _ in range(12):
        t.workload()
    _, seen = t.terminal("top", keys=b"q", wait_for=b"more", rows=10)
    page = seen.split("\x1b[H")[1].split("\x1b[J")[0]
    t.equal(page.count("\n"), 9)
    t.true(re.search(r"and \d+ more", page), "it says that there are more")


@case("a narrow terminal cuts with an ellipsis, never in the middle of a line", each=[60, 80, 200])
def _(t, columns):
    name = t.name()
    t.run("run", "--name", name, "-l", f"narrow{columns}", "-p", "127.0.0.1:8080:80", "-p", "127.0.0.1:8081:81", "exit:1")
    _, seen = t.terminal("ps", "-l", f"narrow{columns}", columns=columns)
    lines = seen.splitlines()
    t.equal(len(lines), 2)
    t.true(max(map(len, lines)) <= columns, f"lines of {max(map(len, lines))}")
    t.equal("…" in seen, columns < 120)
    t.true(not ESCAPE.search(seen), "no colour")
    t.true("127.0.0.1:8080->80/tcp, 127.0.0.1:8081->81/tcp" in t.good("ps", "-l", f"narrow{columns}").out, "whole elsewhere")


@case("JSON is indented on a terminal, one line elsewhere")
def _(t):
    _, seen = t.terminal("version", "-o", "json")
    t.equal(seen.count("\n") > 3, True)
    t.equal(json.loads(seen)["server"]["version"], "9.9.9")
    t.equal(t.good("version", "-o", "json").out.count("\n"), 1)


@case("control characters of others do not reach the terminal")
def _(t):
    result = t.run("show", "broken")
    t.equal(result.code, 1)
    t.holds(result.err, "it is broken\\x1b[31m")


@case("in the C locale texts are ASCII and JSON is UTF-8")
def _(t):
    name = t.workload("sleep", "-l", "ort=Köln")
    result = t.good("show", name, LC_ALL="C")
    t.holds(result.out, "ort: K?ln")
    t.holds(t.good("show", name, "-o", "json", LC_ALL="C").out, "Köln")
    t.equal(t.body("-l", "ort=Köln", "sleep", LC_ALL="C")["labels"], {"ort": "Köln"})
    t.equal(t.run("fly", LC_ALL="C").err_bytes.decode("ascii").count('"fly"'), 1)
    for language in ("de", "zh_CN"):
        # the C library speaks English there, whatever LANGUAGE says
        t.equal(t.run("fly", LC_ALL="C", LANGUAGE=language).err_bytes, t.run("fly", LC_ALL="C").err_bytes)


def columns(text):
    """Where the words of a line begin on a terminal, two blanks apart."""
    at, begin, places = 0, True, []
    for index, character in enumerate(text):
        if character != " " and begin:
            places.append(at)
        begin = text[max(0, index - 1):index + 1] == "  "
        at += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return places


@case("columns stand below each other, whatever is in them", each=["en", "zh_CN", "C"])
def _(t, language):
    for image in ("sleep", "日本語イメージ", "Köln"):
        t.workload(image)
    for command in (("ps", "-a"), ("backends",)):
        result = t.good(*command, **({"LC_ALL": "C"} if language == "C" else {"LANGUAGE": language}))
        head, *rows = result.out.splitlines()
        for row in rows:
            t.equal([place for place in columns(row) if place not in columns(head)], [], f"places of {row!r} below {head!r}")


@case("messages are German with LANGUAGE=de, names and JSON stay")
def _(t):
    if not os.path.exists(os.path.join(LOCALES, "de", "LC_MESSAGES", "thole.mo")):
        raise Skip("the translations are not built")
    t.holds(t.good("--help", LANGUAGE="de").out, "Aufruf: tholectl")
    t.holds(t.run("fly", LANGUAGE="de").err, "unbekannter Befehl")
    t.equal(t.good("version", "-o", "json", LANGUAGE="de").out, t.good("version", "-o", "json").out)


@case("messages are Chinese with LANGUAGE=zh_CN, with one plural form")
def _(t):
    if not os.path.exists(os.path.join(LOCALES, "zh_CN", "LC_MESSAGES", "thole.mo")):
        raise Skip("the translations are not built")
    t.holds(t.good("--help", LANGUAGE="zh_CN").out, "用法：tholectl")
    t.holds(t.run("fly", LANGUAGE="zh_CN").err, "未知命令“fly”")
    name = t.workload("sleep")
    t.holds(t.run("stop", name, "--wait=error", "--timeout=1", LANGUAGE="zh_CN").err, "用时过长")
    forms = {"zh_CN": ["%u 个工作负载；按 q 退出"] * 2, "de": ["%u Workload; q beendet", "%u Workloads; q beendet"]}
    for language, wanted in forms.items():
        with open(os.path.join(LOCALES, language, "LC_MESSAGES", "thole.mo"), "rb") as file:
            texts = gettext.GNUTranslations(file)
        t.equal([texts.ngettext("%u workload; q quits", "%u workloads; q quits", number) for number in (1, 2)], wanted)
    t.equal(t.good("version", "-o", "json", LANGUAGE="zh_CN").out, t.good("version", "-o", "json").out)


# reaching the daemon -----------------------------------------------------------------------------------------

@case("version tells both; without a daemon its own and 5")
def _(t):
    t.equal(t.good("version").out.splitlines()[1], "Server: 9.9.9")
    t.true(re.fullmatch(r"tholectl \d+\.\d+\.\d+\n", t.good("--version").out), "its own version")
    result = t.run("version", THOLE_URL="unix:/nowhere/s")
    t.equal((result.code, result.out.count("\n")), (5, 1))


@case("exit codes: 1 failed, 3 not found, 4 denied, 5 unreachable", each=["broken 1", "busy 1", "nobody 3", "forbidden 4", "away 5"])
def _(t, what):
    name, code = what.split()
    t.equal(t.run("show", name).code, int(code))
    t.equal(t.run("stop", name).code, int(code))


@case("no daemon: 5, with its address and the cause", each=["socket", "port"])
def _(t, what):
    url = "unix:" + os.path.join(t.folder, "none") if what == "socket" else f"http://127.0.0.1:{free_port()}"
    result = t.run("--url", url, "ps")
    t.equal(result.code, 5)
    t.holds(result.err, url)


@case("a socket without permission: 4")
def _(t):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    os.chmod(t.socket, 0o600)
    os.chmod(t.folder, 0o755)
    program = shutil.copy(THOLECTL, os.path.join(t.folder, "tholectl"))
    libraries = os.path.join(BUILD, "sdk")
    result = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", program, "ps"], capture_output=True,
                            env=t.environment(LD_LIBRARY_PATH=libraries), check=False)
    if b"error while loading shared libraries" in result.stderr:
        raise Skip("the library of the build folder cannot be read by others")
    t.equal(result.returncode, 4)
    t.holds(result.stderr.decode(), "no permission")


@case("every wrong field is told on a line of its own")
def _(t):
    result = t.run("run", "-d", "-u", "bad user", "-w", "here", "x")
    t.equal(result.code, 1)
    t.holds(result.err, "Invalid input: 2 fields are wrong\n  /spec/user: not a user\n  /spec/working_dir: must be")


@case("a name that is taken: 1")
def _(t):
    name = t.workload()
    result = t.run("run", "-d", "--name", name, "sleep")
    t.equal(result.code, 1)
    t.holds(result.err, "is taken")


@case("TCP with a token from a file or THOLE_TOKEN; without one 4")
def _(t):
    url = f"http://127.0.0.1:{t.port}"
    path = os.path.join(t.folder, "token")
    with open(path, "w", encoding="utf-8") as file:
        file.write(TOKEN + "\n")
    t.good("--url", url, "--token-file", path, "version")
    t.good("version", THOLE_URL=url, THOLE_TOKEN=TOKEN)
    result = t.run("--url", url, "ps")
    t.equal(result.code, 4)
    t.holds(result.err, "No valid credential")


@case("the socket of a user is found through XDG_RUNTIME_DIR, root's is the system's")
def _(t):
    result = t.run("ps", THOLE_URL=None, XDG_RUNTIME_DIR="/nowhere/run")
    expected = "/run/thole/thole.sock" if os.geteuid() == 0 else "/nowhere/run/thole/thole.sock"
    t.equal(result.code, 5)
    t.holds(result.err, "unix:" + expected)


@case("an answer that is no HTTP, cut or no JSON fails with one line", each=["garbage", "nothing", "no json", "wrong json", "deep"])
def _(t, what):
    answers = {"garbage": b"hello\r\n\r\n", "nothing": b"", "deep": b"[" * 100000,
               "no json": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
               "wrong json": b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"x"'}
    if what == "deep":
        answers[what] = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + answers[what]
    path = os.path.join(t.folder, "odd")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(8)
    server.settimeout(0.1)
    over = threading.Event()

    def serve():
        while not over.is_set():
            try:
                peer, _ = server.accept()
            except TimeoutError:
                continue
            peer.recv(65536)
            peer.sendall(answers[what])
            peer.close()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        result = t.run("ps", THOLE_URL="unix:" + path)
        shown = t.run("show", "x", THOLE_URL="unix:" + path)
    finally:
        over.set()
        thread.join()
        server.close()
        os.unlink(path)
    t.among(result.code, (1, 5))
    t.among(shown.code, (1, 5))
    t.equal(result.err.count("\n"), 1, "lines")


# completion, man page ----------------------------------------------------------------------------------------

def complete(t, *words, cursor=None):
    """What bash offers at the end of the words."""
    script = ('source <("$TOOL" completion bash); tholectl () { "$TOOL" "$@"; }; COMP_WORDS=(tholectl "$@"); '
              f'COMP_CWORD={cursor if cursor is not None else "$#"}; _tholectl; printf "%s\\n" "${{COMPREPLY[@]}}"')
    result = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=False,
                            env=t.environment(TOOL=THOLECTL))
    t.equal(result.stderr, "")
    return result.stdout.split()


@case("bash completes commands, options, choices")
def _(t):
    t.equal(complete(t, ""), COMMANDS)
    t.equal(complete(t, "unp"), ["unpause"])
    t.holds(complete(t, "ps", "--"), "--backend")
    t.equal(complete(t, "ps", "--output", ""), ["table", "json", "name"])
    t.equal(complete(t, "ps", "--output", "=", "j"), ["json"])
    t.equal(complete(t, "-o", "json", "res"), ["restart"])
    t.equal(complete(t, "--url", "=", "unix:/x", "pul"), ["pull"])
    t.equal(complete(t, "run", "--pull", "a"), ["always"])
    t.equal(complete(t, "completion", ""), ["bash", "zsh", "fish"])
    t.equal(complete(t, "help", "rm"), ["rm", "rmi"])


@case("bash completes names of workloads, backends and images by asking tholectl")
def _(t):
    name = t.workload()
    t.equal(complete(t, "stop", name[:-1]).count(name), 1)
    t.equal(complete(t, "run", "-b", ""), ["box", "far"])
    t.equal(complete(t, "rmi", "demo"), ["demo:latest", "demo:1"])
    t.equal(complete(t, "run", "--name", ""), [])
    t.holds(complete(t, "run", "--json", THOLECTL[:-1]), THOLECTL)


@case("completion scripts are read by their shells", each=["bash", "zsh", "fish"])
def _(t, shell):
    if not shutil.which(shell):
        raise Skip(f"{shell} is not installed")
    script = t.good("completion", shell).out_bytes
    result = subprocess.run([shell, "-n"], input=script, capture_output=True, check=False)
    t.equal((result.returncode, result.stderr), (0, b""))


@case("fish offers commands and names")
def _(t):
    if not shutil.which("fish"):
        raise Skip("fish is not installed")
    name = t.workload()
    path = os.path.join(t.folder, "tholectl.fish")
    with open(path, "wb") as file:
        file.write(t.good("completion", "fish").out_bytes)
    bin_folder = os.path.dirname(THOLECTL)
    result = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C'tholectl unp'; complete -C'tholectl stop {name[:-1]}'"],
                            capture_output=True, text=True, check=False,
                            env=t.environment(HOME=t.folder, PATH=bin_folder + ":" + os.environ["PATH"]))
    t.holds(result.stdout, "unpause\tThaw")
    t.holds(result.stdout, name)


@case("the man page holds every command and option, and groff likes it")
def _(t):
    page = t.good("help", "--man").out
    for command in COMMANDS:
        t.holds(page, f".SS tholectl {command}")
        for option in re.findall(r"--([a-z-]+)", t.good(command, "--help").out.split("Options of every command")[0]):
            if f"tholectl {command}" in page and option not in ("use",):
                t.holds(page, "\\-\\-" + option.replace("-", "\\-"))
    if shutil.which("groff"):
        result = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, check=False)
        t.equal(result.stderr, "")


class Counting(io.TextIOBase):
    """Passes the TAP on and counts it."""

    def __init__(self, to):
        self.to, self.text = to, ""

    def write(self, text):
        self.text += text
        return self.to.write(text)

    def flush(self):
        self.to.flush()


counting = Counting(sys.stdout)
code = 0
with contextlib.redirect_stdout(counting):
    try:
        main(World)
    except SystemExit as end:
        code = end.code
failed = len(re.findall(r"^not ok ", counting.text, re.M))
skipped = len(re.findall(r"^ok .*# SKIP", counting.text, re.M))
passed = len(re.findall(r"^ok ", counting.text, re.M)) - skipped
if "--list" not in sys.argv:
    print(f"# {passed} passed, {failed} failed, {skipped} skipped")
sys.exit(code)
