#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units, users, folders, policies of bus and polkit: against the tools that read them, and against the daemon."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

import private_bus  # noqa: E402
from daemon import BUILD, Daemon, sanitized  # noqa: E402
from tap import Checks, Skip, case, main  # noqa: E402

SOURCE, DATA = os.path.join(ROOT, "data"), os.path.join(BUILD, "data")
UNITS = {"system": ["tholed.service", "tholed.socket", "tholed-http.socket"], "user": ["tholed-user.service", "tholed-user.socket"]}
MOST_EXPOSED = 1.3      # of 10, as systemd-analyze weighs it
# What the units of fwupd 1.9 and bolt 0.9.5 restrict, and what of ours is at least as strict.
PEERS = {
    "CapabilityBoundingSet": "", "KeyringMode": "private", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes", "PrivateTmp": "yes", "ProtectClock": "yes", "ProtectControlGroups": "yes", "ProtectHome": "yes",
    "ProtectHostname": "yes", "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible", "ProtectSystem": "strict", "RestrictNamespaces": "yes", "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes", "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures": "native", "PrivateDevices": "yes",
}
BUS = """<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/></policy>
<include>{policy}</include></busconfig>"""


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def unit_text(name):
    return read(DATA if os.path.exists(os.path.join(DATA, name)) else SOURCE, name)


def tool(*command, **rest):
    if not shutil.which(command[0]):
        raise Skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **rest)


def directives(name):
    """{key: [values]}"""
    found = {}
    for line in unit_text(name).splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def place_units(folder, kind):
    """The units under the names that they are installed under; what is not installed is no fault of theirs."""
    paths = []
    for name in UNITS[kind]:
        text = re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", unit_text(name), flags=re.M)
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
        path = os.path.join(folder, name.replace("-user", ""))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        paths.append(path)
    return paths


@case("systemd understands the units", proves="OP-07", each=["system", "user"])
def _(t, kind):
    with tempfile.TemporaryDirectory() as folder:
        paths = place_units(folder, kind)
        result = tool("systemd-analyze", "verify", "--man=no", *(["--user"] if kind == "user" else []), *paths,
                      env={**os.environ, "XDG_RUNTIME_DIR": folder})
        if "connect" in result.stderr and kind == "user" and "tholed" not in result.stderr:
            raise Skip("systemd-analyze --user needs a session")
        t.equal([line for line in result.stderr.splitlines() if "tholed" in line], [])


@case("the system service is exposed little", proves="OP-07")
def _(t):
    with tempfile.TemporaryDirectory() as folder:
        place_units(folder, "system")
        result = tool("systemd-analyze", "security", "--offline=true", "--no-pager", os.path.join(folder, "tholed.service"))
        score = re.search(r"Overall exposure level for tholed.service: ([0-9.]+)", result.stdout)
        t.true(score, "a score in what systemd-analyze prints")
        print(f"# systemd-analyze security: {score[1]} of 10; what it counts against the service:")
        for line in result.stdout.splitlines():
            if line.startswith("✗"):
                print(f"#   {' '.join(line.split())}")
        t.true(float(score[1]) <= MOST_EXPOSED, f"a score of {score[1]}, at most {MOST_EXPOSED}")


@case("a drop-in gives the containerd driver what it needs, and no more")
def _(t):
    with tempfile.TemporaryDirectory() as folder:
        place_units(folder, "system")
        os.mkdir(os.path.join(folder, "tholed.service.d"))
        shutil.copy(os.path.join(SOURCE, "tholed-containerd.conf"), os.path.join(folder, "tholed.service.d", "containerd.conf"))
        path = os.path.join(folder, "tholed.service")
        result = tool("systemd-analyze", "verify", "--man=no", path)
        t.equal([line for line in result.stderr.splitlines() if "tholed" in line], [])
    found = directives("tholed-containerd.conf")
    t.equal((found["User"], len(found["CapabilityBoundingSet"][0].split())), (["root"], 5))


@case("the system service is as strict as those of fwupd and bolt")
def _(t):
    found = directives("tholed.service")
    for key, wanted in PEERS.items():
        t.equal(found.get(key), [wanted], key)
    t.equal(found["SystemCallFilter"], ["@system-service", "~@privileged @resources"])
    t.equal((found["User"], found["Type"], found["RuntimeDirectoryPreserve"]), (["thole"], ["notify"], ["yes"]))


