#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tholectl and tholed together, on a memory engine that outlives the daemon. cli/tests has what needs no daemon."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile

from daemon import THOLECTL, Daemon
from tap import Checks, case, main

IMAGE = "demo:1"
BAD = re.compile(r"Sanitizer|runtime error:|CRITICAL")


class World(Checks):
    def __init__(self):
        self.thole = Daemon({"box": {"driver": "memory", "default": "true"}})
        self.thole.backends["box"]["state_file"] = os.path.join(self.thole.directory, "engine")
        self.thole.backends["slow"] = {"driver": "memory", "pull_ms": "3000"}
        self.thole.start()
        self.count = 0

    def close(self):
        self.thole.close()

    def environment(self, **more):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("THOLE_", "LC_", "LANG"))}
        return {**kept, "THOLE_URL": "unix:" + self.thole.path, "LC_ALL": "C.UTF-8", "TERM": "dumb", **more}

    def run(self, *words, stdin=None, code=0, **environment):
        """The finished command; it must end with `code` (None: any)."""
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        result = subprocess.run([THOLECTL, *words], capture_output=True, text=True, timeout=90, check=False,
                                env=self.environment(**environment), **given)
        if BAD.search(result.stderr) or code not in (None, result.returncode):
            raise AssertionError(f"tholectl {words} ended with {result.returncode}: {result.stdout[-500:]} {result.stderr[-2000:]}")
        return result

    def going(self, *words):
        return subprocess.Popen([THOLECTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=self.environment())

    def name(self):
        self.count += 1
        return f"c{self.count}"

    def workload(self, *program):
        name = self.name()
        self.run("run", "-d", "--wait", "--name", name, IMAGE, *program)
        return name

    def object(self, name):
        return json.loads(self.run("show", name, "-o", "json").stdout)

    def crash(self):
        """kill -9 of the daemon, and a new one."""
        self.thole.kill()
        self.thole.start()


@case("run follows a program to its exit code", each=[0, 1, 42])
def _(t, code):
    result = t.run("run", IMAGE, "print", "out", ";", "error", "err", ";", "exit", str(code), code=code)
    t.equal((result.stdout, result.stderr), ("out\n", "err\n"))


@case("run --rm leaves nothing")
def _(t):
    name = t.name()
    t.run("run", "--rm", "--name", name, IMAGE, "exit", "3", code=3)
    t.run("show", name, code=3)


@case("run follows a workload through its restart policy to the end")
def _(t):
    result = t.run("run", "--restart", "on-failure:1", IMAGE, "print", "x", ";", "exit", "2", code=2)
    t.equal(result.stdout, "x\nx\n")


@case("Ctrl-C stops a workload in the foreground")
def _(t):
    name = t.name()
    process = t.going("run", "--name", name, IMAGE, "print", "up", ";", "forever")
    t.equal(process.stdout.readline(), "up\n")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)
    t.equal(process.returncode, 128 + signal.SIGTERM)
    t.equal(t.object(name)["state"], "stopped")


@case("run in the foreground outlives a crash of the daemon, and its output is whole")
def _(t):
    process = t.going("run", IMAGE, "count", "40", "100", ";", "exit", "7")
    first = process.stdout.readline()
    t.crash()
    out = process.stdout.read()  # communicate() would forget what readline() has read ahead
    _, err = process.communicate(timeout=60)
    t.equal((process.returncode, err), (7, ""))
    t.equal([int(line) for line in (first + out).split()], list(range(1, 41)))


@case("logs -f and events -f outlive a crash of the daemon without gap or doubling")
def _(t):
    newest = t.run("events", "-o", "name").stdout.split()[-1]
    events = t.going("events", "-f", "--after", newest, "-o", "json")
    name = t.workload("count", "40", "100")
    seen = [json.loads(events.stdout.readline())]
    logs = t.going("logs", "-f", name)
    first = logs.stdout.readline()
    t.crash()
    out = logs.stdout.read()
    logs.communicate(timeout=60)
    t.equal([int(line) for line in (first + out).split()], list(range(1, 41)))
    t.run("rm", "-f", "--wait", name)
    while seen[-1]["type"] != "workload.deleted":
        line = events.stdout.readline()
        if not line:
            raise AssertionError(f"events ended: {events.stderr.read()}")
        seen.append(json.loads(line))
    events.kill()
    events.communicate()
    numbers = [event["seq"] for event in seen]
    t.equal(numbers, list(range(int(newest) + 1, int(newest) + 1 + len(numbers))))


