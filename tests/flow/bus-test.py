#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The D-Bus face on a private bus: what only it has. Equal answers over both faces are of faces-test.py.

THOLE_ACCEPT=1 writes docs/org.thole.Thole1.xml anew.
"""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tarfile
import threading
import xml.etree.ElementTree as tree

import private_bus
from daemon import BUILD, SOURCE, THOLED, Daemon, sanitized
from memory import FOREVER, Memory, Skip, case, main
from private_bus import ROOT, BusClient, BusError, GLib, PrivateBus, path_of

GOLDEN = os.path.join(SOURCE, "docs", "org.thole.Thole1.xml")
KINDS = ("workload", "session", "backend", "operation")
THOLE = "org.thole.Thole1"


# one who watches everything and then does not read any more
DEAF = """
import sys, time
from private_bus import BusClient, GLib, ROOT
client = BusClient(sys.argv[1])
client.listen()
client.raw(ROOT, "org.thole.Thole1.Root.Subscribe", GLib.Variant("(xa{sv})", (0, {})))
print("watching", flush=True)
time.sleep(300)
"""


class OnBus(Memory):
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

    def refused(self, name, function):
        try:
            value = function()
        except BusError as error:
            self.equal(error.name, name, "the error")
            return error
        raise AssertionError(f"it answered {value!r:.500} instead of {name}")

    def make(self, words=FOREVER, **options):
        path, made, _ = self.client.call(ROOT, "Root.CreateWorkload", {"spec": self.spec(words), "wait": "running", **options})
        return path, made


def gdbus(t, *words):
    return subprocess.run(["gdbus", "call", "--address", t.bus.address, "--dest", THOLE, *words], capture_output=True, text=True,
                          timeout=90, check=False)


@case("gdbus starts, stops and asks a workload", proves="127")
def _(t):
    path, _ = t.make(name="web")
    stopped = gdbus(t, "--object-path", path, "--method", f"{THOLE}.Workload.Stop", "{'wait': <'stopped'>}")
    t.holds(stopped.stdout, "'state': <'stopped'>", stopped.stderr)
    started = gdbus(t, "--object-path", path, "--method", f"{THOLE}.Workload.Start", "{'wait': <'running'>}")
    t.holds(started.stdout, "'state': <'running'>", started.stderr)
    state = gdbus(t, "--object-path", path, "--method", "org.freedesktop.DBus.Properties.Get", f"{THOLE}.Workload", "State")
    t.equal(state.stdout.strip(), "(<'running'>,)")
    t.equal(t.thole.get("/v1/workloads/web").json["state"], "running", "over HTTP")


@case("an object goes by its name, too, as over HTTP")
def _(t):
    path, made = t.make(name="by-name")
    t.equal(t.client.call(path_of("workload", "by-name"), "Workload.Get", {})[0]["id"], made["id"])
    t.equal(path, path_of("workload", made["id"]))


@case("ObjectManager tells of every kind, with the properties that each object gives by itself")
def _(t):
    path, made = t.make()
    objects = t.client.objects()
    t.equal(objects[path_of("backend", "memory")][f"{THOLE}.Backend"]["State"], "ready")
    t.equal(objects[path][f"{THOLE}.Workload"], t.client.properties(path, "Workload"))
    t.equal(objects[path][f"{THOLE}.Workload"]["DesiredState"], "running")
    t.equal(objects[path][f"{THOLE}.Workload"]["Spec"]["image"], made["spec"]["image"])
    t.equal([name for name in objects if "/operation/" in name], [], "operations that have ended")
    path, made, operation = t.client.call(ROOT, "Root.CreateWorkload", {"spec": t.spec(FOREVER), "wait": "running"})
    ended = t.client.properties(operation, "Operation")
    t.equal((ended["Target"], ended["State"], ended["FinishedAt"] != ""), (made["id"], "succeeded", True), "one that is known")


@case("a property that is not there, one that is set, an object that is gone, an interface of others")
def _(t):
    path, _ = t.make()
    get, unknown = "org.freedesktop.DBus.Properties.Get", "org.freedesktop.DBus.Error"
    t.refused(f"{unknown}.UnknownProperty", lambda: t.client.raw(path, get, GLib.Variant("(ss)", (f"{THOLE}.Workload", "Bogus"))))
    t.refused(f"{unknown}.UnknownInterface", lambda: t.client.raw(path, get, GLib.Variant("(ss)", (f"{THOLE}.Session", "State"))))
    t.refused(f"{unknown}.PropertyReadOnly", lambda: t.client.raw(
        path, "org.freedesktop.DBus.Properties.Set", GLib.Variant("(ssv)", (f"{THOLE}.Workload", "State", GLib.Variant("s", "x")))))
    t.refused(f"{THOLE}.Error.NotFound", lambda: t.client.properties(path_of("workload", "wl-none"), "Workload"))
    t.refused(f"{unknown}.UnknownObject", lambda: t.client.raw(f"{ROOT}/nothing/x", f"{THOLE}.Workload.Get", None))
    t.refused(f"{unknown}.UnknownMethod", lambda: t.client.raw(path, f"{THOLE}.Workload.Bogus", None))
    t.refused(f"{unknown}.UnknownMethod", lambda: t.client.raw(ROOT, f"{THOLE}.Workload.Start", GLib.Variant("(a{sv})", ({},))))


@case("a wrong signature and a descriptor where none belongs are refused")
def _(t):
    path, _ = t.make()
    wrong = "org.freedesktop.DBus.Error.InvalidArgs"
    for given in (None, GLib.Variant("(s)", ("x",)), GLib.Variant("(a{ss})", ({},)), GLib.Variant("(a{sv}s)", ({}, "x"))):
        t.refused(wrong, lambda given=given: t.client.raw(path, f"{THOLE}.Workload.Start", given))
    descriptors = private_bus.Gio.UnixFDList.new()
    with open(os.devnull, "rb") as null:
        descriptors.append(null.fileno())
    try:
        t.client.connection.call_with_unix_fd_list_sync(
            THOLE, path, f"{THOLE}.Workload", "Start", GLib.Variant("(a{sv})", ({},)), None, 0, 10000, descriptors, None)
        raise AssertionError("it was taken")
    except GLib.Error as error:
        t.equal(private_bus.Gio.DBusError.get_remote_error(error), wrong)


@case("every unknown option is named")
def _(t):
    path, _ = t.make()
    error = t.refused(f"{THOLE}.Error.InvalidField", lambda: t.client.call(path, "Workload.Stop", {"bogus": 1, "grace": -1, "foo": "x"}))
    t.equal(error.pointers, ["/bogus", "/foo", "/grace"])


@case("a label is removed by an empty signature, where JSON has null")
def _(t):
    path, _ = t.make(labels={"a": "1", "b": "2"})
    t.client.call(path, "Workload.Update", {"labels": {"a": GLib.Variant("g", "")}})
    t.equal(t.client.properties(path, "Workload")["Labels"], {"b": "2"})


def described(t):
    """The introspection data of every interface of ours, as one document."""
    parts = []
    operation = t.client.call(ROOT, "Root.CreateWorkload", {"spec": t.spec(FOREVER), "wait": "running"})[2]
    objects = [operation, *sorted(t.client.objects())]
    for path in [ROOT] + [next(name for name in objects if f"/{kind}/" in name) for kind in KINDS]:
        parts += re.findall(rf'  <interface name="{THOLE}\..*?</interface>\n', t.client.introspect(path), re.S)
    return "<node>\n" + "".join(parts) + "</node>\n"


@case("JSON that is nested deeper than the bus allows is told as text, and nobody loses the connection", proves="127")
def _(t):
    deep = 1
    for _ in range(26):
        deep = {"a": deep}
    client = listener(t)
    subscribe(client, -1)
    client.objects()
    made = t.thole.create({"image": "demo", "backend_options": deep})
    path = path_of("workload", made["id"])
    listed = t.client.objects()[path][f"{THOLE}.Workload"]
    t.equal(listed["Spec"], t.client.properties(path, "Workload")["Spec"], "one by one as in the list")
    t.equal(listed["Spec"], t.client.call(path, "Workload.Get")[0]["spec"], "and as a method gives it")
    found, depth = listed["Spec"]["backend_options"], 0
    while isinstance(found, dict):
        found, depth = found["a"], depth + 1
    for _ in range(depth):
        deep = deep["a"]
    t.equal(json.loads(found), deep, "the rest of it")
    t.until(lambda: [one for one in client.named("InterfacesAdded") if one[0] == path], what="it is told, too")
    t.client.call(path, "Workload.Delete", {"force": True, "wait": "deleted"})
    client.close()


@case("introspection is as docs/org.thole.Thole1.xml says, and documented throughout")
def _(t):
    _, made = t.make()
    t.thole.post(f"/v1/workloads/{made['id']}/sessions", {"command": ["cat"], "tty": False}).expect(200, 201)
    text = described(t)
    if os.environ.get("THOLE_ACCEPT"):
        with open(GOLDEN, "w", encoding="utf-8") as file:
            file.write(text)
    with open(GOLDEN, encoding="utf-8") as file:
        t.equal(text, file.read(), "the introspection data (THOLE_ACCEPT=1 writes it anew)")
    root = tree.fromstring(text)
    bare = [item.get("name") for item in root.iter() if item.tag in ("interface", "method", "property", "signal")
            and item.find("annotation") is None]
    t.equal(bare, [], "without a word about it")


def walk(client, path):
    """What a browser of the bus sees: {path: {interface: its element}}, from the children that each node names."""
    node = tree.fromstring(client.introspect(path))
    found = {path: {interface.get("name"): interface for interface in node.findall("interface")}}
    for child in node.findall("node"):
        found.update(walk(client, path.rstrip("/") + "/" + child.get("name")))
    return found


def shape(interface):
    """An interface without its words: the names and types of all there is."""
    return sorted((item.tag, item.get("name"), item.get("type"), item.get("direction"), item.get("access"),
                   tuple((argument.get("name"), argument.get("type"), argument.get("direction")) for argument in item.findall("arg")))
                  for item in interface if item.tag in ("method", "property", "signal"))


@case("a walk from the root finds every object, whole and documented, as gdbus and busctl find it", proves="127")
def _(t):
    _, made = t.make()
    t.thole.post(f"/v1/workloads/{made['id']}/sessions", {"command": ["cat"], "tty": False}).expect(200, 201)
    t.until(lambda: not [path for path in t.client.objects() if "/operation/" in path], what="the end of what goes on")
    listed, seen = t.client.objects(), walk(t.client, "/")
    t.equal(sorted(set(listed) - set(seen)), [], "objects that a walk does not find")
    with open(GOLDEN, encoding="utf-8") as file:
        golden = {interface.get("name"): shape(interface) for interface in tree.parse(file).iter("interface")}
    for path, interfaces in seen.items():
        ours = [name for name in interfaces if name.startswith(THOLE)]
        t.equal(len(ours), 1 if path == ROOT or path in listed else 0, f"{path}: interfaces of ours")
        t.among("org.freedesktop.DBus.Introspectable", interfaces, path)
        t.equal("org.freedesktop.DBus.ObjectManager" in interfaces, path == ROOT, f"{path}: ObjectManager")
        for name in ours:
            t.equal(shape(interfaces[name]), golden[name], f"{path}: {name}")
            t.equal([item.get("name") for item in interfaces[name] if item.tag in ("method", "property", "signal")
                     and item.find("annotation") is None], [], f"{path}: without a word about it")
            properties = {item.get("name"): item.get("type") for item in interfaces[name].findall("property")}
            values = t.client.raw(path, "org.freedesktop.DBus.Properties.GetAll", GLib.Variant("(s)", (name,)))[0].get_child_value(0)
            given = {(entry := values.get_child_value(i)).get_child_value(0).get_string(): entry.get_child_value(1).get_variant().get_type_string()
                     for i in range(values.n_children())}
            t.equal(given, properties, f"{path}: properties as introspected")
    text = subprocess.run(["gdbus", "introspect", "--address", t.bus.address, "--dest", THOLE, "--object-path", "/", "--recurse"],
                          capture_output=True, text=True, timeout=60, check=True).stdout
    t.equal([path for path in listed if f"node {path} " not in text], [], "what gdbus introspect --recurse does not show")
    text = subprocess.run(["busctl", f"--address={t.bus.address}", "--list", "tree", THOLE], capture_output=True, text=True, timeout=60,
                          check=True).stdout
    t.equal([path for path in listed if path not in text.split()], [], "what busctl tree does not show")


@case("every operation of the list but those of HTTP alone is a method with its name")
def _(t):
    with open(os.path.join(SOURCE, "core", "operations", "operations.list"), encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.split("|")] for line in file if line.count("|") == 9 and not line.startswith("#")]
    bound = {row[8].split()[0] for row in rows if row[8] != "-"}
    with open(GOLDEN, encoding="utf-8") as file:
        root = tree.fromstring(file.read())
    methods = {f"{interface.get('name').removeprefix(THOLE + '.')}.{method.get('name')}"
               for interface in root for method in interface.iter("method")}
    t.equal(sorted(bound - methods), [], "methods that lack")
    alone = sorted(row[0] for row in rows if row[8] == "-")
    t.equal(alone, ["auth.cookie", "auth.login", "auth.logout", "auth.refresh", "auth.setup", "session.token", "session.tty",
                    "ticket.create", "workload.report"])


@case("busctl finds the tree")
def _(t):
    path, _ = t.make()
    shown = subprocess.run(["busctl", f"--address={t.bus.address}", "tree", THOLE], capture_output=True, text=True, timeout=90, check=True)
    t.holds(shown.stdout, path)
    t.holds(shown.stdout, path_of("backend", "memory"))


@case("somebody without rights is refused, and sees no object", proves="127")
def _(t):
    path, _ = t.make()
    if os.getuid() != 0:
        raise Skip("only root can be somebody else")
    for words in (["--object-path", path, "--method", f"{THOLE}.Workload.Get", "@a{sv} {}"],
                  ["--object-path", ROOT, "--method", f"{THOLE}.Root.ListWorkloads", "@a{sv} {}"],
                  ["--object-path", ROOT, "--method", "org.freedesktop.DBus.ObjectManager.GetManagedObjects"],
                  ["--object-path", path, "--method", "org.freedesktop.DBus.Properties.Get", f"{THOLE}.Workload", "State"]):
        answer = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "gdbus", "call", "--address",
                                 t.bus.address, "--dest", THOLE, *words], capture_output=True, text=True, timeout=90, check=False)
        t.holds(answer.stderr, f"{THOLE}.Error.Forbidden")


def listener(t):
    client = BusClient(t.bus.address)
    client.listen()
    return client


@case("a watcher is told what is added, changed and removed", proves="127")
def _(t):
    client = listener(t)
    client.objects()
    path, made = t.make()
    added = t.until(lambda: [arguments for arguments in client.named("InterfacesAdded") if arguments[0] == path], what="InterfacesAdded")
    t.equal(added[0][1][f"{THOLE}.Workload"]["Id"], made["id"])
    t.client.call(path, "Workload.Stop", {"wait": "stopped"})
    changed = t.until(lambda: [arguments[1] for arguments in client.named("PropertiesChanged", path) if arguments[1].get("State") == "stopped"],
                      what="PropertiesChanged")
    t.true("Spec" not in changed[-1] and "Id" not in changed[-1], "only what changed is told")
    t.equal(client.properties(path, "Workload")["State"], "stopped")
    for label in ({"n": "1"}, {"n": "2"}):
        t.thole.patch(f"/v1/workloads/{made['id']}", {"labels": label}).expect(200)
        changed = t.until(lambda label=label: [arguments[1] for arguments in client.named("PropertiesChanged", path)
                                               if arguments[1].get("Labels") == label], what="the new label")
        t.equal(set(changed[-1]) - {"Generation", "Labels", "Revision", "UpdatedAt"}, set(), "told besides")
    t.client.call(path, "Workload.Delete", {"wait": "deleted"})
    t.until(lambda: [arguments for arguments in client.named("InterfacesRemoved") if arguments == (path, [f"{THOLE}.Workload"])],
            what="InterfacesRemoved")
    t.until(lambda: [arguments for arguments in client.named("InterfacesAdded") if "/operation/" in arguments[0]], what="its operations")
    t.until(lambda: [arguments for arguments in client.named("InterfacesRemoved") if "/operation/" in arguments[0]], what="their ends")
    client.close()


@case("nobody is told who did not ask, and nobody after Unsubscribe")
def _(t):
    silent, client = listener(t), listener(t)
    client.objects()
    t.make()
    t.until(lambda: client.named("InterfacesAdded"), what="InterfacesAdded")
    t.equal(silent.pump(), [], "signals for somebody who never asked")
    client.raw(ROOT, f"{THOLE}.Root.Unsubscribe", None)
    other = listener(t)
    other.objects()
    client.pump().clear()
    t.make()
    t.until(lambda: other.named("InterfacesAdded"), what="InterfacesAdded")
    t.equal(client.pump(), [], "signals after Unsubscribe")
    for one in (silent, client, other):
        one.close()


def subscribe(client, after, **options):
    given = GLib.Variant("(xa{sv})", (after, {key: private_bus.variant(value) for key, value in options.items()}))
    return client.raw(ROOT, f"{THOLE}.Root.Subscribe", given)[0].unpack()[0]


@case("Subscribe goes on after a number, without a hole, and gives what HTTP gives", proves="127")
def _(t):
    begin = t.thole.events(None)[-1]["seq"] if t.thole.events(None) else 0
    path, _ = t.make()
    client = listener(t)
    subscribe(client, begin)
    t.client.call(path, "Workload.Stop", {"wait": "stopped"})
    wanted = t.thole.events(begin)
    t.until(lambda: len(client.named("Root.Event")) >= len(wanted), what="all events")
    seen = client.named("Root.Event")
    t.equal([seq for seq, _ in seen][:len(wanted)], [event["seq"] for event in wanted])
    t.equal([event for _, event in seen][:len(wanted)], [without_null(event) for event in wanted])
    client.close()


def without_null(value):
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


@case("Subscribe refuses numbers that never were and options that are unknown; below 0 only new events come")
def _(t):
    client = listener(t)
    t.refused(f"{THOLE}.Error.InvalidField", lambda: subscribe(client, 10**12))
    error = t.refused(f"{THOLE}.Error.InvalidField", lambda: subscribe(client, 0, bogus=1))
    t.equal(error.pointers, ["/bogus"])
    newest = subscribe(client, -1, type="workload.created")
    _, made = t.make()
    t.until(lambda: client.named("Root.Event"), what="an event")
    t.equal([event["subject"] for seq, event in client.named("Root.Event") if seq > newest], [made["id"]])
    client.close()


@case("who does not read costs little, and others are told all")
def _(t):
    stopped = subprocess.Popen(["/usr/bin/python3", "-c", DEAF, t.bus.address], stdout=subprocess.PIPE, text=True,
                               cwd=os.path.join(SOURCE, "tests", "flow"))
    t.equal(stopped.stdout.readline().strip(), "watching")
    stopped.send_signal(19)
    client = listener(t)
    client.objects()
    before = t.thole.rss()
    _, made = t.make()
    for number in range(600):
        t.thole.patch(f"/v1/workloads/{made['id']}", {"labels": {"n": str(number)}}).expect(200)
    path = path_of("workload", made["id"])
    t.until(lambda: [1 for arguments in client.named("PropertiesChanged", path) if arguments[1].get("Labels") == {"n": "599"}],
            what="the last change")
    t.true(sanitized() or t.thole.rss() - before < 16 * 1024 * 1024, f"memory rose by {t.thole.rss() - before} bytes")
    stopped.kill()
    stopped.wait()
    client.close()


def read_all(descriptor):
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


@case("the output of a workload comes by a descriptor", proves="128")
def _(t):
    path, made = t.make(["print", "one", ";", "print", "two", ";", "exit", "0"], wait="stopped")
    t.equal(read_all(t.client.descriptor(path, "Workload.Logs")), t.thole.get(f"/v1/workloads/{made['id']}/logs").body)
    t.equal(read_all(t.client.descriptor(path, "Workload.Logs", {"tail": 1})), b"two\n")
    timed = read_all(t.client.descriptor(path, "Workload.Logs", {"timestamps": True})).decode().splitlines()
    t.equal([line.partition("Z ")[2] for line in timed], ["one", "two"])
    error = t.refused(f"{THOLE}.Error.InvalidField", lambda: t.client.descriptor(path, "Workload.Logs", {"tail": "x", "bogus": 1}))
    t.equal(error.pointers, ["/bogus", "/tail"])


@case("a recording comes by a descriptor, too")
def _(t):
    path, _ = t.make()
    session, made = t.client.call(path, "Workload.CreateSession", {"command": ["/bin/sh", "-c", "echo recorded"], "tty": True, "record": True})[:2]
    t.until(lambda: t.client.properties(session, "Session")["State"] == "ended", what="its end")
    def same():
        body = t.thole.get(f"/v1/sessions/{made['id']}/recording").body
        return b"recorded" in body and body == read_all(t.client.descriptor(session, "Session.ReadRecording"))

    # its last output may be written a moment after its end is known
    t.until(same, what="the recording")


@case("a followed log goes on by its descriptor, and is given up when nobody reads it any more")
def _(t):
    path, made = t.make(["print", "one", ";", "sleep", "0.5", ";", "print", "two", ";", "forever"])
    before = t.thole.descriptors()
    log = os.fdopen(t.client.descriptor(path, "Workload.Logs", {"follow": True}), "rb")
    t.equal((log.readline(), log.readline()), (b"one\n", b"two\n"))
    log.close()
    t.until(lambda: t.thole.descriptors() <= before, what="the daemon closes its end")


def read_on(end):
    """All that comes, and whether it breaks."""
    got = b""
    try:
        while piece := os.read(end, 65536):
            got += piece
    except ConnectionResetError:
        return got, True
    finally:
        os.close(end)
    return got, False


def with_file(t):
    path, made = t.make()
    data = bytes(range(256)) * 16384
    t.thole.request("PUT", f"/v1/workloads/{made['id']}/files?path=/file", data, {"Content-Type": "application/octet-stream"}).expect(201)
    return path, data


@case("a file comes by a descriptor, whole, in part or as an archive", proves="FS-01")
def _(t):
    path, data = with_file(t)
    before = t.thole.descriptors()
    got, broken = read_on(t.client.descriptor(path, "Workload.ReadFile", {"path": "/file"}))
    t.true(got == data and not broken, "the file")
    got, broken = read_on(t.client.descriptor(path, "Workload.ArchiveFiles", {"path": "/file"}))
    t.true(data in got and not broken, "the archive")
    t.equal(read_on(t.client.descriptor(path, "Workload.ReadFile", {"path": "/file", "offset": 5, "length": 7})), (data[5:12], False))
    t.equal(read_on(t.client.descriptor(path, "Workload.ReadFile", {"path": "/file", "length": 0})), (b"", False))
    with socket.socket(fileno=t.client.descriptor(path, "Workload.ReadFile", {"path": "/file"})) as link:
        try:
            link.send(b"x")
            raise AssertionError("it takes what nobody reads")
        except BrokenPipeError:
            pass
    t.until(lambda: t.thole.descriptors() <= before, what="the daemon closes its ends")
    error = t.refused(f"{THOLE}.Error.InvalidField", lambda: t.client.descriptor(path, "Workload.ReadFile", {"path": "/", "list": True}))
    t.equal(error.pointers, ["/list"])


@case("half a file never looks like a whole one: its reader is told when the daemon goes", each=["Workload.ReadFile", "Workload.ArchiveFiles"])
def _(t, member):
    path, data = with_file(t)
    end = t.client.descriptor(path, member, {"path": "/file"})
    got = os.read(end, 1000)
    if member == "Workload.ReadFile":
        t.thole.stop()
    else:
        t.thole.kill()
    more, broken = read_on(end)
    t.thole.bus = t.bus.address
    t.thole.start()
    t.true(broken and len(got) + len(more) < len(data), f"{len(got) + len(more)} of {len(data)} bytes, broken: {broken}")


@case("a refusal that names what is no text is told as text", each=["a byte that is none", "half a character"])
def _(t, name):
    path, _ = with_file(t)
    # of a long name 256 bytes are quoted
    header = tarfile.TarInfo({"a byte that is none": "../\udcff", "half a character": "../" + "é" * 200}[name])
    descriptors, (theirs, ours) = private_bus.Gio.UnixFDList.new(), os.pipe()
    os.write(ours, header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + bytes(1024))
    os.close(ours)
    given = {"path": private_bus.variant("/"), "input": GLib.Variant("h", descriptors.append(theirs))}
    os.close(theirs)
    said = t.refused(f"{THOLE}.Error.InvalidField", lambda: t.client.raw(path, f"{THOLE}.Workload.ExtractFiles",
                                                                         GLib.Variant("(a{sv})", (given,)), descriptors=descriptors))
    t.holds(said.message, "\ufffd")


@case("a pipe that nobody writes to holds no upload", each=["WriteFile", "ExtractFiles"])
def _(t, member):
    path, _ = with_file(t)
    before = t.thole.descriptors()
    t.reload(http__body_timeout="0.1")
    theirs, ours = os.pipe()
    try:
        descriptors = private_bus.Gio.UnixFDList.new()
        given = {"path": private_bus.variant("/half" if member == "WriteFile" else "/"), "input": GLib.Variant("h", descriptors.append(theirs))}
        t.refused(f"{THOLE}.Error.RequestTimeout", lambda: t.client.raw(path, f"{THOLE}.Workload.{member}", GLib.Variant("(a{sv})", (given,)),
                                                                       descriptors=descriptors))
    finally:
        os.close(theirs)
        os.close(ours)
        t.reload(http__body_timeout="30")
    t.until(lambda: t.thole.descriptors() <= before, what="the end of the upload")


def exec_with(t, path, command, ends, **options):
    """Workload.Exec with descriptors; gives its result. They stay the caller's."""
    descriptors = private_bus.Gio.UnixFDList.new()
    given = {key: private_bus.variant(value) for key, value in {"command": command, **options}.items()}
    given.update({name: GLib.Variant("h", descriptors.append(end)) for name, end in ends.items()})
    try:
        return t.client.connection.call_with_unix_fd_list_sync(
            THOLE, path, f"{THOLE}.Workload", "Exec", GLib.Variant("(a{sv})", (given,)), None, 0, 60000, descriptors, None)[0].unpack()[0]
    except GLib.Error as error:
        name = private_bus.Gio.DBusError.get_remote_error(error)
        private_bus.Gio.DBusError.strip_remote_error(error)
        raise BusError(name, error.message) from None
    finally:
        # the list has copies, which an error would keep open with this frame
        for copy in descriptors.steal_fds():
            os.close(copy)


