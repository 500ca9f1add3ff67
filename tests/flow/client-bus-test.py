#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libthole-1 over D-Bus, on a bus of its own: the same cases as over HTTP."""
import client_cases
import private_bus
from client_cases import Clients, options
from daemon import Daemon
from memory import Skip, case, main
from private_bus import PrivateBus


class OnBus(Clients):
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


@case("what is not there over D-Bus, a bus that is not there, an address that is none")
def _(t):
    thole = client_cases.Thole
    t.holds(t.refused(thole.ClientError.UNSUPPORTED, t.client.call, "auth.login", None, options(email="x", password="y"), None), "D-Bus")
    t.refused(thole.ClientError.UNREACHABLE, thole.Client.new_for_url("dbus:unix:path=/nowhere/bus", None).list_workloads, None, None)
    for url in ("dbus:", "dbus:nowhere", "dbus:unix"):
        t.holds(t.refused(thole.ClientError.INVALID, thole.Client.new_for_url, url, None), url)
    t.refused(thole.ClientError.NOT_FOUND, t.client.get_workload, "a/../b", None)


main(OnBus)
