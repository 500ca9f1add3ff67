#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The audit: who did what, in the transaction in which it was done, so that nobody changes it unseen."""
import json
import os
import re
import shutil
import socket
import sqlite3
import tempfile
import time

from daemon import Client, Daemon
from memory import FOREVER, Memory, case, main

COLUMNS = ["time", "actor", "credential", "address", "action", "target", "decision", "reason", "result", "request", "hash"]


class Audit(Memory):
    SETTINGS = {"http.trusted_proxies": "127.0.0.1"}

    def rows(self, query=""):
        return self.thole.get("/v1/audit?limit=1000" + query).expect(200).json["items"]

    def last(self, action):
        return self.rows(f"&tail=true&action={action}")[-1]

    def verdict(self):
        return self.thole.get("/v1/audit/verify").expect(200).json

    def database(self):
        connection = sqlite3.connect(os.path.join(self.thole.state, "thole.db"), isolation_level=None, timeout=30)
        connection.execute("PRAGMA synchronous = OFF")
        return connection


@case("what is done, refused and guessed is told: who, from where, by what, on what, why", "AU-09")
def _(t):
    user = t.thole.post("/v1/users", {"email": "ann@example.org", "password": "a good password", "roles": ["developer"]},
                        {"X-Request-Id": "mine"}).expect(201)
    row = t.last("user.create")
    t.equal((row["actor"], row["credential"], row["decision"], row["reason"], row["result"]),
            ("uid:0" if os.getuid() == 0 else row["actor"], "peer", "allowed", "user.create", "done"))
    t.equal((row["target"], row["address"]), (user.json["id"], f"unix:{os.getuid()}"))
    t.equal(row["request"], user.headers["x-request-id"])
    outside = t.thole.tcp(token=False)
    login = {"email": "ann@example.org", "password": "wrong wrong"}
    outside.post("/v1/auth/login", login, {"X-Forwarded-For": "192.0.2.5"}).expect(401)
    row = t.last("auth.login")
    t.equal((row["actor"], row["address"], row["target"], row["decision"], row["result"]),
            ("anonymous", "192.0.2.5", "ann@example.org", "denied", "unauthenticated"))
    token = outside.post("/v1/auth/login", {**login, "password": "a good password"}).expect(200).json["token"]
    t.equal(t.last("auth.login")["result"], "done")
    ann = Client(port=t.thole.tcp_port, token=token)
    ann.post("/v1/users", {"email": "x@example.org", "password": "a good password"}).expect(403)
    row = t.last("user.create")
    t.equal((row["actor"], row["decision"], row["result"]), (user.json["id"], "denied", "forbidden"))
    t.true(row["credential"].startswith("token "), row["credential"])
    workload = t.run(FOREVER)
    t.verb(workload, "stop", wait="stopped")
    t.equal([r["result"] for r in t.rows(f"&target={workload['id']}")], ["done", "done"])
    t.thole.post(f"/v1/workloads/{workload['id']}/pause").expect(409)
    t.equal(t.last("workload.pause")["result"], "illegal_transition")
    # a password is in none of them
    t.true("good password" not in json.dumps(t.rows()), "no password")
    t.equal(t.verdict()["good"], True)
    # nobody else reads it, not even who reads all else
    viewer = t.thole.post("/v1/users", {"email": "v@example.org", "password": "a good password", "roles": ["viewer"]}).expect(201)
    token = outside.post("/v1/auth/login", {"email": "v@example.org", "password": "a good password"}).expect(200).json["token"]
    Client(port=t.thole.tcp_port, token=token).get("/v1/audit").expect(403)
    t.true(viewer.json["id"] != "", "made")


@case("what goes to the engine is told before, and an idempotent replay once", "AU-09")
def _(t):
    workload = t.run(FOREVER)
    t.exec(workload, ["print", "x"])
    rows = [r for r in t.rows(f"&target={workload['id']}") if r["action"] == "workload.exec"]
    t.equal([r["result"] for r in rows], ["begun"])
    body, head = {"spec": t.spec(FOREVER)}, {"Idempotency-Key": "once"}
    first = t.thole.post("/v1/workloads?wait=running", body, head).expect(201).json
    t.thole.post("/v1/workloads?wait=running", body, head).expect(201, 200)
    t.equal(len(t.rows(f"&target={first['id']}&action=workload.create")), 1)