def feeding(descriptor, data):
    def feed():
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError:
            pass
    thread = threading.Thread(target=feed)
    thread.start()
    return thread


class Collecting(threading.Thread):
    def __init__(self, descriptor):
        super().__init__()
        self.descriptor, self.data = descriptor, b""
        self.start()

    def run(self):
        self.data = read_all(self.descriptor)


def ends(kind):
    """What the daemon is given of a way to it, and ours."""
    if kind == "pipe":
        return os.pipe()
    pair = socket.socketpair()
    return pair[0].detach(), pair[1].detach()


def through(t, path, kind, command, data, **options):
    """Bytes in, (result, bytes out, bytes of errors)."""
    before = t.thole.descriptors()
    theirs_in, ours_in = ends(kind)
    ours_out, theirs_out = ends(kind)
    ours_err, theirs_err = ends(kind)
    feeder, out, errors = feeding(ours_in, data), Collecting(ours_out), Collecting(ours_err)
    try:
        result = exec_with(t, path, command, {"stdin": theirs_in, "stdout": theirs_out, "stderr": theirs_err}, **options)
    finally:
        for end in (theirs_in, theirs_out, theirs_err):
            os.close(end)
        for thread in (feeder, out, errors):
            thread.join()
    t.until(lambda: t.thole.descriptors() <= before, what="the daemon closes its ends")
    return result, out.data, errors.data