@case("every verb reaches its goal")
def _(t):
    name = t.workload("forever")
    for verb, goal in (("pause", "paused"), ("unpause", "running"), ("restart", "running"), ("stop", "stopped"),
                       ("start", "running"), ("kill", "stopped"), ("suspend", "suspended"), ("unsuspend", "stopped")):
        t.equal(t.run(verb, "--wait", name).stdout, name + "\n")
        t.equal(t.object(name)["state"], goal, verb)
    t.equal(t.run("rm", "--wait", name).stdout, name + "\n")


@case("ps shows and filters")
def _(t):
    name = t.name()
    t.run("run", "-d", "--wait", "--name", name, "-l", "app=ps", "-p", "127.0.0.1:18080:80", IMAGE, "forever")
    t.equal(t.run("ps", "-l", "app=ps", "-o", "name").stdout, name + "\n")
    t.holds(t.run("ps", "-l", "app=ps").stdout, "127.0.0.1:18080->80/tcp")
    t.run("stop", "--wait", name)
    t.equal(t.run("ps", "-q", "-l", "app=ps").stdout, "")
    t.equal(t.run("ps", "-qa", "-l", "app=ps").stdout, t.object(name)["id"] + "\n")
    t.run("ps", "--backend", "box", "--state", "running,paused")


@case("exec: input, output, exit code")
def _(t):
    name = t.workload("forever")
    t.equal(t.run("exec", name, "cat", stdin="zwölf\n").stdout, "zwölf\n")
    t.equal(t.run("exec", "-e", "A=b", name, "--", "env", "A").stdout.strip(), "b")
    t.run("exec", name, "exit", "5", code=5)
    t.run("stop", "--wait", name)
    t.run("exec", name, "exit", "5", code=1)


@case("logs: tail, stream, time stamps, since")
def _(t):
    name = t.name()
    t.run("run", "--name", name, IMAGE, "print", "a", ";", "error", "b", ";", "print", "c")
    t.equal(t.run("logs", "--tail", "1", name).stdout, "c\n")
    t.equal(t.run("logs", "--stream", "stderr", name).stderr, "b\n")
    t.true(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z a\n", t.run("logs", "-T", name).stdout), "a time")
    t.equal(t.run("logs", "--since", "1h", name).stdout, "a\nc\n")
    t.run("logs", "--since", "nonsense", name, code=1)


@case("every wrong field is told")
def _(t):
    body = {"spec": {"image": "x", "bad": 1, "ports": [{"container": 99999}], "user": 5}, "zzz": 1}
    err = t.run("run", "-d", "--json", "-", stdin=json.dumps(body), code=1).stderr
    t.equal(sorted(re.findall(r"^  (/\S*):", err, re.M)), ["/spec/bad", "/spec/ports/0/container", "/spec/user", "/zzz"])


@case("exit codes: missing 3, taken name 1, illegal transition 1, no token 4")
def _(t):
    name = t.workload("forever")
    t.run("show", "nobody", code=3)
    t.run("pull", "-b", "nowhere", IMAGE, code=3)
    t.run("run", "-d", "--name", name, IMAGE, code=1)
    t.run("stop", "--wait", name)
    t.holds(t.run("pause", name, code=1).stderr, "stopped")
    url = f"http://127.0.0.1:{t.thole.tcp_port}"
    t.run("--url", url, "ps", code=4)
    t.run("--url", url, "--token-file", os.path.join(t.thole.state, "bootstrap-token"), "ps")
    t.run("ps", THOLE_URL=url, THOLE_TOKEN=t.thole.bootstrap_token)


@case("images, pull with progress, rmi")
def _(t):
    t.equal(t.run("pull", "busy:1").stdout, "busy:1\n")
    t.holds(t.run("images", "-o", "name").stdout.split(), "busy:1")
    t.equal(t.run("rmi", "busy:1").stdout, "busy:1\n")
    t.true("busy:1" not in t.run("images", "-o", "name").stdout, "it is gone")


@case("Ctrl-C cancels a pull")
def _(t):
    process = t.going("pull", "-b", "slow", "late:1")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)
    t.equal(process.returncode, 1)
    states = {op["target"]: op["state"] for op in json.loads(t.run("operations", "-o", "json").stdout)}
    t.equal(states["late:1"], "cancelled")


@case("drivers, backends, top, version and show speak of what is there")
def _(t):
    name = t.workload("forever")
    t.holds(t.run("drivers", "-o", "name").stdout.split(), "memory")
    t.true(re.search(r"^box +memory +ready +yes", t.run("backends").stdout, re.M), "the backend")
    t.true(re.search(rf"^{name} +running +\S+%", t.run("top", "--once").stdout, re.M), "its use")
    t.equal(len(set(re.findall(r": (\S+)", t.run("version").stdout))), 1)
    t.holds(t.run("show", name).stdout, f"name: {name}\n")


