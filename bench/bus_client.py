# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Those who watch, as cheap as can be: they split what comes into messages, note when, and look at it afterwards."""
import os
import re
import selectors
import socket
import struct
import time

from private_bus import NAME, ROOT, Gio, GLib

CALL, SIGNAL, NO_REPLY = 1, 4, 1
STAMP = re.compile(rb"UpdatedAt\0\x01s\0.{0,3}\x18\0\0\0([0-9T:.\-]{23})Z", re.S)
PATH = re.compile(rb"/workload/([a-z0-9_]+)\0")


class RawWatcher:
    """A connection to the bus with a subscription to Thole's objects, or with none (`after` None)."""

    def __init__(self, address, after=-1):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(re.search(r"path=([^,;]+)", address)[1])
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        self.buffer = self.socket.recv(1000)
        self.socket.sendall(b"BEGIN\r\n")
        self.buffer, self.serial, self.told = b"", 0, []
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Hello", None)
        if after is not None:
            self.call(NAME, ROOT, f"{NAME}.Root.Subscribe", GLib.Variant("(xa{sv})", (after, {"type": GLib.Variant("s", "nothing.*")})))

    def send(self, message):
        self.serial += 1
        message.set_serial(self.serial)
        self.socket.sendall(message.to_blob(Gio.DBusCapabilityFlags.NONE))

    def call(self, destination, path, member, body, flags=0):
        interface, _, method = member.rpartition(".")
        message = Gio.DBusMessage.new_method_call(destination, path, interface, method)
        message.set_flags(Gio.DBusMessageFlags(flags))
        if body is not None:
            message.set_body(body)
        self.send(message)

    def read(self):
        """Takes what is there. A question for a sign of life is answered, what was told is kept with the time."""
        data = self.socket.recv(1 << 20)
        now = time.time()
        if not data:
            raise AssertionError("the bus has ended the connection")
        data, at = self.buffer + data, 0
        while len(data) - at >= 16:
            kind, length, fields = struct.unpack_from("<xB2xI4xI", data, at)
            end = at + 16 + (fields + 7) // 8 * 8 + length
            if end > len(data):
                break
            if kind == SIGNAL:
                self.told.append((now, data[at:end]))
            elif kind == CALL:
                self.send(Gio.DBusMessage.new_method_reply(Gio.DBusMessage.new_from_blob(data[at:end], Gio.DBusCapabilityFlags.NONE)))
            at = end
        self.buffer = data[at:]

    def changes(self):
        """(when, id, stamp) of each change of a workload that it was told."""
        for when, message in self.told:
            path, stamp = PATH.search(message), STAMP.search(message)
            if path and stamp:
                yield when, path[1].decode().replace("_", "-"), stamp[1].decode()

    def close(self):
        self.socket.close()


def follow(address, count, stop, out):
    """A process: so many watchers, until `stop` is set and nothing came for a second. Gives the list of changes of each."""
    watchers = [RawWatcher(address) for _ in range(count)]
    selector = selectors.DefaultSelector()
    for one in watchers:
        selector.register(one.socket, selectors.EVENT_READ, one)
    time.sleep(0.5)
    out.send("ready")
    while True:
        ready = selector.select(1)
        for key, _ in ready:
            key.data.read()
        if not ready and stop.is_set():
            break
    out.send([list(one.changes()) for one in watchers])
    for one in watchers:
        one.close()