@case("a command takes its input and gives its output by descriptors", each=["pipe", "socket"], proves="128")
def _(t, kind):
    path, _ = t.make()
    data = bytes(range(256)) * 4000
    result, out, errors = through(t, path, kind, ["cat", ";", "error", "oh", ";", "exit", "3"], data, timeout=90)
    t.equal((result["exit_code"], result["truncated"], errors), (3, False, b"oh\n"))
    t.equal(out == data, True, f"{len(out)} bytes of {len(data)}")
    t.equal(sorted(result), ["duration", "exit_code", "truncated"], "what went by descriptors is not told again")
    result, out, errors = through(t, path, kind, ["print", "one"], b"")
    t.equal((result["exit_code"], out, errors), (0, b"one\n", b""))


@case("only standard output by a descriptor; one that nobody reads harms nobody")
def _(t):
    path, _ = t.make()
    ours, theirs = os.pipe()
    out = Collecting(ours)
    result = exec_with(t, path, ["cat", ";", "error", "oh"], {"stdout": theirs}, stdin="in")
    os.close(theirs)
    out.join()
    t.equal((out.data, result["stderr"], "stdout" in result), (b"in", "oh\n", False))
    ours, theirs = os.pipe()
    os.close(ours)
    t.equal(exec_with(t, path, ["print", "one"], {"stdout": theirs})["exit_code"], 0, "nobody reads")
    os.close(theirs)


