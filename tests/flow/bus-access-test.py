#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what over D-Bus: every operation with a method against users of the machine. What the golden file
tests/flow/access-matrix.txt says of HTTP holds there, too; tokens and cookies do not exist on a bus."""
import os

import private_bus
from bus_user import BusUser
from daemon import SOURCE, Daemon
from memory import FOREVER, Memory, Skip, case, main
from private_bus import ROOT, PrivateBus, path_of

GOLDEN = os.path.join(SOURCE, "tests", "flow", "access-matrix.txt")
# a bus lets nobody in whom the machine does not know
UIDS = {"developer": 1, "other": 2, "viewer": 3, "operator": 5, "admin": 6, "disabled": 7, "nobody": 65534}
STATUS = {"Unauthenticated": "401", "Forbidden": "403", "NotFound": "404"}
BODIES = {"workload.exec": {"command": ["true"]}, "session.signal": {"signal": "SIGTERM"}, "session.resize": {"rows": 24, "cols": 80}}


def operations():
    """(name, permission, kind of its object, method) of what is on the bus."""
    with open(os.path.join(SOURCE, "core", "operations", "operations.list"), encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) == 10 and not line.startswith("#") and cells[8] != "-":
                yield cells[0], cells[1], cells[2], cells[8].split()[0]


def golden():
    """{operation: {caller: what it gets over HTTP}}"""
    with open(GOLDEN, encoding="utf-8") as file:
        lines = [line.split() for line in file if not line.startswith("#")]
    return {row[0]: dict(zip(lines[0][2:], row[2:])) for row in lines[1:]}


class Access(Memory):
    SETTINGS = {"limits.user_rate": "0", "limits.key_rate": "0", "limits.address_rate": "0"}

    def __init__(self):
        if private_bus.missing():
            raise Skip(private_bus.missing())
        if os.getuid() != 0:
            raise Skip("only root can be somebody else")
        self.callers = {}
        self.bus = PrivateBus()
        Daemon.bus = self.bus.address
        try:
            super().__init__()
        finally:
            Daemon.bus = None
        self.users = {}
        for name, uid in UIDS.items():
            role = {"other": "developer", "disabled": "admin"}.get(name, name)
            if name != "nobody":
                body = {"email": f"{name}@example.org", "password": "a good password", "roles": [role], "uid": uid}
                self.users[name] = self.thole.post("/v1/users", body).expect(201).json["id"]
            self.callers[name] = BusUser(self.bus.address, uid)
        self.thole.patch(f"/v1/users/{self.users['disabled']}", {"disabled": True}).expect(200)
        made, error = self.callers["developer"].call(ROOT, "Root.CreateWorkload", {"spec": {"image": "app", "command": FOREVER},
                                                                                  "wait": "running"})
        self.equal(error, None)
        self.workload = made[1]["id"]
        self.kept = {}

    def close(self):
        try:
            for caller in self.callers.values():
                caller.close()
            super().close()
        finally:
            self.bus.close()

    def target(self, kind):
        """The id of an object that belongs to `developer`, as far as it can."""
        mine = self.callers["developer"]
        if kind not in self.kept:
            if kind == "operation":
                self.kept[kind] = mine.call(ROOT, "Root.CreateWorkload", {"spec": {"image": "app"}})[0][-1].rpartition("/")[2]
            elif kind == "key":
                self.kept[kind] = mine.call(ROOT, "Root.CreateKey", {"name": "x"})[0][0]["id"]
            else:
                self.kept[kind] = {"workload": self.workload, "user": self.users["developer"], "role": "viewer", "backend": "memory",
                                   "driver": "memory"}.get(kind, "nothing")
        return self.kept[kind]

    def ask(self, caller, name, kind, member, valid):
        options = BODIES.get(name, {}) if valid else {"nonsense": 1}
        if kind in ("workload", "session", "backend", "operation"):
            seen = self.callers[caller].call(path_of(kind, self.target(kind)), member, options)
        else:
            seen = self.callers[caller].call(ROOT, member, options, *([] if kind == "-" else [self.target(kind)]))
        return STATUS.get(seen[1], "may")


@case("every operation against every caller is as over HTTP", "AU-06 AU-07 AU-08 AU-25 AU-28 row:127")
def _(t):
    table, wrong, asked = golden(), [], 0
    for name, permission, kind, member in operations():
        for caller in UIDS:
            if caller in ("nobody", "disabled"):
                # whom the daemon does not know may ask who it is, and nothing else
                wanted = "may" if permission in ("self", "public") else "403"
            else:
                wanted = table[name][caller]
            seen = t.ask(caller, name, kind, member, caller == "other" and kind != "-")
            asked += 1
            if seen != wanted:
                wrong.append(f"{name} for {caller}: {seen}, over HTTP {wanted}")
    print(f"# {asked} cells")
    t.equal("\n".join(wrong), "", "what differs")
    t.true(asked > 400, f"{asked} cells")


main(Access)