@case("filters, pages, tail")
def _(t):
    rows = t.rows()
    t.equal([r["seq"] for r in rows], list(range(1, len(rows) + 1)))
    page = t.thole.get("/v1/audit?limit=2&after=3").expect(200).json
    t.equal(([r["seq"] for r in page["items"]], page["next_after"]), ([4, 5], 5))
    t.equal([r["seq"] for r in t.thole.get("/v1/audit?limit=2&tail=true").expect(200).json["items"]], [len(rows) - 1, len(rows)])
    t.equal(t.rows("&action=user.*"), [r for r in rows if r["action"].startswith("user.")])
    t.equal(t.rows("&result=unauthenticated"), [r for r in rows if r["result"] == "unauthenticated"])
    t.equal(t.rows(f"&since={rows[4]['time']}"), [r for r in rows if r["time"] >= rows[4]["time"]])
    t.equal(t.rows("&since=2050-01-01T00:00:00Z"), [])
    t.equal(t.thole.get("/v1/audit?since=yesterday").expect(422).pointers, ["/since"])


@case("any byte of any row that is changed is found and the row named; so is a row that is missing or put in")
def _(t):
    good = t.verdict()
    t.equal((good["good"], good["first"]), (True, 1))
    database, tried = t.database(), 0
    for seq in (1, good["last"] // 2, good["last"]):
        for column in COLUMNS:
            (value,) = database.execute(f"SELECT {column} FROM audit WHERE seq = ?", (seq,)).fetchone()
            if column == "time":
                changed = [value ^ (1 << bit) for bit in (0, 7, 20, 45)]
            else:
                changed = [value[:i] + chr(ord(value[i]) ^ 1) + value[i + 1:] for i in range(len(value))]
                changed += [value + "x", value[:-1] if value else "y", value + "\0", value.upper() + "_"]
            for other in changed:
                database.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (other, seq))
                verdict = t.verdict()
                t.equal((verdict["good"], verdict.get("broken")), (False, seq), f"{column} of {seq} as {other!r}")
                tried += 1
            database.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (value, seq))
    print(f"# {tried} changes")
    names = ", ".join(["seq", *COLUMNS])
    for seq in (1, good["last"] // 2, good["last"]):
        row = database.execute(f"SELECT {names} FROM audit WHERE seq = ?", (seq,)).fetchone()
        database.execute("DELETE FROM audit WHERE seq = ?", (seq,))
        t.equal(t.verdict().get("broken"), seq, f"{seq} without")
        database.execute(f"INSERT INTO audit ({names}) VALUES ({', '.join('?' * len(row))})", row)
    t.equal(t.verdict(), good)
    row = (good["last"] + 1,) + row[1:]
    database.execute(f"INSERT INTO audit ({names}) VALUES ({', '.join('?' * len(row))})", row)
    t.equal(t.verdict().get("broken"), good["last"] + 1)
    database.execute("DELETE FROM audit WHERE seq = ?", (good["last"] + 1,))
    t.equal(t.verdict(), good)
    database.close()


@case("the chain goes on over a restart and a kill")
def _(t):
    before = t.verdict()["last"]
    t.thole.restart()
    t.till_ready()
    t.run(FOREVER)
    t.thole.kill()
    t.thole.start()
    t.till_ready()
    t.run(FOREVER)
    after = t.verdict()
    t.true(after["good"] and after["last"] > before, after)


@case("what cannot be audited is not done")
def _(t):
    workload = t.run(FOREVER)
    database = t.database()
    database.execute("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'no audit'); END")
    for reply in (t.thole.post(f"/v1/workloads/{workload['id']}/stop"), t.thole.post("/v1/workloads", {"spec": t.spec(FOREVER)}),
                  t.thole.post("/v1/users", {"email": "no@example.org", "password": "a good password"}),
                  t.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["print", "x"]}),
                  t.thole.tcp(token=False).post("/v1/auth/login", {"email": "ann@example.org", "password": "a good password"})):
        t.true(reply.status >= 500 or reply.status == 409, f"{reply}")
        t.true(b"token" not in reply.body, "nobody is let in")
    database.execute("DROP TRIGGER no")
    t.equal(t.get(workload)["state"], "running")
    t.equal(len(t.mine()), 1)
    t.thole.get("/v1/users/no@example.org").expect(404)
    database.close()
    t.verb(workload, "stop", wait="stopped")
    t.equal(t.verdict()["good"], True)