@case("descriptors of a command that cannot be used are refused, and so is too much input")
def _(t):
    path, _ = t.make()
    wrong, before = "org.freedesktop.DBus.Error.InvalidArgs", t.thole.descriptors()
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    datagrams = socket.socketpair(type=socket.SOCK_DGRAM)
    for given in ({"stdin": null}, {"stdout": null}, {"stdout": reader}, {"stdin": writer}, {"stdout": datagrams[0].fileno()},
                  {"command": reader}, {"user": reader}):
        t.refused(wrong, lambda given=given: exec_with(t, path, ["print", "x"], given))
    t.refused(wrong, lambda: exec_with(t, path, ["cat"], {"stdin": reader}, stdin_base64="eA=="))
    t.refused(f"{THOLE}.Error.InvalidField", lambda: exec_with(t, path, ["print", "x"], {"stdout": writer}, bogus=1))
    error = t.refused(f"{THOLE}.Error.InvalidField", lambda: through(t, path, "pipe", ["cat"], b"x" * (1024 * 1024 + 1)))
    t.equal(error.pointers, ["/stdin"])
    for end in (reader, writer, null):
        os.close(end)
    for one in datagrams:
        one.close()
    t.until(lambda: t.thole.descriptors() <= before, what="the daemon closes its ends")