@case("every exception from what systemd can close is explained in the unit")
def _(t):
    text = unit_text("tholed.service")
    for word in ("PrivateNetwork", "IPAddressDeny", "PrivateUsers", "RootDirectory", "DynamicUser", "AF_NETLINK"):
        t.true(re.search(rf"^#   .*{word}", text, re.M), word)


def expand(name):
    result = tool("systemd-analyze", "syscall-filter", "--no-pager", name)
    words = {line.strip() for line in result.stdout.splitlines() if re.match(r"    [@\w]", line)}
    for inner in [word for word in words if word.startswith("@")]:
        words |= expand(inner)
    return {word for word in words if not word.startswith("@")}


@case("the daemon works with the system calls that its unit leaves it")
def _(t):
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    if sanitized():
        raise Skip("a sanitizer asks for more")
    refused = sorted(expand("@privileged") | expand("@resources"))
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace")
        # as the filter: EPERM; -D: the daemon is the child here, strace its grandchild
        wrapper = ["strace", "-D", "-f", "-q", "-o", trace, "-e", f"inject={','.join('?' + name for name in refused)}:error=EPERM"]
        thole = Daemon({"memory": {"driver": "memory", "default": "true"}}, wrapper=wrapper)
        with thole:
            workload = thole.create({"image": "x"})
            thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["print", "x"]}).expect(200)
            thole.post("/v1/secrets", {"name": "a", "value": "b"}).expect(201)
            thole.tcp().get("/metrics").expect(200)
            thole.remove(workload)
        end = re.compile(rf"^{thole.process.pid} +\+\+\+ exited with 0 ", re.M)
        t.until(lambda: end.search(read(trace)), what="the end of the trace")
        made = set(re.findall(r"^\d+ +(\w+)\(", read(trace), re.M))
        t.equal(sorted(made - expand("@system-service")), [], "calls outside of the filter's set")
        t.true(len(made) > 30, f"{len(made)} different calls were seen")
        print(f"# {len(made)} different system calls; refused and done without: {', '.join(sorted(made & set(refused)))}")


@case("nothing in the daemon's memory can be written and run")
def _(t):
    if sanitized():
        raise Skip("a sanitizer maps more")
    with Daemon({"memory": {"driver": "memory", "default": "true"}}) as thole:
        maps = read(f"/proc/{thole.process.pid}/maps")
        t.equal([line for line in maps.splitlines() if " rwx" in line], [])


@case("its user and folders are made")
def _(t):
    if os.geteuid() != 0:
        raise Skip("needs root")
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "etc"))
        result = tool("systemd-sysusers", f"--root={folder}", os.path.join(SOURCE, "thole.sysusers"))
        t.equal((result.returncode, [line for line in result.stderr.splitlines() if "rror" in line]), (0, []))
        t.true(re.search(r"^thole:x:\d+:\d+:Thole:/var/lib/thole:.*nologin$", read(folder, "etc/passwd"), re.M), "the user")
        t.true(re.search(r"^docker:x:\d+:thole$", read(folder, "etc/group"), re.M), "its place in the group docker")
        result = tool("systemd-tmpfiles", f"--root={folder}", "--create", os.path.join(SOURCE, "thole.tmpfiles"))
        t.equal(result.returncode, 0, result.stderr)
        uid = int(re.search(r"^thole:x:(\d+)", read(folder, "etc/passwd"), re.M)[1])
        for path, mode in {"run/thole": 0o755, "var/lib/thole": 0o700}.items():
            made = os.stat(os.path.join(folder, path))
            t.equal((made.st_uid, made.st_mode & 0o7777), (uid, mode), path)


# polkit ------------------------------------------------------------------------------------------------

