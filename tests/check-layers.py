#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order of layers (core/layers.txt), and who may see which library."""
import os
import re

from tree import ROOT, case, files, main, none, read

LAYERS = [line.strip() for line in read("core/layers.txt").splitlines() if line.strip() and not line.startswith("#")]
STRANGERS = [{"store", "backend"}, {"http", "bus"}]
MADE = {"records.h": "model", "operations-list.h": "operations", "keys.h": "config", "thole-error.h": "sdk"}
# a library and the only places that may include it
LIBRARIES = {"microhttpd.h": "core/http/", "sqlite3.h": "core/store/", "libpq-fe.h": "core/store/",
             "libsoup/soup.h": ("plugins/", "cli/", "client/"), "json-glib/json-glib.h": "nowhere"}


def includes(path):
    for number, line in enumerate(read(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match:
            yield f"{path}:{number}", match[1] == '"', match[2]


def root_layer(name):
    """main.c and app.c are layers of their own; app-measure.c belongs to app."""
    return os.path.splitext(name)[0].split("-")[0]


def layer_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else root_layer(parts[1])


def layer_of_include(path, name):
    if name in MADE:
        return MADE[name]
    if os.path.exists(os.path.join(ROOT, "core", name)):
        return name.split("/")[0] if "/" in name else root_layer(name)
    if os.path.exists(os.path.join(ROOT, "sdk", name)):
        return "sdk"
    if os.path.exists(os.path.join(ROOT, os.path.dirname(path), name)):
        return layer_of(path)
    return None


def wrong_in_core(path):
    own = layer_of(path)
    for where, quoted, name in includes(path):
        if not quoted:
            continue
        other = layer_of_include(path, name)
        if other is None:
            yield f"{where}: no such header: {name}"
        elif own not in LAYERS or other not in LAYERS:
            yield f"{where}: {own} or {other} is not in core/layers.txt"
        elif LAYERS.index(other) > LAYERS.index(own):
            yield f"{where}: {own} includes {name} of the later layer {other}"
        elif own != other and {own, other} in STRANGERS:
            yield f"{where}: {own} and {other} never see each other"


@case("core: a file includes headers of its own and earlier layers only")
def _(t):
    none(line for path in files(".c", ".h") if path.startswith("core/") for line in wrong_in_core(path))


def own_header(path, name):
    """Is it a header of the same plugin? Its tests, in a folder of it, see them, too."""
    plugin = "/".join(path.split("/")[:2])
    found = [os.path.normpath(os.path.join(folder, name)) for folder in (os.path.dirname(path), plugin)]
    # what protoc-c makes stands where its source does
    return any(whole.startswith(plugin + "/") and os.path.exists(os.path.join(ROOT, whole.replace(".pb-c.h", ".proto"))) for whole in found)


@case("plugins include only the SDK and their own headers")
def _(t):
    none(f"{where}: {name}" for path in files(".c", ".h") if path.startswith("plugins/")
         for where, quoted, name in includes(path) if quoted and name not in MADE
         and not os.path.exists(os.path.join(ROOT, "sdk", name))
         and not own_header(path, name))


@case("the SDK includes nothing of the daemon, but for the kit, a program that judges with the daemon's own loader")
def _(t):
    none(f"{where}: {name}" for path in files(".c", ".h") if path.startswith("sdk/") and not path.startswith("sdk/check/")
         for where, quoted, name in includes(path) if quoted and os.path.exists(os.path.join(ROOT, "core", name)))


@case("command line, client and agent never include the daemon's headers")
def _(t):
    none(f"{where}: {name}" for path in files(".c", ".h") if path.startswith(("cli/", "client/", "agent/", "admin/"))
         for where, quoted, name in includes(path) if quoted and os.path.exists(os.path.join(ROOT, "core", name)))


@case("each library is seen only where it belongs")
def _(t):
    none(f"{where}: <{name}> belongs in {LIBRARIES[name]}" for path in files(".c", ".h")
         for where, _, name in includes(path) if name in LIBRARIES and path.startswith(("core/", "plugins/", "sdk/", "cli/", "client/"))
         and not path.startswith(LIBRARIES[name]))


# of the SDK, the client library takes JSON, dictionaries and the frames of the agent, never the drivers' ABI
CLIENT_SDK = {"thole-json.h", "thole-dict.h", "thole-agent-protocol.h"}
TRANSPORT = ("http", "dbus")


@case("the command line takes of the client library only how a session goes over WebSockets")
def _(t):
    none(f"{where}: {name}" for path in files(".c", ".h") if path.startswith("cli/")
         for where, quoted, name in includes(path) if quoted and name.startswith("client/") and name != "client/http-socket.h")


@case("the client library: its own headers, and of the SDK only what is no driver's")
def _(t):
    none(f"{where}: {name}" for path in files(".c", ".h") if path.startswith("client/") and "/examples/" not in path
         for where, quoted, name in includes(path) if quoted and name not in CLIENT_SDK and name != "thole-client-error.h"
         and not os.path.exists(os.path.join(ROOT, "client", name)))


@case("the client library's public headers include no private one and no other library")
def _(t):
    none(f"{where}: {name}" for path in files(".h") if re.match(r"client/thole[^/]*\.h$", path)
         for where, quoted, name in includes(path) if not re.match(r"thole[-.]" if quoted else r"(gio/gio|glib|glib-object)\.h$", name))


@case("the client library's ways to a daemon: what is above them knows neither libsoup nor a bus")
def _(t):
    none(f"{where}: {name}" for path in files(".c", ".h") if path.startswith("client/")
         and not os.path.basename(path).startswith(TRANSPORT)
         for where, quoted, name in includes(path) if name.startswith(("libsoup/", "http", "dbus")))


main()