@case("commands whose input does not end are few, and end with their caller")
def _(t):
    path, _ = t.make()
    before, client, descriptors = t.thole.descriptors(), BusClient(t.bus.address), private_bus.Gio.UnixFDList.new()
    reader, writer = os.pipe()
    given = {"command": GLib.Variant("as", ["cat"]), "stdin": GLib.Variant("h", descriptors.append(reader))}
    told = []

    def answered(connection, result):
        try:
            connection.call_with_unix_fd_list_finish(result)
            told.append("")
        except GLib.Error as error:
            told.append(private_bus.Gio.DBusError.get_remote_error(error))
    for _ in range(40):
        client.connection.call_with_unix_fd_list(THOLE, path, f"{THOLE}.Workload", "Exec", GLib.Variant("(a{sv})", (given,)), None, 0, 60000,
                                                 descriptors, None, answered)
    t.until(lambda: client.connection and (GLib.MainContext.default().iteration(False), len(told) >= 8)[1], what="the refusals")
    t.equal(set(told), {f"{THOLE}.Error.Overloaded"})
    client.close()
    os.close(reader)
    t.until(lambda: t.thole.descriptors() <= before, what="the daemon lets go of what they gave")
    t.equal(exec_with_input(t, path), "again")
    os.close(writer)


def exec_with_input(t, path):
    theirs, ours = os.pipe()
    feeder = feeding(ours, b"again")
    result = exec_with(t, path, ["cat"], {"stdin": theirs})
    os.close(theirs)
    feeder.join()
    return result["stdout"]


