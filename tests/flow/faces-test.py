#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One table of cases, each over HTTP and over D-Bus: the results, states, events and errors have to be equal.

What a case is asked of is made anew for each face, so that both begin alike; ids, times and counters that differ by nature
are replaced by words before they are compared.
"""
import json
import os
import re

import private_bus
from daemon import BUILD, SOURCE, Daemon
from memory import FOREVER, STUBBORN, Memory, Skip, case, main
from private_bus import ROOT, BusClient, BusError, Gio, GLib, PrivateBus, path_of, variant

STATUS = {}
OPERATIONS = {}


def read_tables():
    def rows(path):
        with open(os.path.join(SOURCE, "core", path), encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]

    for line in rows("base/errors.list"):
        _, status, _, word, _ = line.split(None, 4)
        STATUS[word] = int(status)
    for line in rows("operations/operations.list"):
        cells = [cell.strip() for cell in line.split("|")]
        OPERATIONS[cells[0]] = {"target": cells[2], "http": cells[3], "bus": cells[8].split()[0]}


read_tables()


def camel(word):
    return "".join(part.capitalize() for part in word.split("_"))


NAMES = {f"org.thole.Thole1.Error.{camel(word)}": word for word in STATUS}


# what is another one in each call
OWN = {"request_id", "request", "seq", "next_after", "newest", "engine_id", "seconds"}


def tidy(value):
    """Without what differs from one call to the next, and without null, which D-Bus does not know."""
    if isinstance(value, dict):
        return {key: tidy(item) for key, item in value.items() if item is not None and key not in OWN}
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if isinstance(value, str):
        value = re.sub(r"\b(wl|se|op|us|ak|sc|or|bus)-[0-9a-v]{20}\b", r"\1-ID", value)
        value = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", value)
        value = re.sub(r"\(request [^)]*\)", "(request ID)", value)
        return re.sub(r"\b10\.64\.\d+\.\d+\b", "ADDRESS", value)
    return value


class Answer:
    """What came of a call, whichever face it went over."""

    def __init__(self, code, pointers, result):
        self.code, self.pointers, self.result = code, pointers, result

    def seen(self):
        return {"code": self.code, "pointers": self.pointers, "result": tidy(self.result) if self.code is None else None}


class Http:
    name = "HTTP"

    def __init__(self, t):
        self.thole = t.thole

    def call(self, operation, target=None, query=None, body=None):
        method, path = OPERATIONS[operation]["http"].split()
        path = path.replace("{id}", target or "")
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (query or {}).items()}
        path += "?" + "&".join(f"{key}={value}" for key, value in texts.items()) if texts else ""
        reply = self.thole.request(method, path, body, {"Content-Type": "application/x"} if isinstance(body, bytes) else None)
        if reply.status >= 400:
            return Answer(reply.code, reply.pointers, None)
        if reply.headers.get("content-type") == "application/octet-stream":
            return Answer(None, [], {"bytes": reply.body.decode("latin-1")})
        return Answer(None, [], reply.json if reply.body else {})


class Bus:
    name = "D-Bus"

    def __init__(self, t):
        self.client = t.client

    def call(self, operation, target=None, query=None, body=None):
        member, kind = OPERATIONS[operation]["bus"], OPERATIONS[operation]["target"]
        if operation.startswith("file."):
            return self.file(operation, path_of(kind, target), {**(query or {}), **({} if isinstance(body, bytes) else body or {})}, body)
        options = {**(query or {}), **(body or {})}
        arguments = (options,)
        path = ROOT
        if kind in ("workload", "session", "backend", "operation"):
            path = path_of(kind, target)
        elif kind != "-":
            arguments = (target, options)
        try:
            results = self.client.call(path, member, *arguments)
        except BusError as error:
            return Answer(NAMES.get(error.name, error.name), error.pointers, None)
        return Answer(None, [], next(result for result in results if isinstance(result, dict)))


    def file(self, operation, path, options, body):
        """Bytes go by descriptors."""
        given, descriptors = {key: variant(value) for key, value in options.items()}, None
        if isinstance(body, bytes):
            theirs, ours = os.pipe()
            descriptors = Gio.UnixFDList.new()
            given["input"] = GLib.Variant("h", descriptors.append(theirs))
            os.close(theirs)
            os.write(ours, body)
            os.close(ours)
        try:
            results, descriptors = self.client.raw(path, f"org.thole.Thole1.{OPERATIONS[operation]['bus']}", GLib.Variant("(a{sv})", (given,)),
                                                   descriptors=descriptors)
        except BusError as error:
            return Answer(NAMES.get(error.name, error.name), error.pointers, None)
        if operation not in ("file.read", "file.archive"):
            return Answer(None, [], results.unpack()[0])
        with os.fdopen(descriptors.get(0), "rb") as stream:
            return Answer(None, [], {"bytes": stream.read().decode("latin-1")})


class Faces(Memory):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": os.path.join(BUILD, "agent", "thole-agent")}

    def __init__(self):
        if private_bus.missing():
            raise Skip(private_bus.missing())
        self.bus = PrivateBus()
        Daemon.bus = self.bus.address
        try:
            super().__init__()
        finally:
            Daemon.bus = None
        self.client = BusClient(self.bus.address)

    def close(self):
        try:
            self.client.close()
            super().close()
        finally:
            self.bus.close()


def workload(words=FOREVER, wait="running", **more):
    """Makes the workload `web` and gives what its case is asked of."""
    def make(t):
        made = t.run(words, wait=wait, name="web", **more)
        return "web", made["id"]
    return make


def stopped(t):
    made = t.run(FOREVER, name="web")
    t.verb(made, "stop", wait="stopped")
    return "web", made["id"]


def suspended(t):
    made = t.run(FOREVER, name="web")
    t.verb(made, "suspend", wait="suspended")
    return "web", made["id"]


def paused(t):
    made = t.run(FOREVER, name="web")
    t.verb(made, "pause", wait="paused")
    return "web", made["id"]


def session(t):
    made = t.run(FOREVER, name="web")
    one = t.thole.post(f"/v1/workloads/{made['id']}/sessions", {"name": "one", "command": ["cat"], "tty": False}).expect(201).json
    return one["id"], made["id"]


def nothing(_t):
    return None, None


def named(target):
    return lambda _t: (target, None)


APP = {"image": "app"}


# what is so before | operation | query | body
TABLE = []


def row(name, before, operation, query=None, body=None):
    TABLE.append((name, before, operation, query, body))


def rows_of_verbs():
    resting = {"running": workload(), "stopped": stopped, "paused": paused, "suspended": suspended,
               "crashed": workload(["exit", "3"], "crashed"), "ended": workload(["exit", "0"], "stopped")}
    aims = {"start": "running", "stop": "stopped", "restart": "running", "kill": "stopped,crashed", "pause": "paused",
            "unpause": "running", "suspend": "suspended", "unsuspend": "stopped,crashed"}
    for verb, aim in aims.items():
        for state, before in resting.items():
            # a program that ends at once does so again: its end is what can be waited for
            ends = {"crashed": "crashed", "ended": "stopped"}.get(state) if verb in ("start", "restart") else None
            row(f"{verb} of one that is {state}", before, f"workload.{verb}", {"wait": ends or aim, "timeout": 20})
        row(f"{verb} of one that is not there", named("nobody"), f"workload.{verb}")
        row(f"{verb} with options that are none", workload(), f"workload.{verb}", None, {"bogus": 1, "foo": "x"})
        row(f"{verb} with a wait for no state", workload(), f"workload.{verb}", {"wait": "flying"})
    for state, before in resting.items():
        row(f"get of one that is {state}", before, "workload.get")
        row(f"delete of one that is {state}", before, "workload.delete", {"wait": "deleted", "timeout": 20})
        row(f"update of one that is {state}", before, "workload.update", None, {"labels": {"a": "b"}})
        row(f"exec in one that is {state}", before, "workload.exec", None, {"command": ["print", "hello"]})


def rows_of_creation():
    good = {"spec": {**APP, "command": ["forever"]}}
    row("create", nothing, "workload.create", {"wait": "running"}, {**good, "name": "made"})
    row("create without a start", nothing, "workload.create", None, {**good, "name": "made", "start": False})
    row("create dry", nothing, "workload.create", {"dry_run": True}, {**good, "name": "made"})
    row("create with labels and env", nothing, "workload.create", {"wait": "running"},
        {"name": "made", "labels": {"x": "y"}, "spec": {**APP, "command": ["forever"], "env": {"A": "1", "B": ""}}})
    row("create with resources", nothing, "workload.create", {"wait": "running"},
        {"name": "made", "spec": {**APP, "command": ["forever"], "resources": {"cpu": 0.5, "memory": "64MiB", "pids": 10}}})
    row("create with ports and files", nothing, "workload.create", {"wait": "running"},
        {"name": "made", "spec": {**APP, "command": ["forever"], "ports": [{"container": 80, "host": 31777}], "files": [{"path": "/a", "content": "x"}]}})
    row("create of a name that is taken", workload(), "workload.create", None, {**good, "name": "web"})
    row("create with nothing", nothing, "workload.create")
    row("create with a wrong name", nothing, "workload.create", None, {**good, "name": "Not A Name"})
    row("create with many faults", nothing, "workload.create", {"wait": "flying"},
        {"name": "-", "bogus": True, "spec": {"image": 1, "command": "sh", "ports": [{"container": 0}, {"bogus": 1}], "restart": {"policy": "maybe"}}})
    row("create with an unknown field far inside", nothing, "workload.create", None, {"spec": {**APP, "restart": {"polizei": "x"}}})
    row("create with a size that is none", nothing, "workload.create", None, {"spec": {**APP, "resources": {"memory": "many"}}})
    row("create on a backend that is not there", nothing, "workload.create", None, {**good, "backend": "moon"})
    row("create of an image that is not there", nothing, "workload.create", {"wait": "error,running"}, {"name": "made", "spec": {"image": "none"}})
    row("create of a program that ends", nothing, "workload.create", {"wait": "stopped"}, {"name": "made", "spec": {**APP, "command": ["exit", "0"]}})
    row("create of a program that fails", nothing, "workload.create", {"wait": "crashed"}, {"name": "made", "spec": {**APP, "command": ["exit", "7"]}})
    for policy in ("never", "on-failure", "always"):
        row(f"create with restart {policy}", nothing, "workload.create", {"wait": "running"},
            {"name": "made", "spec": {**APP, "command": ["forever"], "restart": {"policy": policy}}})


def rows_of_changes():
    for body in ({"name": "other"}, {"labels": {"n": "1"}}, {"spec": {"resources": {"memory": 67108864}}}, {"spec": {"ttl": 100}},
                 {"spec": {"restart": {"policy": "always"}}}, {}, {"labels": {}}):
        row(f"update {json.dumps(body)}", workload(), "workload.update", None, body)
    for body in ({"name": "Not A Name"}, {"bogus": 1}, {"spec": {"image": "other"}}, {"labels": 5}, {"spec": 1}):
        row(f"update that is wrong {json.dumps(body)}", workload(), "workload.update", None, body)
    row("stop with a signal and a grace", workload(STUBBORN), "workload.stop", {"wait": "stopped,crashed"}, {"signal": "SIGINT", "grace": 0.2})
    row("stop with a signal that is none", workload(), "workload.stop", None, {"signal": "SIGFOO"})
    row("stop with a grace below 0", workload(), "workload.stop", None, {"grace": -1})
    row("kill with a signal", workload(), "workload.kill", None, {"signal": "SIGTERM"})
    row("a wait that runs out", workload(), "workload.get", {"wait": "stopped", "timeout": 0.1})
    row("a wait for what is so", workload(), "workload.get", {"wait": "running"})
    row("delete by force", workload(STUBBORN), "workload.delete", {"force": True, "wait": "deleted"})
    row("delete of nobody", named("nobody"), "workload.delete")
    row("why", workload(), "workload.why")
    row("stats", stopped, "workload.stats")
    row("limits of a workload", workload(), "workload.settings")
    row("set limits of a workload", workload(), "workload.limit", None, {"sessions": 2})
    row("set wrong limits of a workload", workload(), "workload.limit", None, {"sessions": 200, "bogus": 1})


def rows_of_exec():
    for name, body in {"output": {"command": ["print", "hello"]}, "a code": {"command": ["exit", "3"]},
                       "no command": {}, "an empty command": {"command": []}, "a wrong timeout": {"command": ["true"], "timeout": -1},
                       "wrong types": {"command": 5, "env": 1, "user": 2}, "an unknown field": {"command": ["true"], "bogus": 0},
                       "stdin": {"command": ["cat"], "stdin": "abc"}}.items():
        row(f"exec with {name}", workload(), "workload.exec", None, body)
    row("exec in nobody", named("nobody"), "workload.exec", None, {"command": ["true"]})


def rows_of_sessions():
    row("create a session", workload(), "session.create", None, {"name": "one", "command": ["cat"], "tty": False})
    row("create a terminal", workload(), "session.create", None, {"name": "one", "command": ["/bin/sh"], "rows": 40, "cols": 100})
    row("create a session with faults", workload(), "session.create", None, {"rows": 0, "cols": 5000, "on_detach": "fly", "bogus": 1})
    row("create a session in what is stopped", stopped, "session.create", None, {"command": ["cat"]})
    row("create a session in nobody", named("nobody"), "session.create", None, {"command": ["cat"]})
    row("get a session", session, "session.get")
    row("list its sessions", lambda t: (session(t)[1], None), "workload.sessions")
    row("rename a session", session, "session.update", None, {"name": "two"})
    row("update a session wrongly", session, "session.update", None, {"name": "Not A Name", "bogus": 1})
    row("signal a session", session, "session.signal", None, {"signal": "SIGCONT"})
    row("signal a session with none", session, "session.signal")
    row("resize what has no terminal", session, "session.resize", None, {"rows": 10, "cols": 10})
    row("resize wrongly", session, "session.resize", None, {"rows": 0})
    row("snapshot of what has no terminal", session, "session.snapshot")
    row("end a session", session, "session.delete")
    for operation in ("session.get", "session.update", "session.delete", "session.snapshot"):
        row(f"{operation} of nobody", named("se-none"), operation)


def with_files(t):
    name, made = workload()(t)
    for path in ("/dir/a", "/dir/b"):
        t.thole.request("PUT", f"/v1/workloads/{made}/files?path={path}&parents=true", b"0123456789", {}).expect(201)
    return name, made


def rows_of_files():
    row("write a file", workload(), "file.write", {"path": "/new", "mode": 384}, b"content")
    row("write what is there", with_files, "file.write", {"path": "/dir/a"}, b"other")
    row("write an empty file", workload(), "file.write", {"path": "/new"}, b"")
    row("write to no folder", workload(), "file.write", {"path": "/no/folder/new"}, b"content")
    row("write to a folder", with_files, "file.write", {"path": "/dir"}, b"content")
    row("write to a path that is none", workload(), "file.write", {"path": "../x", "mode": -1, "bogus": "1"}, b"content")
    row("write in nobody", named("nobody"), "file.write", {"path": "/new"}, b"content")
    row("read a file", with_files, "file.read", {"path": "/dir/a"})
    row("read a part of a file", with_files, "file.read", {"path": "/dir/a", "offset": 3, "length": 4})
    row("read a folder", with_files, "file.read", {"path": "/dir"})
    row("read what is not there", workload(), "file.read", {"path": "/none"})
    row("read a path that is none", workload(), "file.read", {"path": "/a/../b"})
    row("list a folder", with_files, "file.list", {"path": "/dir"})
    row("list a file", with_files, "file.list", {"path": "/dir/a"})
    row("make a folder", workload(), "file.mkdir", None, {"path": "/made", "mode": 448})
    row("make folders", workload(), "file.mkdir", None, {"path": "/made/in/it", "parents": True})
    row("make a folder that is there", with_files, "file.mkdir", None, {"path": "/dir"})
    row("make a folder of a wrong name", workload(), "file.mkdir", None, {"path": "/" + "x" * 300})
    row("unpack what is no archive", workload(), "file.extract", {"path": "/"}, b"no archive" * 100)
    row("unpack into nothing", workload(), "file.extract", {"path": "/none"}, b"no archive" * 100)
    row("archive what is not there", workload(), "file.archive", None, {"path": "/none"})


def rows_of_lists():
    for operation in ("workload.list", "session.list", "operation.list", "driver.list", "backend.list", "image.list", "orphan.list",
                      "user.list", "key.list", "role.list", "group.list", "secret.list"):
        row(operation, nothing, operation, {"limit": 2} if operation in ("workload.list", "session.list", "role.list") else None)
        row(f"{operation} with an option that is none", nothing, operation, {"bogus": "1"})
    for operation in ("workload.list", "session.list", "operation.list", "driver.list", "role.list", "audit.list", "event.list"):
        row(f"{operation} with a limit of 0", nothing, operation, {"limit": 0})
        row(f"{operation} with a limit that is none", nothing, operation, {"limit": "ten"})
    row("workloads by state and label", workload(labels={"app": "web"}), "workload.list", {"state": "running", "label": "app=web"})
    row("workloads by a state that is none", nothing, "workload.list", {"state": "flying"})
    row("workloads after a cursor that is none", nothing, "workload.list", {"cursor": "bogus"})
    row("events of one object", workload(), "event.list", {"subject": "web", "type": "workload.*"})
    row("events after a number that never was", nothing, "event.list", {"after": 10**12})
    for operation, target in {"driver.get": "memory", "backend.get": "memory", "role.get": "viewer"}.items():
        row(operation, named(target), operation)
        row(f"{operation} of nobody", named("nobody"), operation)
    for operation in ("operation.get", "operation.cancel", "user.get", "user.update", "user.delete", "key.get", "key.delete", "group.get",
                      "group.delete", "secret.get", "secret.delete", "orphan.delete", "user.settings"):
        row(f"{operation} of nobody", named("op-none" if operation.startswith("operation") else "nobody"), operation)


def rows_of_the_rest():
    row("me", nothing, "me.get")
    row("limits", nothing, "setting.effective")
    row("quotas", nothing, "quota.get")
    row("settings", nothing, "setting.get")
    row("settings that are wrong", nothing, "setting.update", None, {"workloads": -1, "bogus": 1})
    row("reconcile, dry", named("memory"), "backend.reconcile", {"dry_run": True})
    row("audit is whole", nothing, "audit.verify")
    row("pull without an image", nothing, "image.pull")
    row("pull on a backend that is not there", nothing, "image.pull", None, {"image": "x", "backend": "moon"})
    row("remove an image that is not there", nothing, "image.remove", {"image": "none"})
    row("remove no image", nothing, "image.remove")
    row("a secret with faults", nothing, "secret.create", None, {"name": "Not A Name", "bogus": 1})
    row("a role with faults", nothing, "role.create", None, {"name": "x", "permissions": ["not one"]})
    row("a group without a name", nothing, "group.create")
    row("a user without an address", nothing, "user.create", None, {"email": "nobody"})
    row("a key with faults", nothing, "key.create", None, {"bogus": 1})
    row("back up to a path that is none", nothing, "store.backup", None, {"path": ""})


for rows in (rows_of_verbs, rows_of_creation, rows_of_changes, rows_of_exec, rows_of_sessions, rows_of_files, rows_of_lists, rows_of_the_rest):
    rows()


# what a call that only reads is compared without: it is of the moment
MOMENT = {"duration", "last_activity", "output", "time", "cpu_time", "uptime", "rows_checked", "newest", "head", "count"}


def without_moment(value):
    if isinstance(value, dict):
        return {key: without_moment(item) for key, item in value.items() if key not in MOMENT}
    return [without_moment(item) for item in value] if isinstance(value, list) else value


def empty(t):
    for one in t.mine():
        t.thole.remove(one)


def told(t, begin):
    """Types and contents of the events that a call left behind: how a backend is is told when that is seen, whoever calls."""
    events = t.thole.events(begin)
    return [(event["type"], tidy(event["data"])) for event in events if event["type"] != "backend.state"]


def differences(one, other, where=""):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from differences(one.get(key, "-"), other.get(key, "-"), f"{where}/{key}")
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other)):
            yield from differences(*pair, f"{where}/{number}")
    elif one != other:
        yield f"{where}: {one!r} and {other!r}"


def ask(t, face, entry):
    _, before, operation, query, body = entry
    target, _ = before(t)
    begin = (t.thole.get("/v1/events?tail=true&limit=1").expect(200).json)["newest"]
    seen = face(t).call(operation, target, query, body).seen()
    rests = query is not None and "wait" in query
    state = [one["state"] for one in t.mine()] if rests else []
    events = [event for event in told(t, begin) if event[0] != "operation.state"] if rests else []
    empty(t)
    return {**seen, "result": without_moment(seen["result"]), "states": state, "events": events}


@case("equal over HTTP and D-Bus", each=[f"{number:03} {entry[0]}" for number, entry in enumerate(TABLE)], proves="127")
def _(t, name):
    entry = TABLE[int(name[:3])]
    over_http, over_bus = ask(t, Http, entry), ask(t, Bus, entry)
    different = list(differences(over_http, over_bus))
    t.equal(different, [], f"what {entry[2]} says over HTTP and over D-Bus")


@case(f"the table has {len(TABLE)} cases, each over two faces")
def _(t):
    t.true(len(TABLE) >= 150, f"there are only {len(TABLE)}")


main(Faces)