ACTIONS = ["view", "manage-workloads", "exec", "manage-sessions", "manage-users", "administer"]
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@case("polkit's actions are all there, in every language")
def _(t):
    actions = tree.parse(os.path.join(DATA, "org.thole.thole1.policy")).getroot().findall("action")
    t.equal([action.get("id") for action in actions], [f"org.thole.thole1.{name}" for name in ACTIONS])
    languages = {line for line in read(ROOT, "po", "LINGUAS").split() if re.fullmatch(r"[a-z]{2}(_[A-Z]{2})?", line)}
    for action in actions:
        for tag in ("description", "message"):
            t.equal({text.get(LANG) for text in action.findall(tag)}, {None} | languages, f"{action.get('id')} {tag}")
        t.equal([note.text for note in action.findall("annotate")], ["unix-user:thole"])
        t.true(action.findtext("defaults/allow_any") != "yes", "nobody from elsewhere may without being asked")


@case("polkit's actions are valid by its own definition")
def _(t):
    definition = "/usr/share/polkit-1/policyconfig-1.dtd"
    if not os.path.exists(definition):
        raise Skip(f"{definition} is not there")
    result = tool("xmllint", "--noout", "--nonet", "--dtdvalid", definition, os.path.join(DATA, "org.thole.thole1.policy"))
    t.equal((result.returncode, result.stderr), (0, ""))


@case("every action that an operation needs is one of polkit's")
def _(t):
    listed = re.findall(r"\| (?:Root|Workload|Session|Backend|Operation)\.\w+ (\S+)", read(ROOT, "core", "operations", "operations.list"))
    t.true(len(listed) > 50, f"{len(listed)} operations of the bus were found")
    t.equal(sorted(set(listed) - {"none"}), sorted(ACTIONS))


# the bus -----------------------------------------------------------------------------------------------

def policy_interfaces():
    root = tree.parse(os.path.join(SOURCE, "org.thole.Thole1.conf")).getroot()
    return [rule.attrib for policy in root.findall("policy") if policy.get("context") == "default" for rule in policy]


@case("the bus's policy allows interfaces by name, and none that is not there")
def _(t):
    rules = policy_interfaces()
    for rule in rules:
        t.true("send_interface" in rule and rule.get("send_destination") == "org.thole.Thole1", f"{rule}")
    names = os.path.join(ROOT, "core", "bus", "names.c")
    if not os.path.exists(names):
        raise Skip("there is no core/bus to compare with")
    known = re.findall(r'^  \[THOLE_BUS_\w+\] = { "(\w+)"', read(names), re.M)
    allowed = [rule["send_interface"].split(".")[-1] for rule in rules if "Thole1" in rule["send_interface"]]
    t.equal(sorted(allowed), sorted(known))


SERVER = """
import sys
from gi.repository import Gio, GLib
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                                              Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
bus.add_filter(lambda bus, message, incoming: answer(bus, message) if incoming else message)
def answer(bus, message):
    if message.get_message_type() != Gio.DBusMessageType.METHOD_CALL:
        return message
    bus.send_message(Gio.DBusMessage.new_method_reply(message), Gio.DBusSendMessageFlags.NONE)
    return None
def own(name):
    reply = bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                          GLib.Variant("(su)", (name, 0)), None, 0, 10000, None)
    return reply.unpack()[0]
print(own("org.thole.Thole1"), flush=True)
sys.stdin.read()
"""