def frame(kind, channel, payload):
    return struct.pack(">IBBH", len(payload), kind, 0, channel) + payload


class Frames:
    """The caller's end of Session.Attach."""

    def __init__(self, descriptor):
        self.socket, self.buffer = socket.socket(fileno=descriptor), b""
        self.socket.settimeout(60)
        self.output = b""

    def next(self):
        while len(self.buffer) < 8 or len(self.buffer) < 8 + struct.unpack(">I", self.buffer[:4])[0]:
            data = self.socket.recv(65536)
            if not data:
                return None, b""
            self.buffer += data
        length, kind = struct.unpack(">IB", self.buffer[:5])
        payload, self.buffer = self.buffer[8:8 + length], self.buffer[8 + length:]
        return kind, payload

    def until(self, kind):
        """The next frame of this kind; output on the way is kept."""
        while True:
            seen, payload = self.next()
            if seen == OUTPUT:
                self.output += payload[9:]
            if seen in (kind, None):
                return payload if seen == kind else None


ATTACHED, DETACHED, OUTPUT, ANSWER, EXIT = 0xA0, 0xA1, 0xA2, 0x92, 0xA5
PING, PONG, RESIZE, GRANT, INPUT, INPUT_END = 0x01, 0x02, 0x15, 0x22, 0x24, 0x25


