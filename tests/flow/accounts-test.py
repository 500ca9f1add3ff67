#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tholectl and who one is: signing in and out, contexts, users, roles, groups, keys, limits."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

import private_bus
from daemon import THOLECTL
from memory import FOREVER, Memory, Skip, case, main

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "a good password"
ANN = "ann@example.org"


class Accounts(Memory):
    SETTINGS = {"limits.address_rate": "0"}

    def __init__(self):
        super().__init__()
        self.home = tempfile.mkdtemp(prefix="thole-home-")
        self.url = f"http://127.0.0.1:{self.thole.tcp_port}"
        self.unix = "unix:" + self.thole.path
        self.ctl("user", "add", ANN, "--role", "developer", "--name", "Ann", "--password-stdin", stdin=PASSWORD, THOLE_URL=self.unix)

    def close(self):
        super().close()
        shutil.rmtree(self.home, ignore_errors=True)

    def after(self):
        super().after()
        shutil.rmtree(self.home)
        os.mkdir(self.home)

    def environment(self, **more):
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(("THOLE_", "XDG_", "DBUS_", "LC_", "LANG"))}
        return {**kept, "HOME": self.home, "XDG_CONFIG_HOME": self.home + "/config", "XDG_STATE_HOME": self.home + "/state",
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.home}/no-bus", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                "THOLE_LOCALE_DIR": os.path.join(os.path.dirname(os.path.dirname(THOLECTL)), "po"), **more}

    def ctl(self, *words, stdin=None, code=0, **environment):
        """The finished command; it must end with `code`."""
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        result = subprocess.run([THOLECTL, *words], capture_output=True, text=True, timeout=60, check=False,
                                env=self.environment(**environment), start_new_session=True, **given)
        if re.search(r"Sanitizer|runtime error:|CRITICAL", result.stderr) or result.returncode != code:
            raise AssertionError(f"tholectl {words} ended with {result.returncode}: {result.stdout[-500:]} {result.stderr[-2000:]}")
        return result

    def admin(self, *words, **more):
        return self.ctl(*words, **more, THOLE_URL=self.unix)

    def json(self, *words):
        return json.loads(self.admin(*words, "-o", "json").stdout)

    def login(self, *words, **more):
        return self.ctl("login", ANN, "--password-stdin", *words, stdin=PASSWORD + "\n", **more)

    def token_file(self, name="default"):
        return os.path.join(self.home, "state", "thole", "tokens", name)