@case("a real bus lets through what the policy names and nothing else")
def _(t):
    try:
        from gi.repository import Gio
    except ImportError:
        raise Skip("python3-gi is not installed") from None
    if not shutil.which("dbus-daemon") or os.geteuid() != 0:
        raise Skip("needs dbus-daemon and root, who may own the name")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "bus.conf"), "w", encoding="utf-8") as file:
            file.write(BUS.format(folder=folder, policy=os.path.join(SOURCE, "org.thole.Thole1.conf")))
        address = f"unix:path={folder}/bus"
        bus = subprocess.Popen(["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile", "--nosyslog"],
                               stderr=subprocess.DEVNULL)
        server = None
        try:
            t.until(lambda: os.path.exists(os.path.join(folder, "bus")), what="the bus")
            server = subprocess.Popen([sys.executable, "-c", SERVER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
            t.equal(server.stdout.readline().strip(), "1", "the owner of the name")
            flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
            client = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)

            def call(interface, member):
                message = Gio.DBusMessage.new_method_call("org.thole.Thole1", "/org/thole/Thole1", interface, member)
                reply, _ = client.send_message_with_reply_sync(message, Gio.DBusSendMessageFlags.NONE, 10000, None)
                return reply.get_error_name()

            for rule in policy_interfaces():
                t.equal(call(rule["send_interface"], rule.get("send_member", "Anything")), None, f"{rule}")
            for interface, member in (("org.thole.Thole1.Nothing", "Do"), ("org.freedesktop.DBus.Properties", "Set"),
                                      ("org.freedesktop.DBus.Debug.Stats", "GetStats"), (None, "Root")):
                t.equal(call(interface, member), "org.freedesktop.DBus.Error.AccessDenied", f"{interface}.{member}")
        finally:
            if server:
                server.stdin.close()
                server.wait()
            bus.terminate()
            bus.wait()


POLKITD = "/usr/lib/polkit-1/polkitd"
RULE = """polkit.addRule(function (action, subject) {
  if (action.id == "org.thole.thole1.view" && subject.user == "nobody")
    return polkit.Result.YES;
});
"""
STRANGER = """
import sys
client = BusClient(sys.argv[1])
def ask(path, member, options):
    try:
        return len(client.call(path, member, options))
    except BusError as error:
        return error.name.rpartition(".")[2]
print(ask(ROOT, "Root.ListBackends", {}), ask(ROOT, "Root.CreateWorkload", {"spec": {"image": "x"}}))
"""


@case("the real polkitd takes the actions, and decides about who is no administrator")
def _(t):
    if private_bus.missing() or os.geteuid() != 0 or not os.path.exists(POLKITD) or not shutil.which("unshare"):
        raise Skip(private_bus.missing() or "needs root, unshare and polkitd")
    bus, polkit = private_bus.PrivateBus(), None
    try:
        for name, file, text in (("actions", "org.thole.thole1.policy", read(DATA, "org.thole.thole1.policy")),
                                 ("rules", "50-test.rules", RULE)):
            os.mkdir(os.path.join(bus.folder, name))
            with open(os.path.join(bus.folder, name, file), "w", encoding="utf-8") as out:
                out.write(text)
        script = (f"mount --bind {bus.folder}/actions /usr/share/polkit-1/actions && "
                  f"mount --bind {bus.folder}/rules /usr/share/polkit-1/rules.d && exec {POLKITD} --no-debug")
        polkit = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address})
        client = private_bus.BusClient(bus.address)
        t.until(lambda: has_owner(client, "org.freedesktop.PolicyKit1"), what="polkitd")
        for language, text in (("de_DE.UTF-8", "Thole selbst verwalten"), ("zh_CN.UTF-8", "管理 Thole 本身")):
            actions = authority(client, "EnumerateActions", private_bus.GLib.Variant("(s)", (language,)))[0]
            t.equal(dict((action[0], action[1]) for action in actions)["org.thole.thole1.administer"], text)
            t.equal(sorted(action[0] for action in actions), sorted(f"org.thole.thole1.{name}" for name in ACTIONS))
        with Daemon({"memory": {"driver": "memory", "default": "true"}}) as thole:
            thole.stop()
            plain = thole.command
            thole.command = lambda: [word for word in plain() if word != "--no-bus"] + ["--bus-address", bus.address]
            thole.start()
            # this one may be in a folder that somebody else cannot enter
            stranger = read(ROOT, "tests", "flow", "private_bus.py") + STRANGER
            told = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", stranger,
                                   bus.address], capture_output=True, text=True, check=False, timeout=60, cwd="/")
            t.equal(told.stdout.split(), ["1", "Forbidden"], f"what polkit let through, {told.stderr}")
        client.close()
    finally:
        if polkit:
            polkit.terminate()
            polkit.wait()
        bus.close()


def has_owner(client, name):
    answer = client.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                         private_bus.GLib.Variant("(s)", (name,)), None, 0, 10000, None)
    return answer.unpack()[0]


def authority(client, member, arguments):
    name = "org.freedesktop.PolicyKit1"
    return client.connection.call_sync(name, "/org/freedesktop/PolicyKit1/Authority", f"{name}.Authority", member, arguments,
                                       None, 0, 20000, None).unpack()


main(Checks)
