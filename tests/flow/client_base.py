# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libthole-1 by introspection, and what its tests share: a daemon with clients over HTTP or over D-Bus."""
import json
import os
import time

import private_bus
from daemon import BUILD, SOURCE, Daemon, sanitized
from memory import FOREVER, IMAGE, Kept, Skip, patient
from private_bus import PrivateBus

AGENT = os.path.join(BUILD, "agent", "thole-agent")
# a language's own program cannot load a sanitized library: it takes the plain one
PLAIN = os.path.join(SOURCE, "build") if sanitized() else BUILD
CLIENT, SDK = os.path.join(PLAIN, "client"), os.path.join(PLAIN, "sdk")
EXAMPLES = os.path.join(SOURCE, "client", "examples")


def load():
    """The modules, or why there are none."""
    if not os.path.exists(os.path.join(CLIENT, "Thole-1.typelib")):
        return None, None, None, "libthole is not built with introspection"
    try:
        import gi
    except ImportError:
        return None, None, None, "python3-gi is not installed"
    gi.require_version("GIRepository", "2.0")
    from gi.repository import GIRepository
    GIRepository.Repository.prepend_search_path(CLIENT)
    GIRepository.Repository.prepend_library_path(CLIENT)
    gi.require_version("Thole", "1")
    from gi.repository import Gio as gio, GLib as glib, Thole as thole
    return thole, glib, gio, None


Thole, GLib, Gio, MISSING = load()


def options(**fields):
    return Thole.variant_from_json(json.dumps(fields))


class Clients(Kept):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT, "events.keep": "1000"}
    TELLS_CONTROL = True

    def __init__(self):
        if MISSING:
            raise Skip(MISSING)
        super().__init__()
        self.client = Thole.Client.new_for_url(self.url(), None)

    def url(self):
        return "unix:" + self.thole.path

    def made(self, words=FOREVER, **request):
        spec = {"image": IMAGE, "command": list(words)}
        return self.client.create_workload(options(**{"spec": spec, "wait": "running,stopped,crashed", **request}), None)

    def turn(self, condition, what, seconds=20):
        """Runs the main context until it holds."""
        end = time.monotonic() + seconds * patient()
        tick = GLib.timeout_add(5, lambda: True)
        try:
            while not condition():
                if time.monotonic() > end:
                    raise AssertionError(f"{what} does not come")
                GLib.MainContext.default().iteration(True)
        finally:
            GLib.source_remove(tick)

    def done(self, begin, finish, *arguments, seconds=20, cancellable=None):
        """The result of an asynchronous call."""
        results = []
        begin(*arguments, cancellable, lambda source, result: results.append(result))
        self.turn(lambda: results, f"the end of {finish}", seconds)
        return finish(results[0])

    def refused(self, code, call, *arguments):
        """The text of the error with which a call ends."""
        try:
            call(*arguments)
        except GLib.Error as error:
            if not error.matches(Thole.ClientError.quark(), code):
                raise AssertionError(f"refused with {error.domain} {error.code}: {error.message}") from error
            return error.message
        raise AssertionError("it was not refused")

    def again(self, how="kill"):
        getattr(self.thole, how)()
        self.thole.start()
        self.till_ready()


class OnBus(Clients):
    """A daemon on a bus of its own."""

    TELLS_CONTROL = False  # the frames of a handed-over session have no word for it

    def __init__(self):
        if private_bus.missing():
            raise Skip(private_bus.missing())
        self.bus = PrivateBus()
        Daemon.bus = self.bus.address
        try:
            super().__init__()
            self.thole.bus = self.bus.address
        except BaseException:
            self.bus.close()
            raise
        finally:
            Daemon.bus = None

    def close(self):
        try:
            super().close()
        finally:
            self.bus.close()

    def url(self):
        return "dbus:" + self.bus.address


FACES = ["HTTP", "D-Bus"]
READER = 1  # a uid that the bus lets in


class Faces(OnBus):
    """The same daemon over HTTP and over D-Bus."""

    def __init__(self):
        super().__init__()
        self.faces = {"HTTP": Thole.Client.new_for_url("unix:" + self.thole.path, None), "D-Bus": self.client}
        self.reader = None

    def workload(self, face, **request):
        return self.faces[face].get_workload(self.made(**request).props.id, None)

    def stranger(self, face):
        """A client of somebody who may see all and change nothing; it makes one connection."""
        if os.getuid() != 0:
            raise Skip("only root can be somebody else")
        if self.reader is None:
            self.reader = {"email": "reader@example.org", "password": "a good password", "roles": ["viewer"], "uid": READER}
            self.thole.post("/v1/users", self.reader).expect(201)
        if face == "HTTP":
            token = self.thole.post("/v1/auth/login", {"email": self.reader["email"], "password": self.reader["password"]}).expect(200)
            return Thole.Client.new_for_url(f"http://127.0.0.1:{self.thole.tcp_port}", token.json["token"])
        client = Thole.Client.new_for_url(self.url(), None)
        # the bus asks the kernel who connects
        os.setresuid(READER, READER, 0)
        try:
            client.list_workloads(None, None)
        finally:
            os.setresuid(0, 0, 0)
        return client


def is_cancelled(error):
    return isinstance(error, GLib.Error) and error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)


def read_all(stream):
    pieces = []
    while data := stream.read_bytes(65536, None).get_data():
        pieces.append(data)
    return b"".join(pieces)
