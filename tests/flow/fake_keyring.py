#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A keyring as desktops have one (org.freedesktop.secrets), in memory: fake_keyring.py [locked]. Says `ready` when it is there."""
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

ROOT = "/org/freedesktop/secrets"
XML = """<node>
  <interface name="org.freedesktop.Secret.Service">
    <method name="OpenSession"><arg type="s" direction="in"/><arg type="v" direction="in"/>
      <arg type="v" direction="out"/><arg type="o" direction="out"/></method>
    <method name="SearchItems"><arg type="a{ss}" direction="in"/><arg type="ao" direction="out"/><arg type="ao" direction="out"/></method>
    <method name="ReadAlias"><arg type="s" direction="in"/><arg type="o" direction="out"/></method>
  </interface>
  <interface name="org.freedesktop.Secret.Collection">
    <method name="CreateItem"><arg type="a{sv}" direction="in"/><arg type="(oayays)" direction="in"/><arg type="b" direction="in"/>
      <arg type="o" direction="out"/><arg type="o" direction="out"/></method>
  </interface>
  <interface name="org.freedesktop.Secret.Item">
    <method name="GetSecret"><arg type="o" direction="in"/><arg type="(oayays)" direction="out"/></method>
    <method name="Delete"><arg type="o" direction="out"/></method>
  </interface>
  <interface name="org.freedesktop.Secret.Session"><method name="Close"/></interface>
</node>"""


class Keyring:
    def __init__(self, locked):
        self.locked, self.items, self.count = locked, {}, 0
        self.node = Gio.DBusNodeInfo.new_for_xml(XML)
        self.loop = GLib.MainLoop()
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        self.serve(ROOT, "Service")
        self.serve(ROOT + "/collection/login", "Collection")
        self.serve(ROOT + "/session/1", "Session")
        Gio.bus_own_name_on_connection(self.bus, "org.freedesktop.secrets", Gio.BusNameOwnerFlags.NONE,
                                       lambda *_: print("ready", flush=True), lambda *_: self.loop.quit())

    def serve(self, path, interface):
        self.bus.register_object(path, self.node.lookup_interface("org.freedesktop.Secret." + interface), self.call, None, None)

    def call(self, _bus, _sender, path, _interface, method, arguments, invocation):
        invocation.return_value(getattr(self, method)(path, arguments))

    def OpenSession(self, _path, arguments):
        assert arguments.unpack()[0] == "plain"
        return GLib.Variant("(vo)", (GLib.Variant("s", ""), ROOT + "/session/1"))

    def Close(self, _path, _arguments):
        return None

    def ReadAlias(self, _path, arguments):
        return GLib.Variant("(o)", (ROOT + "/collection/login" if arguments.unpack()[0] == "default" else "/",))

    def SearchItems(self, _path, arguments):
        wanted = arguments.unpack()[0].items()
        found = [path for path, (attributes, _) in self.items.items() if wanted <= attributes.items()]
        return GLib.Variant("(aoao)", ([], found) if self.locked else (found, []))

    def CreateItem(self, _path, arguments):
        properties, (_, _, value, _), replace = arguments.unpack()
        attributes = properties["org.freedesktop.Secret.Item.Attributes"]
        if self.locked:
            return GLib.Variant("(oo)", ("/", ROOT + "/prompt/1"))
        same = [path for path, (others, _) in self.items.items() if others == attributes]
        if replace and same:
            path = same[0]
        else:
            self.count += 1
            path = f"{ROOT}/collection/login/{self.count}"
            self.serve(path, "Item")
        self.items[path] = (attributes, bytes(value))
        return GLib.Variant("(oo)", (path, "/"))

    def GetSecret(self, path, _arguments):
        return GLib.Variant("((oayays))", ((ROOT + "/session/1", b"", self.items[path][1], "text/plain"),))

    def Delete(self, path, _arguments):
        del self.items[path]
        return GLib.Variant("(o)", ("/",))


Keyring("locked" in sys.argv).loop.run()