@case("credentials that are not good are told, and counted instead of one by one", "AU-09 AU-26")
def _(t):
    bad = [Client(port=t.thole.tcp_port, token=token) for token in ("nonsense", "thole_nonsense", "a.b.c")]
    before = t.verdict()["last"]
    for client in bad * 10:
        client.get("/v1/workloads", {"X-Forwarded-For": "192.0.2.77"}).expect(401)
    # the answer does not wait for it
    rows = t.until(lambda: t.rows("&action=auth.credential&address=192.0.2.77"), what="the row")
    t.equal([(r["actor"], r["decision"], r["result"], r["reason"]) for r in rows],
            [("anonymous", "denied", "unauthenticated", "no valid credential")])
    t.true("nonsense" not in json.dumps(rows), "what was shown is not in it")
    # without one nobody tries to be anybody
    t.thole.tcp(token=False).get("/v1/workloads").expect(401)
    t.equal(t.verdict()["last"], before + 1)
    t.thole.restart()
    t.till_ready()
    t.equal([r["reason"] for r in t.rows("&action=auth.credential&address=192.0.2.77")],
            ["no valid credential", "no valid credential, 29 more times within a minute"])
    t.equal(t.verdict()["good"], True)


@case("the newest rows cannot be cut off while the daemon is down", "AU-09")
def _(t):
    head = os.path.join(t.thole.state, "audit-head")
    for i in range(5):
        t.thole.post("/v1/groups", {"name": f"cut{i}"}).expect(201)
    last = t.verdict()["last"]

    def written():
        with open(head, encoding="ascii") as file:
            return file.read().startswith(f"{last} ")

    # right after the COMMIT, so perhaps after the answer
    t.until(written, what="the head of the audit")
    t.equal(os.stat(head).st_mode & 0o777, 0o600)
    t.thole.kill()
    database = t.database()
    database.execute("DELETE FROM audit WHERE seq > ?", (last - 3,))
    database.close()
    t.thole.start()
    t.till_ready()
    t.holds(t.thole.output(), f"audit: rows {last - 2} to {last} are missing")
    t.until(lambda: t.rows("&action=audit.head"), what="the row of it")
    t.equal(t.last("audit.head")["reason"], f"rows {last - 2} to {last} are missing")
    verdict = t.verdict()
    t.equal((verdict["good"], verdict["broken"], verdict["why"]), (False, last - 2, "the row is missing"))


class Receiver:
    """A log of the system: a socket that takes datagrams."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(60)

    def next(self):
        return self.socket.recv(65536)


def exporting(t, to, case):
    """A daemon that exports to a receiver of ours."""
    folder = tempfile.mkdtemp(prefix="thole-log-")
    path = os.path.join(folder, "log")
    receiver = Receiver(path)
    with Daemon({"memory": {"driver": "memory", "default": "true"}}, {"audit.export": to, "audit.export_socket": path}) as thole:
        case(thole, receiver)
    receiver.socket.close()
    shutil.rmtree(folder)


@case("rows go on to syslog as they are stored", "AU-09")
def _(t):
    def check(thole, receiver):
        thole.post("/v1/groups", {"name": "one"}).expect(201)
        text = receiver.next().decode()
        head, _, row = text.partition("@cee: ")
        t.true(re.match(r"^<85>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d thole-audit\[\d+\]: $", head), head)
        t.equal(json.loads(row), thole.get("/v1/audit?action=group.create").expect(200).json["items"][0])
        # nobody reads any more: nothing waits for it
        begun = time.monotonic()
        for i in range(200):
            thole.post("/v1/groups", {"name": f"g{i}"}).expect(201)
        print(f"# 200 rows to a log that is not read took {time.monotonic() - begun:.2f} s")
        t.equal([json.loads(receiver.next().decode().partition("@cee: ")[2])["target"] for _ in range(200)], [f"g{i}" for i in range(200)])
    exporting(t, "syslog", check)


@case("rows go on to the journal with each text as a field", "AU-09")
def _(t):
    def check(thole, receiver):
        thole.post("/v1/groups", {"name": "one"}).expect(201)
        fields = dict(line.split("=", 1) for line in receiver.next().decode().splitlines())
        row = thole.get("/v1/audit?action=group.create").expect(200).json["items"][0]
        t.equal({key: fields[f"THOLE_AUDIT_{key.upper()}"] for key in row}, {key: str(value) for key, value in row.items()})
        t.equal((fields["SYSLOG_IDENTIFIER"], fields["PRIORITY"]), ("thole-audit", "5"))
    exporting(t, "journal", check)


main(Audit)