@case("reconcile tells what it found; --dry-run changes nothing")
def _(t):
    anchor, name = t.workload("forever"), t.workload("forever")
    ident = t.object(name)["id"]
    t.equal(json.loads(t.run("reconcile", "-o", "json", "box").stdout), [])
    t.run("exec", anchor, "control", "vanish", ident, "quiet")
    said = json.loads(t.run("reconcile", "-n", "-o", "json").stdout)
    t.equal([(d["backend"], d["id"], d["action"]) for d in said], [("box", ident, said[0]["action"])])
    t.equal(t.object(name)["state"], "running", "after a dry run")
    t.holds(t.run("reconcile").stdout, ident)
    t.until(lambda: t.object(name)["state"] == "error", what="the state `error`")
    t.holds(t.run("reconcile", "nowhere", code=3).stderr, "nowhere")


@case("orphans are listed and removed by their id")
def _(t):
    anchor = t.workload("forever")
    t.run("exec", anchor, "control", "plant", "wl-planted")
    t.run("reconcile", "box")
    t.true(re.search(r"^box:wl-planted +box ", t.run("orphans").stdout, re.M), "the list")
    t.equal(t.run("orphans", "-o", "name").stdout, "box:wl-planted\n")
    t.equal(t.run("orphans", "--remove", "box:wl-planted").stdout, "box:wl-planted\n")
    t.equal(t.run("orphans", "-o", "json").stdout.split(), ["[]"])
    t.run("orphans", "--remove", "box:wl-planted", code=3)


@case("why tells the chain that led to a state")
def _(t):
    name = t.name()
    t.run("run", "--name", name, IMAGE, "exit", "5", code=5)
    lines = t.run("why", name).stdout.splitlines()
    t.holds(lines[0], f"{name} is crashed, stopped is asked for: ")
    t.holds(lines[2], "asked for workload.create")
    t.holds(lines[-1], "exit code 5")
    t.equal(json.loads(t.run("why", name, "-o", "json").stdout)["name"], name)
    t.run("why", "nobody", code=3)


@case("secrets are set from standard input and never shown")
def _(t):
    def value(text):
        with tempfile.TemporaryFile() as file:
            file.write(text.encode())
            file.seek(0)
            return subprocess.run([THOLECTL, "secret", "set", "pass"], stdin=file, capture_output=True, text=True,
                                  env={**os.environ, "THOLE_URL": "unix:" + t.thole.path, "LC_ALL": "C.UTF-8"}, check=False)

    t.equal(value("first value\n").returncode, 0)
    again = value("second value")
    t.equal(again.returncode, 0)
    t.true("value" not in again.stdout, again.stdout)
    t.equal(value("").returncode, 2)
    t.equal(t.run("secret", "-o", "name").stdout, "pass\n")
    t.true("second value" not in t.run("secret", "-o", "json").stdout, "no value")
    t.equal(t.run("secret", "rm", "pass").stdout, "pass\n")
    t.run("secret", "rm", "pass", code=3)
    t.run("secret", "nonsense", code=2)


@case("the audit is listed, written and checked; one tells who one is")
def _(t):
    t.equal(t.run("whoami").stdout, f"uid:{os.getuid()}\n")
    t.true("secret.create" in t.run("audit", "--action", "secret.*").stdout, "the list")
    rows = [json.loads(line) for line in t.run("audit", "export").stdout.splitlines()]
    t.equal([row["seq"] for row in rows], list(range(1, len(rows) + 1)))
    t.equal(t.run("audit", "verify").stdout, f"{len(rows)} rows are as they were written\n")
    database = sqlite3.connect(os.path.join(t.thole.state, "thole.db"), isolation_level=None, timeout=90)
    database.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    t.true("row 2: the row is not as it was written" in t.run("audit", "verify", code=1).stderr, "the row is named")
    database.execute("UPDATE audit SET actor = ? WHERE seq = 2", (rows[1]["actor"],))
    database.close()
    t.run("audit", "verify")
    t.run("audit", "nonsense", code=2)


@case("without a daemon every command ends with 5")
def _(t):
    for words in (["ps"], ["show", "x"], ["run", IMAGE], ["run", "-d", IMAGE], ["logs", "-f", "x"], ["events", "-f"], ["top"],
                  ["pull", "x"], ["exec", "x", "y"], ["stop", "x"], ["rm", "x"], ["version"], ["backends"],
                  ["why", "x"], ["reconcile"], ["orphans"], ["audit"], ["audit", "verify"], ["secret"], ["whoami"]):
        t.run(*words, code=5, THOLE_URL="unix:" + os.path.join(t.thole.directory, "none"))


if not os.path.exists(THOLECTL):
    sys.exit(f"{THOLECTL} is missing")
main(World)
