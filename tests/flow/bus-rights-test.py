#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what over D-Bus: users of the machine, polkit (the template of python3-dbusmock), and clients that mean ill."""
import os
import select
import struct
import subprocess
import xml.etree.ElementTree as tree

import private_bus
from bus_user import BusUser
from daemon import SOURCE, Daemon, sanitized
from memory import FOREVER, Memory, Skip, case, main
from private_bus import ROOT, BusClient, DeafClient, GLib, PrivateBus

ALICE, BOB, CAROL, NOBODY = 1, 2, 3, 65534 # a bus lets nobody in whom the machine does not know: daemon, bin, sys, nobody
ACTION = "org.thole.thole1."
INTERACTIVE = 2  # ALLOW_INTERACTIVE_AUTHORIZATION


class Polkit:
    """A polkit that says yes to what it is told."""

    def __init__(self, t):
        self.client, self.t = t.client, t
        self.process = subprocess.Popen(["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "polkitd"],
                                        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": t.bus.address}, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        t.until(self.there, what="polkit")

    def there(self):
        if self.process.poll() is not None:
            raise Skip(f"no polkit template: {self.process.stderr.read().decode()[-200:]}")
        try:
            self.ask("SetAllowed", GLib.Variant("(as)", ([],)))
            return True
        except GLib.Error:
            return None

    def ask(self, method, arguments):
        return self.client.connection.call_sync("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                                "org.freedesktop.DBus.Mock", method, arguments, None, 0, 5000, None)

    def allow(self, *actions):
        """From now on exactly these; those who were let in before are asked again."""
        self.ask("SetAllowed", GLib.Variant("(as)", ([ACTION + action for action in actions],)))
        self.ask("EmitSignal", GLib.Variant("(sssav)", ("org.freedesktop.PolicyKit1.Authority", "Changed", "", [])))

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()


class Rights(Memory):
    SETTINGS = {"limits.user_rate": "0", "limits.key_rate": "0", "limits.address_rate": "0"}

    def __init__(self):
        if private_bus.missing():
            raise Skip(private_bus.missing())
        if os.getuid() != 0:
            raise Skip("only root can be somebody else")
        self.bus = PrivateBus()
        Daemon.bus = self.bus.address
        try:
            super().__init__()
        finally:
            Daemon.bus = None
        self.client = BusClient(self.bus.address)
        for name, uid in (("alice", ALICE), ("bob", BOB)):
            self.thole.post("/v1/users", {"email": f"{name}@example.org", "password": "a good password", "roles": ["developer"],
                                          "uid": uid}).expect(201)
        self.alice, self.bob, self.nobody = (BusUser(self.bus.address, uid) for uid in (ALICE, BOB, NOBODY))
        self.polkit = None

    def close(self):
        try:
            for one in (self.alice, self.bob, self.nobody, self.polkit):
                if one:
                    one.close()
            self.client.close()
            super().close()
        finally:
            self.bus.close()

    def make(self, who, name):
        answer, error = who.call(ROOT, "Root.CreateWorkload", {"name": name, "spec": {"image": "app", "command": FOREVER}, "wait": "running"})
        self.equal(error, None, "the error")
        return answer[0], answer[1]


@case("two users of the bus do not see, hear or touch what is the other's", proves="127")
def _(t):
    for one in (t.alice, t.bob):
        t.equal(one.do("objects")[1], None)
        t.equal(one.do("subscribe", after=-1)[1], None)
    path, made = t.make(t.alice, "hers")
    t.true(made["owner"].startswith("us-"), "it is hers")
    own, own_made = t.make(t.bob, "his")
    t.equal(t.bob.call(path, "Workload.Get")[1], "NotFound")
    t.equal(t.bob.call(path, "Workload.Stop")[1], "NotFound")
    t.equal(t.bob.do("properties", path=path, interface="Workload")[1], "NotFound")
    t.equal(t.bob.call(ROOT, "Root.ListEvents", {"subject": made["id"]})[0][0]["items"], [])
    objects = t.bob.do("objects")[0]
    t.true(own in objects and path not in objects, "his own alone")
    t.equal(t.alice.call(path, "Workload.Stop", {"wait": "stopped"})[1], None)
    t.equal(t.bob.call(own, "Workload.Stop", {"wait": "stopped"})[1], None)
    t.until(lambda: [name for where, name in t.alice.do("signals")[0] if where == path], what="what she is told")
    t.until(lambda: [name for where, name in t.bob.do("signals")[0] if where == own], what="what he is told")
    t.equal([where for where, _ in t.bob.do("signals")[0] if where == path], [], "what he is told of hers")
    t.equal([where for where, _ in t.alice.do("signals")[0] if where == own], [], "what she is told of his")
    everything = t.client.objects()
    t.true(path in everything and own in everything, "an administrator sees both")


@case("an idempotency key is the same over both faces, and alone its owner's")
def _(t):
    options = {"spec": {"image": "app", "command": FOREVER}, "idempotency_key": "once"}
    first = t.alice.call(ROOT, "Root.CreateWorkload", options)[0][0]
    t.equal(t.alice.call(ROOT, "Root.CreateWorkload", options)[0][0], first)
    t.true(t.bob.call(ROOT, "Root.CreateWorkload", options)[0][0] != first, "his is another")
    t.equal(t.alice.call(ROOT, "Root.CreateWorkload", {**options, "name": "other"})[1], "IdempotencyConflict")
    mine = t.client.call(ROOT, "Root.CreateWorkload", {**options, "idempotency_key": "both"})
    again = t.thole.post("/v1/workloads", {"spec": options["spec"]}, {"Idempotency-Key": "both"}).expect(200, 201, 202)
    t.equal((again.json["id"], again.headers["idempotency-replayed"]), (mine[1]["id"], "true"))


@case("if_match guards against what changed meanwhile")
def _(t):
    path, made = t.make(t.alice, "guarded")
    t.equal(t.alice.call(path, "Workload.Update", {"labels": {"a": "1"}, "if_match": "9999"})[1], "PreconditionFailed")
    revision = str(t.alice.call(path, "Workload.Get")[0][0]["revision"])
    t.equal(t.alice.call(path, "Workload.Update", {"labels": {"a": "1"}, "if_match": revision})[1], None)


def with_polkit(t):
    if t.polkit is None:
        t.polkit = Polkit(t)
    return t.polkit


@case("without polkit somebody without rights is denied everything but who it is", proves="127")
def _(t):
    t.equal(t.nobody.call(ROOT, "Root.GetMe")[0][0]["name"], f"uid:{NOBODY}")
    for member in ("ListWorkloads", "CreateWorkload", "ListUsers", "ListAudit", "GetSettings", "BackUpStore"):
        t.equal(t.nobody.call(ROOT, f"Root.{member}")[1], "Forbidden", member)
    t.equal((t.nobody.do("objects")[1], t.nobody.do("subscribe", after=0)[1]), ("Forbidden", "Forbidden"))


@case("polkit lets a caller without rights do what an action stands for, and no more; to its own objects", proves="127")
def _(t):
    polkit = with_polkit(t)
    hers, _ = t.make(t.alice, "not-yours")
    t.until(lambda: t.nobody.call(ROOT, "Root.ListWorkloads")[1] == "Forbidden", what="no consent, no list")
    polkit.allow("view")
    t.until(lambda: t.nobody.call(ROOT, "Root.ListWorkloads")[1] is None, 15, what="consent to view")
    t.equal(t.nobody.call(ROOT, "Root.ListWorkloads")[0][0]["items"], [], "objects of others")
    t.equal(t.nobody.call(ROOT, "Root.CreateWorkload")[1], "Forbidden")
    t.equal(t.nobody.call(ROOT, "Root.ListUsers")[1], "Forbidden")
    t.equal(t.nobody.call(hers, "Workload.Get")[1], "NotFound")
    polkit.allow("view", "manage-workloads")
    t.until(lambda: t.nobody.call(ROOT, "Root.CreateWorkload")[1] == "InvalidField", what="consent to manage")
    path, made = t.make(t.nobody, "mine")
    t.equal(made["owner"], f"uid:{NOBODY}")
    t.equal(t.nobody.call(hers, "Workload.Stop")[1], "NotFound")
    t.equal(t.nobody.call(path, "Workload.Exec", {"command": ["true"]})[1], "Forbidden")
    t.equal(t.nobody.call(path, "Workload.Stop", {"wait": "stopped"})[1], None)


@case("consent that is taken back ends at once, also for who watches", proves="127")
def _(t):
    polkit = with_polkit(t)
    polkit.allow("view", "manage-workloads")
    t.until(lambda: t.nobody.do("objects")[1] is None, 15, what="consent to view")
    polkit.allow()
    t.until(lambda: [name for _, name in t.nobody.do("signals")[0] if name == "Root.WatchEnded"], what="WatchEnded")
    t.equal(t.nobody.do("objects")[1], "Forbidden")


def ended(who):
    return [name for _, name in who.do("signals")[0] if name == "Root.WatchEnded"]


@case("who was an administrator, or is disabled, is told nothing more", proves="127")
def _(t):
    user = t.thole.post("/v1/users", {"email": "carol@example.org", "password": "a good password", "roles": ["admin"],
                                      "uid": CAROL}).expect(201).json["id"]
    for changed in ({"roles": ["developer"]}, {"disabled": True}):
        carol = BusUser(t.bus.address, CAROL)
        t.equal((carol.do("objects")[1], carol.do("subscribe", after=-1)[1]), (None, None))
        if "roles" in changed:
            seen, _ = t.make(t.alice, "seen")
            t.until(lambda: [1 for where, _ in carol.do("signals")[0] if where == seen], what="she sees everybody's")
        t.thole.patch(f"/v1/users/{user}", changed).expect(200)
        path, _ = t.make(t.alice, f"not-seen-{[*changed][0]}")
        t.until(lambda: ended(carol), what="WatchEnded")
        t.equal([name for where, name in carol.do("signals")[0] if where == path], [], "what she is told of others")
        names = [name for _, name in carol.do("signals")[0]]
        t.equal(names[names.index("Root.WatchEnded") + 1:], [], "what comes after the end")
        carol.close()


@case("an operation that came and went while somebody did not read is not left over", proves="127")
def _(t):
    slow = BusUser(t.bus.address, ALICE)
    path, made = t.make(t.alice, "busy")
    t.equal((slow.do("objects")[1], slow.do("subscribe", after=-1)[1]), (None, None))
    slow.process.send_signal(19)
    for number in range(600):
        t.thole.patch(f"/v1/workloads/{made['id']}", {"labels": {"n": str(number)}}).expect(200)
    t.equal(t.alice.do("objects")[1], None)
    operation = t.alice.call(path, "Workload.Stop", {"wait": "stopped"})[0][1]
    t.until(lambda: [1 for where, name in t.alice.do("signals")[0] if (where, name.split(".")[-1]) == (operation, "InterfacesRemoved")],
            what="others are told its end")
    slow.process.send_signal(18)
    t.until(lambda: told_of(slow, operation), what="the slow one is told, too")
    t.equal(told_of(slow, operation), ["InterfacesRemoved"])
    slow.close()


def told_of(who, path):
    return [name.split(".")[-1] for where, name in who.do("signals")[0] if where == path]


@case("one who has to type a password waits alone", proves="127")
def _(t):
    polkit = with_polkit(t)
    polkit.allow("exec", "view", "manage-workloads")
    t.until(lambda: t.nobody.do("objects")[1] is None, 15, what="consent")
    path, _ = t.make(t.nobody, "slow")
    polkit.ask("SimulateHangActions", GLib.Variant("(as)", ([ACTION + "exec"],)))
    t.nobody.begin(do="call", path=path, member="Workload.Exec", arguments=[{"command": ["print", "hello"]}], flags=INTERACTIVE)
    for _ in range(20):
        t.equal(t.alice.call(ROOT, "Root.ListWorkloads")[1], None, "others meanwhile")
    t.until(lambda: release(polkit, t), what="polkit was asked")
    answer, error = t.nobody.end()
    t.equal((error, answer and answer[0]["stdout"]), (None, "hello\n"))
    polkit.ask("SimulateHangActions", GLib.Variant("(as)", ([],)))


@case("who has many long calls waiting for polkit takes no room from others, root or not", proves="127")
def _(t):
    polkit, size = with_polkit(t), 3900 * 1000
    polkit.allow("exec", "view", "manage-workloads")
    t.until(lambda: t.nobody.do("objects")[1] is None, 15, what="consent")
    path, _ = t.make(t.nobody, "held")
    polkit.ask("SimulateHangActions", GLib.Variant("(as)", ([ACTION + "exec"],)))
    crowd = BusUser(t.bus.address, NOBODY)
    t.equal(crowd.do("hold", path=path, connections=4, size=size, flags=INTERACTIVE)[1], None)
    # who it is has been said before, so that it is its own room that is full
    t.until(lambda: t.nobody.call(ROOT, "Root.GetMe", {"x": "x" * size})[1] == "LimitsExceeded", what="its room is full")
    for who in (t.alice, t.bob):
        t.equal(who.call(ROOT, "Root.GetMe", {"x": "x" * size})[1], "InvalidField")
    try:
        BusClient(t.bus.address).call(ROOT, "Root.GetMe", {"x": "x" * size})
        raise AssertionError("it was taken")
    except private_bus.BusError as error:
        t.equal(error.name.rpartition(".")[2], "InvalidField")
    t.equal(t.nobody.call(ROOT, "Root.GetMe")[1], None)
    crowd.close()
    t.until(lambda: t.nobody.call(ROOT, "Root.GetMe", {"x": "x" * size})[1] == "InvalidField", what="there is room again")
    polkit.ask("SimulateHangActions", GLib.Variant("(as)", ([],)))
    polkit.ask("ReleaseHangingCalls", None)


def release(polkit, t):
    polkit.ask("ReleaseHangingCalls", None)
    ready, _, _ = select.select([t.nobody.process.stdout], [], [], 0.05)
    return bool(ready)


@case("the actions of the list are those of the policy file")
def _(t):
    with open(os.path.join(SOURCE, "core", "operations", "operations.list"), encoding="utf-8") as file:
        bound = [line.split("|")[8].split() for line in file if line.count("|") == 9 and not line.startswith("#")]
    asked = {ACTION + words[1] for words in bound if len(words) > 1}
    policy = tree.parse(os.path.join(SOURCE, "data", "org.thole.thole1.policy.in"))
    t.equal(sorted(asked - {action.get("id") for action in policy.iter("action")}), [], "actions without a policy")


# those who mean ill ----------------------------------------------------------------------------------------

@case("10,000 calls whose answers nobody reads cost little, and others are served", proves="127")
def _(t):
    flooder = BusUser(t.bus.address, ALICE)
    before = t.thole.rss()
    flooder.begin(do="flood", count=10000)
    for _ in range(20):
        t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    t.equal(flooder.end()[1], None)
    flooder.process.send_signal(19)
    t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    flooder.process.send_signal(18)
    flooder.close()
    t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    t.true(sanitized() or t.thole.rss() - before < 48 * 1024 * 1024, f"memory rose by {t.thole.rss() - before} bytes")


def lists_at_once(clients, count):
    """Each of the clients asks for all objects so often at once: the words of the errors, None = a list."""
    words = []

    def came(connection, result):
        try:
            connection.call_finish(result)
            words.append(None)
        except GLib.Error as error:
            words.append(private_bus.Gio.DBusError.get_remote_error(error).rpartition(".")[2])

    for _ in range(count):
        for client in clients:
            client.connection.call(private_bus.NAME, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", None, None, 0, 60000,
                                   None, came)
    while len(words) < count * len(clients):
        GLib.MainContext.default().iteration(True)
    return words


@case("who asks for several lists of all objects at once gets one; many who ask get theirs in turn")
def _(t):
    for number in range(150):
        t.thole.post("/v1/workloads", {"spec": {"image": "app", "command": FOREVER}}).expect(201, 202)
    clients = [BusClient(t.bus.address) for _ in range(12)]
    t.until(lambda: None in (words := lists_at_once(clients[:1], 20)) and "Overloaded" in words, what="a list, and a refusal")
    t.equal(lists_at_once(clients, 1), [None] * 12)
    # those who leave do not keep their turns
    for client in clients[1:]:
        client.connection.call(private_bus.NAME, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", None, None, 0, -1, None, None)
        client.connection.flush_sync(None)
        client.close()
    t.equal(lists_at_once(clients[:1], 1), [None])
    clients[0].close()


@case("nobody has more than a quarter of the watchers, or of the streams")
def _(t):
    path, _ = t.make(t.alice, "listened-to")
    for order, share, one in (({"do": "crowd"}, 64, {"do": "objects"}), ({"do": "streams", "path": path}, 256, None)):
        crowd = BusUser(t.bus.address, ALICE)
        words = crowd.do(count=share + 2, **order)[0]
        t.among(words.count(None), (share - 1, share), "what one user has")
        t.equal(words[share:], ["Overloaded"] * 2)
        if one:
            t.equal(t.bob.do(**one)[1], None)
        else:
            os.close(t.client.descriptor(path, "Workload.Logs", {"follow": True}))
        crowd.close()


def workloads_on(client):
    """Beside operations, which come and go by themselves."""
    return sorted(path for path in client.objects() if "/workload/" in path)


def rss(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@case("who calls for long answers and lists and reads none of them costs a little memory, and others are served", proves="127")
def _(t):
    labels = {f"key{number}": "x" * 60 for number in range(60)}
    for _ in range(100):
        t.thole.post("/v1/workloads", {"spec": {"image": "app"}, "start": False, "labels": labels}).expect(201, 202)
    before, wanted = (t.thole.rss(), rss(t.bus.process.pid)), workloads_on(t.client)
    deaf = [DeafClient(t.bus.address) for _ in range(2)]
    for _ in range(500):
        deaf[0].call(ROOT, "org.thole.Thole1.Root.ListWorkloads", GLib.Variant("(a{sv})", ({},)))
    for number in range(500):
        deaf[1].call(ROOT, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", None)
        if number % 10 == 0:
            t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    t.equal(workloads_on(t.client), wanted, "what others are told")
    t.true(len(wanted) >= 100, "they are not told all")
    # all of these answers were 500 MB
    rose = [after - then for after, then in zip((t.thole.rss(), rss(t.bus.process.pid)), before)]
    print(f"# memory rose by {[size >> 20 for size in rose]} MiB")
    t.true(sanitized() or max(rose) < 96 * 1024 * 1024, f"memory rose by {rose} bytes")
    for one in deaf:
        one.close()


@case("giant arguments are refused, and others are served")
def _(t):
    before = t.thole.rss()
    giant = GLib.Variant("(a{sv})", ({"name": GLib.Variant("s", "x" * (16 * 1024 * 1024))},))
    many = GLib.Variant("(a{sv})", ({f"key{number}": GLib.Variant("as", ["x" * 99] * 60) for number in range(1000)},))
    rose = []
    for arguments in (giant, many, giant, many):
        try:
            t.client.raw(ROOT, "org.thole.Thole1.Root.CreateWorkload", arguments)
            raise AssertionError("it was taken")
        except private_bus.BusError as error:
            t.equal(error.name.rpartition(".")[2], "TooLarge")
        rose.append(t.thole.rss() - before)
    t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    print(f"# memory rose by {[size >> 20 for size in rose]} MiB")
    t.true(sanitized() or max(rose) < 16 * 1024 * 1024, "it rises")


def repeated(signature, element, size):
    """An array of so many bytes, of an element whose length is a multiple of its alignment."""
    body = element * (size // len(element))
    return signature, struct.pack("<I", len(body)) + bytes(4 if signature[1] in "({xtd" else 0) + body


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


@case("arrays of 30 MB, and messages of as many values as fit, cost the daemon little, and others are served meanwhile", proves="127")
def _(t):
    size, pid = 30 * 1000 * 1000, t.thole.process.pid
    number, text = b"\1y\0\7", b"\3\0\0\0abc\0"
    entry = text + b"\1u\0" + bytes(1) + bytes(4)
    giants = [repeated("av", number, size), repeated("as", text, size), repeated("a{sv}", entry, size // 4), repeated("ai", bytes(4), size // 4)]
    for giant in giants + [repeated("av", number, 4 * 1000 * 1000), repeated("as", text, 4 * 1000 * 1000)]:
        before, deaf = peak(pid), DeafClient(t.bus.address)
        deaf.call_with(ROOT, "org.thole.Thole1.Root.CreateWorkload", *giant)
        t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
        deaf.until(b"TooLarge")
        deaf.close()
        t.true(sanitized() or peak(pid) - before < 16 * 1024 * 1024, f"{giant[0]}: the peak rises by {peak(pid) - before} bytes")
    before, deaf = peak(pid), DeafClient(t.bus.address)
    for kind in ("av", "ab", "as"):
        some = repeated(kind, {"av": number, "ab": bytes(4), "as": text}[kind], 15000)
        for _ in range(100):
            deaf.call_with(ROOT, "org.thole.Thole1.Root.CreateWorkload", *some, flags=1)
    t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    deaf.close()
    t.true(sanitized() or peak(pid) - before < 48 * 1024 * 1024, f"the peak rises by {peak(pid) - before} bytes")


@case("a giant call of something that is not ours is refused as a small one is")
def _(t):
    before, deaf = peak(t.thole.process.pid), DeafClient(t.bus.address)
    signature, body = repeated("av", b"\1y\0\7", 8 * 1000 * 1000)
    deaf.call_with("/x", "org.example.X.Y", signature, body)
    t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    deaf.until(b"org.freedesktop.DBus.Error.")
    deaf.close()
    t.true(sanitized() or peak(t.thole.process.pid) - before < 8 * 1024 * 1024, "the peak rises")


@case("a message of 100 MiB ends at the bus, and is nothing to the daemon")
def _(t):
    before, client = t.thole.rss(), DeafClient(t.bus.address)
    client.socket.sendall(b"l\1\0\1" + struct.pack("<III", 100 * 1024 * 1024, 2, 16) + bytes(16))
    try:
        for _ in range(100):
            client.socket.sendall(bytes(1024 * 1024))
        raise AssertionError("the bus takes it")
    except (BrokenPipeError, ConnectionResetError):
        pass
    t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)
    t.true(sanitized() or t.thole.rss() - before < 4 * 1024 * 1024, f"memory rose by {t.thole.rss() - before} bytes")
    client.close()


@case("deep, strange and empty values are refused by name or taken, never more")
def _(t):
    deep = GLib.Variant("s", "x")
    for _ in range(30):
        deep = GLib.Variant("v", deep)
    nest = {"a": GLib.Variant("s", "x")}
    for _ in range(20):
        nest = {"a": GLib.Variant("a{sv}", nest)}
    for value in (deep, GLib.Variant("a{sv}", nest), GLib.Variant("ay", b"\xff\x00"), GLib.Variant("o", "/"), GLib.Variant("g", "a{sv}"),
                  GLib.Variant("(ii)", (1, 2)), GLib.Variant("d", float("nan")), GLib.Variant("t", 2**64 - 1), GLib.Variant("a{us}", {1: "x"}),
                  GLib.Variant("aas", [[], ["x"]]), GLib.Variant("h", 0), GLib.Variant("y", 7)):
        given = GLib.Variant("(a{sv})", ({"spec": value, "labels": value, "name": value},))
        client = BusClient(t.bus.address)
        try:
            client.raw(ROOT, "org.thole.Thole1.Root.CreateWorkload", given, timeout=90)
            raise AssertionError(f"{value} was taken")
        except private_bus.BusError as error:
            t.among(error.name.rpartition(".")[2], ("InvalidField", "Malformed", "InvalidArgs"), f"{value.get_type_string()}: the error")
        except GLib.Error as error:
            # the bus itself lets no such message through
            t.true(error.matches(private_bus.Gio.io_error_quark(), private_bus.Gio.IOErrorEnum.CLOSED), f"{value.get_type_string()}: {error}")
    t.equal(t.bob.call(ROOT, "Root.GetMe")[1], None)


main(Rights)
