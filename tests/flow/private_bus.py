# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A message bus of one's own that lets every user in, and a client for Thole's objects on it."""
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile

try:
    import gi

    gi.require_version("Gio", "2.0")
    from gi.repository import Gio, GLib
except (ImportError, ValueError):
    Gio = GLib = None

NAME, ROOT = "org.thole.Thole1", "/org/thole/Thole1"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
  <limit name="max_message_size">33554432</limit>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
"""


def missing():
    """Why there can be no private bus here, or None."""
    if Gio is None:
        return "python3-gi is not installed"
    return None if shutil.which("dbus-daemon") else "dbus-daemon is not installed"


class PrivateBus:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-bus-")
        os.chmod(self.folder, 0o755)
        self.config = os.path.join(self.folder, "bus.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder))
        self.start()

    def start(self):
        """Also again after stop(), in the same place."""
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile", "--print-address"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.address = self.process.stdout.readline().decode().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def close(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def variant(value):
    """What a program would give: bool b, int x, float d, str s, a list of texts as, a dictionary a{sv}."""
    if isinstance(value, GLib.Variant):
        return value
    if isinstance(value, bool):
        return GLib.Variant("b", value)
    if isinstance(value, int):
        return GLib.Variant("x" if -2**63 <= value < 2**63 else "t", value)
    if isinstance(value, float):
        return GLib.Variant("d", value)
    if isinstance(value, str):
        return GLib.Variant("s", value)
    if isinstance(value, dict):
        return GLib.Variant("a{sv}", {key: variant(item) for key, item in value.items()})
    if value and all(isinstance(item, str) for item in value):
        return GLib.Variant("as", value)
    return GLib.Variant("av", [variant(item) for item in value])


class BusError(Exception):
    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name, self.message = name, message

    @property
    def pointers(self):
        """Which fields it names, sorted."""
        return sorted(line.partition(": ")[0] for line in self.message.split("\n")[1:])


class BusClient:
    def __init__(self, address):
        self.connection = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.connection.set_exit_on_close(False)

    def close(self):
        self.connection.close_sync(None)

    def raw(self, path, member, arguments, timeout=90, flags=0, descriptors=None):
        """member: "org.example.Interface.Method"; gives the unpacked results and the descriptors."""
        interface, _, method = member.rpartition(".")
        try:
            result, descriptors = self.connection.call_with_unix_fd_list_sync(
                NAME, path, interface, method, arguments, None, Gio.DBusCallFlags(flags), timeout * 1000, descriptors, None)
        except GLib.Error as error:
            name = Gio.DBusError.get_remote_error(error)
            if name is None:
                raise
            Gio.DBusError.strip_remote_error(error)
            raise BusError(name, error.message) from None
        return result, descriptors

    def call(self, path, member, *arguments, timeout=90, flags=0):
        """member: "Workload.Start"; the last argument is the dictionary of options. Gives what the method gives, as a tuple."""
        *first, options = arguments or ({},)
        given = GLib.Variant(f"({'s' * len(first)}a{{sv}})", (*first, {key: variant(item) for key, item in options.items()}))
        return self.raw(path, f"{NAME}.{member}", given, timeout, flags)[0].unpack()

    def descriptor(self, path, member, options=None):
        """Of a method that gives a file descriptor."""
        given = GLib.Variant("(a{sv})", ({key: variant(item) for key, item in (options or {}).items()},))
        return self.raw(path, f"{NAME}.{member}", given)[1].get(0)

    def properties(self, path, interface):
        member = "org.freedesktop.DBus.Properties.GetAll"
        return self.raw(path, member, GLib.Variant("(s)", (f"{NAME}.{interface}",)))[0].unpack()[0]

    def objects(self):
        return self.raw(ROOT, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", None)[0].unpack()[0]

    def listen(self):
        """From here on signals of Thole are kept in self.signals as (path, "Interface.Name", arguments)."""
        self.signals = []

        def came(_connection, _sender, path, interface, name, arguments):
            self.signals.append((path, f"{interface.removeprefix(NAME + '.')}.{name}", arguments.unpack()))

        self.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, came)

    def pump(self):
        """Lets signals that have come be kept; gives them."""
        context = GLib.MainContext.default()
        while context.iteration(False):
            pass
        return self.signals

    def named(self, name, path=None):
        """Arguments of the signals of this name, of one object or all."""
        return [arguments for where, what, arguments in self.pump() if what.endswith(name) and path in (None, where)]

    def owner(self):
        """The unique name of the daemon, None when it is not there."""
        try:
            return self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
                                             GLib.Variant("(s)", (NAME,)), None, 0, 10000, None).unpack()[0]
        except GLib.Error:
            return None

    def introspect(self, path):
        return self.raw(path, "org.freedesktop.DBus.Introspectable.Introspect", None)[0].unpack()[0]


class DeafClient:
    """Calls and calls, and reads nothing of what comes."""

    def __init__(self, address):
        self.socket, self.serial = socket.socket(socket.AF_UNIX), 0
        self.socket.connect(re.search(r"path=([^,;]+)", address)[1])
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        self.socket.recv(1000)
        self.socket.sendall(b"BEGIN\r\n")
        self.call("/org/freedesktop/DBus", "org.freedesktop.DBus.Hello", None, "org.freedesktop.DBus")

    def call(self, path, member, arguments, destination=NAME):
        interface, _, method = member.rpartition(".")
        message = Gio.DBusMessage.new_method_call(destination, path, interface, method)
        if arguments is not None:
            message.set_body(arguments)
        self.serial += 1
        message.set_serial(self.serial)
        self.socket.sendall(message.to_blob(Gio.DBusCapabilityFlags.NONE))

    def call_with(self, path, member, signature, body, flags=0):
        """Arguments as bytes of the wire, which nobody here makes values of."""
        def field(code, kind, text):
            length = bytes([len(text)]) if kind == "g" else struct.pack("<I", len(text))
            return bytes([code, 1]) + kind.encode() + b"\0" + length + text.encode() + b"\0"

        interface, _, method = member.rpartition(".")
        fields = b""
        for one in (field(1, "o", path), field(2, "s", interface), field(3, "s", method), field(6, "s", NAME), field(8, "g", signature)):
            fields += bytes(-len(fields) % 8) + one
        self.serial += 1
        head = b"l\1" + bytes([flags, 1]) + struct.pack("<III", len(body), self.serial, len(fields)) + fields
        self.socket.sendall(head + bytes(-len(head) % 8))
        self.socket.sendall(body)

    def until(self, word):
        """Reads until this has come."""
        seen = b""
        while word not in seen:
            got = self.socket.recv(65536)
            if not got:
                raise AssertionError(f"the bus has hung up before {word}")
            seen = seen[-len(word):] + got

    def close(self):
        self.socket.close()


def path_of(kind, identity):
    return f"{ROOT}/{kind}/{identity.replace('-', '_')}"
