#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: every operation of operations.list against every kind of caller, as the golden file
tests/flow/access-matrix.txt; roles, groups and whose objects they are.

THOLE_ACCEPT=1 writes the golden file anew.
"""
import base64
import hashlib
import hmac
import json
import os
import time

from daemon import SOURCE, Client
from memory import FOREVER, Memory, case, main, script

GOLDEN = os.path.join(SOURCE, "tests", "flow", "access-matrix.txt")
# what else an operation asks for before it looks at its object
BODIES = {"workload.exec": {"command": ["true"]}, "session.signal": {"signal": "SIGTERM"}, "session.resize": {"rows": 24, "cols": 80}}
CALLERS = ["none", "expired", "revoked", "forged", "scoped", "helper", "other", "viewer", "developer", "operator", "admin"]
HEAD = """# Made by tests/flow/access-test.py (THOLE_ACCEPT=1); do not edit.
# What each caller gets of each operation: 401, 403, 404, or `may` for whatever comes after the decision.
# none: no credential; expired, revoked: tokens of an administrator; forged: its cookie without the token against forgery;
# scoped: an administrator's key for `nothing.read`; helper: the token of a workload, of which the objects are as far as they can be;
# other: a developer, objects of somebody else; developer: objects of one's own.
"""


def operations():
    with open(os.path.join(SOURCE, "core", "operations", "operations.list"), encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) == 10 and not line.startswith("#") and cells[3] != "-":
                method, path = cells[3].split()
                yield cells[0], cells[1], cells[2], method, path


def signed(key, claims):
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    text = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
    return (text + b"." + encode(hmac.new(key.encode(), text, hashlib.sha256).digest())).decode()


class Cookie(Client):
    """A browser that another page makes ask."""

    def head(self, headers, body):
        head = super().head(headers, body)
        head["Cookie"] = head.pop("Authorization").removeprefix("Bearer ")
        return head


class Access(Memory):
    SETTINGS = {"limits.address_rate": "0", "limits.key_rate": "0", "limits.user_rate": "0"}

    def __init__(self):
        super().__init__()
        self.numbers = iter(range(1, 10**6))
        self.admin = self.user("admin")
        self.owner = self.user("developer")
        self.clients = {name: self.by(self.token(self.user(name))) for name in ("viewer", "operator")}
        self.clients["admin"] = self.by(self.token(self.admin))
        self.clients["developer"] = self.by(self.token(self.owner))
        self.clients["other"] = self.by(self.token(self.user("developer")))
        self.clients["none"] = self.thole.tcp(token=False)
        scoped = self.clients["admin"].post("/v1/api-keys", {"name": "nothing", "scopes": ["nothing.read"]}).expect(201)
        self.clients["scoped"] = self.by(scoped.json["key"])
        revoked = self.token(self.admin)
        self.by(revoked).post("/v1/auth/logout").expect(204)
        self.clients["revoked"] = self.by(revoked)
        kept = self.thole.tcp(token=False).post("/v1/auth/login", {"email": self.admin["email"], "password": "a good password",
                                                                   "cookie": True}).expect(200).headers["set-cookie"]
        self.clients["forged"] = Cookie(port=self.thole.tcp_port, token=kept.split(";")[0])
        self.clients["expired"] = self.by(self.expired())
        mine = self.clients["developer"]
        spec = {"image": "app", "command": script("env THOLE_WORKLOAD_TOKEN", FOREVER), "helper": True}
        self.workload = mine.post("/v1/workloads?wait=running", {"spec": spec}).expect(201).json["id"]
        token = self.until(lambda: mine.get(f"/v1/workloads/{self.workload}/logs").expect(200).text.strip(), 20, "its token")
        self.clients["helper"] = self.by(token)

    def by(self, token):
        return Client(port=self.thole.tcp_port, token=token)

    def expired(self):
        """A good signature over a time that has passed."""
        with open(os.path.join(self.thole.state, "token-keys"), encoding="ascii") as file:
            key = file.read().split()[0]
        now = int(time.time())
        claims = {"sub": self.admin["id"], "email": "", "permissions": ["*"], "jti": "0.x", "iat": now - 7200}
        self.by(signed(key, {**claims, "exp": now + 60})).get("/v1/me").expect(200)
        return signed(key, {**claims, "exp": now - 1})

    def user(self, *roles, **more):
        body = {"email": f"user{next(self.numbers)}@example.org", "password": "a good password", "roles": list(roles), **more}
        return self.thole.post("/v1/users", body).expect(201).json

    def token(self, user):
        return self.clients_login(user).expect(200).json["token"]

    def clients_login(self, user):
        return self.thole.tcp(token=False).post("/v1/auth/login", {"email": user["email"], "password": "a good password"})

    def target(self, kind):
        """The id of an object of this kind that belongs to `developer`, as far as it can belong to somebody."""
        mine = self.clients["developer"]
        if kind == "workload":
            return self.workload
        if kind == "operation":
            return mine.post("/v1/workloads", {"spec": {"image": "app"}}).expect(202).headers["thole-operation"]
        if kind == "key":
            return mine.post("/v1/api-keys", {"name": "x"}).expect(201).json["id"]
        return {"user": self.owner["id"], "role": "viewer", "backend": "memory", "driver": "memory"}.get(kind, "nothing")

    def ask(self, caller, name, method, path, valid):
        """What comes of it. Not `valid`: refused after the decision, so that those who may do it change nothing."""
        body = BODIES.get(name) if valid else None if method in ("GET", "DELETE") else {"nonsense": 1}
        query = "" if valid or body else "?nonsense=1"
        status = self.clients[caller].request(method, path + query, body, timeout=90).status
        return str(status) if status in (401, 403, 404) else "may"


@case("every operation against every caller is as the golden file says", "AU-06 AU-07 AU-08 AU-14 AU-25 AU-28 AU-29")
def _(t):
    rows, targets = [], {}
    for name, permission, kind, method, path in operations():
        if kind not in targets:
            targets[kind] = t.target(kind)
        full = path.replace("{id}", targets[kind])
        seen = [t.ask(caller, name, method, full, caller == "other" and "{id}" in path) for caller in CALLERS]
        rows.append([name, permission, *seen])
    widths = [max(len(row[i]) for row in [["operation", "permission", *CALLERS], *rows]) for i in range(len(CALLERS) + 2)]
    table = HEAD + "".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n"
                           for row in [["operation", "permission", *CALLERS], *rows])
    if os.environ.get("THOLE_ACCEPT"):
        with open(GOLDEN, "w", encoding="utf-8") as file:
            file.write(table)
    with open(GOLDEN, encoding="utf-8") as file:
        golden = file.read()
    wrong = [line for line in table.splitlines() if line not in golden.splitlines()]
    wrong += [f"gone: {line}" for line in golden.splitlines() if line not in table.splitlines()]
    t.equal("\n".join(wrong), "", "what differs from the golden file (THOLE_ACCEPT=1 writes it anew)")
    # and whatever the file says, these hold
    for name, permission, *cells in rows:
        seen = dict(zip(CALLERS, cells))
        for caller in ("none", "expired", "revoked"):
            t.equal(seen[caller], "may" if permission == "public" else "401", f"{name} for {caller}")
        method = next(one[3] for one in operations() if one[0] == name)
        t.true(seen["forged"] in (("may", "404") if permission == "public" or method == "GET" else ("403",)), f"{name} for a forged request")
        if permission not in ("public", "self"):
            t.equal(seen["scoped"], "403", f"{name} for a key without the scope")
        if permission != "public":
            t.equal(seen["helper"], "may" if permission == "helper" else "403", f"{name} for a program inside a workload")
        t.equal(seen["admin"], "may" if seen["admin"] != "404" else "404", f"{name} for an administrator")


@case("a viewer changes nothing: what it may ask for are reads only", "AU-08")
def _(t):
    for name, permission, kind, method, path in operations():
        if permission in ("public", "self") or method == "GET":
            continue
        full = path.replace("{id}", "memory" if kind in ("backend", "driver") else "nothing")
        for body in (None, {"nonsense": 1}):
            t.equal(t.clients["viewer"].request(method, full, body).status, 403, f"{name} by a viewer")


@case("objects of others are as if they were not there", "AU-28")
def _(t):
    mine, other = t.clients["developer"], t.clients["other"]
    made = mine.post("/v1/workloads?wait=running", {"name": "secret-plan", "spec": {"image": "app", "command": FOREVER}}).expect(201).json
    for name in (made["id"], "secret-plan"):
        hidden = other.get(f"/v1/workloads/{name}").expect(404)
        never = other.get("/v1/workloads/never-there").expect(404)
        t.equal(hidden.json["detail"].replace(name, ""), never.json["detail"].replace("never-there", ""))
    t.equal([one["id"] for one in other.listed("/v1/workloads") if one["owner"] != other.get("/v1/me").json["name"]], [])
    t.true(made["id"] in [one["id"] for one in mine.listed("/v1/workloads")])
    t.true(made["id"] not in other.get("/v1/events?limit=1000").expect(200).text)
    t.true(made["id"] in mine.get("/v1/events?limit=1000").expect(200).text)
    t.true(made["id"] not in json.dumps(other.listed("/v1/operations")))
    # the name is free for the other
    own = other.post("/v1/workloads?wait=running", {"name": "secret-plan", "spec": {"image": "app", "command": FOREVER}}).expect(201).json
    t.equal(other.get("/v1/workloads/secret-plan").json["id"], own["id"])
    t.clients["viewer"].get(f"/v1/workloads/{made['id']}").expect(200)
    t.clients["operator"].post(f"/v1/workloads/{made['id']}/stop?wait=stopped").expect(200)


@case("own roles and groups add up; a role that somebody has stays", "AU-08")
def _(t):
    boss = t.clients["admin"]
    boss.post("/v1/roles", {"name": "stopper", "permissions": ["workload.read", "workload.stop"]}).expect(201)
    boss.post("/v1/groups", {"name": "night", "roles": ["stopper"]}).expect(201)
    user = t.user(groups=["night"])
    client = t.by(t.token(user))
    client.get("/v1/workloads").expect(200)
    client.post("/v1/workloads/x/start").expect(403)
    client.post("/v1/workloads/x/stop").expect(404)
    t.equal(boss.delete("/v1/roles/stopper").expect(409).code, "conflict")
    boss.delete("/v1/groups/night").expect(409)
    boss.patch("/v1/roles/stopper", {"permissions": ["workload.start"]}).expect(200)
    client.get("/v1/workloads").expect(403)
    client.post("/v1/workloads/x/start").expect(404)
    boss.patch(f"/v1/users/{user['id']}", {"groups": []}).expect(200)
    client.post("/v1/workloads/x/start").expect(403)
    boss.delete("/v1/groups/night").expect(204)
    boss.delete("/v1/roles/stopper").expect(204)
    t.equal(boss.patch("/v1/roles/viewer", {"permissions": ["*"]}).expect(409).code, "conflict")
    t.equal(boss.post("/v1/roles", {"name": "x", "permissions": ["Workload.read", "a.b.c", "*"]}).expect(422).pointers,
            ["/permissions", "/permissions"])
    t.true({"admin", "operator", "developer", "viewer"} <= {one["id"] for one in boss.listed("/v1/roles")})


@case("members of a shared group act on each other's objects")
def _(t):
    boss = t.clients["admin"]
    boss.post("/v1/groups", {"name": "team", "shared": True, "roles": ["developer"]}).expect(201)
    one, two = (t.by(t.token(t.user(groups=["team"]))) for _ in range(2))
    made = one.post("/v1/workloads?wait=running", {"name": "ours", "spec": {"image": "app", "command": FOREVER}}).expect(201).json
    two.get("/v1/workloads/ours").expect(200)
    two.post(f"/v1/workloads/{made['id']}/stop?wait=stopped").expect(200)
    t.true(made["id"] in two.get("/v1/events?limit=1000").text)
    t.clients["other"].get(f"/v1/workloads/{made['id']}").expect(404)
    boss.patch("/v1/groups/team", {"shared": False}).expect(200)
    two.get(f"/v1/workloads/{made['id']}").expect(404)


@case("a user of this machine may be a user of the daemon", "AU-07")
def _(t):
    t.user("viewer", uid=4242)
    t.equal(t.thole.post("/v1/users", {"email": "b@c", "password": "a good password", "uid": 4242}).expect(409).code, "conflict")


main(Access)