def attach(t, workload, **options):
    session, made, = t.client.call(path_of("workload", workload["id"]), "Workload.CreateSession", options)[:2]
    frames = Frames(t.client.descriptor(session, "Session.Attach"))
    return session, made, frames


@case("a session is a stream socket that speaks the agent's frames", proves="128")
def _(t):
    _, workload = t.make()
    session, _, frames = attach(t, workload, command=["cat"], tty=False)
    t.true(frames.until(ATTACHED) is not None, "ATTACHED comes first")
    frames.socket.sendall(frame(PING, 0, b"hello") + frame(GRANT, 1, struct.pack(">I", 65536)) + frame(INPUT, 1, struct.pack(">Q", 0) + b"hello\n"))
    t.equal(frames.until(PONG), b"hello")
    while frames.output != b"hello\n":
        t.true(frames.until(OUTPUT) is not None, "output")
    t.until(lambda: t.client.properties(session, "Session")["Viewers"] == 1, what="its viewer is counted")
    frames.socket.sendall(frame(INPUT_END, 1, struct.pack(">Q", 6)))
    t.equal(struct.unpack(">IIQ", frames.until(EXIT)), (0, 0, 6))
    frames.until(DETACHED)
    t.equal(frames.next()[0], None, "the end")


@case("the console of a workload is such a stream, too")
def _(t):
    path, _ = t.make(["cat"], spec=t.spec(["cat"], stdin=True))
    frames = Frames(t.client.descriptor(path, "Workload.Console"))
    t.true(frames.until(ATTACHED) is not None, "ATTACHED comes first")
    frames.socket.sendall(frame(GRANT, 1, struct.pack(">I", 65536)) + frame(INPUT, 1, struct.pack(">Q", 0) + b"hello\n"))
    while b"hello" not in frames.output:
        t.true(frames.until(OUTPUT) is not None, "output")
    frames.socket.close()


@case("a terminal by descriptor: size, and what may not be ends it alone")
def _(t):
    _, workload = t.make()
    session, _, frames = attach(t, workload, command=["/bin/sh"], tty=True)
    frames.until(ATTACHED)
    size = struct.pack(">IHHHHHH", 7, 27, 2, 40, 28, 2, 100)
    frames.socket.sendall(frame(GRANT, 1, struct.pack(">I", 65536)) + frame(RESIZE, 0, size))
    t.equal(struct.unpack(">IH", frames.until(ANSWER)[:6]), (7, 0))
    frames.socket.sendall(frame(INPUT, 1, struct.pack(">Q", 0) + b"stty size; echo d''one\n"))
    while b"done" not in frames.output:
        t.true(frames.until(OUTPUT) is not None, "output")
    t.holds(frames.output, b"40 100")
    frames.socket.sendall(frame(INPUT, 1, struct.pack(">Q", 10**9) + b"a hole"))
    t.equal(struct.unpack(">H", frames.until(DETACHED)[:2])[0], 14)
    t.equal(t.client.call(session, "Session.Get", {})[0]["state"], "running", "the session itself")


@case("a caller that grants much and reads nothing costs a little memory")
def _(t):
    _, workload = t.make()
    _, _, frames = attach(t, workload, command=["yes"], tty=False, flow="latest")
    frames.until(ATTACHED)
    before = t.thole.rss()
    frames.socket.settimeout(0.2)
    try:
        for _ in range(2000):
            frames.socket.sendall(frame(GRANT, 1, struct.pack(">I", 2**31)) + frame(PING, 0, b"x" * 64))
    except TimeoutError:
        pass
    t.thole.get("/v1/me").expect(200)
    t.true(sanitized() or t.thole.rss() - before < 16 * 1024 * 1024, f"memory rose by {t.thole.rss() - before} bytes")
    frames.socket.close()