def on_terminal(t, words, answers, **environment):
    """A command on a terminal of its own: what it printed there, and its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(THOLECTL, [THOLECTL, *words], t.environment(**environment))
    seen = b""
    for prompt, answer in answers:
        while prompt not in seen:
            if not select.select([terminal], [], [], 30)[0]:
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"{prompt!r} did not come: {seen!r}")
            seen += os.read(terminal, 4096)
        os.write(terminal, answer)
    try:
        while select.select([terminal], [], [], 30)[0]:
            more = os.read(terminal, 4096)
            if not more:
                break
            seen += more
    except OSError:
        pass
    os.close(terminal)
    return seen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@case("login keeps a token in a file of mode 0600 when there is no keyring; logout takes it back", "AU-01 AU-05")
def _(t):
    t.ctl("whoami", code=5)
    said = t.login("--url", t.url)
    t.equal(said.stdout, ANN + "\n")
    t.holds(said.stderr, "a file that only you can read")
    t.equal(t.ctl("whoami").stdout, ANN + "\n")
    file = t.token_file()
    t.equal((os.stat(file).st_mode & 0o777, os.stat(os.path.dirname(file)).st_mode & 0o777), (0o600, 0o700))
    with open(file, encoding="ascii") as text:
        token = text.read()
    with open(os.path.join(t.home, "config", "thole", "contexts"), encoding="utf-8") as text:
        t.true(token not in text.read(), "the token is not among the contexts")
    os.chmod(file, 0o644)
    t.ctl("whoami", code=2)
    os.chmod(file, 0o600)
    t.ctl("logout")
    t.true(not os.path.exists(file), "it is forgotten")
    t.ctl("whoami", code=4)
    # it is not good any more either
    t.ctl("whoami", code=4, THOLE_TOKEN=token)
    t.ctl("logout", code=4)


@case("a wrong password, and a daemon that is away, keep what was there")
def _(t):
    t.login("--url", t.url)
    t.ctl("login", ANN, "--password-stdin", stdin="wrong wrong", code=4)
    t.ctl("login", ANN, "--password-stdin", stdin="", code=2)
    t.ctl("login", ANN, code=2)
    t.equal(t.ctl("whoami").stdout, ANN + "\n")
    t.ctl("logout", code=5, THOLE_URL=f"unix:{t.home}/none", THOLE_TOKEN="x")


@case("the password is asked for on the terminal and never shown")
def _(t):
    seen, code = on_terminal(t, ["login", "--url", t.url], [(b"E-mail address: ", ANN.encode() + b"\n"),
                                                            (b"Password: ", PASSWORD.encode() + b"\n")])
    t.equal(code, 0, seen)
    t.true(PASSWORD not in seen, seen)
    t.equal(t.ctl("whoami").stdout, ANN + "\n")
    # Ctrl-C leaves, and the terminal echoes again
    seen, code = on_terminal(t, ["login", ANN, "--url", t.url], [(b"Password: ", b"\x03")])
    t.equal(code, 1, seen)
    seen, code = on_terminal(t, ["user", "passwd"], [(b"Present password: ", b"wrong wrong\n"), (b"New password: ", b"another one\n"),
                                                     (b"Once more: ", b"another two\n")])
    t.equal(code, 2, seen)
    t.true("another" not in seen, seen)


@case("a keyring that answers has the token; one that is locked has not", each=["open", "locked"])
def _(t, state):
    if private_bus.missing():
        raise Skip(private_bus.missing())
    bus = private_bus.PrivateBus()
    environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": bus.address}
    with subprocess.Popen([sys.executable, os.path.join(HERE, "fake_keyring.py"), state], stdout=subprocess.PIPE, env=environment) as keyring:
        try:
            t.equal(keyring.stdout.readline(), b"ready\n")
            on_bus = {"DBUS_SESSION_BUS_ADDRESS": bus.address}
            said = t.login("--url", t.url, **on_bus)
            t.holds(said.stderr, "in the keyring" if state == "open" else "a file that only you can read")
            t.equal(os.path.exists(t.token_file()), state == "locked")
            t.equal(t.ctl("whoami", **on_bus).stdout, ANN + "\n")
            if state == "open":
                t.ctl("whoami", code=4)
                t.login(**on_bus)
                t.ctl("logout", **on_bus)
                t.ctl("whoami", code=4, **on_bus)
        finally:
            keyring.terminate()
            bus.close()


@case("contexts: named daemons; THOLE_URL and THOLE_TOKEN win, and a token goes to its own daemon only")
def _(t):
    key = t.admin("key", "create", "ci", "--user", ANN).stdout.strip()
    t.ctl("context", "add", "far", t.url, "--token-stdin", stdin=key)
    t.ctl("context", "add", "near", t.unix)
    t.ctl("whoami", code=5)
    t.equal(t.ctl("--context", "far", "whoami").stdout, ANN + "\n")
    t.ctl("context", "use", "near")
    t.equal(t.ctl("whoami").stdout, f"uid:{os.getuid()}\n")
    t.ctl("context", "use", "far")
    t.equal(t.ctl("whoami").stdout, ANN + "\n")
    t.equal(t.ctl("whoami", THOLE_URL=t.unix).stdout, f"uid:{os.getuid()}\n")
    t.holds(t.ctl("--context", "far", "whoami", THOLE_URL=t.unix).stderr, "THOLE_URL wins over --context")
    t.ctl("whoami", THOLE_TOKEN="nonsense", code=4)
    # the same daemon by another name is another one: the token stays here
    t.ctl("whoami", THOLE_URL=t.url.replace("127.0.0.1", "localhost"), code=4)
    t.equal(t.ctl("whoami", THOLE_URL=t.url).stdout, ANN + "\n")
    rows = json.loads(t.ctl("context", "-o", "json").stdout)
    t.equal([(row["name"], row["current"], row.get("token")) for row in rows], [("far", True, "file"), ("near", False, None)])
    t.true(re.search(r"^\* +far +http://\S+ +file", t.ctl("context", "list").stdout, re.M), "the table")
    t.equal(t.ctl("context", "-o", "name").stdout, "far\nnear\n")
    # an API key is not a sign-in: it is forgotten here and stays good
    t.ctl("logout")
    t.ctl("whoami", code=4)
    t.equal(t.ctl("whoami", THOLE_TOKEN=key).stdout, ANN + "\n")
    t.ctl("context", "rm", "far", "near")
    t.true(not os.path.exists(t.token_file("far")), "its token goes with it")
    for words, code in ((["use", "far"], 3), (["rm", "far"], 3), (["add", "../x", t.url], 2), (["add", "x", "ftp://x"], 2), (["add", "x"], 2)):
        t.ctl("context", *words, code=code)
    t.ctl("--context", "far", "whoami", code=3)


@case("a context is never silently made that of another daemon")
def _(t):
    t.login("--url", t.url)
    said = t.ctl("login", ANN, "--password-stdin", "--url", t.unix, stdin=PASSWORD, code=2).stderr
    t.holds(said, t.url)
    t.login("--url", t.unix, "--context", "near")
    t.equal([(row["name"], row["url"], row["current"]) for row in json.loads(t.ctl("context", "-o", "json").stdout)],
            [("default", t.url, False), ("near", t.unix, True)])
    t.equal(t.ctl("whoami").stdout, ANN + "\n")
    t.ctl("context", "add", "near", t.url, code=1)
    t.equal(t.ctl("whoami").stdout, ANN + "\n")
    t.equal(t.ctl("--context", "default", "whoami").stdout, ANN + "\n")


@case("users are made, shown, changed, shut out and removed", "AU-08 AU-16")
def _(t):
    bob = "bob@example.org"
    t.admin("group", "add", "crew", "--role", "viewer", "--doc", "All hands")
    t.admin("role", "add", "starter", "--permission", "workload.start", "-p", "workload.read")
    t.equal(t.admin("user", "add", bob, "-r", "starter", "-g", "crew", "--password-stdin", stdin=PASSWORD).stdout, bob + "\n")
    t.true(re.search(rf"^{bob} +\S* *starter +crew +active +us-", t.admin("user").stdout, re.M), t.admin("user").stdout)
    t.holds(t.admin("user", "list", "-o", "name").stdout.split(), bob)
    t.equal([user["email"] for user in t.json("user") if user["roles"] == ["starter"]], [bob])
    t.holds(t.admin("user", "show", bob).stdout, "roles: starter")
    t.admin("user", "set", bob, "--name", "Bob", "--role", "", "--uid", "4242")
    t.equal([t.json("user", "show", bob)[key] for key in ("name", "roles", "uid")], ["Bob", [], 4242])
    login = lambda password, code: t.ctl("login", bob, "--url", t.url, "--password-stdin", stdin=password, code=code)
    login(PASSWORD, 0)
    t.admin("user", "passwd", bob, "--password-stdin", stdin="another password")
    t.ctl("whoami", code=4)
    login("another password", 0)
    t.admin("user", "disable", bob)
    t.ctl("whoami", code=4)
    t.holds(t.admin("user").stdout, "disabled")
    t.admin("user", "enable", bob)
    login("another password", 0)
    # what may not be
    t.ctl("user", code=0)
    t.ctl("user", "add", "eve@example.org", "--password-stdin", stdin=PASSWORD, code=4)
    t.admin("user", "add", "nonsense", "--password-stdin", stdin=PASSWORD, code=1)
    t.admin("user", "set", bob, "--uid", "x", code=2)
    t.admin("user", "nonsense", code=2)
    t.admin("role", "rm", "starter")
    t.admin("user", "rm", bob, "nobody", code=3)
    t.admin("user", "show", bob, code=3)
    t.admin("group", "rm", "crew")


@case("roles and groups are made, shown, changed and removed", "AU-06 AU-08")
def _(t):
    t.equal(t.admin("role", "add", "looker", "-p", "*.read", "--doc", "Looks").stdout, "looker\n")
    t.true(re.search(r"^looker +\*\.read +Looks$", t.admin("role").stdout, re.M), "the list")
    t.admin("role", "set", "looker", "-p", "workload.*", "-p", "image.read")
    t.equal(t.json("role", "show", "looker")["permissions"], ["workload.*", "image.read"])
    t.admin("role", "add", "looker", "-p", "*.read", code=1)
    t.admin("role", "set", "admin", "-p", "*.read", code=1)
    t.admin("role", "rm", "looker")
    t.admin("role", "show", "looker", code=3)
    t.admin("group", "add", "crew")
    t.admin("group", "set", "crew", "--shared", "yes", "-r", "viewer")
    t.true(re.search(r"^crew +viewer +yes", t.admin("group").stdout, re.M), "the list")
    t.admin("group", "set", "crew", "--shared", "perhaps", code=2)
    t.admin("group", "rm", "crew")
    t.equal(t.admin("group", "-o", "name").stdout, "")


@case("an API key is shown once, listed without itself, and taken back", "AU-18 AU-19")
def _(t):
    t.login("--url", t.url)
    made = t.ctl("key", "create", "ci", "--scope", "workload.read", "--expires", "30d")
    key = made.stdout.strip()
    t.true(key.startswith("thole_"), "the key alone is on standard output")
    t.holds(made.stderr, "only time")
    listed = t.ctl("key", "-o", "json").stdout
    t.true(key not in listed, "it is not shown again")
    (one,) = [row for row in json.loads(listed) if row["name"] == "ci" and row["scopes"]]
    t.equal(one["scopes"], ["workload.read"])
    t.ctl("ps", THOLE_TOKEN=key)
    t.ctl("backends", THOLE_TOKEN=key, code=4)
    t.equal(t.ctl("key", "revoke", one["id"]).stdout, one["id"] + "\n")
    t.ctl("ps", THOLE_TOKEN=key, code=4)
    t.ctl("key", "revoke", one["id"], code=3)
    t.ctl("key", "create", "x", "--expires", "never", code=2)


@case("limits are shown with where they come from, set and taken away; quota tells what is used", "CF-01 CF-02")
def _(t):
    t.login("--url", t.url)
    t.true(re.search(r"^key_running +10 +default$", t.ctl("settings").stdout, re.M), "the default")
    t.admin("settings", "set", "system", "workloads=9", "memory=1GiB")
    t.admin("settings", "set", f"users/{ANN}", "workloads=4", "cpu=1.5")
    shown = t.ctl("settings", "effective").stdout
    for row in (r"workloads +4 +user", r"memory +1\.0 GiB +system", r"cpu +1\.5 +user", r"storage +- +default"):
        t.true(re.search(rf"^{row}$", shown, re.M), f"{row} in {shown}")
    t.equal(t.json("settings", "--user", ANN)["cpu"], {"value": 1.5, "from": "user"})
    t.admin("settings", "set", f"users/{ANN}", "workloads=")
    t.equal(t.json("settings", "get", f"users/{ANN}"), {"cpu": 1.5})
    refused = t.ctl("run", "-d", "app", *FOREVER, code=1).stderr
    t.holds(refused, "/spec/resources/memory")
    t.ctl("run", "-d", "--wait", "--memory", "300m", "--cpu", "0.5", "app", *FOREVER)
    used = t.ctl("quota").stdout
    for row in (r"workloads +1 +9 +system", r"memory +300\.0 MiB +1\.0 GiB +system", r"cpu +0\.5 +1\.5 +user", r"running +1 +- +default"):
        t.true(re.search(rf"^{row}$", used, re.M), f"{row} in {used}")
    t.holds(t.ctl("run", "-d", "--memory", "800m", "--cpu", "0.5", "app", *FOREVER, code=1).stderr,
            "memory of all workloads: 300 MiB of 1 GiB used, 800 MiB more asked for")
    t.equal(t.json("quota", "--user", ANN)["memory"]["used"], 300 << 20)
    t.ctl("settings", "set", "system", "workloads=99", code=4)
    t.admin("settings", "set", "system", "nonsense=1", code=1)
    t.admin("settings", "set", "moon", "workloads=1", code=2)
    # ten at once: each is there, or was refused
    crowd = [subprocess.Popen([THOLECTL, "settings", "set", f"users/{ANN}", f"{name}={value}"], env=t.environment(THOLE_URL=t.unix),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
             for value in (3, 4) for name in ("workloads", "running", "key_running", "sessions", "memory")]
    codes = [process.wait(60) for process in crowd]
    t.true(set(codes) <= {0, 1} and 0 in codes, codes)
    t.equal(len(t.json("settings", "get", f"users/{ANN}")) - 1, len({i % 5 for i, code in enumerate(codes) if code == 0}))
    t.thole.request("PUT", f"/v1/settings/users/{ANN}", {"cpu": 1.5}).expect(200)
    t.admin("settings", "set", "system", "workloads", code=2)
    t.admin("settings", "get", "users/nobody@example.org", code=3)
    t.admin("settings", "set", "system", "workloads=", "memory=")
    t.admin("settings", "set", f"users/{ANN}", "cpu=")


@case("all of it speaks German")
def _(t):
    german = {"LANGUAGE": "de"}
    if "Befehle" not in t.ctl("help", **german).stdout:
        raise Skip("the translations are not built")
    t.holds(t.ctl("logout", code=4, **german).stderr, "niemand angemeldet")
    t.holds(t.ctl("help", "login", **german).stdout, "Passwort")
    t.holds(t.admin("user", **german).stdout, "ROLLEN")


@case("without a daemon every command ends with 5")
def _(t):
    for words in (["user"], ["role"], ["group"], ["key"], ["settings"], ["quota"], ["user", "rm", "x"], ["settings", "set", "system", "cpu=1"]):
        t.ctl(*words, code=5, THOLE_URL=f"unix:{t.home}/none")


main(Accounts)