@case("a second daemon does not take the name, and says so in one line")
def _(t):
    folder = os.path.join(t.bus.folder, "second")
    answer = subprocess.run([THOLED, "--bus-address", t.bus.address, "--state-dir", folder, "--runtime-dir", folder, "--listen",
                             f"unix:{folder}/sock", "--set", "backend m.driver=memory"], capture_output=True, text=True, timeout=90, check=False,
                            env=t.thole.spawn_environment())
    t.equal(answer.returncode, 1)
    t.holds(answer.stderr, "another owner")


class Elsewhere(Daemon):
    """One that is told of its bus by the environment."""

    words = []

    def command(self):
        return [word for word in super().command() if word != "--no-bus"] + self.words


@case("on the bus of the session, or on that of the system, and without one it serves all the same")
def _(t):
    bus = PrivateBus()
    memory = {"memory": {"driver": "memory", "default": "true"}}
    try:
        for words, variable in ((["--session"], "DBUS_SESSION_BUS_ADDRESS"), ([], "DBUS_SYSTEM_BUS_ADDRESS")):
            daemon = Elsewhere(memory, environment={variable: bus.address})
            daemon.words = words
            with daemon:
                client = BusClient(bus.address)
                t.equal(client.call(ROOT, "Root.GetMe", {})[0]["name"], f"uid:{os.getuid()}")
                client.close()
        with Elsewhere(memory, environment={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/bus"}) as daemon:
            t.holds(daemon.output(), "not on the system bus")
            daemon.get("/v1/me").expect(200)
    finally:
        bus.close()


@case("a bus that goes away does not take the daemon along")
def _(t):
    bus = PrivateBus()
    Daemon.bus = bus.address
    try:
        with Daemon({"memory": {"driver": "memory", "default": "true"}}) as daemon:
            client = BusClient(bus.address)
            client.objects()
            client.close()
            bus.close()
            daemon.create({"image": "demo"})
            daemon.get("/v1/me").expect(200)
            t.until(lambda: "the bus has gone" in daemon.output(), what="a word about it")
    finally:
        Daemon.bus = None


@case("a bus that comes back has the daemon on it, which knows nothing of who called before", proves="127")
def _(t):
    bus = PrivateBus()
    Daemon.bus = bus.address
    try:
        with Daemon({"memory": {"driver": "memory", "default": "true"}}) as daemon:
            for number in range(3):
                client = BusClient(bus.address)
                t.until(client.owner, what="the name")
                client.listen()
                client.objects()
                path = path_of("workload", daemon.create({"image": "demo"}, name=f"w{number}")["id"])
                t.until(lambda: [one for one in client.named("InterfacesAdded") if one[0] == path], what="InterfacesAdded")
                t.equal(len([one for one in client.objects() if "/workload/" in one]), number + 1)
                # a call that is not answered yet, and one who watches
                client.connection.call(THOLE, path, f"{THOLE}.Workload", "Get",
                                       GLib.Variant("(a{sv})", ({"wait": GLib.Variant("s", "deleted")},)), None, 0, -1, None, None)
                client.connection.flush_sync(None)
                bus.stop()
                daemon.get("/v1/me").expect(200)
                bus.start()
            t.until(lambda: daemon.output().count("on the bus again") == 3, what="a word about it")
    finally:
        Daemon.bus = None
        bus.close()


@case("a bus that hangs keeps nobody from being served over HTTP, nor the daemon from going down")
def _(t):
    bus = PrivateBus()
    Daemon.bus = bus.address
    try:
        with Daemon({"memory": {"driver": "memory", "default": "true"}}) as daemon:
            client = BusClient(bus.address)
            client.objects()
            bus.process.send_signal(signal.SIGSTOP)
            # more than its socket holds
            for _ in range(100):
                daemon.post("/v1/workloads", {"spec": {"image": "demo"}, "start": False, "labels": {f"k{n}": "x" * 60 for n in range(60)}})
            daemon.get("/v1/me").expect(200)
            t.until(lambda: len(daemon.listed("/v1/workloads")) == 100, what="all of them")
            daemon.stop()
            t.equal(daemon.process.returncode, 0)
    finally:
        Daemon.bus = None
        bus.process.send_signal(signal.SIGCONT)
        bus.close()


@case("a daemon that is going down refuses calls by name")
def _(t):
    bus = PrivateBus()
    Daemon.bus = bus.address
    try:
        with Daemon({"memory": {"driver": "memory", "default": "true"}}) as daemon:
            client = BusClient(bus.address)
            ours = client.owner()
            # a request whose body does not come: it is waited for
            held = daemon.connection()
            held.connect()
            held.sock.sendall(b"POST /v1/workloads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                              b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            t.holds(held.sock.recv(1024).decode(), "100 Continue")
            daemon.process.terminate()
            t.until(lambda: client.owner() is None, what="the name is given back")
            given = GLib.Variant("(a{sv})", ({},))
            try:
                client.connection.call_sync(ours, ROOT, f"{THOLE}.Root", "GetMe", given, None, 0, 10000, None)
                raise AssertionError("it was taken")
            except GLib.Error as error:
                t.equal(private_bus.Gio.DBusError.get_remote_error(error), f"{THOLE}.Error.Interrupted")
            held.close()
            client.close()
    finally:
        Daemon.bus = None
        bus.close()


@case("only one of --session, --bus-address and --no-bus")
def _(t):
    answer = subprocess.run([THOLED, "--session", "--no-bus"], capture_output=True, text=True, timeout=90, check=False)
    t.equal((answer.returncode, "only one of" in answer.stderr), (2, True))


main(OnBus)
